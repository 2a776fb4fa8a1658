"""Folders in an object store, against a real S3 server on this machine."""

import datetime as dt
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from churn_assets.core.errors import ChurnError, PartitionConflict, RunError, UnknownVersion
from churn_assets.core.object_store import ObjectStore, StorageOptions
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.erasure import forget_customer
from churn_assets.storage.erasure.record import ErasureRecord
from churn_assets.storage.layout import Layout, version_folder
from churn_assets.storage.lookup.cache import LookupCache
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets.storage.models.store import ModelStore
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.delta_log import DeltaLog
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table
from churn_assets_tests.chains import chain_over
from churn_assets_tests.s3_server import make_bucket, object_store, objects, serving_s3
from churn_assets_tests.storage_factories import DAY, make_card, make_kept, publish, score_rows, stage

COMMIT = Commit("score", "tester", model_version="20261001-aaaaaaaa")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server."""
    with serving_s3() as endpoint:
        yield endpoint


@pytest.fixture
def store(endpoint: str, tmp_path: Path) -> ObjectStore:
    """An empty data folder in a bucket of its own."""
    return object_store(endpoint, make_bucket(endpoint), tmp_path / "here")


def elsewhere(store: ObjectStore, tmp_path: Path) -> ObjectStore:
    """The same data folder, as another machine sees it that has fetched nothing."""
    return ObjectStore(store.uri, tmp_path / f"elsewhere-{time.monotonic_ns()}", store.endpoint, store.options)


def test_a_day_is_published_read_and_taken_back_as_on_a_disk(store: ObjectStore, tmp_path: Path) -> None:
    """Version ids, rows, history and rollback in an object store are those of a folder, on every machine."""
    here, disk = Table(Layout.of(store).table("churn_scores")), Table(tmp_path / "disk" / "churn_scores")
    rows = [score_rows(40), score_rows(60, "20261002-bbbbbbbb")]

    versions = [[publish(table, each).version for each in rows] for table in (here, disk)]
    there = Table(Layout.of(elsewhere(store, tmp_path)).table("churn_scores"))
    read = there.version(DAY).read()
    back = there.rollback(DAY, None, Commit("rollback", "tester", "a drill"))

    assert versions[0] == versions[1]
    assert read.to_pylist() == rows[1].to_pylist()
    assert back == (versions[0][1], versions[0][0])
    assert here.version(DAY).verified().read().to_pylist() == rows[0].to_pylist()
    assert [event.commit.kind for event in here.history(DAY)] == ["score", "score", "rollback"]
    assert (here.days(), here.rows(), here.current(DAY)) == ([DAY], 40, versions[0][0])
    assert [folder.name for folder in Layout.of(store).tables()] == ["churn_scores"]
    with pytest.raises(UnknownVersion, match="files of version 0123 are missing"):
        there.version(DAY, "0123")
    for odd in ("", "a//b"):  # no object can have such a name
        with pytest.raises(UnknownVersion, match="no model"):
            ModelStore(Layout.of(store).models).card(odd)


def test_of_racing_writers_one_publishes(store: ObjectStore, tmp_path: Path) -> None:
    """Six machines that publish one day from the same state: one succeeds, five are told, and nothing is doubled."""
    layouts = [Layout.of(elsewhere(store, tmp_path)) for _ in range(6)]
    publish(Table(layouts[0].table("churn_scores")), score_rows(10))
    tables = [Table(layout.table("churn_scores")) for layout in layouts]
    expected = tables[0].current(DAY)
    staged = [stage(table, score_rows(20 + at)) for at, table in enumerate(tables)]

    def race(at: int) -> str | ChurnError:
        try:
            return tables[at].publish(staged[at], expected, COMMIT).version
        except PartitionConflict as error:
            return error

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(race, range(6)))

    winners = [each for each in outcomes if isinstance(each, str)]
    assert len(winners) == 1
    assert all("was published while" in str(each) for each in outcomes if not isinstance(each, str))
    last = Table(Layout.of(elsewhere(store, tmp_path)).table("churn_scores"))
    assert last.current(DAY) == winners[0]
    assert len(last.history(DAY)) == 2


def test_records_models_and_lookups_are_found_on_another_machine(store: ObjectStore, tmp_path: Path) -> None:
    """Whatever one machine keeps, another one reads: promotions, a model's files, the lookup of the app."""
    here, there = Layout.of(store), Layout.of(elsewhere(store, tmp_path))
    row = {"promoted_at": dt.datetime(2026, 10, 1, tzinfo=dt.UTC), "to_version": "v", "actor": "a", "reason": "r"}
    ledger = Ledger(here.table("promotions"), PROMOTIONS)

    for _ in range(2):
        ledger.append(lambda rows: row | {"reason": f"r{len(rows)}", "from_version": None, "forced": False})
    card = ModelStore(here.models).save({"a": 1}, make_card(), make_kept())
    scores = Table(here.table("churn_scores"))
    staged = stage(scores, score_rows(50))
    write_staged_lookup(scores.folder, staged)
    scores.publish(staged, None, COMMIT)

    assert [each["reason"] for each in Ledger(there.table("promotions"), PROMOTIONS).rows()] == ["r0", "r1"]
    models = ModelStore(there.models)
    assert models.versions() == [card.model_version]
    assert models.verify(card.model_version) == card
    assert models.load(card.model_version)[0] == {"a": 1}
    root = there.table("churn_scores")
    newest = DeltaLog(root).refresh().catalog().newest
    assert newest is not None
    assert LookupCache(root).get(newest.scores).find("c0000049")
    assert not (root / version_folder(DAY, staged.version)).exists()  # the rows themselves are not fetched for it


def test_a_lookup_that_is_gone_is_made_of_fetched_rows(store: ObjectStore, tmp_path: Path) -> None:
    """A service that finds no lookup in the object store makes it in its mirror."""
    publish(Table(Layout.of(store).table("churn_scores")), score_rows(30))
    root = Layout.of(elsewhere(store, tmp_path)).table("churn_scores")
    newest = DeltaLog(root).refresh().catalog().newest
    assert newest is not None

    lookup = LookupCache(root).get(newest.scores)

    assert lookup.find("c0000029")


def test_what_nobody_used_for_days_leaves_the_mirror_alone(store: ObjectStore) -> None:
    """Old versions leave a mirror when another one comes, never the object store; asked for, they are fetched again."""
    brief = ObjectStore(store.uri, store.mirror, store.endpoint, StorageOptions(mirror_days=2))
    table = Table(Layout.of(brief).table("churn_scores"))
    old = publish(table, score_rows(10)).version
    folder = table.root / version_folder(DAY, old)
    os.utime(folder, (time.time() - 9 * 86_400,) * 2)

    publish(table, score_rows(11), DAY + dt.timedelta(days=1))
    was_there = folder.exists()

    assert not was_there
    assert table.version(DAY).read().num_rows == 10
    assert folder.is_dir()


def test_a_store_that_is_not_there_is_told_in_a_sentence(store: ObjectStore, tmp_path: Path) -> None:
    """A bucket that does not exist, and a server that does not answer: what, where, and what to do; no key."""
    nobody = ObjectStore("s3://no-such-bucket/data", tmp_path / "n", store.endpoint, store.options)
    silent = ObjectStore(store.uri, tmp_path / "s", "http://127.0.0.1:9", StorageOptions(attempts=1))

    with pytest.raises(RunError) as missing:
        Table(Layout.of(nobody).table("churn_scores")).days()
    with pytest.raises(RunError) as unreachable:
        Table(Layout.of(silent).table("churn_scores")).days()

    assert str(missing.value) == (
        "s3://no-such-bucket/data/tables/churn_scores: its log cannot be read (NoSuchBucket): see that the object "
        "store can be reached, and try again"
    )
    assert "Connection refused" in str(unreachable.value)
    assert missing.value.__cause__ is None
    assert objects(store) == {}


def test_a_customer_is_erased_from_every_object(store: ObjectStore, tmp_path: Path) -> None:
    """Two versions, their lookups and a model lose them; another machine reads what is left by the old names."""
    layout = Layout.of(store)
    table = Table(layout.table("churn_scores"))
    for rows in (score_rows(40), score_rows(60, "20261002-bbbbbbbb")):
        write_staged_lookup(table.folder, stage(table, rows))
        publish(table, rows)
    old = [event.version for event in table.history(DAY)]
    model = ModelStore(layout.models).save({"a": "model"}, make_card(), make_kept()).model_version
    run = RunContext("tester", reason="ticket 12")

    done = forget_customer(chain_over(tmp_path, layout=layout), "c0000007", run)
    gone = forget_customer(chain_over(tmp_path, layout=layout), "c1", run)

    there = Layout.of(elsewhere(store, tmp_path))
    read = Table(there.table("churn_scores"))
    names = [name.removesuffix("/") for name in objects(store)]
    lookup = LookupCache(read.folder).get(read.version(DAY))
    assert (done.tables, gone.tables) == ({"churn_scores": 2}, {"golden_rows": 1})
    assert [name for name in names if any(f"/{version}/" in name for version in old)] == []
    assert not any((there.folder.read(name) or b"").count(b"c0000007") for name in names)
    assert [read.version(DAY, version).verified().rows for version in old] == [39, 59]
    assert (lookup.find("c0000007"), lookup.find("c0000008") is None, lookup.card.rows) == (None, False, 59)
    assert read.rollback(DAY, old[0], COMMIT)[1] == read.resolve(DAY, old[0])
    assert ModelStore(there.models).verify(model).model_version == model
    assert ErasureRecord(there).is_under_way("c0000007") is False
    assert ErasureRecord(there).last("c0000007") == ErasureRecord(layout).last("c0000007") is not None
