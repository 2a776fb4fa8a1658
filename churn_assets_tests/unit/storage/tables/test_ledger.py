"""Records are only ever added, each decided on what was recorded before it."""

import datetime as dt
from pathlib import Path
from unittest.mock import Mock

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from churn_assets.core.errors import InputError
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.tables import ledger as ledger_module
from churn_assets.storage.tables.ledger import MANY_FILES, Ledger, Row
from churn_assets_tests.storage_factories import record, recording

LATER = ("reason", "forced")
NOON = dt.datetime(2026, 10, 31, 12, tzinfo=dt.UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger in which nothing is recorded."""
    return Ledger(tmp_path / "tables" / "promotions", PROMOTIONS)


def test_a_ledger_that_is_not_there_is_empty(ledger: Ledger) -> None:
    """Before the first record there are none, and looking makes no folder."""
    rows = ledger.rows()

    assert rows == []
    assert not ledger.root.exists()


def test_records_come_back_as_they_were_recorded(ledger: Ledger) -> None:
    """Every column keeps its value, times their microseconds and zone, missing ones null."""
    row = record("m1", dt.datetime(2026, 10, 31, 2, 0, 0, 123456, tzinfo=dt.UTC))

    given = ledger.append(lambda _: row)

    assert given == row
    assert ledger.rows() == [row]


def test_records_are_told_oldest_first(ledger: Ledger) -> None:
    """Records stand in the order in which they were added."""
    for number in range(5):
        ledger.append(recording(record(f"m{number}")))

    assert [row["to_version"] for row in ledger.rows()] == ["m0", "m1", "m2", "m3", "m4"]


def test_a_clock_that_went_back_does_not_reorder_records(ledger: Ledger) -> None:
    """What was recorded last is last, also when a host's clock says it was earlier."""
    ledger.append(lambda _: record("first", NOON))
    ledger.append(lambda _: record("second", NOON - dt.timedelta(seconds=2)))

    assert [row["to_version"] for row in ledger.rows()] == ["first", "second"]


def test_records_of_the_same_instant_keep_their_order(ledger: Ledger) -> None:
    """A clock too coarse to tell records apart leaves them in the order in which they were added."""
    for number in range(6):
        ledger.append(recording(record(f"m{number}", NOON)))

    assert [row["to_version"] for row in ledger.rows()] == [f"m{number}" for number in range(6)]


def test_a_record_is_decided_on_those_before_it(ledger: Ledger) -> None:
    """The decision is handed every record so far, oldest first."""
    ledger.append(lambda _: record("m1"))
    ledger.append(lambda _: record("m2"))
    handed: list[list[str]] = []

    ledger.append(lambda rows: handed.append([row["to_version"] for row in rows]))

    assert handed == [["m1", "m2"]]


def test_deciding_for_nothing_records_nothing(ledger: Ledger) -> None:
    """A decision of None leaves the ledger as it was."""
    ledger.append(lambda _: record("m1"))
    before = DeltaTable(ledger.root).version()

    given = ledger.append(lambda _: None)

    assert given is None
    assert DeltaTable(ledger.root).version() == before


def test_a_refusal_records_nothing(ledger: Ledger) -> None:
    """A decision that raises passes its error on, and the ledger is as it was."""
    ledger.append(lambda _: record("m1"))

    def refuse(rows: list[Row]) -> Row:
        raise InputError(f"{len(rows)} is enough")

    with pytest.raises(InputError, match="1 is enough"):
        ledger.append(refuse)

    assert len(ledger.rows()) == 1


def test_who_was_overtaken_decides_again(ledger: Ledger) -> None:
    """When somebody else records between decision and record, the decision is taken again on both."""
    ledger.append(lambda _: record("m1"))
    other = Ledger(ledger.root, PROMOTIONS)
    asked: list[int] = []

    def decide(rows: list[Row]) -> Row:
        asked.append(len(rows))
        if len(asked) == 1:
            other.append(lambda _: record("theirs"))
        return record(f"mine after {len(rows)}")

    ledger.append(decide)

    assert asked == [1, 2]
    assert [row["to_version"] for row in ledger.rows()] == ["m1", "theirs", "mine after 2"]


def test_ledgers_of_one_folder_are_one_ledger(tmp_path: Path) -> None:
    """What one process recorded, another one reads."""
    writer, reader = (Ledger(tmp_path / "promotions", PROMOTIONS) for _ in range(2))

    writer.append(lambda _: record("m1"))

    assert [row["to_version"] for row in reader.rows()] == ["m1"]


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A record of promotions by a release whose table had no `reason` and no `forced` yet."""
    columns = pa.schema([field for field in PROMOTIONS if field.name not in LATER])
    first = {name: value for name, value in record("m1", NOON).items() if name not in LATER}
    Ledger(tmp_path / "promotions", columns).append(lambda _: first)
    return tmp_path / "promotions"


def test_a_column_that_came_later_is_null_in_earlier_records(older: Path) -> None:
    """A table without the column is appended to: its old record stays as it was, with nothing in that column."""
    ledger = Ledger(older, PROMOTIONS)

    ledger.append(lambda _: record("m2", NOON))

    assert ledger.rows() == [record("m1", NOON) | dict.fromkeys(LATER), record("m2", NOON)]


def test_a_column_that_came_later_can_be_read_before_anything_is_recorded_in_it(older: Path) -> None:
    """Whoever reads an older table finds every column of today, with nothing in those that it lacks."""
    rows = Ledger(older, PROMOTIONS).rows()

    assert rows == [record("m1", NOON) | dict.fromkeys(LATER)]


def test_who_decides_on_an_older_table_finds_every_column(older: Path) -> None:
    """The records so far that a decision is handed have the columns of today too."""
    handed: list[list[Row]] = []

    Ledger(older, PROMOTIONS).append(handed.append)

    assert handed == [[record("m1", NOON) | dict.fromkeys(LATER)]]


def test_an_older_table_is_widened_once(older: Path) -> None:
    """Record after record is added to the table that was widened, in order."""
    for number in range(2, 5):
        Ledger(older, PROMOTIONS).append(recording(record(f"m{number}")))

    assert [row["to_version"] for row in Ledger(older, PROMOTIONS).rows()] == ["m1", "m2", "m3", "m4"]
    assert len(DeltaTable(older).schema().fields) == len(PROMOTIONS) + 1


def test_a_table_of_a_later_release_is_read_and_appended_to(tmp_path: Path) -> None:
    """A release that was taken back goes on recording in a table with a column that it does not know."""
    wider = PROMOTIONS.append(pa.field("ticket", pa.string()))
    Ledger(tmp_path / "promotions", wider).append(lambda _: record("m1") | {"ticket": "CH-1"})

    Ledger(tmp_path / "promotions", PROMOTIONS).append(lambda _: record("m2"))

    told = [(row["to_version"], row["ticket"]) for row in Ledger(tmp_path / "promotions", wider).rows()]
    assert told == [("m1", "CH-1"), ("m2", None)]


def test_many_records_lie_in_few_files(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are made one now and then, so that a record costs what the first one did; no record is lost by it."""
    monkeypatch.setattr(ledger_module, "MANY_FILES", 4)

    for number in range(11):
        ledger.append(recording(record(f"m{number}")))

    assert [row["to_version"] for row in ledger.rows()] == [f"m{number}" for number in range(11)]
    assert len(DeltaTable(ledger.root).file_uris()) < 4
    assert DeltaTable(ledger.root).to_pyarrow_dataset().to_table().num_rows == 11


class OvertakenLedger(Ledger):
    """A ledger whose files somebody else makes one while it is about to."""

    def _recorded(self, table: DeltaTable) -> pa.Table:
        rows = super()._recorded(table)
        if len(table.file_uris()) == MANY_FILES:
            Ledger(self.root, PROMOTIONS)._tidy()
        return rows


def test_of_two_who_make_one_file_of_many_one_does(tmp_path: Path) -> None:
    """Both have read the same records: who is late changes nothing, and no record is there twice."""
    ledger = OvertakenLedger(tmp_path / "promotions", PROMOTIONS)
    names = [f"m{number}" for number in range(MANY_FILES + 2)]

    for name in names:
        ledger.append(recording(record(name)))

    assert [row["to_version"] for row in Ledger(ledger.root, PROMOTIONS).rows()] == names
    assert len(DeltaTable(ledger.root).file_uris()) < MANY_FILES


def test_a_record_is_made_though_its_files_stay_many(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Tidying that fails is housekeeping: whoever recorded something is not told that it was not."""
    monkeypatch.setattr(Ledger, "_tidy", Mock(side_effect=OSError(28, "No space left on device")))

    made = ledger.append(recording(record("m1")))

    assert made is not None
    assert [row["to_version"] for row in ledger.rows()] == ["m1"]
    assert "its files could not be made one" in caplog.text
