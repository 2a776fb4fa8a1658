"""A version without a customer is what it would have been had they never come; its other parts are the same files."""

import datetime as dt
import os
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.storage.erasure.versions import Standing, StoredTable, remove_abandoned
from churn_assets.storage.layout import STAGING
from churn_assets.storage.remote import Folder
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import DAY

COMMIT = Commit("erasure", "tester", "ticket 12")


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 4)
    monkeypatch.setattr(parquet, "PART_ROWS", 12)


def rows_of(kind: pa.DataType, but: int = -1) -> list[pa.Table]:
    """30 rows in groups of their parts' size, with gaps and few words; without one of them where it is named."""
    ids = sorted(range(100, 130), key=str)
    rows = pa.table(
        {
            "customer_id": pa.array([str(each) if pa.types.is_string(kind) else each for each in ids], kind),
            "plan": [("basic", "premium", None)[each % 3] for each in ids],
            "spend": [None if each == 105 else each / 7 for each in ids],
        }
    )
    groups = [rows.slice(start, 4) for start in range(0, 30, 4)]
    wanted = pa.scalar(str(but) if pa.types.is_string(kind) else but, kind)
    return [group.filter(pa.compute.not_equal(group.column("customer_id"), wanted)) for group in groups]


@pytest.mark.parametrize("kind", [pa.string(), pa.int64()], ids=str)
@pytest.mark.parametrize("customer", [100, 105, 117, 129])
def test_a_version_is_as_if_they_had_never_come(kind: pa.DataType, customer: int, tmp_path: Path) -> None:
    """The part that held them is written as it would have been; of the others nothing is written."""
    whole = rows_of(kind)
    table = Table(tmp_path / "customers")
    schema = whole[0].schema
    published = table.publish(table.write(DAY, schema, "customer_id", whole), None, Commit("validate", "tester"))
    stored = StoredTable(table.folder, ("customer_id",))
    before = [path.stat().st_ino for path in table.version(DAY).files]
    without = iter(rows_of(kind, but=customer))
    expected = table.stage(
        DAY,
        schema,
        lambda folder: parquet.write_parts(
            folder, schema, "customer_id", whole, lambda cut: [next(without) for _ in cut]
        ),
    )

    [standing] = stored.standings(str(customer))
    assert isinstance(standing, Standing)
    rewritten = stored.rewrite(standing, str(customer))
    stored.names.record("0" * 32, [rewritten])
    stored.settle([standing], COMMIT)

    place = standing.rows.index(1)
    after = [path.stat().st_ino for path in table.version(DAY).files]
    assert (standing.version, sum(standing.rows), standing.is_current) == (published.version, 1, True)
    assert rewritten.new == expected.version == table.current(DAY) == table.version(DAY, published.version).version
    assert [old == new for old, new in zip(before, after, strict=True)] == [at != place for at in range(3)]
    assert (sum(rewritten.rows), table.rows()) == (29, 29)
    assert list(stored.standings(str(customer))) == []
    assert list(stored.standings(f"0{customer}")) == []


def test_the_last_customer_leaves_an_empty_version(tmp_path: Path) -> None:
    """A day of one row is a day of none; it can be read, and rolled back to."""
    table = Table(tmp_path / "customers")
    row = rows_of(pa.string())[0].slice(0, 1)
    table.publish(table.write(DAY, row.schema, "customer_id", [row]), None, Commit("validate", "tester"))
    stored = StoredTable(table.folder, ("customer_id",))

    standings = [each for each in stored.standings("100") if isinstance(each, Standing)]
    stored.names.record("0" * 32, [stored.rewrite(each, "100") for each in standings])
    stored.settle(standings, COMMIT)

    assert table.version(DAY).verified().read().num_rows == 0
    assert [event.rows for event in table.history(DAY, erasures=True)] == [0, 0]


def test_two_erasures_at_once_end_with_neither(tmp_path: Path) -> None:
    """Each took one customer out of the same version: what either left is looked at again."""
    table = Table(tmp_path / "customers")
    whole = rows_of(pa.string())
    first = table.publish(table.write(DAY, whole[0].schema, "customer_id", whole), None, Commit("validate", "tester"))
    stored = StoredTable(table.folder, ("customer_id",))
    at_once = {customer: list(stored.standings(customer)) for customer in ("101", "120")}

    for _ in range(2):
        for customer, standings in at_once.items():
            found = [each for each in standings if isinstance(each, Standing)]
            rewritten = [stored.rewrite(each, customer) for each in found if each.rows and table.root.exists()]
            stored.names.record("0" * 32, rewritten)
            at_once[customer] = []
        for customer in at_once:
            left = [each for each in stored.standings(customer) if isinstance(each, Standing)]
            at_once[customer] = [each for each in left if each.rows]
            stored.settle([each for each in left if not each.rows], COMMIT)

    [day_versions] = [list(path.iterdir()) for path in table.root.glob("snapshot_date=*")]
    ids = table.version(DAY).read(["customer_id"]).column(0).to_pylist()
    assert (len(ids), {"101", "120"} & set(ids)) == (28, set())
    assert table.version(DAY, first.version).version == table.current(DAY)
    assert [path.name for path in day_versions] == [table.current(DAY)]


def test_only_what_a_killed_writer_left_long_ago_is_removed(tmp_path: Path) -> None:
    """A folder in which something is younger than an hour may be somebody's work."""
    old, young = tmp_path / STAGING / "old", tmp_path / STAGING / "young"
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "part-0.parquet").write_bytes(b"torn")
    long_ago = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()
    for path in (old / "part-0.parquet", old, young):
        os.utime(path, (long_ago, long_ago))

    left = remove_abandoned(Folder(tmp_path))

    assert (left, old.exists(), young.exists()) == (1, False, True)
