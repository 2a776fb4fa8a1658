"""The stage `customers`, its second half: tell valid rows from broken ones.

Belongs here: `customers` and `quarantined_customers`. What a broken row is stands in
`core.customers`, how bytes are kept in `storage`.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.assets.checks import CUSTOMER_CHECKS, customer_results
from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata
from churn_assets.assets.results import StageResult, as_dagster_failure, materialized, run_context
from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.dictionaries import as_coded
from churn_assets.core.customers.duplicates import adjacent_ids, mark_duplicates
from churn_assets.core.customers.validation import ValidationCounts, audit_quarantine, validate
from churn_assets.core.errors import AuditFailed
from churn_assets.core.profile_schemas import categorical_columns, customers_schema, quarantine_schema, raw_schema
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.customers.land import OWNERS, raw_asset
from churn_assets.storage.layout import part_name
from churn_assets.storage.tables.parquet import end_ids, read_batches, write_part
from churn_assets.storage.tables.versions import PartitionVersion, Published, Staged, parts_of

__all__ = ["customer_assets", "validate_customers", "validation_inputs"]


@dataclass(frozen=True)
class Validated:
    """Both halves of a day's rows."""

    valid: StageResult
    quarantined: StageResult


def validate_customers(chain: Chain, day: dt.date, work: RunContext) -> Validated:
    """Split the day's raw rows into `customers` and `quarantined_customers`.

    Raises:
        AuditFailed: rows were lost, or too many are broken; neither table was touched.
    """
    raw = chain.raw.version(day)
    key = chain.profile.id_column
    expected = (chain.customers.current(day), chain.quarantined.current(day))
    with chain.quarantined.scratch() as broken:
        staged, tally = _split(chain, raw, broken)
        try:
            audit_quarantine(tally, raw.rows, chain.validation.max_quarantined_share, f"customers {day}")
        except AuditFailed as error:
            chain.customers.discard(staged)
            raise AuditFailed(f"{error} ({_source_of(chain, raw)})") from error
        aside = chain.quarantined.write(day, quarantine_schema(chain.profile), key, read_batches(parts_of(broken)))
    if (staged.rows_by(key), aside.rows_by(key)) != (tally.valid, tally.quarantined):
        chain.customers.discard(staged)
        chain.quarantined.discard(aside)
        raise AuditFailed(f"customers {day}: the files hold other rows than were written; nothing was published")
    commit = work.commit("validate", **validation_inputs(chain, raw.version), id_column=key)
    quarantined = chain.quarantined.publish(aside, expected[1], commit)
    valid = chain.customers.publish(staged, expected[0], commit)
    logger.debug("%s customers: %d valid, %d quarantined", day, tally.valid, tally.quarantined)
    return Validated(
        StageResult("customers", valid, tally.valid, _valid_metadata(chain, valid, tally, raw)),
        StageResult(
            "quarantined_customers", quarantined, tally.quarantined, _broken_metadata(chain, quarantined, tally, raw)
        ),
    )


def _split(chain: Chain, raw: PartitionVersion, broken: Path) -> tuple[Staged, ValidationCounts]:
    """Write the valid rows of each part as a part of `customers`, its broken ones as a file below `broken`."""
    profile, key = chain.profile, chain.profile.id_column
    given, columns, broken_columns = raw_schema(profile), customers_schema(profile), quarantine_schema(profile)
    ends = list(ordered_map(lambda path: id_texts(end_ids(path, key)), raw.files))

    def split_part(folder: Path, part: int) -> ValidationCounts:
        tally = ValidationCounts()
        with pq.ParquetWriter(broken / part_name(part), broken_columns) as aside:

            def valid_rows() -> Iterator[pa.Table]:
                batches = raw.batches(part=part, categories=categorical_columns(profile))
                for batch, repeated in mark_duplicates(batches, key, *adjacent_ids(ends, part)):
                    verdict = validate(batch.cast(as_coded(given, batch.schema)), profile, raw.day, repeated)
                    tally.add(verdict)
                    aside.write_table(verdict.quarantined)
                    yield verdict.valid

            write_part(folder, part, columns, key, valid_rows())
        return tally

    tally = ValidationCounts()

    def split_all(folder: Path) -> None:
        for one in ordered_map(partial(split_part, folder), raw.parts):
            tally.join(one)

    return chain.customers.stage(raw.day, columns, split_all), tally


def validation_inputs(chain: Chain, raw_version: str) -> dict[str, str]:
    """What `customers` of a day are made of: equal inputs mean equal rows."""
    return {"raw_version": raw_version, "profile_digest": chain.profile.source_digest}


def _valid_metadata(
    chain: Chain, published: Published, tally: ValidationCounts, raw: PartitionVersion
) -> dict[str, Any]:
    columns = customers_schema(chain.profile)
    return partition_metadata(chain.customers, published, tally.valid, raw_version=raw.version, raw_rows=raw.rows) | {
        "quarantined_share": tally.quarantined / raw.rows,
        "dagster/column_schema": column_schema(columns),
        "dagster/column_lineage": column_lineage({name: [("raw_customers", name)] for name in columns.names}),
    }


def _broken_metadata(
    chain: Chain, published: Published, tally: ValidationCounts, raw: PartitionVersion
) -> dict[str, Any]:
    kept = raw_schema(chain.profile).names
    return partition_metadata(chain.quarantined, published, tally.quarantined, raw_version=raw.version) | {
        "faults": {f"{fault.column}: {fault.check}": fault.rows for fault in tally.worst},
        "dagster/column_schema": column_schema(quarantine_schema(chain.profile)),
        "dagster/column_lineage": column_lineage({name: [("raw_customers", name)] for name in kept}),
    }


def _source_of(chain: Chain, raw: PartitionVersion) -> str:
    """The files that a landed version was read from."""
    landed = next(event for event in chain.raw.backwards(raw.day) if event.version == raw.version)
    return ", ".join(str(chain.layout.data_dir / file["path"]) for file in landed.commit.details["files"])


def customer_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`raw_customers`, and `customers` with `quarantined_customers`."""
    return [raw_asset(chain, partitions), _validated_assets(chain, partitions)]


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
            spec("customers", valid_columns, "The rows of the day that keep every rule of the profile's schema."),
            spec("quarantined_customers", broken_columns, "The rows that do not, with every column, check and value."),
        ],
        check_specs=CUSTOMER_CHECKS,
    )
    def customers(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        made: Validated = as_dagster_failure(lambda: validate_customers(chain, day, run_context(context, chain)))
        yield materialized(lambda: made.valid)
        yield materialized(lambda: made.quarantined)
        yield from customer_results(
            made.valid.metadata["raw_rows"],
            made.valid.rows,
            made.quarantined.rows,
            chain.validation.max_quarantined_share,
        )

    return customers
