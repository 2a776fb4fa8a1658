"""A whole night: from the source's customers to published scores, through the command line and through Dagster."""

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from churn_assets_tests.integration.installation import (
    CHAIN,
    FIRST_NIGHT,
    LAST_DAY,
    NIGHTS,
    REPOSITORY,
    Installation,
    clean,
)

pytestmark = pytest.mark.integration

DAY = NIGHTS[-1] + dt.timedelta(days=1)


def nights_of(installation: Installation) -> list[dict[str, Any]]:
    """What `run --json` printed when the installation was built."""
    nights: list[dict[str, Any]] = json.loads((installation.root / "nights.json").read_text())
    return nights


def assert_shape(row: dict[str, Any], shape: dict[str, type | tuple[type, ...]]) -> None:
    """At least these keys are there, and their values are of these types."""
    assert shape.keys() <= row.keys()
    assert {name: type(row[name]).__name__ for name, kind in shape.items() if not isinstance(row[name], kind)} == {}


def metadata_of(event: dg.AssetMaterialization) -> dict[str, Any]:
    """The metadata of a materialization as plain values."""
    return {name: value.value for name, value in event.metadata.items()}


# --- what the command line prints


def test_run_prints_one_object_a_day(installed: Installation) -> None:
    """`run --json` is a list with one object a day, with at least the keys that programs rely on."""
    nights = nights_of(installed)

    assert [night["snapshot_date"] for night in nights] == list(map(str, NIGHTS))
    for night in nights:
        assert_shape(
            night,
            {
                "snapshot_date": str,
                "raw": int,
                "valid": int,
                "quarantined": int,
                "scored": int,
                "high_risk": int,
                "mean_probability": float,
                "model_version": str,
                "score_version": str,
                "seconds": float,
            },
        )
        assert 0 < night["mean_probability"] < 1
        assert 0 <= night["high_risk"] < night["scored"]


def test_rows_are_conserved(installed: Installation) -> None:
    """The counts that are printed are those of the tables: raw = valid + quarantined, and valid = scored."""
    for night in nights_of(installed):
        day = dt.date.fromisoformat(night["snapshot_date"])

        rows = [installed.rows(name, day).num_rows for name in CHAIN]

        raw, valid, quarantined, features, scored = rows
        exported = len(pd.read_parquet(installed.source(day)))
        assert (night["raw"], night["valid"], night["quarantined"], night["scored"]) == (
            raw,
            valid,
            quarantined,
            scored,
        )
        assert exported == raw == valid + quarantined
        assert valid == features == scored


def test_models_are_listed(retrained_once: Installation) -> None:
    """`models --json` is a list of every version with its figures and its status."""
    outcome = retrained_once.run("models", "--json")

    assert outcome.exit_code == 0
    assert [row["status"] for row in outcome.json] == ["retired", "champion"]
    for row in outcome.json:
        assert_shape(
            row,
            {
                "model_version": str,
                "trained_as_of": str,
                "status": str,
                "train_rows": int,
                "holdout_rows": int,
                "roc_auc": float,
                "average_precision": float,
                "brier": float,
            },
        )
        assert row["model_version"].startswith(row["trained_as_of"].replace("-", "") + "-")
        assert 0 <= row["roc_auc"] <= 1


def test_a_customers_score_is_shown(installed: Installation) -> None:
    """`scores show --json` is what the app reads: of the newest scored day, or of the day that is named."""
    scores = installed.rows("churn_scores", NIGHTS[0]).to_pylist()
    riskiest = max(scores, key=lambda row: float(row["churn_probability"]))

    newest = installed.run("scores", "show", scores[0]["customer_id"], "--json")
    named = installed.run("scores", "show", riskiest["customer_id"], "--date", str(NIGHTS[0]), "--json")

    assert newest.json["snapshot_date"] == str(NIGHTS[-1])
    assert_shape(
        named.json,
        {
            "customer_id": str,
            "snapshot_date": str,
            "churn_probability": float,
            "risk_tier": str,
            "action": str,
            "model_version": str,
            "score_version": str,
        },
    )
    assert {name: named.json[name] for name in riskiest} == riskiest
    assert named.json["snapshot_date"] == str(NIGHTS[0])
    assert named.json["score_version"] == nights_of(installed)[0]["score_version"]


def test_a_days_versions_are_listed(installed: Installation) -> None:
    """`scores history --json` is a list of every version of a day, each with who made it and when."""
    night = nights_of(installed)[0]

    outcome = installed.run("scores", "history", "--date", str(NIGHTS[0]), "--json")

    assert len(outcome.json) == 1
    row = outcome.json[0]
    assert_shape(
        row,
        {
            "score_version": str,
            "kind": str,
            "published_at": str,
            "model_version": str,
            "rows": int,
            "actor": str,
            "reason": str,
            "current": bool,
        },
    )
    assert (row["kind"], row["current"], row["rows"]) == ("score", True, night["scored"])
    assert (row["score_version"], row["model_version"]) == (night["score_version"], night["model_version"])
    assert row["actor"]
    assert dt.datetime.fromisoformat(row["published_at"]).tzinfo is not None


def test_a_night_tells_what_its_scores_promise_and_who_moved(installed: Installation) -> None:
    """Every night has its estimate, less what the backtest promised too much, and its summary beside the one before."""
    told = [row for row in installed.run("performance", "--json").json if row["table"] == "estimated_performance"]
    champion = nights_of(installed)[-1]["model_version"]
    reference = json.loads((installed.data / "models" / champion / "reference.json").read_text())
    summary = installed.rows("score_summary", NIGHTS[-1]).to_pylist()

    assert [row["snapshot_date"] for row in told] == list(map(str, NIGHTS))
    assert {row["model_version"] for row in told} == {champion}
    assert reference["estimate_offsets"].keys() == {"roc_auc", "brier"}
    assert all(abs(offset) < 0.15 for offset in reference["estimate_offsets"].values())
    everybody = [row for row in summary if not row["slice_column"]]
    assert sum(row["customers"] for row in everybody) == nights_of(installed)[-1]["scored"]
    assert sum(row["risen"] for row in everybody) > 0
    assert {row["slice_column"] for row in summary} == {"", "age_band"}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_scores_are_exported_to_a_plain_file(installed: Installation, tmp_path: Path, suffix: str) -> None:
    """`scores export` writes the day's scores, each with its day, as one file that any program reads."""
    file = tmp_path / f"scores{suffix}"

    outcome = installed.run("scores", "export", "--date", str(NIGHTS[1]), str(file))

    assert outcome.exit_code == 0, outcome.stderr
    exported = pd.read_csv(file) if suffix == ".csv" else pd.read_parquet(file)
    published = installed.rows("churn_scores", NIGHTS[1]).to_pandas()
    assert set(exported["snapshot_date"].astype(str)) == {str(NIGHTS[1])}
    assert exported["customer_id"].tolist() == published["customer_id"].tolist()
    assert exported["churn_probability"].tolist() == published["churn_probability"].tolist()
    assert exported["action"].tolist() == published["action"].tolist()


def test_a_night_through_a_shell(installation: Installation) -> None:
    """Without a day `run` takes the source's latest; its result alone is on standard output."""
    outcome = installation.shell("run", "--json")

    assert outcome.exit_code == 0, outcome.stderr
    assert [night["snapshot_date"] for night in outcome.json] == [str(LAST_DAY)]
    assert installation.current("churn_scores", LAST_DAY)


# --- the contract with the app


def test_the_score_table_keeps_its_contract(installed: Installation) -> None:
    """Columns, types and values of `churn_scores` are those that the app relies on."""
    schema = pa.schema(installed.table("churn_scores").schema().to_arrow())
    files = installed.current("churn_scores", NIGHTS[0])
    scores = installed.rows("churn_scores", NIGHTS[0]).to_pandas()

    promised = {
        "snapshot_date": "date32[day]",
        "customer_id": "string",
        "churn_probability": "double",
        "risk_tier": "string",
        "action": "string",
        "model_version": "string",
    }
    assert promised.items() <= {field.name: str(field.type) for field in schema}.items()
    assert all(Path(file).parent.parent.name == f"snapshot_date={NIGHTS[0]}" for file in files)
    assert scores["churn_probability"].between(0, 1).all()
    assert scores["customer_id"].is_unique
    ids = [name.encode() for name in scores["customer_id"]]
    assert ids == sorted(ids)
    assert scores.notna().all(axis=None)


def test_tiers_and_actions_follow_the_thresholds(installed: Installation) -> None:
    """Above 0.3 is medium, above 0.6 high; the band from 0.55 to 0.65 is reviewed before anything is offered."""
    scores = installed.rows("churn_scores", NIGHTS[0]).to_pylist()

    for row in scores:
        probability = row["churn_probability"]
        tier = "high" if probability > 0.6 else "medium" if probability > 0.3 else "low"
        action = "review" if 0.55 <= probability <= 0.65 else "offer" if probability > 0.6 else "none"
        assert (row["risk_tier"], row["action"]) == (tier, action), row
    assert {row["risk_tier"] for row in scores} == {"low", "medium", "high"}
    assert {row["action"] for row in scores} == {"none", "review", "offer"}


def test_every_reader_sees_one_version_of_a_day(retrained: Installation) -> None:
    """After a second version of a day, DuckDB and pandas over Delta count each customer once."""
    day = NIGHTS[0]
    expected = retrained.rows("churn_scores", day).num_rows
    first = retrained.current("churn_scores", day)
    assert retrained.run("run", "--date", str(day)).exit_code == 0

    dataset = retrained.table("churn_scores").to_pyarrow_dataset()
    frame = dataset.to_table(filter=pc.field("snapshot_date") == pa.scalar(day)).to_pandas()
    with duckdb.connect() as connection:
        connection.register("churn_scores", dataset)
        counted = connection.execute(
            "select count(*), count(distinct customer_id) from churn_scores where snapshot_date = $day",
            {"day": day},
        ).fetchone()

    assert counted == (expected, expected)
    assert len(frame) == frame["customer_id"].nunique() == expected
    assert retrained.current("churn_scores", day) != first


# --- re-running, failing, knowing nothing of the future


def test_running_a_day_again_changes_nothing(installation: Installation) -> None:
    """No commit, no file more, none less, none with other bytes; the same result is told, and that nothing changed."""
    commits, files = installation.published(), installation.digests()

    outcome = installation.run("run", "--from", str(NIGHTS[0]), "--to", str(NIGHTS[1]), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    assert installation.published() == commits
    assert installation.digests() == files
    told = [{**night, "seconds": 0} for night in outcome.json]
    assert told == [{**night, "seconds": 0, "changed": False} for night in nights_of(installation)[:2]]


def test_training_again_changes_nothing(installation: Installation) -> None:
    """The same data, code and settings give the version that is there already."""
    before = installation.run("models", "--json").json
    commits = installation.published()

    outcome = installation.run("train", "--as-of", str(FIRST_NIGHT), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.json["model_version"] == before[0]["model_version"]
    assert installation.run("models", "--json").json == before
    assert installation.published() == commits


def test_a_range_stops_at_its_first_failure(installation: Installation) -> None:
    """Earlier days are published and told, the broken one and later ones are not."""
    days = [DAY + dt.timedelta(days=more) for more in range(3)]
    installation.source(days[1]).write_bytes(b"PAR1")

    outcome = installation.run("run", "--from", str(days[0]), "--to", str(days[2]), "--json")

    assert str(installation.source(days[1])) in outcome.error(1)
    assert [night["snapshot_date"] for night in outcome.json] == [str(days[0])]
    assert [bool(installation.current("churn_scores", day)) for day in days] == [True, False, False]
    assert [bool(installation.current("raw_customers", day)) for day in days] == [True, False, False]


def test_scores_know_nothing_of_later_days(installed: Installation, tmp_path: Path) -> None:
    """A source that ends on D gives, in another folder, the model and the bytes that one with ten more days gave."""
    new = Installation(tmp_path / "elsewhere")
    new.configure((installed.root / "config.yaml").read_text())
    for file in sorted((installed.data / "source").rglob("*.parquet")):
        if dt.date.fromisoformat(file.parent.name.partition("=")[2]) <= FIRST_NIGHT:
            target = new.data / file.relative_to(installed.data)
            target.parent.mkdir(parents=True)
            shutil.copyfile(file, target)

    outcome = new.run("run", "--json")

    assert outcome.exit_code == 0, outcome.stderr
    expected = nights_of(installed)[0]
    assert {**outcome.json[0], "seconds": 0} == {**expected, "seconds": 0}
    assert new.score_bytes(FIRST_NIGHT) == installed.score_bytes(FIRST_NIGHT)


def test_days_without_a_broken_row_can_be_trained_on(installed: Installation, tmp_path: Path) -> None:
    """An export without a fault is the best there is: the model is trained, and the night runs."""
    new = Installation(tmp_path / "spotless")
    new.configure((installed.root / "config.yaml").read_text())
    for file in sorted((installed.data / "source").rglob("*.parquet")):
        if dt.date.fromisoformat(file.parent.name.partition("=")[2]) <= FIRST_NIGHT:
            target = new.data / file.relative_to(installed.data)
            target.parent.mkdir(parents=True)
            clean(pd.read_parquet(file)).to_parquet(target, index=False)

    outcome = new.run("run", "--json")

    assert outcome.exit_code == 0, outcome.stderr
    night = outcome.json[0]
    assert night["quarantined"] == 0
    assert night["raw"] == night["scored"] > 1000


# --- the same through Dagster


@pytest.fixture(scope="module")
def night(
    installed: Installation, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Installation, dg.ExecuteInProcessResult]:
    """The job `nightly` launched for `DAY` with a partition alone."""
    copy = installed.copy_to(tmp_path_factory.mktemp("night") / "installation")
    return copy, copy.materialize(DAY)


def test_a_night_through_dagster_gives_what_the_command_line_gives(
    night: tuple[Installation, dg.ExecuteInProcessResult],
) -> None:
    """The job `nightly`, launched with a partition alone, publishes the same version as `run` would."""
    installation, result = night
    published = installation.score_bytes(DAY)

    again = installation.run("run", "--date", str(DAY), "--json")
    assert result.success
    assert again.exit_code == 0, again.stderr
    assert installation.score_bytes(DAY) == published
    history = installation.run("scores", "history", "--date", str(DAY), "--json").json
    assert [row["score_version"] for row in history] == [again.json[0]["score_version"]]


def test_a_night_leaves_metadata_on_every_asset(night: tuple[Installation, dg.ExecuteInProcessResult]) -> None:
    """Row counts, column schema and, where columns come from another asset, lineage are on each materialization."""
    installation, result = night

    for name in CHAIN:
        events = result.asset_materializations_for_node("customers" if name == "quarantined_customers" else name)
        event = next(event for event in events if event.asset_key == dg.AssetKey(name))
        told = metadata_of(event)
        rows = installation.rows(name, DAY)
        assert event.partition == str(DAY)
        assert told["dagster/partition_row_count"] == rows.num_rows
        columns = [column.name for column in told["dagster/column_schema"].columns]
        assert set(rows.column_names) <= set(columns)
        if name == "raw_customers":
            continue
        lineage = told["dagster/column_lineage"].deps_by_column
        assert lineage
        assert set(lineage) <= set(columns)
        upstream = {dep.asset_key.to_user_string() for deps in lineage.values() for dep in deps}
        assert upstream <= set(CHAIN)
        assert name not in upstream
    scores = metadata_of(result.asset_materializations_for_node("churn_scores")[0])
    assert scores["model_version"] == nights_of(installation)[0]["model_version"]


def test_the_landed_files_digests_are_told(night: tuple[Installation, dg.ExecuteInProcessResult]) -> None:
    """`raw_customers` says which files it is a copy of, by their digest, and its batch id."""
    installation, result = night

    told = metadata_of(result.asset_materializations_for_node("raw_customers")[0])
    assert told["batch_id"]
    path = str(installation.source(DAY).relative_to(installation.data))
    assert [file["path"] for file in told["files"]] == [path]
    assert told["files"][0]["sha256"] == installation.digests("source")[path]


def test_asset_checks_tell_that_rows_were_conserved(night: tuple[Installation, dg.ExecuteInProcessResult]) -> None:
    """Checks on customers and scores ran with the partition's numbers, and passed."""
    installation, result = night

    checks = {
        (evaluation.asset_key.to_user_string(), evaluation.check_name): evaluation
        for evaluation in result.get_asset_check_evaluations()
    }
    assert {("customers", "rows_conserved"), ("churn_scores", "rows_conserved")} <= checks.keys()
    freshness = checks.pop(("churn_scores", "is_fresh"))  # of the newest day: of a year ago here
    assert all(evaluation.passed for (asset, _), evaluation in checks.items() if asset in CHAIN)
    assert not freshness.passed
    counts = {name: value.value for name, value in checks["customers", "rows_conserved"].metadata.items()}
    assert counts["raw"] == installation.rows("raw_customers", DAY).num_rows


def test_partitions_and_runs_of_the_command_line_are_in_dagster(installed: Installation) -> None:
    """What `churn-assets run` did is in the instance that `dagster dev` opens: runs, partitions, who started them."""
    with installed.dagster() as instance:
        partitions = {name: instance.get_materialized_partitions(dg.AssetKey(name)) for name in CHAIN}
        runs = instance.get_runs()
        champion = instance.get_latest_materialization_event(dg.AssetKey("champion"))
        model = instance.get_latest_materialization_event(dg.AssetKey("churn_model"))

    assert partitions["churn_scores"] == set(map(str, NIGHTS))
    days = {path.name.partition("=")[2] for path in (installed.data / "tables" / "customers").glob("snapshot_date=*")}
    assert partitions["raw_customers"] == partitions["customers"] == partitions["quarantined_customers"] == days
    assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * (len(NIGHTS) + 2)
    assert (
        sorted(run.job_name for run in runs) == ["nightly"] * len(NIGHTS) + ["training"] * 2
    )  # the model, and its promotion
    assert champion is not None
    assert model is not None
    told = champion.asset_materialization
    assert told is not None
    assert metadata_of(told)["model_version"] == nights_of(installed)[0]["model_version"]


def test_the_state_lies_below_the_data_folder(installation: Installation) -> None:
    """A night writes nothing beside `data_dir`: not in the checkout, not in the working folder."""
    ignored = {".git", ".venv", ".tools", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}
    before = {path.name for path in REPOSITORY.iterdir()} - ignored
    beside = {path.name for path in installation.root.iterdir()}

    outcome = installation.run("run", "--date", str(DAY))

    assert outcome.exit_code == 0, outcome.stderr
    assert {path.name for path in installation.root.iterdir()} == beside
    new = {path.name for path in REPOSITORY.iterdir()} - ignored - before
    assert not new & {"history", "schedules", "storage", "logs", "tables", "models", ".nux", ".telemetry"}
    assert {path.name for path in installation.data.iterdir()} <= {"dagster", "metrics", "models", "source", "tables"}
