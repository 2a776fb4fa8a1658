"""Streams of tables: cut, and worked on in order."""

import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info

from churn_assets.core.arrow import batches
from churn_assets.core.arrow.batches import BATCH_ROWS, BLOCK_ROWS, ordered_map, rechunk
from churn_assets.core.arrow.cpus import usable_cpus

AHEAD = 2 * usable_cpus()


def _tables(sizes: list[int]) -> list[pa.Table]:
    starts = [sum(sizes[:at]) for at in range(len(sizes))]
    return [
        pa.table(
            {
                "number": pa.array(range(start, start + size), pa.int64()),
                "text": pa.array([f"row {at}" for at in range(start, start + size)], pa.string()),
            }
        )
        for start, size in zip(starts, sizes, strict=True)
    ]


@settings(deadline=None, max_examples=100)
@given(sizes=st.lists(st.integers(0, 30), max_size=12), rows=st.integers(1, 25))
def test_rechunk_keeps_rows_and_order(sizes: list[int], rows: int) -> None:
    """However rows come, they leave in tables of the size asked for, the last one shorter, none empty."""
    tables = _tables(sizes)
    total = sum(sizes)

    cut = list(rechunk(tables, rows))

    assert [table.num_rows for table in cut] == [rows] * (total // rows) + [total % rows] * (total % rows > 0)
    assert [number for table in cut for number in table["number"].to_pylist()] == list(range(total))
    assert all(table["text"].num_chunks == 1 for table in cut)


def test_rechunk_reads_no_further_than_it_must() -> None:
    """The first table leaves before the rest of the stream is read."""
    read: list[int] = []

    def stream() -> Iterator[pa.Table]:
        for number, table in enumerate(_tables([3] * 10)):
            read.append(number)
            yield table

    first = next(rechunk(stream(), 5))

    assert first.num_rows == 5
    assert read == [0, 1]


def test_sizes_are_the_measured_ones() -> None:
    """Batches hold a whole number of scoring blocks, so that a block never spans two of them."""
    assert (BATCH_ROWS, BLOCK_ROWS) == (131_072, 16_384)
    assert BATCH_ROWS % BLOCK_ROWS == 0


@settings(deadline=None, max_examples=25)
@given(numbers=st.lists(st.integers(0, 3), max_size=25))
def test_ordered_map_is_map(numbers: list[int]) -> None:
    """Results come in the order of the items, whichever thread is done first."""

    def work(number: int) -> int:
        time.sleep(number / 5000)
        return number * 10

    results = list(ordered_map(work, numbers))

    assert results == [number * 10 for number in numbers]


def test_ordered_map_stays_a_few_items_ahead() -> None:
    """No more items are taken from a stream than the workers need to stay busy."""
    taken: list[int] = []

    def stream() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = ordered_map(lambda number: number, stream())
    excess = [len(taken) - given for given, _ in zip(range(1, 51), results, strict=False)]
    results.close()  # type: ignore[attr-defined]

    assert max(excess) <= AHEAD
    assert len(taken) <= 50 + AHEAD


@pytest.mark.parametrize("cpus", [1, 2, 5])
def test_ordered_map_has_a_thread_for_each_usable_cpu(cpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many items are worked on at once as the process may use processors, whatever the machine has."""
    monkeypatch.setattr(batches, "usable_cpus", lambda: cpus)
    together = threading.Barrier(cpus, timeout=60)  # which all of them must reach before one goes on
    threads: set[int] = set()

    def work(_: int) -> None:
        threads.add(threading.get_ident())
        together.wait()

    results = list(ordered_map(work, range(3 * cpus)))

    assert len(results) == 3 * cpus
    assert len(threads) == cpus


def test_ordered_map_takes_nothing_before_it_is_asked() -> None:
    """A stream that nobody reads is not started."""
    stream = iter(range(3))

    ordered_map(lambda number: number, stream)

    assert list(stream) == [0, 1, 2]


def test_error_of_the_function_reaches_the_reader() -> None:
    """What the work raises is raised where its result would stand, after the results before it."""

    def work(number: int) -> int:
        if number == 3:
            raise ValueError("item 3 is bad")
        return number

    results = ordered_map(work, range(1000))
    seen: list[int] = []
    with pytest.raises(ValueError, match="item 3 is bad"):
        seen.extend(results)

    assert seen == [0, 1, 2]


def test_error_of_the_stream_reaches_the_reader() -> None:
    """A source that breaks off raises: its beginning is never taken for the whole."""

    def stream() -> Iterator[int]:
        yield from range(50)
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        list(ordered_map(lambda number: number, stream()))


def test_work_stops_where_the_reader_stops() -> None:
    """After an error nothing further is begun, and no thread is left behind."""
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise ValueError("at once")
        return number

    threads = threading.active_count()
    with pytest.raises(ValueError, match="at once"):
        list(ordered_map(work, range(1000)))

    assert len(begun) <= AHEAD
    assert threading.active_count() == threads


def test_numeric_libraries_run_on_one_thread_inside() -> None:
    """Inside a worker, no numeric library starts threads of its own; afterwards it may again."""
    before = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}

    inside = list(ordered_map(lambda _: {pool["num_threads"] for pool in threadpool_info()}, range(4)))

    assert all(counts <= {1} for counts in inside)
    assert {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()} == before
