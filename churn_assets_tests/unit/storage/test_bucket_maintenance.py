"""What is verified and what expires where tables lie in a bucket, against a real S3 server on this machine."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyarrow.fs import S3FileSystem

from churn_assets.core.errors import PartitionConflict
from churn_assets.core.object_store import ObjectStore
from churn_assets.core.options import GateBounds
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.maintenance.expire import expire, plan_expiry
from churn_assets.storage.layout import Layout, feature_counts_file, lookup_folder, report_file, version_folder
from churn_assets.storage.models.registry import Registry
from churn_assets.storage.remote import Folder
from churn_assets.storage.scores.feature_counts import write_feature_counts
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables.commit_files import commit_file
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table
from churn_assets.storage.verification import Damage, checks_of, orphans_of
from churn_assets_tests.aged import (
    COUNTS,
    REJECTED,
    aged_chain,
    contents,
    expire_while_recording,
    expired_names,
    late,
)
from churn_assets_tests.chains import chain_over, copied
from churn_assets_tests.s3_server import make_bucket, object_store, objects, serving_s3
from churn_assets_tests.storage_factories import DAY, make_card, record, recording, score_rows, stage


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An S3 server."""
    with serving_s3() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A data folder in which something of each kind has had its time."""
    chain = aged_chain(tmp_path_factory.mktemp("aged"))
    [orphan] = chain.customers.root.glob("snapshot_date=*/feedfeedfeedfeed")
    (orphan / "part-0.parquet").write_bytes(b"half")  # a bucket knows no empty folder
    return chain


@pytest.fixture
def moved(aged: Chain, endpoint: str, tmp_path: Path) -> Chain:
    """The same in a bucket, mirrored by the folder that it was moved from."""
    disk = copied(aged, tmp_path)
    store = object_store(endpoint, make_bucket(endpoint), disk.layout.data_dir)
    files = [path for path in store.mirror.rglob("*") if path.is_file() and "_staging" not in path.parts]
    Layout.of(store).folder.push(sorted(files))
    return chain_over(store.mirror, layout=Layout.of(store))


def mirrored(store: ObjectStore, mirror: Path) -> Layout:
    """The same bucket as another machine sees it, which mirrors it elsewhere."""
    return Layout.of(replace(store, mirror=mirror))


def store_of(chain: Chain) -> ObjectStore:
    """The bucket of a chain."""
    assert chain.layout.store is not None
    return chain.layout.store


def found(layout: Layout) -> list[Damage]:
    """All that is damaged."""
    return [each for check in checks_of(layout) for each in check.run()]


def rot(store: ObjectStore, name: str) -> str:
    """Change a byte of an object, and not of what is mirrored of it; where it is."""
    middle = (store.mirror / name).stat().st_size // 2
    return _put(store, name, lambda content: content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


def cut(store: ObjectStore, name: str) -> str:
    """Let an object end too soon; where it is."""
    return _put(store, name, lambda content: content[:-20])


def _put(store: ObjectStore, name: str, change: Callable[[bytes], bytes]) -> str:
    there = S3FileSystem(endpoint_override=store.endpoint)
    with there.open_output_stream(f"{store.uri.removeprefix('s3://')}/{name}") as file:
        file.write(change((store.mirror / name).read_bytes()))
    return f"{store.uri}/{name}"


class KilledError(BaseException):
    """The end of the process, as far as the code that runs is concerned."""


def kill_in_removal(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let the process end as it removes the first version, or when the first file of a model is gone."""
    whole = Folder.delete_folder

    def cut_off(folder: Folder, name: str, first: str) -> None:
        if kind == "version":
            raise KilledError
        if name.startswith("models/"):
            folder.delete([f"{name}/{first}"])
            raise KilledError
        whole(folder, name, first)

    monkeypatch.setattr(Folder, "delete_folder", cut_off)


def is_content(name: str) -> bool:
    """Whether an object is one of those whose files `contents` tells."""
    parts = Path(name).parts
    return not {"_delta_log", "expirations", "_digests", "_sha256"} & set(parts) and parts[0] in {"tables", "models"}


def test_what_is_damaged_in_a_bucket_is_found_whatever_its_mirror_holds(moved: Chain, tmp_path: Path) -> None:
    """A part, lookup, model, report and commit are named where they lie; nothing that was fetched stays here."""
    store, version = store_of(moved), moved.scores.current(DAY) or ""
    empty = replace(store, mirror=tmp_path / "elsewhere")
    mirrored = sorted(path for path in store.mirror.rglob("*") if path.is_file())
    model = make_card().model_version

    sound = found(Layout.of(empty))
    names = [
        f"tables/churn_scores/{version_folder(DAY, version)}/part-0.parquet",
        f"tables/churn_scores/{lookup_folder(DAY, version)}/scores-0.arrow",
        f"models/{model}/model.joblib",
        f"tables/churn_scores/{report_file(DAY, version, 'md')}",
        f"tables/churn_scores/{commit_file(Path(), 0)}",
    ]
    rotten = [rot(store, name) for name in names[:4]] + [cut(store, names[4])]
    damaged = {each.file: each for each in found(moved.layout)}

    assert sound == []
    assert damaged.keys() == {*rotten, f"{store.uri}/tables/churn_scores/_delta_log"}
    assert str(store.mirror) not in str(damaged)
    assert "the object has to be removed" in damaged[rotten[0]].advice
    assert "keeps versions of objects" in damaged[rotten[2]].advice
    assert sorted(path for path in store.mirror.rglob("*") if path.is_file()) == mirrored
    assert not list((empty.mirror / "_fetched").iterdir())
    assert not list(empty.mirror.rglob("part-?.parquet"))


@pytest.mark.fault("an expiry is killed, or races")
@pytest.mark.campaign
@pytest.mark.parametrize("killed_at", ["model", "version"])
def test_the_same_expires_in_a_bucket_as_on_a_disk_also_after_a_killed_expiry(
    aged: Chain, moved: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    """Bucket and mirror end as the disk does, whatever was cut off in between; rows stay, what goes is recorded once.

    A machine that mirrors a version that went cannot make it current, be it that the expiry is still at work.
    """
    disk, store = copied(aged, tmp_path / "disk"), store_of(moved)
    there = chain_over(tmp_path / "there", layout=mirrored(store, tmp_path / "there"))
    [old, current] = [event.version for event in there.scores.history(DAY)]
    there.scores.version(DAY, old)
    before = objects(store)

    planned = {(each.kind, each.table): len(each.things) for each in plan_expiry(moved, late())}
    untouched = objects(store) == before
    expire(disk, "tester", late())
    with monkeypatch.context() as patched:
        kill_in_removal(patched, killed_at)
        with pytest.raises(KilledError):
            expire(moved, "tester", late())
    between = found(moved.layout)
    half = [name for name in objects(store) if REJECTED in name]
    with pytest.raises(PartitionConflict, match=f"version {old} has expired and is being removed"):
        there.scores.rollback(DAY, old, Commit("rollback", "tester", "no"))
    expire(moved, "tester", late())

    remaining = contents(disk)
    assert untouched
    assert planned == {(each.kind, each.table): len(each.things) for each in plan_expiry(aged, late())}
    assert between == []
    assert half
    assert (f"models/{REJECTED}/card.json" in half) == (killed_at == "version")
    assert {name for name in objects(store) if is_content(name)} == remaining
    assert contents(moved) == remaining
    assert [row["expired"] is None for row in PublishedScores(there.layout).history(DAY)] == [True, False]
    assert there.scores.current(DAY) == current
    assert sorted(expired_names(moved)) == sorted(expired_names(disk))
    assert moved.quarantined.version(DAY).read().to_pylist() == disk.quarantined.version(DAY).read().to_pylist()
    assert orphans_of(moved.layout, dt.datetime.now(dt.UTC)) == []


@pytest.mark.campaign
@pytest.mark.parametrize("moment", ["before the log decides", "after the log decided"])
def test_of_a_rollback_and_an_expiry_one_comes_first(
    moved: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A machine that mirrors a version, and looked before the record, wins or is refused: what is current is whole."""
    there = chain_over(tmp_path / "there", layout=mirrored(store_of(moved), tmp_path / "there"))
    [old, current] = [event.version for event in there.scores.history(DAY)]
    there.scores.version(DAY, old)
    release, refuse = Table.release, Table._refuse_expired
    told: list[str] = []

    def with_a_rollback(table: Table, versions: list[tuple[dt.date, str]], actor: str) -> list[tuple[dt.date, str]]:
        if table.name != "churn_scores" or told or (DAY, old) not in versions:
            return release(table, versions, actor)
        told.append("met")
        if moment == "after the log decided":
            released = release(table, versions, actor)
            with pytest.raises(PartitionConflict):
                there.scores.rollback(DAY, old, Commit("rollback", "tester", "now"))
            return released
        if moment == "before the log decides":  # it had looked before the record, and commits now
            monkeypatch.setattr(Table, "_refuse_expired", lambda *_: None)
            there.scores.rollback(DAY, old, Commit("rollback", "tester", "now"))
            monkeypatch.setattr(Table, "_refuse_expired", refuse)
        return release(table, versions, actor)

    monkeypatch.setattr(Table, "release", with_a_rollback)
    expire(moved, "tester", late())

    seen = chain_over(tmp_path / "fresh", layout=mirrored(store_of(moved), tmp_path / "fresh")).scores
    assert told == ["met"]
    assert seen.version(DAY).verified().version == (old if moment == "before the log decides" else current)
    assert found(moved.layout) == []


@pytest.mark.campaign
@pytest.mark.parametrize("first", ["record", "expiry"])
def test_of_a_promotion_and_an_expiry_of_its_model_one_comes_first(
    moved: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """A machine that mirrors the model, and looked before the expiry: the model stays, or is not promoted."""
    there = Registry(mirrored(store_of(moved), tmp_path / "there"), GateBounds())

    def act() -> object:
        return there.promote(REJECTED, actor="tester", reason="better")

    refused = expire_while_recording(monkeypatch, act, lambda: expire(moved, "tester", late()), first)

    with_card = {name.split("/")[1] for name in objects(store_of(moved)) if name.endswith("card.json")}
    assert there.champion() == (REJECTED if first == "record" else make_card().model_version)
    assert (REJECTED in with_card) == (first == "record")
    assert (refused is None) == (first == "record")
    assert first == "record" or "has expired and is being removed" in str(refused)
    assert found(moved.layout) == []


def test_what_was_written_to_a_bucket_is_held_against_the_digest_that_was_noted(endpoint: str, tmp_path: Path) -> None:
    """A well-formed change of a commit, a record or counts is told; counts that we wrote again are no damage.

    Where no digest was noted, the form alone tells, and such a change passes.
    """
    layout = Layout.of(object_store(endpoint, make_bucket(endpoint), tmp_path / "mirror"))
    chain = chain_over(layout.data_dir, layout=layout)
    staged = stage(chain.scores, score_rows(3))
    for share in (0.5, 0.0):
        write_feature_counts(chain.scores.folder, staged, COUNTS.model_copy(update={"duplicate_share": share}))
    chain.scores.publish(staged, None, Commit("score", "tester"))
    for version in ("m1", "m2"):
        chain.registry.promotions.append(recording(record(version)))
    sound = found(layout)
    names = [
        f"tables/churn_scores/{commit_file(Path(), 1)}",
        f"tables/churn_scores/{feature_counts_file(DAY, staged.version)}",
        f"tables/promotions/{chain.registry.promotions.files()[0].name}",
    ]
    for name, old, new in zip(names, (b"tester", b"0.0", b"because"), (b"nobody", b"0.7", b"be sure"), strict=True):
        content = layout.folder.read(name) or b""
        assert old in content
        layout.folder.put(name, content.replace(old, new))

    damaged = {each.file: each.finding for each in found(layout)}
    layout.folder.delete(name for name in objects(store_of(chain)) if "/_sha256/" in name)
    by_form = found(layout)

    assert sound == []
    assert damaged == {f"{layout.folder}/{name}": "its content has changed since it was written" for name in names}
    assert by_form == []
