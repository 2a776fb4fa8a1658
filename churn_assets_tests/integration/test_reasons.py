"""Why, as people ask for it: the command line, the trace, a rollback, and Dagster's record."""

import json

import dagster as dg

from churn_assets_tests.integration.installation import NIGHTS, Installation


def test_reasons_are_told_traced_and_taken_back_with_their_scores(rescored: Installation) -> None:
    """Of all customers of a night: by the command line and the trace; after a rollback those of the restored scores."""
    day = str(NIGHTS[0])
    told = rescored.having(CHURN_REASONS__CUSTOMERS="all", CHURN_REASONS__MIN_CONTRIBUTION="0")
    assert told.run("run", "--date", day).exit_code == 0

    rows = rescored.rows("churn_reasons", NIGHTS[0]).to_pylist()
    customer = rows[0]["customer_id"]
    shown = told.run("scores", "show", customer, "--date", day, "--reasons", "--json").json
    plain = told.run("scores", "show", customer, "--date", day, "--json").json
    printed = told.run("scores", "show", customer, "--date", day, "--reasons").stdout
    traced = told.run("trace", customer, "--date", day, "--json").json
    with told.dagster() as instance:
        query = dg.AssetRecordsFilter(asset_key=dg.AssetKey("churn_reasons"), asset_partitions=[day])
        [newest] = instance.fetch_materializations(query, limit=1).records
    back = told.run("rollback", "--date", day, "--reason", "not yet", "--json").json
    after = told.run("scores", "show", customer, "--date", day, "--reasons", "--json").json

    first = shown["reasons"][0]
    assert newest.asset_materialization is not None
    event = {name: each.value for name, each in newest.asset_materialization.metadata.items()}
    assert first["sentence"] == rows[0]["sentence"].replace("{}", rows[0]["value"])
    assert "reasons" not in plain
    assert first["family"] in printed
    explained = ("reasons", "base_value", "other", "hidden_share")
    assert [traced[name] for name in explained] == [shown[name] for name in explained]
    assert event["explained"] == len({row["customer_id"] for row in rows})
    assert event["score_version"] == shown["score_version"]
    assert customer not in json.dumps(event, default=str)
    assert after["score_version"] == back["to"]
    assert after["reasons"] != shown["reasons"]
