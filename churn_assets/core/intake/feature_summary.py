"""What a feature is like, in a line: missing values, range or words, and whether it tells customers apart at all."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["FeatureSummary", "summarize"]


@dataclass(frozen=True)
class FeatureSummary:
    """A feature over customers: `least` and `greatest` of numbers, the number of distinct values of any."""

    feature: str
    null_share: float
    distinct: int
    least: float | None
    greatest: float | None
    constant: bool


def summarize(features: pa.Table) -> list[FeatureSummary]:
    """Each column of `customer_features` but the id."""
    return [_of(name, features.column(name)) for name in features.schema.names[1:]]


def _of(name: str, values: pa.ChunkedArray) -> FeatureSummary:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    distinct = int(pc.count_distinct(values).as_py())
    is_number = pa.types.is_floating(values.type)
    ends = pc.min_max(values).as_py() if is_number else {"min": None, "max": None}
    kinds = distinct + bool(values.null_count)
    return FeatureSummary(name, values.null_count / max(len(values), 1), distinct, ends["min"], ends["max"], kinds <= 1)
