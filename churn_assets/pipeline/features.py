"""Compute what the model sees of the day's valid customers: `customer_features`."""

import datetime as dt
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.arrow.dictionaries import as_stored
from churn_assets.core.errors import AuditFailed
from churn_assets.core.features import compute_features
from churn_assets.core.profile_schemas import categorical_columns
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.parquet import as_filled, write_part
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["CustomerFeatures", "feature_batches", "featurize_customers", "is_fresh"]


@dataclass(frozen=True)
class CustomerFeatures(StageResult):
    """A day's features, the columns they have, and what they were made of."""

    schema: pa.Schema
    feature_digest: str
    customers_version: str
    parameters: Mapping[str, Any]


def feature_batches(
    chain: Chain, customers: PartitionVersion, parameters: Mapping[str, Any], part: int | None = None
) -> Iterator[pa.Table]:
    """Features of a `customers` version, or of one of its parts, batch by batch, in order."""
    for batch in customers.batches(part=part, categories=categorical_columns(chain.profile)):
        yield compute_features(batch, chain.profile, parameters, customers.day)


def is_fresh(event: Event | None, customers_version: str | None, feature_digest: str) -> bool:
    """Whether the current `customer_features` of a day were made of these customers by this feature code."""
    if event is None:
        return False
    details = event.commit.details
    return (details["customers_version"], details["feature_digest"]) == (customers_version, feature_digest)


def featurize_customers(chain: Chain, day: dt.date, run: RunContext) -> CustomerFeatures:
    """Compute the day's `customer_features` with the parameters in force.

    Raises:
        AuditFailed, DamagedVersion, ProfileError: nothing was published.
    """
    expected = chain.features.current(day)
    customers = chain.customers.version(day).verified()
    schema = as_stored(next(feature_batches(chain, customers, chain.parameters)).schema)
    key = chain.profile.id_column

    def write(folder: Path, part: int) -> None:
        batches = list(feature_batches(chain, customers, chain.parameters, part))
        write_part(folder, part, as_filled(schema, batches), key, batches)

    staged = chain.features.stage(
        day, schema, lambda folder: deque(ordered_map(partial(write, folder), customers.parts), maxlen=0)
    )
    rows = staged.rows_by(key)
    if rows != customers.rows:
        chain.features.discard(staged)
        raise AuditFailed(f"customer_features {day}: {customers.rows} customers became {rows} rows; nothing published")
    digest, parameters = chain.feature_digest, dict(chain.parameters)
    commit = run.commit("features", feature_digest=digest, customers_version=customers.version, parameters=parameters)
    published = chain.features.publish(staged, expected, commit)
    logger.debug("%s customer_features: %d rows", day, rows)
    return CustomerFeatures(chain.features, day, published, rows, schema, digest, customers.version, parameters)
