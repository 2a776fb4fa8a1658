"""The assets `raw_customers`, `customers` and `quarantined_customers`: how Dagster asks for them, and what it shows.

What they do stands in `pipeline.customers`.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg
import pyarrow as pa

from churn_assets.assets.checks import customer_checks, customer_results
from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata, summary
from churn_assets.assets.results import dagster_failures, materialized, record, run_context
from churn_assets.core.profile_schemas import customers_schema, quarantine_schema, raw_schema
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.customers.land import LandedCustomers, land_customers
from churn_assets.pipeline.customers.validate import QuarantinedCustomers, ValidCustomers, validate_customers

__all__ = ["customer_assets", "landed_metadata", "quarantined_metadata", "valid_metadata"]

OWNERS = ["team:customer-data"]
UNSIGNED = (
    "models.require_signature is false: whoever may write the models' folder can have their code run by the night; "
    "see docs/security.md"
)


def landed_metadata(chain: Chain, landed: LandedCustomers) -> dict[str, Any]:
    """What is shown of a landed snapshot."""
    files = f"{len(landed.files)} file{'' if len(landed.files) == 1 else 's'}"
    if landed.files[0].bytes is None:  # no file: the answer of a database
        files = landed.files[0].path
    unknown = [f"columns that the profile does not know: {', '.join(landed.unknown_columns)}"]
    erased = [f"{landed.erased:,} rows of customers who were erased were left out"] if landed.erased else []
    unknown = unknown if landed.unknown_columns else []
    told = summary(f"{landed.rows:,} customers landed from {files}", *unknown, *erased)
    return (
        told
        | {
            "batch_id": landed.batch_id,
            "files": [asdict(file) for file in landed.files],
            "unknown_columns": list(landed.unknown_columns),
            **({"erased": landed.erased} if landed.erased else {}),
            "dagster/column_schema": column_schema(raw_schema(chain.profile)),
        }
        | partition_metadata(landed)
    )


def valid_metadata(chain: Chain, valid: ValidCustomers) -> dict[str, Any]:
    """What is shown of a day's valid customers."""
    columns = customers_schema(chain.profile)
    broken = valid.raw_rows - valid.rows
    told = summary(f"{valid.rows:,} of {valid.raw_rows:,} customers are valid", f"{broken:,} are quarantined")
    return (
        told
        | {
            "raw_version": valid.raw_version,
            "raw_rows": valid.raw_rows,
            "quarantined_share": (valid.raw_rows - valid.rows) / valid.raw_rows,
            "dagster/column_schema": column_schema(columns),
            "dagster/column_lineage": column_lineage({name: [("raw_customers", name)] for name in columns.names}),
        }
        | partition_metadata(valid)
    )


def quarantined_metadata(chain: Chain, quarantined: QuarantinedCustomers) -> dict[str, Any]:
    """What is shown of a day's quarantined rows."""
    kept = raw_schema(chain.profile).names
    reasons = [f"{fault.column}: `{fault.check}`: {fault.rows:,}" for fault in quarantined.faults]
    told = summary(f"{quarantined.rows:,} rows are quarantined", *reasons)
    return (
        told
        | {
            "raw_version": quarantined.raw_version,
            "faults": {f"{fault.column}: {fault.check}": fault.rows for fault in quarantined.faults},
            "dagster/column_schema": column_schema(quarantine_schema(chain.profile)),
            "dagster/column_lineage": column_lineage({name: [("raw_customers", name)] for name in kept}),
        }
        | partition_metadata(quarantined)
    )


def customer_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`raw_customers`, and `customers` with `quarantined_customers`."""
    return [_raw_asset(chain, partitions), _validated_assets(chain, partitions)]


def _raw_asset(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=partitions,
        group_name="customers",
        kinds={"delta", "parquet"},
        owners=OWNERS,
        required_resource_keys={"results"},
        description="An immutable copy of the source's snapshot of the day, sorted by id, with its files' digests.",
        metadata={"dagster/column_schema": column_schema(raw_schema(chain.profile))},
    )
    def raw_customers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        if not chain.signing.required:  # once a night, at its start
            context.log.info(UNSIGNED)
        with dagster_failures():
            landed = land_customers(chain, day, run_context(context, chain))
        record(context, landed)
        return materialized(landed, landed_metadata(chain, landed))

    return raw_customers


def _validated_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    def spec(name: str, columns: pa.Schema, description: str) -> dg.AssetSpec:
        return dg.AssetSpec(
            name,
            deps=["raw_customers"],
            group_name="customers",
            kinds={"delta", "pandera"},
            owners=OWNERS,
            description=description,
            metadata={"dagster/column_schema": column_schema(columns)},
        )

    valid_columns, broken_columns = customers_schema(chain.profile), quarantine_schema(chain.profile)

    @dg.multi_asset(
        name="customers",
        partitions_def=partitions,
        specs=[
            spec(
                "customers",
                valid_columns,
                "Customers of the day that keep every rule of the profile's schema: what is scored.",
            ),
            spec(
                "quarantined_customers",
                broken_columns,
                "Customers of the day that break a rule of the profile's schema, each row with every column, check and "
                "value that is at fault. They are kept, and not scored.",
            ),
        ],
        check_specs=customer_checks(partitions),
        required_resource_keys={"results"},
    )
    def customers(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        with dagster_failures():
            valid, quarantined = validate_customers(chain, day, run_context(context, chain))
        record(context, valid, quarantined)
        yield materialized(valid, valid_metadata(chain, valid))
        yield materialized(quarantined, quarantined_metadata(chain, quarantined))
        yield from customer_results(valid, quarantined, chain.validation.max_quarantined_share)

    return customers
