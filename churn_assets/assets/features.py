"""The asset `customer_features`: how Dagster asks for it, and what it shows.

What it does stands in `pipeline.features`.
"""

import datetime as dt
from typing import Any

import dagster as dg

from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata, summary
from churn_assets.assets.results import dagster_failures, materialized, record, run_context
from churn_assets.core.profile_schemas import described_features
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.features import CustomerFeatures, featurize_customers

__all__ = ["feature_assets", "features_metadata"]


def features_metadata(chain: Chain, features: CustomerFeatures) -> dict[str, Any]:
    """What is shown of a day's features."""
    told = summary(f"{len(chain.profile.feature_columns)} features of {features.rows:,} customers")
    return (
        told
        | {
            "feature_digest": features.feature_digest,
            "customers_version": features.customers_version,
            "parameters": {name: str(value) for name, value in features.parameters.items()},
            "dagster/column_schema": column_schema(described_features(chain.profile, features.schema)),
            "dagster/column_lineage": _lineage(chain),
        }
        | partition_metadata(features)
    )


def _lineage(chain: Chain) -> dg.TableColumnLineage:
    """A feature of a column's name is that column; any other may be made of all that `add_features` is given."""
    given = [name for name in chain.profile.checks.columns if name != chain.profile.label.column]
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
        required_resource_keys={"results"},
        description="What the model sees of each valid customer: the profile's add_features, the same code everywhere.",
    )
    def customer_features(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        with dagster_failures():
            features = featurize_customers(chain, day, run_context(context, chain))
        record(context, features)
        return materialized(features, features_metadata(chain, features))

    return [customer_features]
