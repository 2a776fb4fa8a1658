"""Ids that stand more than once in a partition: rows are sorted by id, so only adjacent ones are compared."""

from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.arrow.conversion import id_texts

__all__ = ["NO_ID", "adjacent_ids", "mark_duplicates"]

NO_ID = pa.nulls(1, pa.string())


def mark_duplicates(
    batches: Iterable[pa.Table], key: str, before: pa.Array = NO_ID, after: pa.Array = NO_ID
) -> Iterator[tuple[pa.Table, pa.Array]]:
    """Mark duplicates: each batch that has rows, with the positions of those whose id is not unique in the partition.

    Args:
        batches: rows that follow each other, sorted by id.
        key: the id column.
        before: the last id before them, as text; null where there is none.
        after: likewise the first one after them.
    """
    filled = (batch for batch in batches if batch.num_rows)
    for batch, following in pairwise(chain(filled, [None])):
        beyond = after if following is None else _ids(following[:1], key)
        ids = pa.concat_arrays([before, _ids(batch, key), beyond])
        same = pc.equal(ids[1:], ids[:-1])
        yield batch, pc.indices_nonzero(pc.or_kleene(same[1:], same[:-1]))
        before = _ids(batch[-1:], key)


def adjacent_ids(ends: Iterable[pa.Array], part: int) -> tuple[pa.Array, pa.Array]:
    """The ids adjacent to a part, as text: `before` and `after` of `mark_duplicates`.

    Args:
        ends: for each part its first and its last id, as text; nothing for a part without rows.
        part: which one.
    """
    known = list(ends)
    return pa.concat_arrays([NO_ID, *known[:part]])[-1:], pa.concat_arrays([*known[part + 1 :], NO_ID])[:1]


def _ids(rows: pa.Table, key: str) -> pa.Array:
    return id_texts(rows.column(key)).combine_chunks()
