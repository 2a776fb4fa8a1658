"""Whether feature code gives other features than were stored: training-serving skew, cell by cell."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.hashing import hashed_id

__all__ = ["FeatureSkew", "compare_features"]

EXAMPLES = 3
RELATIVE, ABSOLUTE = 1e-9, 1e-12  # a sum in another order differs in the last digits, and moves no score


@dataclass
class FeatureSkew:
    """Of `rows` that were compared, `differing` have another feature now.

    `columns` counts the rows by feature; `examples` are the first three customers, each by the first
    digits of the SHA-256 of the id.
    """

    rows: int = 0
    differing: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def join(self, other: "FeatureSkew") -> None:
        """Add what was seen of the rows that follow."""
        self.rows += other.rows
        self.differing += other.differing
        self.columns.update(other.columns)
        self.examples = [*self.examples, *other.examples][:EXAMPLES]


def compare_features(stored: pa.Table, computed: pa.Table, key: str, columns: Sequence[str]) -> FeatureSkew:
    """What differs in `columns` between the same customers' features, then and now.

    Numbers are compared as the model is given them, as doubles, to nine digits; categories by their words.
    Two missing values are equal, and so are two NaN.

    Args:
        stored: features as they were read back, (n) rows.
        computed: features of the same customers in the same order, (n) rows.
        key: the column of the id, in both.
        columns: the features, in both.
    """
    apart = {name: ~_equal(stored.column(name), computed.column(name)) for name in columns}
    differs = np.logical_or.reduce([np.zeros(stored.num_rows, dtype=bool), *apart.values()])
    first = pa.array(np.flatnonzero(differs)[:EXAMPLES])
    return FeatureSkew(
        rows=stored.num_rows,
        differing=int(differs.sum()),
        columns=Counter({name: int(rows.sum()) for name, rows in apart.items() if rows.any()}),
        examples=[hashed_id(text) for text in id_texts(stored.column(key).take(first)).to_pylist()],
    )


def _equal(then: pa.ChunkedArray, now: pa.ChunkedArray) -> NDArray[np.bool_]:
    if _is_text(then.type) or _is_text(now.type):
        words = [pc.cast(each, pa.string()) for each in (then, now)]
        missing = [each.is_null().to_numpy() for each in words]
        same = pc.fill_null(pc.equal(*words), fill_value=False).to_numpy()
        both: NDArray[np.bool_] = same | (missing[0] & missing[1])
        return both
    return np.isclose(_doubles(then), _doubles(now), rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)


def _doubles(values: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = pc.cast(values, pa.float64()).to_numpy()
    return numbers


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))
