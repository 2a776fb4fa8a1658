"""Customers of a day as a night would have them, in memory: nothing is landed, validated or published anywhere."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.arrow.batches import BATCH_ROWS, rechunk
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.dictionaries import as_coded
from churn_assets.core.customers.duplicates import mark_duplicates
from churn_assets.core.customers.validation import ValidationCounts, validate
from churn_assets.core.errors import SourceFault
from churn_assets.core.features import compute_features
from churn_assets.core.profile_schemas import customers_schema, quarantine_schema, raw_schema
from churn_assets.core.training.sampling import in_sample
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.customers.land import LandingCounts, cast_rows, source_categories
from churn_assets.storage.source.files import SourceBatch

__all__ = ["TriedDay", "sampling_rate", "try_day"]

ALL_BELOW = 1 << 26  # bytes of files: of such a day every row is looked at
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class TriedDay:
    """A day's rows: how many there are, how many were looked at, and what validation makes of these."""

    day: dt.date
    rows: int
    looked_at: int
    found: pa.Schema
    unknown: tuple[str, ...]
    valid: pa.Table
    quarantined: pa.Table
    counts: ValidationCounts
    chain: Chain

    @cached_property
    def features(self) -> pa.Table:
        """What the model would see of the valid rows."""
        chain = self.chain
        batches = rechunk([self.valid], BATCH_ROWS) if len(self.valid) else [self.valid]
        made = [compute_features(batch, chain.profile, chain.parameters, self.day) for batch in batches]
        return pa.concat_tables(made).unify_dictionaries()


def sampling_rate(chain: Chain, day: dt.date) -> float:
    """The share of the customers that is looked at, of every day alike: all of a small one.

    Raises:
        SourceMissing, SourceFault: the day cannot be read.
    """
    files = chain.source.files(day)
    sizes = [file.size for file in files]
    if sum(size or 0 for size in sizes) <= ALL_BELOW and None not in sizes:
        return 1.0
    rows: int = sum(batch.num_rows for _, batch in chain.source.batches(files))
    return MOST_ROWS / rows if rows > MOST_ROWS else 1.0


def try_day(chain: Chain, day: dt.date, rate: float) -> TriedDay:
    """Read and validate a share of a day's customers.

    Raises:
        SourceMissing, SourceFault: it cannot be read, or lacks columns.
    """
    schema, key = raw_schema(chain.profile), chain.profile.id_column
    files = chain.source.files(day)
    counts = LandingCounts()
    found: list[pa.Schema] = []

    def arriving() -> Iterator[SourceBatch]:
        for path, batch in chain.source.batches(files, source_categories(chain)):
            if not found:
                found.append(batch.schema)
            yield path, batch

    kept = [_sampled(batch, key, rate) for batch in cast_rows(chain, day, arriving(), counts)]
    if not counts.rows:
        raise SourceFault(f"{', '.join(str(file.path) for file in files)} holds no rows; export {day} again")
    raw = pa.concat_tables(kept, promote_options="permissive").unify_dictionaries()
    raw = raw.take(pc.sort_indices(id_texts(raw.column(key))))
    valid, quarantined, told = [customers_schema(chain.profile).empty_table()], [], ValidationCounts()
    for batch, repeated in mark_duplicates(rechunk([raw], BATCH_ROWS), key):
        result = validate(batch.cast(as_coded(schema, batch.schema)), chain.profile, day, repeated, chain.timezone)
        told.add(result)
        valid.append(result.valid)
        quarantined.append(result.quarantined)
    broken = pa.concat_tables([quarantine_schema(chain.profile).empty_table(), *quarantined])
    kept_rows = pa.concat_tables(valid[1:] or valid).unify_dictionaries()
    return TriedDay(day, counts.rows, len(raw), found[0], tuple(sorted(counts.unknown)), kept_rows, broken, told, chain)


def _sampled(batch: pa.Table, key: str, rate: float) -> pa.Table:
    if rate == 1:
        return batch
    ids = batch.column(key)
    keep = np.asarray(in_sample(ids, rate)) | ids.is_null().to_numpy()
    return batch.filter(pa.array(keep))
