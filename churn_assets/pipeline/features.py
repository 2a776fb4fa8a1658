"""The stage `features`: what the model sees of the day's valid customers."""

import datetime as dt
from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata
from churn_assets.assets.results import StageResult, materialized, run_context
from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.arrow.dictionaries import as_stored
from churn_assets.core.errors import AuditFailed
from churn_assets.core.features import compute_features
from churn_assets.core.profile import LabelColumn
from churn_assets.core.profile_schemas import categorical_columns
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.parquet import as_filled, write_part
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["feature_assets", "feature_batches", "featurize_customers", "is_fresh"]


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


def featurize_customers(chain: Chain, day: dt.date, work: RunContext) -> StageResult:
    """Compute the day's `customer_features` with the parameters in force."""
    expected = chain.features.current(day)
    customers = chain.customers.version(day)
    schema = as_stored(next(feature_batches(chain, customers, chain.parameters)).schema)
    key = chain.profile.id_column

    def write(folder: Path, part: int) -> None:
        rows = list(feature_batches(chain, customers, chain.parameters, part))
        write_part(folder, part, as_filled(schema, rows), key, rows)

    staged = chain.features.stage(
        day, schema, lambda folder: deque(ordered_map(partial(write, folder), customers.parts), maxlen=0)
    )
    rows = staged.rows_by(key)
    if rows != customers.rows:
        chain.features.discard(staged)
        raise AuditFailed(f"customer_features {day}: {customers.rows} customers became {rows} rows; nothing published")
    digests = {"feature_digest": chain.feature_digest, "customers_version": customers.version}
    commit = work.commit("features", **digests, parameters=dict(chain.parameters))
    published = chain.features.publish(staged, expected, commit)
    logger.debug("%s customer_features: %d rows", day, rows)
    metadata = partition_metadata(
        chain.features,
        published,
        rows,
        **digests,
        parameters={name: str(value) for name, value in chain.parameters.items()},
    )
    metadata["dagster/column_schema"] = column_schema(schema)
    metadata["dagster/column_lineage"] = _lineage(chain)
    return StageResult("customer_features", published, rows, metadata)


def _lineage(chain: Chain) -> dg.TableColumnLineage:
    """A feature of a column's name is that column; any other may be made of all that `add_features` is given."""
    label = chain.profile.label.name if isinstance(chain.profile.label, LabelColumn) else None
    given = [name for name in chain.profile.checks.columns if name != label]
    return column_lineage(
        {
            name: [("customers", name)] if name in given else [("customers", column) for column in given]
            for name in (chain.profile.id_column, *chain.profile.feature_columns)
        }
    )


def feature_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`customer_features`."""

    @dg.asset(
        partitions_def=partitions,
        deps=["customers"],
        group_name="features",
        kinds={"delta", "pandas"},
        owners=["team:data-science"],
        code_version=chain.feature_digest,
        description="What the model sees of each valid customer: the profile's add_features, the same code everywhere.",
    )
    def customer_features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        return materialized(lambda: featurize_customers(chain, day, run_context(context, chain)))

    return [customer_features]
