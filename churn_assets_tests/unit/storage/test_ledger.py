"""Records are only ever added, each decided on what was recorded before it."""

import datetime as dt
from pathlib import Path

import pytest
from deltalake import DeltaTable

from churn_assets.core.columns import PROMOTIONS
from churn_assets.core.errors import InputError
from churn_assets.storage.ledger import Ledger, Row
from churn_assets_tests.storage_factories import record, recording


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
    noon = dt.datetime(2026, 10, 31, 12, tzinfo=dt.UTC)
    ledger.append(lambda _: record("first", noon))
    ledger.append(lambda _: record("second", noon - dt.timedelta(seconds=2)))

    assert [row["to_version"] for row in ledger.rows()] == ["first", "second"]


def test_records_of_the_same_instant_keep_their_order(ledger: Ledger) -> None:
    """A clock too coarse to tell records apart leaves them in the order in which they were added."""
    noon = dt.datetime(2026, 10, 31, 12, tzinfo=dt.UTC)
    for number in range(6):
        ledger.append(recording(record(f"m{number}", noon)))

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
