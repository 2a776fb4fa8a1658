"""Customers who objected to being scored: who they are, and what is left of a day's rows without them."""

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import id_texts, rows_where

__all__ = ["DoNotScoreList"]

DIGEST_LENGTH = 16


class DoNotScoreList:
    """The ids of a list as text, each once, in UTF-8 byte order: what it holds, however it was written."""

    def __init__(self, ids: Iterable[pa.Array]) -> None:
        distinct = pc.unique(pa.chunked_array(list(ids), pa.string())).drop_null()
        self.ids: pa.Array = distinct.take(pc.sort_indices(distinct))

    @cached_property
    def digest(self) -> str:
        """What the list holds, as a digest: two files of the same customers have the same one."""
        return hashlib.sha256(json.dumps(self.ids.to_pylist()).encode()).hexdigest()[:DIGEST_LENGTH]

    def holds(self, ids: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
        """Which of `ids` (n), in the order of a table's rows, are on the list."""
        texts = id_texts(ids)
        if not len(texts) or not len(self.ids):
            return np.zeros(len(texts), bool)
        low, high = (bytes(texts[at].as_buffer()) for at in (0, -1))

        def text(at: int) -> bytes:
            return bytes(self.ids[at].as_buffer())

        start = bisect_left(range(len(self.ids)), low, key=text)
        count = bisect_right(range(len(self.ids)), high, lo=start, key=text) - start
        found: NDArray[np.bool_] = pc.is_in(texts, value_set=self.ids.slice(start, count)).to_numpy(
            zero_copy_only=False
        )
        return found

    def left_of(self, rows: pa.Table, key: str) -> pa.Table:
        """The `rows`, in their order by `key`, of whoever is not on the list."""
        listed = self.holds(rows.column(key))
        return rows_where(rows, ~listed) if listed.any() else rows
