"""The stage `customers`: land the source as it is, then tell valid rows from broken ones.

Belongs here: `raw_customers`, `customers` and `quarantined_customers`. What a broken row is stands
in `core.customers`, how bytes are kept in `storage`.
"""

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from churn_assets.assets.adapter import Made, failing_in_words, materialized, work_of
from churn_assets.assets.checks import CUSTOMER_CHECKS, customer_results
from churn_assets.assets.metadata import column_lineage, column_schema, partition_metadata
from churn_assets.assets.resources import Chain, Work, logger
from churn_assets.core.customers import Tally, audit_quarantine, repeated_ids, validate
from churn_assets.core.errors import AuditFailed, SourceFault
from churn_assets.core.landing import check_columns, in_id_order, land_batch
from churn_assets.core.schemas import customers_schema, quarantine_schema, raw_schema
from churn_assets.storage.source import SourceFile
from churn_assets.storage.versions import PartitionVersion, Published

__all__ = ["customer_assets", "land_customers", "validate_customers", "validation_inputs"]

OWNERS = ["team:customer-data"]


def land_customers(chain: Chain, day: dt.date, work: Work) -> Made:
    """Land an immutable copy of the source's snapshot of `day`.

    Raises:
        SourceMissing, SourceFault: nothing was landed.
    """
    expected = chain.raw.current(day)
    schema = raw_schema(chain.profile)
    files = chain.source.files(day)
    batches: list[pa.Table] = []
    unknown: set[str] = set()
    for file in files:
        where = str(file.path)
        batches += [land_batch(batch, schema, day, where) for batch in _file_batches(chain, file, schema, unknown)]
    rows = sum(batch.num_rows for batch in batches)
    if chain.source.files(day) != files:
        raise SourceFault(f"{', '.join(str(file.path) for file in files)} changed while it was read; run {day} again")
    if not rows:
        raise SourceFault(f"{', '.join(str(file.path) for file in files)} holds no rows; export {day} again")
    if unknown:
        logger.warning("%s: columns the profile does not know were not landed: %s", day, ", ".join(sorted(unknown)))
    ordered = in_id_order(pa.concat_tables(batches), chain.profile.id_column)
    staged = chain.raw.write(day, schema, chain.profile.id_column, [ordered])
    if staged.rows != rows:
        chain.raw.discard(staged)
        raise AuditFailed(
            f"raw_customers {day}: {rows} rows were read and {staged.rows} written; nothing was published"
        )
    told = [
        {"path": _below(file.path, chain.layout.data_dir), "bytes": file.size, "sha256": file.sha256} for file in files
    ]
    batch_id = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()[:12]
    details: dict[str, Any] = {"batch_id": batch_id, "files": told, "unknown_columns": sorted(unknown)}
    published = chain.raw.publish(staged, expected, work.commit("land", **details))
    logger.debug("%s raw_customers: %d rows landed", day, rows)
    metadata = partition_metadata(chain.raw, published, rows, **details)
    metadata["dagster/column_schema"] = column_schema(schema)
    return Made("raw_customers", published, rows, metadata)


def _below(path: Path, folder: Path) -> str:
    """The path from `folder`, where it lies below it: the record survives a move of the whole installation."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _file_batches(chain: Chain, file: SourceFile, schema: pa.Schema, unknown: set[str]) -> Iterator[pa.RecordBatch]:
    for number, batch in enumerate(chain.source.batches(file)):
        if number == 0:
            unknown.update(check_columns(batch.schema.names, schema, str(file.path)))
        yield batch


@dataclass(frozen=True)
class Validated:
    """Both halves of a day's rows."""

    valid: Made
    quarantined: Made


def validate_customers(chain: Chain, day: dt.date, work: Work) -> Validated:
    """Split the day's raw rows into `customers` and `quarantined_customers`.

    Raises:
        AuditFailed: rows were lost, or too many are broken; neither table was touched.
    """
    raw = chain.raw.version(day)
    key = chain.profile.id_column
    expected = (chain.customers.current(day), chain.quarantined.current(day))
    repeated = repeated_ids(batch.column(key).combine_chunks() for batch in raw.batches([key]))
    tally = Tally()
    broken = [quarantine_schema(chain.profile).empty_table()]

    def valid_rows() -> Iterator[pa.Table]:
        for batch in raw.batches():
            verdict = validate(batch.cast(raw_schema(chain.profile)), chain.profile, day, repeated)
            tally.add(verdict)
            broken.append(verdict.quarantined)
            yield verdict.valid

    staged = chain.customers.write(day, customers_schema(chain.profile), key, valid_rows())
    try:
        audit_quarantine(tally, raw.rows, chain.validation.max_quarantined_share, f"customers {day}")
    except AuditFailed as error:
        chain.customers.discard(staged)
        raise AuditFailed(f"{error} ({_source_of(chain, raw)})") from error
    aside = chain.quarantined.write(day, quarantine_schema(chain.profile), key, broken)
    if (staged.rows, aside.rows) != (tally.valid, tally.quarantined):
        chain.customers.discard(staged)
        chain.quarantined.discard(aside)
        raise AuditFailed(f"customers {day}: the files hold other rows than were written; nothing was published")
    commit = work.commit("validate", **validation_inputs(chain, raw.version), id_column=key)
    quarantined = chain.quarantined.publish(aside, expected[1], commit)
    valid = chain.customers.publish(staged, expected[0], commit)
    logger.debug("%s customers: %d valid, %d quarantined", day, tally.valid, tally.quarantined)
    return Validated(
        Made("customers", valid, tally.valid, _valid_metadata(chain, valid, tally, raw)),
        Made("quarantined_customers", quarantined, tally.quarantined, _broken_metadata(chain, quarantined, tally, raw)),
    )


def validation_inputs(chain: Chain, raw_version: str) -> dict[str, str]:
    """What `customers` of a day are made of: equal inputs mean equal rows."""
    return {"raw_version": raw_version, "profile_digest": chain.profile.source_digest}


def _valid_metadata(chain: Chain, published: Published, tally: Tally, raw: PartitionVersion) -> dict[str, Any]:
    columns = customers_schema(chain.profile)
    return partition_metadata(chain.customers, published, tally.valid, raw_version=raw.version, raw_rows=raw.rows) | {
        "quarantined_share": tally.quarantined / raw.rows,
        "dagster/column_schema": column_schema(columns),
        "dagster/column_lineage": column_lineage({name: [("raw_customers", name)] for name in columns.names}),
    }


def _broken_metadata(chain: Chain, published: Published, tally: Tally, raw: PartitionVersion) -> dict[str, Any]:
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
    return [_raw_asset(chain, partitions), _validated_assets(chain, partitions)]


def _raw_asset(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=partitions,
        group_name="customers",
        kinds={"delta", "parquet"},
        owners=OWNERS,
        description="An immutable copy of the source's snapshot of the day, sorted by id, with its files' digests.",
        metadata={"dagster/column_schema": column_schema(raw_schema(chain.profile))},
    )
    def raw_customers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        day = dt.date.fromisoformat(context.partition_key)
        return materialized(lambda: land_customers(chain, day, work_of(context, chain)))

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
            spec("customers", valid_columns, "The rows of the day that keep every rule of the profile's schema."),
            spec("quarantined_customers", broken_columns, "The rows that do not, with every column, check and value."),
        ],
        check_specs=CUSTOMER_CHECKS,
    )
    def customers(context: dg.AssetExecutionContext) -> Iterator[Any]:
        day = dt.date.fromisoformat(context.partition_key)
        made: Validated = failing_in_words(lambda: validate_customers(chain, day, work_of(context, chain)))
        yield materialized(lambda: made.valid)
        yield materialized(lambda: made.quarantined)
        yield from customer_results(
            made.valid.metadata["raw_rows"],
            made.valid.rows,
            made.quarantined.rows,
            chain.validation.max_quarantined_share,
        )

    return customers
