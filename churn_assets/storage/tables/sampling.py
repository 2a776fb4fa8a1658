"""The rows of a sample of the customers, the same ones in every table and on every day."""

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from churn_assets.core.training.sampling import in_sample
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["sampled_batches", "sampled_rows"]


def sampled_rows(version: PartitionVersion, key: str, rate: float, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of the customers in a sample of `rate`; of the others no more than a batch is ever in memory."""
    if rate == 1:
        return version.read(columns)
    return pa.concat_tables(sampled_batches(version.batches(columns), key, rate))


def sampled_batches(batches: Iterable[pa.Table], key: str, rate: float) -> Iterator[pa.Table]:
    """The same of rows that come batch by batch."""
    for batch in batches:
        yield batch if rate == 1 else batch.filter(pa.array(in_sample(batch.column(key), rate)))
