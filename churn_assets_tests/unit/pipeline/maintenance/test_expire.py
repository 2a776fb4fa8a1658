"""What may go and what stays: nothing that is current, young, named, or read by a run in progress."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.errors import UnknownVersion
from churn_assets.core.options import Retention
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.maintenance.expire import expire, finish_expiry, plan_expiry
from churn_assets.storage.expirations import Expirations
from churn_assets.storage.inventory import Inventory
from churn_assets.storage.orphans import UNDER_WAY
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.verification import checks_of, orphans_of
from churn_assets_tests.aged import (
    LATER,
    REJECTED,
    contents,
    current_rows,
    late,
    publish_scores,
    quarantine_rows,
)
from churn_assets_tests.chains import chain_over, copied
from churn_assets_tests.storage_factories import DAY, make_card, publish_reasons


def planned(chain: Chain, now: dt.datetime, running_since: dt.datetime | None = None) -> dict[tuple[str, str], int]:
    """How many things would go, by kind and table."""
    return {(each.kind, each.table): len(each.things) for each in plan_expiry(chain, now, running_since)}


EVERYTHING = {
    ("version", "churn_scores"): 1,
    ("version", "customers"): 1,
    ("lookup", "churn_scores"): 1,
    ("feature_counts", "churn_scores"): 1,
    ("report", "churn_scores"): 3,
    ("orphan", "customers"): 1,
    ("record", "promotions"): 1,
    ("quarantine", "quarantined_customers"): 1,
    ("model", "models"): 1,
    ("unfinished", "churn_scores"): 1,
}
LEFT_BY_WRITERS = {key: EVERYTHING[key] for key in (("orphan", "customers"), ("unfinished", "churn_scores"))}


def test_a_plan_tells_of_each_kind_what_is_old_and_touches_nothing(aged: Chain) -> None:
    """Right after it was written nothing is old but what killed writers left; each kind has its own days."""
    before, now = contents(aged), dt.datetime.now(dt.UTC)

    assert planned(aged, now) == LEFT_BY_WRITERS
    assert planned(aged, now + dt.timedelta(days=31)).keys() == LEFT_BY_WRITERS.keys() | {
        ("lookup", "churn_scores"),
        ("quarantine", "quarantined_customers"),
    }
    assert planned(aged, now + dt.timedelta(days=89)).keys() == planned(aged, now + dt.timedelta(days=31)).keys()
    assert planned(aged, late()) == EVERYTHING
    assert contents(aged) == before


def test_a_run_in_progress_keeps_what_it_may_read(aged: Chain) -> None:
    """What was current when the oldest run began stays, however old; models and quarantined rows wait for its end."""
    began_before_all = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    assert planned(aged, late(), began_before_all) == LEFT_BY_WRITERS
    assert planned(aged, late(), late()).keys() == EVERYTHING.keys() - {
        ("quarantine", "quarantined_customers"),
        ("model", "models"),
    }


def test_what_goes_is_recorded_and_what_stays_is_as_it_was(aged: Chain, tmp_path: Path) -> None:
    """Current rows are the same but for quarantined values; rollback and history say what expired; all verifies."""
    chain = copied(aged, tmp_path)
    before, [old, new] = current_rows(chain), [event.version for event in chain.scores.history(DAY)]

    gone = expire(chain, "tester", late())

    after = current_rows(chain)
    told = [row for row in Expirations(chain.layout.data_dir / "tables").rows() if row["kind"] == "version"]
    scores = PublishedScores(chain.layout)
    assert {(each.kind, each.table): len(each.things) for each in gone} == EVERYTHING
    assert {name for name in before if before[name] != after[name]} == {"quarantined_customers"}
    assert {(row["table"], row["actor"], row["kept_days"]) for row in told} == {
        ("churn_scores", "tester", 90),
        ("customers", "tester", 90),
    }
    with pytest.raises(UnknownVersion, match=rf"version {old} expired on \d{{4}}-\d\d-\d\d"):
        scores.rollback([DAY], None, "tester", "no")
    with pytest.raises(UnknownVersion, match="expired on"):
        scores.version(DAY, old)
    assert [(row["score_version"], row["expired"] is not None) for row in scores.history(DAY)] == [
        (new, False),
        (old, True),
    ]
    assert chain.registry.models.versions() == [make_card().model_version]
    assert [each for check in checks_of(chain.layout) for each in check.run()] == []
    assert orphans_of(chain.layout, dt.datetime.now(dt.UTC)) == []
    assert expire(chain, "tester", late()) == []


def test_quarantined_rows_keep_id_and_fault_and_lose_their_values(aged: Chain, tmp_path: Path) -> None:
    """Who was set aside is not one who has left, so the id stays; what the row held is gone from every version."""
    chain = copied(aged, tmp_path)

    expire(chain, "tester", late())

    [row, _] = chain.quarantined.version(DAY).read().to_pylist()
    events = chain.quarantined.history(DAY)
    there = [each.version for each in Inventory(chain.layout).versions("quarantined_customers")]
    assert row == {
        "member": "m1",
        "visits": None,
        "faults": [{"column": "visits", "check": "at least 0", "value": None}],
    }
    assert [(event.commit.kind, event.rows) for event in events] == [("validate", 2), ("expire", 2)]
    assert events[0].commit.details == events[1].commit.details
    assert there == [events[1].version]


def test_a_day_that_was_validated_anew_is_kept_its_own_days(aged: Chain, tmp_path: Path) -> None:
    """The days of quarantined rows count from when they were set aside, and a version that came back is current."""
    chain = copied(aged, tmp_path)
    expire(chain, "tester", late())
    rows = quarantine_rows()
    again = chain.quarantined.write(DAY, rows.schema, "member", [rows])
    details: dict[str, Any] = {"id_column": "member"}
    chain.quarantined.publish(again, chain.quarantined.current(DAY), Commit("validate", "tester", details=details))

    assert ("quarantine", "quarantined_customers") not in planned(chain, dt.datetime.now(dt.UTC))
    assert planned(chain, late())["quarantine", "quarantined_customers"] == 1


def test_the_last_scores_that_knew_no_more_than_their_day_stay(tmp_path: Path) -> None:
    """Outcomes judge them, however long the horizon is; so do the models that gave kept scores."""
    chain = chain_over(tmp_path)
    honest = [publish_scores(chain.scores, 3, name, hindsight=False) for name in ("honest-a", "honest-b")]
    publish_scores(chain.scores, 3, "later")

    expire(chain, "tester", late())

    there = {each.version for each in Inventory(chain.layout).versions("churn_scores")}
    assert there == {honest[1], chain.scores.current(DAY)}


def test_the_reasons_of_kept_scores_stay(tmp_path: Path) -> None:
    """Those made last of each, so that a rollback brings them back; those made before, or of other scores, go."""
    chain = chain_over(tmp_path)
    reasons = {}
    for model, families in (("gone", ["a"]), ("honest", ["b", "c"]), ("later", ["d"])):
        scores = publish_scores(chain.scores, 3, model, hindsight=model == "later")
        for family in families:
            reasons[family] = publish_reasons(tmp_path, scores, {"c0000001": {family: 1.0}}).version

    expire(chain, "tester", late())
    [moved] = PublishedScores(chain.layout).rollback([DAY], None, "tester", "the honest ones")

    told = PublishedScores(chain.layout).show("c0000001", DAY, reasons=True)
    there = {each.version for each in Inventory(chain.layout).versions("churn_reasons")}
    assert there == {reasons["c"], reasons["d"]}
    assert moved["model_version"] == "honest"
    assert [each["family"] for each in told["reasons"]] == ["c"]


def test_what_a_writer_has_under_way_is_left_alone(aged: Chain, tmp_path: Path) -> None:
    """A staged folder goes a day after anybody wrote to it, and not before."""
    chain = copied(aged, tmp_path)
    [left] = [each for each in Inventory(chain.layout).unfinished() if each.path.name == "0123"]
    now = dt.datetime.now(dt.UTC)
    os.utime(left.path, (now.timestamp(), now.timestamp()))

    expire(chain, "tester", now + UNDER_WAY - dt.timedelta(minutes=1))
    stayed = left.path.is_dir()
    expire(chain, "tester", now + UNDER_WAY + dt.timedelta(minutes=1))

    assert stayed
    assert not left.path.exists()


def test_what_a_killed_expiry_had_set_aside_goes_or_comes_back(aged: Chain, tmp_path: Path) -> None:
    """An erasure asks for it too: rows that wait for their end are rows. What is current is put back."""
    chain = copied(aged, tmp_path)
    inventory, current = Inventory(chain.layout), chain.scores.current(DAY)
    for stored in inventory.versions("churn_scores"):
        inventory.set_aside(stored)

    [gone] = finish_expiry(chain, "tester")

    assert [each.version for each in inventory.versions("churn_scores")] == [current]
    assert [each.version for each in gone.things] != [current]
    assert inventory.expired("churn_scores") == []
    assert finish_expiry(chain, "tester") == []


def test_the_days_are_those_of_the_configuration(aged: Chain) -> None:
    """Longer days keep more; a day is the least."""
    chain = chain_over(aged.layout.data_dir, retention=Retention(versions_days=1000, models_days=1000))

    plan = planned(chain, dt.datetime.now(dt.UTC) + LATER)

    assert not plan.keys() & {("version", "customers"), ("report", "churn_scores"), ("model", "models")}
    assert REJECTED in chain.registry.models.versions()
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Retention(versions_days=0)
