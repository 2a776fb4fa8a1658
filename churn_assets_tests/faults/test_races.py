"""Readers see whole versions and writers lose nothing, also when processes race or are killed."""

import datetime as dt
import secrets
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from deltalake import DeltaTable

from churn_assets.core.options import GateBounds
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.layout import Layout
from churn_assets.storage.models.registry import Registry
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import (
    DAY,
    append_records,
    append_to_new_ledgers,
    keep_model,
    make_card,
    promote_at_once,
    publish,
    publish_day,
    publish_endlessly,
    race_for_new_partitions,
    running,
    score_rows,
    stage_and_discard,
    together,
    version_rows,
)

pytestmark = pytest.mark.fault("writers race, or are killed")

PROCESSES = 8
KILLS = 30
ONE, OTHER = make_card(dt.date(2026, 10, 1)), make_card(dt.date(2026, 10, 2))


def whole_version(root: Path) -> int | None:
    """The marker of the one version that a fresh reader sees, None before the first; anything else is a fault."""
    if not DeltaTable.is_deltatable(str(root)):
        return None
    rows = DeltaTable(root).to_pyarrow_dataset().to_table()
    if rows.num_rows == 0:
        return None
    markers = set(rows.column("model_version").to_pylist())
    assert len(markers) == 1, f"a reader saw rows of {len(markers)} versions at once"
    marker = int(markers.pop())
    ids = rows.column("customer_id").to_pylist()
    wanted = version_rows(marker)
    assert len(ids) == wanted, f"a reader saw {len(ids)} of the {wanted} rows of {marker}"
    assert ids == sorted(set(ids)), f"a reader saw rows of {marker} twice or out of order"
    return marker


def test_of_eight_first_writers_one_wins(tmp_path: Path) -> None:
    """Eight that publish to the same day of a table that is not there yet: one wins, seven meet a conflict."""
    rounds = 4

    told = together(race_for_new_partitions, [(tmp_path, rounds, number) for number in range(PROCESSES)])

    for at in range(rounds):
        outcomes = {number: outcome for round_number, number, outcome in told if round_number == at}
        winners = [number for number, outcome in outcomes.items() if outcome == "done"]
        refusals = [outcome for outcome in outcomes.values() if outcome.startswith("PartitionConflict: churn_scores ")]
        assert (len(winners), len(refusals)) == (1, PROCESSES - 1), outcomes
        root = tmp_path / f"round-{at}" / "churn_scores"
        seen = DeltaTable(root).to_pyarrow_dataset().to_table()
        assert set(seen.column("model_version").to_pylist()) == {f"writer-{winners[0]}"}
        assert seen.num_rows == 10 + winners[0]
        assert len(Table(root).history(DAY)) == 1
        assert list((root / "_staging").iterdir()) == []


def test_eight_writers_of_eight_days_all_succeed(tmp_path: Path) -> None:
    """Eight that publish to days of their own in one new table at once: every day is there with its rows."""
    root = tmp_path / "churn_scores"

    told = together(publish_day, [(root, number) for number in range(PROCESSES)])

    days = [DAY + dt.timedelta(days=number) for number in range(PROCESSES)]
    assert dict(told) == dict.fromkeys(days, "done")
    table = Table(root)
    assert table.days() == days
    assert [table.version(day).rows for day in days] == [10 + number for number in range(PROCESSES)]
    assert DeltaTable(root).to_pyarrow_dataset().to_table().num_rows == sum(10 + number for number in range(PROCESSES))


def test_a_killed_writer_is_never_seen(tmp_path: Path) -> None:
    """However often a writer is killed, at whichever instant, every read sees one whole version and writing goes on."""
    root = tmp_path / "churn_scores"
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    instants = np.random.default_rng(seed)
    reads, seen, by_killed = 0, set(), []

    for kill in range(1, KILLS + 1):
        first = kill * 1_000_000
        began, limit = time.monotonic(), None
        with running(publish_endlessly, root, first) as writer:
            while limit is None or time.monotonic() < limit:
                marker = whole_version(root)
                reads += 1
                seen.add(marker)
                if limit is None and marker is not None and marker >= first:
                    limit = time.monotonic() + instants.uniform(0, 0.15)
                assert time.monotonic() - began < 30, "the writer did not begin"
            time.sleep(instants.uniform(0, 0.02))
            assert writer.is_alive(), "the writer ended by itself"
            writer.kill()
        assert writer.exitcode == -signal.SIGKILL
        by_killed.append(whole_version(root))
        assert by_killed[-1] is not None
        assert first <= by_killed[-1] < first + 1_000_000

    table = Table(root)
    publish(table, score_rows(version_rows(7), "7"))
    assert whole_version(root) == 7
    table.rollback(DAY, None, table.history(DAY)[-1].commit)
    assert whole_version(root) == by_killed[-1]
    assert len(by_killed) == KILLS
    assert len(seen) > KILLS
    assert reads > len(seen)


def test_ledgers_lose_no_record(tmp_path: Path) -> None:
    """Records that two processes append at the same time to a new ledger are all there, each once."""
    root, count = tmp_path / "promotions", 18  # enough that their files are made one on the way

    told = together(append_records, [(root, count, number) for number in range(2)])

    recorded = [row["to_version"] for row in Ledger(root, PROMOTIONS).rows()]
    assert told == ["done"] * (2 * count)
    assert sorted(recorded) == sorted(f"{number}-{at}" for number in range(2) for at in range(count))
    for number in range(2):
        own = [each for each in recorded if each.startswith(f"{number}-")]
        assert own == [f"{number}-{at}" for at in range(count)]


def test_first_records_of_a_ledger_are_all_kept(tmp_path: Path) -> None:
    """Four processes that make the first record of a new ledger at the same moment all succeed, time after time."""
    roots = [tmp_path / str(at) / "promotions" for at in range(12)]

    told = together(append_to_new_ledgers, [(roots, number) for number in range(4)])

    assert [outcome for outcome in told if outcome != "done"] == []
    for root in roots:
        assert sorted(row["to_version"] for row in Ledger(root, PROMOTIONS).rows()) == ["0", "1", "2", "3"]


def test_of_two_promotions_at_once_one_is_told(tmp_path: Path) -> None:
    """Two models promoted at the same moment: one is recorded, who was late gets a sentence and no record."""
    folders = [tmp_path / str(number) for number in range(8)]
    for folder in folders:
        for card in (ONE, OTHER):
            keep_model(Registry(Layout(folder), GateBounds()), card)

    told = together(promote_at_once, [(folders, card.model_version) for card in (ONE, OTHER)])

    refused = 0
    for at, folder in enumerate(folders):
        rows = Registry(Layout(folder), GateBounds()).promotions.rows()
        outcomes = {version: outcome for number, version, outcome in told if number == at}
        done = {version for version, outcome in outcomes.items() if outcome == "done"}
        assert {row["to_version"] for row in rows} == done, outcomes
        assert len({row["from_version"] for row in rows}) == len(rows) >= 1
        for version in outcomes.keys() - done:
            refused += 1
            winner = done.copy().pop()
            assert outcomes[version].startswith(f"RunError: model {winner} was promoted just now"), outcomes
    assert refused > 0


def test_writers_do_not_stumble_over_each_other(tmp_path: Path) -> None:
    """Several that write and discard in one table at once meet no failure: staging is each writer's own."""
    root = tmp_path / "churn_scores"

    told: list[Any] = together(stage_and_discard, [(root, 120, number) for number in range(4)])

    assert [outcome for outcome in told if outcome != "done"] == []
    assert list((root / "_staging").iterdir()) == []
