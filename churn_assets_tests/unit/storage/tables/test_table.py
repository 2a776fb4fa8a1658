"""A partition is written, audited and published in one commit, and goes back without a byte rewritten."""

import datetime as dt
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from churn_assets.core.errors import DamagedVersion, PartitionConflict, PartitionMissing, SchemaChanged, UnknownVersion
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.delta_log import DeltaLog
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import Published
from churn_assets_tests.storage_factories import DAY, KEY, delta_version, publish, score_rows, stage

NEXT_DAY = DAY + dt.timedelta(days=1)
ROLLBACK = Commit("rollback", "tester", "bad night")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """A table that nobody has written to."""
    return Table(tmp_path / "tables" / "churn_scores")


@pytest.fixture
def _small_parts() -> Iterator[None]:
    """Files of ten rows, so that a version has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_ROWS", 10)
        patch.setattr(parquet, "PART_ROWS", 10)
        yield


def seen(table: Table) -> pa.Table:
    """What a reader of the Delta table sees: every column of every day."""
    return DeltaTable(table.root).to_pyarrow_dataset().to_table()


def models_seen(table: Table, day: dt.date = DAY) -> set[str]:
    """The contents that a reader sees of a day, by their mark."""
    return {row["model_version"] for row in seen(table).to_pylist() if row["snapshot_date"] == day}


def stamps(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Time, inode and size of every data file below `folder`: equal means nothing was rewritten."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_ino, path.stat().st_size)
        for path in sorted(folder.glob("snapshot_date=*/**/*.parquet"))
    }


def staged_folders(table: Table) -> list[Path]:
    """What lies in the place where no reader looks."""
    return list((table.root / "_staging").glob("*"))


def test_a_table_that_is_not_there_is_empty(table: Table) -> None:
    """Before the first publish there are no days, no version and no history, and asking makes no folder."""
    told = (table.days(), table.current(DAY), table.history(DAY))

    assert told == ([], None, [])
    assert not table.root.exists()


def test_reading_a_day_that_was_never_published_is_an_error(table: Table) -> None:
    """A missing partition is a sentence with table, day and the command that makes it, never no rows."""
    publish(table, score_rows(3), NEXT_DAY)

    with pytest.raises(PartitionMissing, match=r"churn_scores has no partition 2026-10-31.*churn-assets run"):
        table.version(DAY)


def test_what_is_published_is_what_readers_see(table: Table) -> None:
    """The first publish of a day makes its rows, with the day beside them, what every reader sees."""
    published = publish(table, score_rows(5))

    assert published == Published(published.version, changed=True)
    assert (table.days(), table.current(DAY)) == ([DAY], published.version)
    assert table.version(DAY).read().cast(SCORES).equals(score_rows(5))
    assert seen(table).column("snapshot_date").to_pylist() == [DAY] * 5
    assert seen(table).column(KEY).to_pylist() == score_rows(5).column(KEY).to_pylist()


def test_a_version_is_named_by_its_content(tmp_path: Path) -> None:
    """The same rows have the same version in every table and on every day, other rows another one."""
    one, other = Table(tmp_path / "one"), Table(tmp_path / "other")

    versions = [
        stage(one, score_rows(5)).version,
        stage(other, score_rows(5), NEXT_DAY).version,
        stage(one, score_rows(6)).version,
    ]

    assert versions[0] == versions[1] != versions[2]


def test_what_is_staged_is_read_back_and_seen_by_nobody(table: Table) -> None:
    """Between write and publish the audit reads the rows, while readers still see the version before."""
    publish(table, score_rows(5, "before"))

    staged = stage(table, score_rows(7, "staged"))

    assert staged.rows_by(KEY) == 7
    assert models_seen(table) == {"before"}


def test_parts_that_are_not_in_order_are_not_read_back(table: Table) -> None:
    """Each part comes after the one before it: two that were given each other's names are refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_ROWS", 2)
        patch.setattr(parquet, "PART_ROWS", 2)
        staged = stage(table, score_rows(4))
    parts = [staged.folder / f"part-{number}.parquet" for number in range(2)]
    parts[0].rename(staged.folder / "aside")
    parts[1].rename(parts[0])
    (staged.folder / "aside").rename(parts[1])

    with pytest.raises(DamagedVersion, match="its ids begin below the last of the part before it"):
        staged.rows_by(KEY)


def test_discarding_leaves_nothing(table: Table) -> None:
    """What failed its audit is gone from disk, and the table is as it was."""
    publish(table, score_rows(5))
    before = (stamps(table.root), delta_version(table))
    staged = stage(table, score_rows(7))

    table.discard(staged)

    assert staged_folders(table) == []
    assert (stamps(table.root), delta_version(table)) == before


def test_discarding_the_first_version_leaves_no_table(table: Table) -> None:
    """A first day that fails its audit leaves a table that was never made."""
    staged = stage(table, score_rows(7))

    table.discard(staged)

    assert (staged_folders(table), table.days()) == ([], [])


def test_publishing_leaves_nothing_staged(table: Table) -> None:
    """After a publish the staging place is empty, also where the content was there before."""
    publish(table, score_rows(5))
    publish(table, score_rows(5))

    assert staged_folders(table) == []


def test_rows_that_cannot_be_written_leave_nothing(table: Table) -> None:
    """When the rows stop coming with an error, the error passes and no half-written file stays."""

    def rows() -> Iterator[pa.Table]:
        yield score_rows(5)
        raise RuntimeError("the model broke")

    with pytest.raises(RuntimeError, match="the model broke"):
        table.write(DAY, SCORES, KEY, rows())

    assert staged_folders(table) == []


def test_unchanged_content_commits_nothing(table: Table) -> None:
    """Publishing the rows that are current already is done at once, with no commit and no event."""
    first = publish(table, score_rows(5))
    before = (delta_version(table), stamps(table.root), len(table.history(DAY)))

    again = publish(table, score_rows(5))

    assert again == Published(first.version, changed=False)
    assert (delta_version(table), stamps(table.root), len(table.history(DAY))) == before


def test_readers_see_one_version_in_order(table: Table) -> None:
    """However many versions lie on disk, a reader sees the current one only, sorted by the id."""
    for count in (9, 5, 7):
        publish(table, score_rows(count, f"model-{count}"))

    rows = seen(table)

    assert rows.num_rows == 7
    assert set(rows.column("model_version").to_pylist()) == {"model-7"}
    assert rows.column(KEY).to_pylist() == sorted(rows.column(KEY).to_pylist())


@pytest.mark.usefixtures("_small_parts")
def test_a_version_of_many_files_is_read_in_order(table: Table) -> None:
    """More than ten files of a version follow each other by number, not by name."""
    publish(table, score_rows(125))

    by_reader, by_product = seen(table), table.version(DAY)

    assert len(by_product.files) == 13
    assert by_product.rows == 125
    assert by_product.read().column(KEY).to_pylist() == score_rows(125).column(KEY).to_pylist()
    assert by_reader.column(KEY).to_pylist() == score_rows(125).column(KEY).to_pylist()


def test_duckdb_reads_the_current_version(table: Table) -> None:
    """An analyst's SQL over the Delta table sees the current rows and their day."""
    publish(table, score_rows(9, "old"))
    publish(table, score_rows(5, "new"))
    dataset = DeltaTable(table.root).to_pyarrow_dataset()

    with duckdb.connect() as connection:
        connection.register("scores", dataset)
        told = connection.execute("select snapshot_date, model_version, count(*) from scores group by all").fetchall()

    assert told == [(DAY, "new", 5)]


def test_a_table_of_optional_columns_goes_on(table: Table) -> None:
    """A table whose files were written when every column was optional takes those of today, and goes back.

    Its own columns stay optional, so that whoever reads it meets one schema over all of its files.
    """
    optional = pa.schema([(field.name, field.type) for field in SCORES])
    old = publish(table, score_rows(4, "old").cast(optional)).version
    publish(table, score_rows(3, "kept").cast(optional), NEXT_DAY)
    before = DeltaTable(table.root).schema().to_json()

    new = publish(table, score_rows(5, "new")).version

    expected = sorted([(DAY, "new")] * 5 + [(NEXT_DAY, "kept")] * 3)
    columns = ["snapshot_date", "model_version"]
    by_arrow = seen(table)
    assert DeltaTable(table.root).schema().to_json() == before
    assert sorted(zip(*(by_arrow.column(name).to_pylist() for name in columns), strict=True)) == expected
    assert sorted(pl.scan_delta(str(table.root)).select(columns).collect().rows()) == expected
    in_duckdb = duckdb.arrow(DeltaTable(table.root).to_pyarrow_dataset())
    assert sorted(in_duckdb.project("snapshot_date, model_version").fetchall()) == expected
    assert sorted(DeltaTable(table.root).to_pandas()[columns].itertuples(index=False, name=None)) == expected
    days = [table.version(day) for day in (DAY, NEXT_DAY)]
    assert pa.concat_tables(day.read() for day in days).num_rows == 8
    assert pa.concat_tables(batch for day in days for batch in day.batches()).num_rows == 8
    assert table.rollback(DAY, None, ROLLBACK) == (new, old)
    assert models_seen(table) == {"old"}
    assert table.rollback(DAY, new, ROLLBACK) == (old, new)
    assert models_seen(table) == {"new"}


def test_duckdb_reads_the_table_by_its_delta_extension(table: Table) -> None:
    """DuckDB's own `delta_scan` sees the current version too."""
    publish(table, score_rows(9, "old"))
    publish(table, score_rows(5, "new"))
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        try:
            connection.execute("load delta")
        except duckdb.Error:
            pytest.skip("DuckDB's delta extension is not installed here")

        told = connection.execute(f"select count(*) from delta_scan('{table.root}')").fetchall()  # noqa: S608

    assert told == [(5,)]


def test_a_stale_publish_is_refused_and_changes_nothing(table: Table) -> None:
    """Who began before somebody else published gets a conflict that names both versions; readers see no change."""
    began_with = publish(table, score_rows(5, "old")).version
    current = publish(table, score_rows(6, "theirs")).version
    before = (delta_version(table), stamps(table.root))
    staged = stage(table, score_rows(7, "mine"))

    with pytest.raises(PartitionConflict, match=rf"churn_scores 2026-10-31.*{current}.*{staged.version}"):
        table.publish(staged, began_with, Commit("score", "tester"))

    assert models_seen(table) == {"theirs"}
    assert table.current(DAY) == current
    assert delta_version(table) == before[0]
    assert before[1].items() <= stamps(table.root).items()
    assert staged_folders(table) == []


def test_who_believed_a_day_empty_is_refused(table: Table) -> None:
    """A first publish of a day that has a version by now is a conflict, and rows are not doubled."""
    publish(table, score_rows(6, "theirs"))
    staged = stage(table, score_rows(7, "mine"))

    with pytest.raises(PartitionConflict, match="nothing was published"):
        table.publish(staged, None, Commit("score", "tester"))

    assert seen(table).num_rows == 6


def test_who_believed_a_day_published_is_refused(table: Table) -> None:
    """A publish over a version that is not current, on a day that has none, is a conflict."""
    publish(table, score_rows(6), NEXT_DAY)
    staged = stage(table, score_rows(7))

    with pytest.raises(PartitionConflict):
        table.publish(staged, "0123456789abcdef", Commit("score", "tester"))

    assert table.days() == [NEXT_DAY]


def test_what_somebody_else_published_with_the_same_content_is_done(table: Table) -> None:
    """Two who made the same version do not quarrel: the second finds it current and commits nothing."""
    staged = stage(table, score_rows(5))
    theirs = publish(table, score_rows(5))
    before = delta_version(table)

    mine = table.publish(staged, None, Commit("score", "tester"))

    assert mine == Published(theirs.version, changed=False)
    assert delta_version(table) == before
    assert staged_folders(table) == []


def changed_schemas() -> list[Any]:
    """Another set of columns each, and the column that differs."""
    text = SCORES.field("risk_tier")
    return [
        pytest.param(SCORES.set(1, pa.field("churn_probability", pa.string())), "churn_probability", id="type"),
        pytest.param(SCORES.set(1, pa.field("churn_probability", pa.float32())), "churn_probability", id="width"),
        pytest.param(SCORES.append(pa.field("reason", pa.string())), "reason", id="added"),
        pytest.param(SCORES.remove(2), "risk_tier", id="removed"),
        pytest.param(SCORES.set(2, text.with_name("tier")), "risk_tier", id="renamed"),
    ]


@pytest.mark.parametrize(("schema", "column"), changed_schemas())
def test_other_columns_are_refused_and_the_table_is_untouched(table: Table, schema: pa.Schema, column: str) -> None:
    """A changed column is named in the refusal; columns, rows and commits of the table stay as they were."""
    current = publish(table, score_rows(5)).version
    before = (delta_version(table), stamps(table.root), seen(table), DeltaTable(table.root).schema().to_json())
    staged = table.write(NEXT_DAY, schema, KEY, [])

    with pytest.raises(SchemaChanged, match=rf"churn_scores: .*\b{column}\b"):
        table.publish(staged, None, Commit("score", "tester"))

    after = (delta_version(table), stamps(table.root), seen(table), DeltaTable(table.root).schema().to_json())
    assert after == before
    assert (table.days(), table.current(DAY)) == ([DAY], current)


def test_a_changed_description_is_no_changed_column(table: Table) -> None:
    """Only names and types count: a column described in other words is the same column."""
    publish(table, score_rows(5))
    described = SCORES.set(1, SCORES.field(1).with_metadata({"description": "otherwise"}))

    published = publish(table, score_rows(6).cast(described), NEXT_DAY)

    assert published.changed
    assert table.days() == [DAY, NEXT_DAY]


def test_days_of_one_content_have_one_version(table: Table) -> None:
    """A version is named by its content: the same rows on two days are told by their names, after a rollback too."""
    same, other = score_rows(5), score_rows(6)
    publish(table, same)
    publish(table, other, NEXT_DAY)
    publish(table, same, NEXT_DAY)
    before = table.versions()

    table.rollback(NEXT_DAY, None, ROLLBACK)

    assert before == dict.fromkeys((DAY, NEXT_DAY), table.current(DAY))
    assert table.versions() == {DAY: table.current(DAY), NEXT_DAY: table.current(NEXT_DAY)}
    assert len(set(table.versions().values())) == 2


def test_other_days_are_never_touched(table: Table) -> None:
    """Publishing to one day and rolling it back leaves another day's version, files and rows alone."""
    other = publish(table, score_rows(4, "other"), NEXT_DAY).version
    before = stamps(table.root)
    publish(table, score_rows(5, "first"))
    publish(table, score_rows(6, "second"))

    table.rollback(DAY, None, ROLLBACK)

    assert table.current(NEXT_DAY) == other
    assert before.items() <= stamps(table.root).items()
    assert (models_seen(table, NEXT_DAY), models_seen(table)) == ({"other"}, {"first"})
    assert len(table.history(NEXT_DAY)) == 1


def test_a_rollback_rewrites_no_file(table: Table) -> None:
    """The version before is current again, and every file keeps its inode and its time."""
    first = publish(table, score_rows(5, "first")).version
    second = publish(table, score_rows(6, "second")).version
    before = stamps(table.root)

    moved = table.rollback(DAY, None, ROLLBACK)

    assert moved == (second, first)
    assert table.current(DAY) == first
    assert stamps(table.root) == before
    assert seen(table).column("model_version").to_pylist() == ["first"] * 5


def test_a_second_rollback_goes_further_back_until_none_is_left(table: Table) -> None:
    """Rollback after rollback meets each earlier version once; then it is an error and nothing moves."""
    versions = [publish(table, score_rows(count)).version for count in (5, 6, 7)]

    moved = [table.rollback(DAY, None, ROLLBACK), table.rollback(DAY, None, ROLLBACK)]

    assert moved == [(versions[2], versions[1]), (versions[1], versions[0])]
    before = delta_version(table)
    with pytest.raises(UnknownVersion, match="no earlier version is left"):
        table.rollback(DAY, None, ROLLBACK)
    assert (table.current(DAY), delta_version(table)) == (versions[0], before)


def test_a_withdrawn_version_can_be_named(table: Table) -> None:
    """What was rolled back from is current again when it is named, and is gone back from once more."""
    first, second = (publish(table, score_rows(count)).version for count in (5, 6))
    table.rollback(DAY, None, ROLLBACK)

    moved = table.rollback(DAY, second, ROLLBACK)

    assert moved == (first, second)
    assert table.current(DAY) == second
    assert table.rollback(DAY, None, ROLLBACK) == (second, first)


def test_a_withdrawn_version_can_be_made_again(table: Table) -> None:
    """Running a day again after a rollback makes the withdrawn content current, from the files that are there."""
    publish(table, score_rows(5))
    second = publish(table, score_rows(6))
    table.rollback(DAY, None, ROLLBACK)
    before = stamps(table.root)

    again = publish(table, score_rows(6))

    assert again == second
    assert stamps(table.root) == before
    assert [event.commit.kind for event in table.history(DAY)] == ["score", "score", "rollback", "score"]


@pytest.mark.parametrize("which", ["unknown", "current", "of another day"])
def test_a_version_that_cannot_be_gone_to_is_refused(table: Table, which: str) -> None:
    """An unknown version, the current one, or one of another day is an error in words, and nothing moves."""
    publish(table, score_rows(5))
    current = publish(table, score_rows(6)).version
    elsewhere = publish(table, score_rows(9), NEXT_DAY).version
    to = {"unknown": "0123456789abcdef", "current": current, "of another day": elsewhere}[which]
    before = delta_version(table)

    with pytest.raises(UnknownVersion, match=rf"churn_scores 2026-10-31.*{to}"):
        table.rollback(DAY, to, ROLLBACK)

    assert (table.current(DAY), delta_version(table)) == (current, before)


def test_a_day_without_scores_has_nothing_to_roll_back(table: Table) -> None:
    """A rollback of a day that was never published is an error in words."""
    publish(table, score_rows(5), NEXT_DAY)

    with pytest.raises(UnknownVersion, match="2026-10-31 was never published"):
        table.rollback(DAY, None, ROLLBACK)


def test_a_version_that_lost_a_conflict_was_never_published(table: Table) -> None:
    """The files of a refused publish are no version that a rollback could go to."""
    publish(table, score_rows(5, "theirs"))
    staged = stage(table, score_rows(6, "mine"))
    with pytest.raises(PartitionConflict):
        table.publish(staged, None, Commit("score", "tester"))

    with pytest.raises(UnknownVersion, match=f"no version {staged.version}"):
        table.rollback(DAY, staged.version, ROLLBACK)


def test_where_the_files_are_gone_nothing_moves(table: Table) -> None:
    """A rollback to a version whose files were removed is an error that names it; the current one stays."""
    first = publish(table, score_rows(5)).version
    second = publish(table, score_rows(6)).version
    shutil.rmtree(table.root / f"snapshot_date={DAY}" / first)
    before = delta_version(table)

    with pytest.raises(UnknownVersion, match=f"files of version {first}"):
        table.rollback(DAY, None, ROLLBACK)

    assert (table.current(DAY), delta_version(table)) == (second, before)


@pytest.mark.usefixtures("_small_parts")
@pytest.mark.parametrize("part", [0, 1, 3])
def test_where_one_of_the_files_is_gone_nothing_moves(table: Table, part: int) -> None:
    """A rollback to a version that lacks any one of its files is the same error, never a part of the rows."""
    first = publish(table, score_rows(35)).version
    second = publish(table, score_rows(6)).version
    (table.root / f"snapshot_date={DAY}" / first / f"part-{part}.parquet").unlink()

    with pytest.raises(UnknownVersion, match=first):
        table.rollback(DAY, None, ROLLBACK)

    assert (table.current(DAY), seen(table).num_rows) == (second, 6)


@pytest.mark.usefixtures("_small_parts")
def test_content_that_lost_a_file_is_whole_when_it_is_made_again(table: Table) -> None:
    """Making a version again whose last file was removed publishes all its rows, not what was left of them."""
    first = publish(table, score_rows(35)).version
    publish(table, score_rows(6))
    (table.root / f"snapshot_date={DAY}" / first / "part-3.parquet").unlink()

    published = publish(table, score_rows(35))

    assert published.version == first
    assert seen(table).num_rows == 35


def test_history_tells_who_why_and_by_which_model(table: Table) -> None:
    """Each commit of a day keeps kind, actor, reason, run, model version, rows and details, oldest first."""
    started = dt.datetime.now(dt.UTC)
    publish(table, score_rows(5), actor="nightly", run_id="run-1", model_version="m1", details={"mean": 0.5})
    publish(table, score_rows(6), actor="ana", reason="late export", run_id="run-2", model_version="m2")
    table.rollback(DAY, None, Commit("rollback", "on call", "bad night", model_version="m1"))

    history = table.history(DAY)

    told = [
        (
            each.commit.kind,
            each.commit.actor,
            each.commit.reason,
            each.commit.run_id,
            each.commit.model_version,
            each.rows,
            each.commit.details,
        )
        for each in history
    ]
    assert told == [
        ("score", "nightly", "", "run-1", "m1", 5, {"mean": 0.5}),
        ("score", "ana", "late export", "run-2", "m2", 6, {}),
        ("rollback", "on call", "bad night", "", "m1", 5, {}),
    ]
    assert started <= history[0].published_at <= history[1].published_at <= history[2].published_at
    assert history[0].version == history[2].version == table.current(DAY)


def test_history_of_a_day_is_its_own(table: Table) -> None:
    """Events of several days are kept apart, each day's in the order in which they happened."""
    publish(table, score_rows(5), NEXT_DAY)
    publish(table, score_rows(6))
    publish(table, score_rows(7), NEXT_DAY)

    rows = {day: [event.rows for event in table.history(day)] for day in (DAY, NEXT_DAY)}

    assert rows == {DAY: [6], NEXT_DAY: [5, 7]}


def test_history_survives_the_checkpoints_of_the_log(table: Table) -> None:
    """After more than a hundred commits every event is still told, and a rollback still knows its way."""
    versions = [publish(table, score_rows(count)).version for count in (2, 3)]
    for number in range(101):
        table.rollback(DAY, versions[number % 2], ROLLBACK)

    events = table.history(DAY)

    assert len(list((table.root / "_delta_log").glob("*.checkpoint.parquet"))) == 1
    assert len(events) == 103
    assert events[0].version == versions[0]
    assert table.current(DAY) == events[-1].version == versions[0]


def test_a_day_without_rows_is_a_day(table: Table) -> None:
    """A partition of nobody, such as a clean day's quarantine, is published and listed with no rows."""
    published = publish(table, score_rows(0))

    assert (table.days(), table.current(DAY)) == ([DAY], published.version)
    assert (table.version(DAY).rows, seen(table).num_rows) == (0, 0)


def test_a_day_without_rows_is_read_as_no_rows(table: Table) -> None:
    """Reading a partition of nobody gives its columns and no rows, whole or by column."""
    publish(table, score_rows(0))

    whole = table.version(DAY).read()

    assert (whole.num_rows, whole.schema.names) == (0, SCORES.names)
    assert table.version(DAY).read([KEY]).schema.names == [KEY]


def test_an_earlier_version_is_read_by_its_name(table: Table) -> None:
    """A version that is not current is read as it was, which is what training pins."""
    first = publish(table, score_rows(5, "first")).version
    publish(table, score_rows(6, "second"))

    pinned = table.version(DAY, first)

    assert (pinned.version, pinned.rows) == (first, 5)
    assert set(pinned.read(["model_version"]).column(0).to_pylist()) == {"first"}


def test_an_unknown_version_cannot_be_read(table: Table) -> None:
    """A version that does not exist is an error that names it."""
    publish(table, score_rows(5))

    with pytest.raises(UnknownVersion, match="0123456789abcdef"):
        table.version(DAY, "0123456789abcdef")


def test_files_lie_where_other_programs_expect_them(table: Table) -> None:
    """A version is plain Parquet at `snapshot_date=D/<version>/part-N.parquet`, without a column for the day."""
    version = publish(table, score_rows(5)).version

    files = list(stamps(table.root))

    assert files == [f"snapshot_date=2026-10-31/{version}/part-0.parquet"]
    assert re.fullmatch(r"[0-9a-f]{16}", version)
    assert pq.read_schema(table.root / files[0]).names == SCORES.names


def test_no_clock_actor_or_run_goes_into_a_file(tmp_path: Path) -> None:
    """The same rows published by others, elsewhere and later, are the same bytes."""
    one, other = Table(tmp_path / "one"), Table(tmp_path / "other")
    publish(one, score_rows(5), actor="ana", run_id="run-1", reason="why", model_version="m1")

    publish(other, score_rows(5), actor="ben", run_id="run-2", details={"raw": 5})

    contents = [table.version(DAY).files[0].read_bytes() for table in (one, other)]
    assert contents[0] == contents[1]


def test_the_log_and_removed_files_are_kept(table: Table) -> None:
    """At creation the log is to be kept for years, and what was replaced for 90 days."""
    publish(table, score_rows(5))

    configuration = DeltaTable(table.root).metadata().configuration

    assert configuration["delta.logRetentionDuration"] == "interval 3650 days"
    assert configuration["delta.deletedFileRetentionDuration"] == "interval 90 days"


def test_a_vacuum_spares_what_was_rolled_back_to(table: Table) -> None:
    """A version that is current again is not among the files a vacuum would remove."""
    first = publish(table, score_rows(5)).version
    second = publish(table, score_rows(6)).version
    table.rollback(DAY, None, ROLLBACK)

    removed = DeltaTable(table.root).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)

    assert [Path(each).parent.name for each in removed] == [second]
    assert table.version(DAY).version == first
    assert seen(table).num_rows == 5


def test_stale_staging_is_cleared_and_fresh_is_not(table: Table) -> None:
    """The next write removes what a writer killed two days ago left behind, and spares what is being written."""
    killed, writing = stage(table, score_rows(5)).folder, stage(table, score_rows(6)).folder
    long_ago = killed.stat().st_mtime - 2 * 24 * 3600
    os.utime(killed, (long_ago, long_ago))

    staged = stage(table, score_rows(7))

    assert not killed.exists()
    assert set(staged_folders(table)) == {writing, staged.folder}


class AnyOrder(RuleBasedStateMachine):
    """A real table under any order of publishes and rollbacks, against the list of what was gone through."""

    folders: pytest.TempPathFactory

    @initialize()
    def begin(self) -> None:
        """Start with a table of one version."""
        self.table = Table(self.folders.mktemp("any-order") / "churn_scores")
        self.published = [publish(self.table, score_rows(1)).version]
        self.gone_through = list(self.published)

    @rule()
    def publish(self) -> None:
        """A new content becomes current."""
        self.published.append(publish(self.table, score_rows(1 + len(self.published))).version)
        self.gone_through.append(self.published[-1])

    @precondition(lambda self: len(self.gone_through) > 1)
    @rule()
    def roll_back(self) -> None:
        """The version before becomes current."""
        withdrawn = self.gone_through.pop()
        assert self.table.rollback(DAY, None, ROLLBACK) == (withdrawn, self.gone_through[-1])

    @precondition(lambda self: len(self.gone_through) == 1)
    @rule()
    def roll_back_too_far(self) -> None:
        """With none left, a rollback is refused."""
        with pytest.raises(UnknownVersion):
            self.table.rollback(DAY, None, ROLLBACK)

    @precondition(lambda self: len(self.published) > len(self.gone_through))
    @rule(data=st.data())
    def roll_back_to_a_withdrawn_one(self, data: st.DataObject) -> None:
        """A withdrawn version becomes current by its name."""
        withdrawn = [version for version in self.published if version not in self.gone_through]
        version = data.draw(st.sampled_from(withdrawn))
        assert self.table.rollback(DAY, version, ROLLBACK) == (self.gone_through[-1], version)
        self.gone_through.append(version)

    @invariant()
    def one_whole_version_is_seen(self) -> None:
        """Readers see the rows of the current version and of no other."""
        current = self.gone_through[-1]
        assert self.table.current(DAY) == current
        assert seen(self.table).num_rows == 1 + self.published.index(current)


def test_any_order_of_publishes_and_rollbacks(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever was done before, one version is current, and the way back is the way that was gone."""
    AnyOrder.folders = tmp_path_factory
    machine = AnyOrder.TestCase
    machine.settings = settings(max_examples=10, stateful_step_count=8, deadline=None)

    machine().runTest()


def test_a_missing_file_is_a_damaged_version(table: Table) -> None:
    """Whoever holds a version whose files go meanwhile is told so as of any other damage."""
    publish(table, score_rows(5))
    version = table.version(DAY)
    version.files[0].unlink()

    with pytest.raises(DamagedVersion, match=rf"part-0.parquet of version {version.version}.*No such file"):
        version.verified()


@pytest.mark.usefixtures("_small_parts")
def test_a_version_is_one_commit_s(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish between two looks at the log, of another number of files, does not make the version look torn."""
    first = publish(table, score_rows(35)).version
    current = DeltaLog.current

    def overtaken(log: DeltaLog, day: dt.date) -> str | None:
        version = current(log, day)
        if log is table._log and version == first:
            publish(Table(table.root), score_rows(6))
        return version

    monkeypatch.setattr(DeltaLog, "current", overtaken)

    assert table.version(DAY).version == first


def test_what_another_program_made_current_is_told_as_it_is(table: Table) -> None:
    """After Delta's own restore the version before is current with its own model; a publish goes on from there."""
    first = publish(table, score_rows(5), model_version="m1").version
    publish(table, score_rows(6), model_version="m2")
    DeltaTable(table.root).restore(1)

    event = table.newest([DAY])[DAY]
    again = publish(table, score_rows(5), model_version="m1")

    assert (table.current(DAY), event.version, event.commit.model_version) == (first, first, "m1")
    assert again.version == first


def test_a_backup_of_the_log_first_is_whole(table: Table, tmp_path: Path) -> None:
    """A copy that takes the log before the files holds what its log names, though a night runs meanwhile."""
    first = publish(table, score_rows(5)).version
    copy = tmp_path / "backup" / table.name
    shutil.copytree(table.root / "_delta_log", copy / "_delta_log")
    publish(table, score_rows(6))
    shutil.copytree(table.root, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("_delta_log"))

    assert Table(copy).version(DAY).verified().version == first
