"""Samples of a table's rows: of customers, the same ones in every table and on every day; and of their ids alone."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.training.sampling import in_sample
from churn_assets.storage.tables.parquet import open_part
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["count_known_ids", "sampled_batches", "sampled_rows"]

LOOKED_AT = 4  # row groups of a version stand for all of them,
IDS = 65_536  # and so many ids for all of theirs


def sampled_rows(version: PartitionVersion, key: str, rate: float, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of the customers in a sample of `rate`; of the others no more than a batch is ever in memory."""
    if rate == 1:
        return version.read(columns)
    return pa.concat_tables(sampled_batches(version.batches(columns), key, rate))


def sampled_batches(batches: Iterable[pa.Table], key: str, rate: float) -> Iterator[pa.Table]:
    """The same of rows that come batch by batch."""
    for batch in batches:
        yield batch if rate == 1 else batch.filter(pa.array(in_sample(batch.column(key), rate)))


class _RowGroup(NamedTuple):
    """A row group of a file, and the bounds of its ids by the footer; None where that tells none as text."""

    path: Path
    number: int
    first: str | None
    last: str | None


def count_known_ids(
    version: PartitionVersion,
    key: str,
    other: PartitionVersion,
    other_key: str,
    excluded: DoNotScoreList | None = None,
) -> tuple[int, int]:
    """How many ids of a version were looked at, and how many of these another version holds too.

    Those who are `excluded` are not looked at.

    Of a small version all are looked at. Of a larger one it is those that a few row groups, spread evenly, begin with:
    both versions lie in the order of the ids, so that of the other one only row groups are read which can hold them.
    """
    groups, others = list(_row_groups(version, key)), list(_row_groups(other, other_key))
    looked_at, known = 0, 0
    chosen = [groups[at] for at in np.unique(np.linspace(0, len(groups) - 1, LOOKED_AT).astype(int))] if groups else []
    for group in chosen:
        ids = _ids(group, key)[: IDS // len(chosen)]
        if excluded is not None:
            ids = ids.filter(pa.array(~excluded.holds(ids)))
        if not len(ids):
            continue
        first, last = ids[0].as_py().encode(), ids[-1].as_py().encode()
        there = [
            _ids(each, other_key)
            for each in others
            if each.first is None or each.last is None or (each.first.encode() <= last and each.last.encode() >= first)
        ]
        looked_at += len(ids)
        known += sum(pc.sum(pc.is_in(each, value_set=ids)).as_py() or 0 for each in there)
    return looked_at, known


def _row_groups(version: PartitionVersion, key: str) -> Iterator[_RowGroup]:
    for path in version.files:
        with open_part(path) as file:
            column = file.schema_arrow.get_field_index(key)
            is_text = pa.types.is_string(file.schema_arrow.field(column).type)
            for number in range(file.num_row_groups):
                told = file.metadata.row_group(number).column(column).statistics
                has_bounds = is_text and told is not None and told.has_min_max
                yield _RowGroup(path, number, *((told.min, told.max) if has_bounds else (None, None)))


def _ids(group: _RowGroup, key: str) -> pa.Array:
    with open_part(group.path) as file:
        return id_texts(file.read_row_group(group.number, [key], use_threads=False).column(key)).combine_chunks()
