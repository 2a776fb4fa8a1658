"""What is held against digests, what counts as damage, and what does not."""

import datetime as dt
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from churn_assets.core.models.signing import Signing
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.digests import DIGESTS, note_digests, read_digests
from churn_assets.storage.expirations import Expirations
from churn_assets.storage.layout import Layout
from churn_assets.storage.models.store import ModelStore
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table
from churn_assets.storage.verification import Damage, checks_of
from churn_assets_tests.storage_factories import DAY, make_card, make_kept, publish, record, recording, score_rows
from churn_assets_tests.unit.storage.models.test_signatures import (
    edit_the_card,
    sign_by_another_key,
    signing,
    take_the_signature_away,
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An installation with two versions of a day of scores and of another day, and a record."""
    layout = Layout(tmp_path)
    table = Table(layout.table("churn_scores"))
    publish(table, score_rows(5, "a"))
    publish(table, score_rows(5, "b"))
    publish(table, score_rows(5, "c"), DAY + dt.timedelta(days=1))
    Ledger(layout.table("promotions"), PROMOTIONS).append(recording(record("m1")))
    return layout


def found(layout: Layout, day: dt.date | None = None) -> list[Damage]:
    """All that is damaged."""
    return [each for check in checks_of(layout, day) for each in check.run()]


def folders(layout: Layout) -> tuple[Path, Path]:
    """The folders of the day's earlier and of its current version."""
    table = Table(layout.table("churn_scores"))
    first, second = (event.version for event in table.history(DAY))
    return (table.root / f"snapshot_date={DAY}" / first, table.root / f"snapshot_date={DAY}" / second)


def test_what_is_gone_is_damage_unless_it_went_on_purpose(layout: Layout) -> None:
    """A missing current version has the way back of one; an earlier one is told likewise, until it has expired."""
    earlier, current = folders(layout)
    for folder in (earlier, current):
        shutil.rmtree(folder)

    damaged = {each.version: each for each in found(layout)}
    row = {"table": "churn_scores", "kind": "version", "names": [f"{DAY}/{earlier.name}"], "bytes": 1, "kept_days": 90}
    now = dt.datetime.now(dt.UTC)
    Expirations(layout.data_dir / "tables").record(row | {"expired_at": now, "actor": "tester"}, now)

    assert damaged.keys() == {earlier.name, current.name}
    assert "rollback --date" in damaged[current.name].advice
    assert "not current" in damaged[earlier.name].advice
    assert [each.version for each in found(layout)] == [current.name]


def test_of_several_parts_the_damaged_one_is_named_with_its_column(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is not what its checksum says is found by reading column by column; other days are not damaged."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 50)
    monkeypatch.setattr(parquet, "PART_ROWS", 100)
    table = Table(layout.table("churn_scores"))
    publish(table, score_rows(250))
    part = table.version(DAY).files[1]
    with parquet.open_part(part) as file:
        column = file.metadata.row_group(1).column(file.schema_arrow.get_field_index("churn_probability"))
        middle = (column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 3
    content = bytearray(part.read_bytes())
    content[middle] ^= 1
    part.write_bytes(bytes(content))

    [damage] = found(layout)

    assert (damage.file, damage.snapshot_date) == (str(part), DAY)
    assert damage.finding.startswith("column churn_probability, row group 1")
    assert found(layout, DAY + dt.timedelta(days=1)) == []
    assert found(layout, DAY) == [damage]


def test_what_no_digest_was_noted_of_is_checked_by_its_form(layout: Layout) -> None:
    """Of an earlier release's commits and records nothing was noted: what is well-formed passes, what is torn not."""
    (layout.table("promotions") / DIGESTS).unlink()
    [recorded] = layout.table("promotions").path.glob("*.parquet")

    sound = found(layout)
    recorded.write_bytes(recorded.read_bytes()[:-20])
    (layout.table("promotions") / "_delta_log" / f"{1:020}.json").write_text("{")

    assert sound == []
    assert {Path(each.file).suffix for each in found(layout)} >= {".parquet", ".json"}


def test_a_commit_that_is_missing_and_a_log_that_cannot_be_read_are_named(layout: Layout) -> None:
    """A gap among the commits, and what the log says of itself; the versions are checked all the same."""
    log = layout.table("churn_scores") / "_delta_log"
    (log / f"{1:020}.json").unlink()
    earlier, _ = folders_on_disk(layout)
    (earlier / "part-0.parquet").write_bytes(b"PAR1")

    damaged = {each.file: each for each in found(layout)}

    assert str(log / f"{1:020}.json") in damaged
    assert str(earlier / "part-0.parquet") in damaged


def folders_on_disk(layout: Layout) -> list[Path]:
    """The folders of the day's versions, by name."""
    return sorted((layout.table("churn_scores") / f"snapshot_date={DAY}").iterdir())


def test_a_torn_line_of_the_digests_hides_no_other(tmp_path: Path) -> None:
    """A line that a power cut left half is told by its number; those before and behind it count, the last of a file."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text("1")
    note_digests(tmp_path, [first])
    with (tmp_path / DIGESTS).open("a") as file:
        file.write("\n6b86b273ff34f")
    first.write_text("2")
    second.write_text("3")
    note_digests(tmp_path, [first, second])

    noted = read_digests(tmp_path)

    assert noted.by_path.keys() == {"first.json", "second.json"}
    assert {each[:16] for each in noted.by_path["first.json"]} == {"d4735e3a265e16ee"}
    assert len(noted.broken) == 1


def test_a_digest_that_cannot_be_noted_takes_nothing_from_what_was_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit stands; it is only told."""
    (tmp_path / DIGESTS).mkdir()
    (tmp_path / "a.json").write_text("1")

    note_digests(tmp_path, [tmp_path / "a.json"])

    assert "could not be noted" in caplog.text


def leave_it(_: Path) -> None:
    """Change nothing."""


def write_no_signature(folder: Path) -> None:
    """Put something else where the signature was."""
    (folder / "card.sig").write_text('{"algorithm": "hmac-sha256", "key": "", "signature": "no hex"}')


@pytest.mark.parametrize(
    ("change", "says", "without_a_key"),
    [
        (leave_it, "", 0),
        (edit_the_card, "its signature is not of what lies in the folder", 0),
        (sign_by_another_key, "signed by a key that is not accepted here", 0),
        (write_no_signature, "its signature cannot be read", 1),
        (take_the_signature_away, "is not signed, and models.require_signature is true", 0),
    ],
)
def test_a_signature_is_held_against_the_card(
    tmp_path: Path, change: Callable[[Path], None], says: str, without_a_key: int
) -> None:
    """By the key in force, required or not; without one by its form. That there is none is told where one is wanted."""
    layout = Layout(tmp_path)
    store = ModelStore(layout.models, signing())
    version = store.save({"bias": 0.25}, make_card(), make_kept()).model_version
    change(store.root / version)

    required, with_key, without = (
        [each for check in checks_of(layout, signing=keys) for each in check.run()]
        for keys in (signing(), replace(signing(), required=False), Signing())
    )

    assert [each.finding for each in with_key] == [
        each.finding for each in required if change is not take_the_signature_away
    ]
    assert len(required) == bool(says)
    assert len(without) == without_a_key
    for each in required:
        assert says in each.finding
        assert (each.table, each.version, each.file) == ("models", version, str(store.root / version / "card.sig"))
        assert f"models sign {version}" in each.advice
