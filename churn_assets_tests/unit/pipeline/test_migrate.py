"""Tables follow a profile whose columns have changed: by one commit each, readable by everybody, before and after."""

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pandera.pandas as pandera
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from churn_assets.core.errors import InputError, ModelFault, RunError, SchemaChanged, TrainingImpossible
from churn_assets.core.options import AuditBounds, Decisions
from churn_assets.core.profile import Profile
from churn_assets.pipeline import migrate
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.intake.dry_run import dry_run
from churn_assets.pipeline.migrate import migrate_tables, plan_migration
from churn_assets.pipeline.monitoring.outcomes import record_outcomes
from churn_assets.pipeline.monitoring.realized import judge_day
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.training.train import train_model
from churn_assets.storage.migration import commit_columns
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.scores.trace import trace_score
from churn_assets.storage.tables.table import CONFIGURATION
from churn_assets_tests.chains import AS_OF, HORIZON, copied, export, with_champion
from churn_assets_tests.factories import MEMBERS, Members, member_columns, member_features

RUN = RunContext("tester", reason="the warehouse changed")
TABLES = ("raw_customers", "customers", "quarantined_customers", "customer_features")
NEXT = AS_OF + HORIZON
CUSTOMERS = 60


class Grown(Members):
    """Members with one more column, which may be missing."""

    region: str = pandera.Field(nullable=True)


class Demanding(Members):
    """Members with one more column, which may not."""

    region: str


class Retyped(Members):
    """Members whose visits are no whole numbers any more."""

    visits: float = pandera.Field(ge=0)  # type: ignore[assignment]  # the change


class Narrow(Members):
    """Members whose spend is a whole number: what was landed has halves."""

    spend: pd.Int64Dtype = pandera.Field(nullable=True)  # type: ignore[assignment]  # the change


class Shrunk(pandera.DataFrameModel):
    """Members without spend and activity."""

    customer_id: str
    plan: pd.CategoricalDtype = pandera.Field(isin=["basic", "premium"], nullable=True)
    since: pd.Timestamp
    last_visit: pd.Timestamp = pandera.Field(nullable=True)
    visits: int = pandera.Field(ge=0)


def regional_features(customers: pd.DataFrame, *, few_visits: int = 3) -> pd.DataFrame:
    """The features of before, and one of the new column."""
    known = customers["region"].notna()
    return member_features(customers, few_visits=few_visits).assign(has_region=known)


def profile_with(schema: type[pandera.DataFrameModel], **changes: Any) -> Profile:
    """The profile of members after an edit."""
    return dataclasses.replace(MEMBERS, schema=schema, source_digest="1" * 64, **changes)


GROWN = profile_with(Grown, add_features=regional_features, feature_columns=(*MEMBERS.feature_columns, "has_region"))


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A day that was scored, with the history of its model; not to be changed."""
    folder = tmp_path_factory.mktemp("scored")
    for customers, day in ((CUSTOMERS, AS_OF), (66, AS_OF - HORIZON), (72, AS_OF - 2 * HORIZON)):
        visits: list[object] = ["-5" if number == 8 and day == AS_OF else "3" for number in range(customers)]
        export(folder, day, customers=customers, visits=visits)
    chain = with_champion(folder, RUN)
    featurize_customers(chain, AS_OF, RUN)
    score_customers(chain, AS_OF, ScoreOptions(), RUN)
    return chain


@pytest.fixture
def scored(scored_once: Chain, tmp_path: Path) -> Chain:
    """A copy that the test may change."""
    chain = copied(scored_once, tmp_path)
    bounds = AuditBounds(max_tier_change=None, max_mean_change=None, max_reference_psi=None, max_feature_psi=None)
    return dataclasses.replace(chain, audit=bounds, recipe=scored_once.recipe)


def changed(chain: Chain, profile: Profile) -> Chain:
    """The same installation with another profile."""
    return dataclasses.replace(chain, profile=profile)


def export_next(chain: Chain, **columns: list[Any]) -> None:
    """A later day, as the warehouse exports it now."""
    path = chain.layout.data_dir / "source" / f"snapshot_date={NEXT}" / "members.parquet"
    path.parent.mkdir()
    rows = member_columns(CUSTOMERS - 5, last_visit=[str(NEXT - dt.timedelta(days=1))] * (CUSTOMERS - 5))
    pq.write_table(pa.table(rows | columns), path)


def night(chain: Chain) -> int:
    """What a night does on the later day; how many are scored."""
    land_customers(chain, NEXT, RUN)
    validate_customers(chain, NEXT, RUN)
    featurize_customers(chain, NEXT, RUN)
    scored = score_customers(chain, NEXT, ScoreOptions(), RUN).rows
    assert record_outcomes(chain, AS_OF, RUN) is not None
    assert judge_day(chain, AS_OF, RUN) is not None
    return scored


def read_everywhere(chain: Chain, name: str) -> list[list[dict[str, Any]]]:
    """A table as deltalake, DuckDB and polars read it, by day and id."""
    root = chain.layout.table(name)
    members = DeltaTable(root).to_pyarrow_dataset()
    tables = [
        members.to_table(),
        duckdb.arrow(members).to_arrow_table(),
        pl.scan_delta(str(root)).collect().to_arrow(),
    ]
    rows = [table.to_pylist() for table in tables]
    return [sorted(each, key=lambda row: (row["snapshot_date"], str(row["customer_id"]))) for each in rows]


def test_a_column_is_added_and_the_next_night_runs(scored: Chain) -> None:
    """The days before have null there, for every reader; the old champion goes on; scores, trace, rollback too."""
    before = {name: read_everywhere(scored, name)[0] for name in TABLES}
    versions = {name: scored.table(name).versions() for name in TABLES}
    scores = scored.scores.current(AS_OF)
    chain = changed(scored, GROWN)
    export_next(chain, region=["north", None] * 27 + ["south"])
    with pytest.raises(SchemaChanged, match="churn-assets migrate --reason TEXT"):
        land_customers(chain, NEXT, RUN)

    planned = [each.row() for each in plan_migration(chain)]
    moved = [each.row() for each in migrate_tables(chain, RUN)]

    assert planned == moved
    assert DeltaTable(chain.customers.root).metadata().configuration == CONFIGURATION
    assert {row["table"]: row["added"] for row in moved} == {
        **{name: ["region"] for name in TABLES[:3]},
        "customer_features": ["has_region"],
    }
    assert {name: chain.table(name).versions() for name in TABLES} == versions
    for name in TABLES:
        added = "has_region" if name == "customer_features" else "region"
        for rows in read_everywhere(chain, name):
            assert [{key: row[key] for key in row if key != added} for row in rows] == before[name]
            assert {row[added] for row in rows} <= {None}
    assert migrate_tables(chain, RUN) == []
    assert night(chain) == CUSTOMERS - 5
    for rows in read_everywhere(chain, "customers"):
        assert {row["region"] for row in rows if row["snapshot_date"] == NEXT} == {"north", "south", None}
    assert trace_score(chain.layout, "c00007", AS_OF)["customer"]["row"]["visits"] == 3
    other = dataclasses.replace(scored, decisions=Decisions(medium_above=0, high_above=0))
    score_customers(other, AS_OF, ScoreOptions(), RUN)
    back = PublishedScores(chain.layout).rollback([AS_OF], None, "tester", "the profile changed")
    assert back[0]["to"] == scores


def test_days_before_a_column_that_may_be_missing_still_teach(scored: Chain) -> None:
    """They are valid with nulls, in new versions made of the very rows that were landed."""
    chain = changed(scored, GROWN)
    migrate_tables(chain, RUN)

    model = train_model(chain, AS_OF, RUN).card

    assert "has_region" in model.feature_columns
    assert model.train_rows == scored.registry.models.card(scored.registry.champion()).train_rows
    assert chain.customers.version(AS_OF).read(["region"]).column("region").null_count == CUSTOMERS - 1


def test_days_before_a_column_that_must_be_there_are_left_out(scored: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """Training says which days, why, and how they come back; the old model is served on."""
    chain = changed(scored, profile_with(Demanding))
    migrate_tables(chain, RUN)
    export_next(chain, region=["north"] * (CUSTOMERS - 5))

    scored_rows = night(chain)
    with pytest.raises(TrainingImpossible, match="lacks 2026-04-30"):
        train_model(chain, AS_OF, RUN)

    assert scored_rows == CUSTOMERS - 5
    assert "left out of training: they were landed without region, which may not be missing" in caplog.text


def test_a_column_is_dropped_and_the_champion_that_needs_it_stops_the_night(scored: Chain) -> None:
    """It is shown by no reader any more, and stays in the files; the night names what the model lacks."""
    chain = changed(
        scored,
        profile_with(
            Shrunk,
            add_features=lambda rows: rows.assign(seldom=rows["visits"] < 3),
            feature_columns=("plan", "visits", "seldom"),
        ),
    )
    chain = dataclasses.replace(chain, parameters={})
    export_next(chain)
    [problem] = dry_run(chain, NEXT).problems

    moved = {each.table.name: each.changes.dropped for each in migrate_tables(chain, RUN)}

    assert "churn-assets migrate --dry-run" in problem
    assert dry_run(chain, NEXT).problems == []
    assert moved["customers"] == ("spend", "active")
    assert moved["customer_features"] == ("tenure_days", "spend", "active")
    for rows in read_everywhere(chain, "customers"):
        assert rows
        assert not rows[0].keys() & {"spend", "active"}
    [old] = chain.customers.version(AS_OF).files
    assert {"spend", "active"} <= set(pq.read_schema(old).names)
    land_customers(chain, NEXT, RUN)
    validate_customers(chain, NEXT, RUN)
    featurize_customers(chain, NEXT, RUN)
    with pytest.raises(ModelFault, match="train and promote"):
        score_customers(chain, NEXT, ScoreOptions(), RUN)


def test_a_column_of_another_type_is_written_anew_in_one_commit(scored: Chain) -> None:
    """Every current day has the values in the new type for every reader; earlier versions and the trace stay."""
    before = {row["customer_id"]: row["visits"] for row in read_everywhere(scored, "customers")[0]}
    old = scored.customers.version(AS_OF)
    commits = DeltaTable(scored.customers.root).version()
    chain = changed(scored, profile_with(Retyped))
    export_next(chain, visits=["2.5"] * (CUSTOMERS - 5))

    moved = {each.table.name: each.row() for each in migrate_tables(chain, RUN)}

    assert moved["customers"]["retyped"] == [{"column": "visits", "from": "int64", "to": "double"}]
    assert moved["customers"]["written_anew"] == moved["customers"]["days"] == 3
    assert "customer_features" not in moved
    assert DeltaTable(chain.customers.root).version() == commits + 1
    for rows in read_everywhere(chain, "customers"):
        assert {type(row["visits"]) for row in rows} == {float}
        assert {row["customer_id"]: row["visits"] for row in rows} == before
    read_everywhere(chain, "raw_customers")
    read_everywhere(chain, "quarantined_customers")
    newest = chain.customers.newest([AS_OF])[AS_OF]
    assert (newest.commit.kind, newest.commit.reason) == ("migrate", "the warehouse changed")
    assert newest.commit.details["migrated_from"] == old.version
    assert old.verified().read(["visits"]).column("visits").type == pa.int64()
    assert trace_score(chain.layout, "c00007", AS_OF)["customer"]["version"] == old.version
    assert night(chain) == CUSTOMERS - 5
    assert train_model(chain, AS_OF, RUN).card.train_rows


def test_what_cannot_be_moved_is_refused_before_anything_is(scored: Chain) -> None:
    """A cell without a value of the new type, and a key of another type: one sentence, and no commit."""
    narrow = changed(scored, profile_with(Narrow))
    before = {name: DeltaTable(scored.layout.table(name)).version() for name in TABLES}

    with pytest.raises(
        RunError, match=r"raw_customers 2026-03-01: \d+ cells of column spend are no int64; nothing was"
    ):
        migrate_tables(narrow, RUN)
    numbered = profile_with(type("Numbered", (Members,), {"__annotations__": {"customer_id": int}}))
    with pytest.raises(InputError, match="the key customer_id has another type"):
        migrate_tables(changed(scored, numbered), RUN)

    assert {name: DeltaTable(scored.layout.table(name)).version() for name in TABLES} == before
    assert migrate_tables(scored, RUN) == []


def test_a_migration_that_was_killed_is_finished_by_the_next(scored: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each table is as before or moved, whole, whichever commit the kill came before; a second run moves the rest."""
    chain = changed(scored, profile_with(Retyped))
    done: list[str] = []

    def killed(table: Any, *given: Any) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        commit_columns(table, *given)
        done.append(table.name)

    monkeypatch.setattr(migrate, "commit_columns", killed)
    with pytest.raises(KeyboardInterrupt):
        migrate_tables(chain, RUN)
    monkeypatch.undo()
    half = {name: read_everywhere(chain, name) for name in TABLES[:3]}

    rest = [each.table.name for each in migrate_tables(chain, RUN)]

    assert sorted([*done, *rest]) == sorted(TABLES[:3])
    assert all(half.values())
    assert json.dumps([each.row() for each in plan_migration(chain)]) == "[]"
