"""Streams of Arrow tables: cut into blocks of a fixed size, worked on by a thread a core, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import pyarrow as pa
from threadpoolctl import threadpool_limits

from churn_assets.core.arrow.cpus import usable_cpus

__all__ = ["BATCH_ROWS", "BLOCK_ROWS", "ordered_map", "rechunk"]

BATCH_ROWS = 131_072
BLOCK_ROWS = 16_384

Given = TypeVar("Given")
Made = TypeVar("Made")


def rechunk(batches: Iterable[pa.Table], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of `rows` rows each (the last may be shorter), however they came."""
    waiting: list[pa.Table] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.num_rows
        if held < rows:
            continue
        joined = pa.concat_tables(waiting)
        whole = held - held % rows
        for start in range(0, whole, rows):
            yield joined.slice(start, rows).combine_chunks()
        waiting, held = [joined.slice(whole)], held - whole
    if held:
        yield pa.concat_tables(waiting).combine_chunks()


def ordered_map(function: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """`map` over a thread a core, results in order, one item ahead of them and no more.

    Numeric libraries run on one thread inside each worker: their own threads lose to the pool.
    """
    workers = usable_cpus()
    remaining = iter(items)
    with threadpool_limits(1), ThreadPoolExecutor(workers, initializer=threadpool_limits, initargs=(1,)) as pool:
        pending: deque[Future[Made]] = deque(pool.submit(function, item) for item in islice(remaining, workers + 1))
        try:
            while pending:
                yield pending.popleft().result()
                pending.extend(pool.submit(function, item) for item in islice(remaining, 1))
        finally:
            for future in pending:
                future.cancel()
