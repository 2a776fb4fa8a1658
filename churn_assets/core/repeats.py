"""Ids that stand more than once in a partition, found part by part: only equal neighbours are compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.frames import id_texts

__all__ = ["RepeatedIds"]


@dataclass(frozen=True)
class RepeatedIds:
    """Ids, as text, that stand more than once among rows sorted by id, and the ends of those rows."""

    ids: pa.Array
    first: pa.Array
    last: pa.Array

    @classmethod
    def among(cls, batches: Iterable[pa.Table], key: str) -> "RepeatedIds":
        """Those among the `key` columns of `batches`."""
        nothing = pa.nulls(0, pa.string())
        told = (cls._in(id_texts(batch.column(key)).combine_chunks()) for batch in batches)
        return reduce(cls.then, told, cls(nothing, nothing, nothing))

    @classmethod
    def _in(cls, ids: pa.Array) -> "RepeatedIds":
        return cls(pc.unique(ids[1:].filter(pc.equal(ids[1:], ids[:-1]))), ids[:1], ids[-1:])

    def then(self, following: "RepeatedIds") -> "RepeatedIds":
        """Those among these rows and the `following` ones."""
        if not len(self.first) or not len(following.first):
            return self if len(self.first) else following
        met = following.first.filter(pc.equal(following.first, self.last))
        ids = pc.unique(pa.concat_arrays([self.ids, met, following.ids]))
        return RepeatedIds(ids, self.first, following.last)
