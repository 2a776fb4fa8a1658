"""Tell the valid rows of a day from the broken ones: `customers` and `quarantined_customers`.

What a broken row is stands in `core.customers.validation`, how bytes are kept in `storage`.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.dictionaries import as_coded
from churn_assets.core.customers.duplicates import adjacent_ids, mark_duplicates
from churn_assets.core.customers.validation import (
    FaultCount,
    ValidationCounts,
    audit_quarantine,
    audit_so_far,
    validate,
)
from churn_assets.core.errors import AuditFailed
from churn_assets.core.profile_schemas import categorical_columns, customers_schema, quarantine_schema, raw_schema
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.storage.layout import part_name
from churn_assets.storage.tables.parquet import end_ids, read_batches, write_part
from churn_assets.storage.tables.versions import PartitionVersion, Staged, parts_of

__all__ = ["QuarantinedCustomers", "ValidCustomers", "is_validated", "validate_customers", "validation_inputs"]


@dataclass(frozen=True)
class ValidCustomers(StageResult):
    """The valid half of a day's raw rows."""

    raw_version: str
    raw_rows: int


@dataclass(frozen=True)
class QuarantinedCustomers(StageResult):
    """The broken half, and which checks were broken, most rows first."""

    raw_version: str
    faults: tuple[FaultCount, ...]


def validate_customers(chain: Chain, day: dt.date, run: RunContext) -> tuple[ValidCustomers, QuarantinedCustomers]:
    """Split the day's raw rows into `customers` and `quarantined_customers`.

    Raises:
        AuditFailed: rows were lost, or too many are broken; neither table was touched.
        DamagedVersion: the raw rows are not what was landed; likewise.
    """
    raw = chain.raw.version(day).verified()
    key = chain.profile.id_column
    expected = (chain.customers.current(day), chain.quarantined.current(day))
    with chain.quarantined.scratch() as broken:
        try:
            valid, counts = _split(chain, raw, broken)
        except AuditFailed as error:
            raise AuditFailed(f"{error} ({_source_of(chain, raw)})") from error
        quarantined = chain.quarantined.write(
            day, quarantine_schema(chain.profile), key, read_batches(parts_of(broken))
        )
    if (valid.rows_by(key), quarantined.rows_by(key)) != (counts.valid, counts.quarantined):
        chain.customers.discard(valid)
        chain.quarantined.discard(quarantined)
        raise AuditFailed(f"customers {day}: the files hold other rows than were written; nothing was published")
    commit = run.commit("validate", **validation_inputs(chain, raw.version), id_column=key)
    published = chain.quarantined.publish(quarantined, expected[1], commit)
    broken_rows = QuarantinedCustomers(
        chain.quarantined, day, published, counts.quarantined, raw.version, tuple(counts.worst)
    )
    published = chain.customers.publish(valid, expected[0], commit)
    logger.debug("%s customers: %d valid, %d quarantined", day, counts.valid, counts.quarantined)
    return ValidCustomers(chain.customers, day, published, counts.valid, raw.version, raw.rows), broken_rows


def _split(chain: Chain, raw: PartitionVersion, broken: Path) -> tuple[Staged, ValidationCounts]:
    """Write the valid rows of each part as a part of `customers`, its broken ones as a file below `broken`."""
    profile, key = chain.profile, chain.profile.id_column
    given, columns, broken_columns = raw_schema(profile), customers_schema(profile), quarantine_schema(profile)
    ends = list(ordered_map(lambda path: id_texts(end_ids(path, key)), raw.files))

    def split_part(folder: Path, part: int) -> ValidationCounts:
        counts = ValidationCounts()
        with pq.ParquetWriter(broken / part_name(part), broken_columns) as quarantined:

            def valid_rows() -> Iterator[pa.Table]:
                batches = raw.batches(part=part, categories=categorical_columns(profile))
                for batch, repeated in mark_duplicates(batches, key, *adjacent_ids(ends, part)):
                    named = batch.select(given.names)
                    rows = named.cast(as_coded(given, named.schema))
                    result = validate(rows, profile, raw.day, repeated, chain.timezone)
                    counts.add(result)
                    audit_so_far(counts, raw.rows, chain.validation.max_quarantined_share, f"customers {raw.day}")
                    quarantined.write_table(result.quarantined)
                    yield result.valid

            write_part(folder, part, columns, key, valid_rows())
        return counts

    counts = ValidationCounts()

    def split_all(folder: Path) -> None:
        for one in ordered_map(partial(split_part, folder), raw.parts):
            counts.join(one)

        audit_quarantine(counts, raw.rows, chain.validation.max_quarantined_share, f"customers {raw.day}")

    return chain.customers.stage(raw.day, columns, split_all), counts


def validation_inputs(chain: Chain, raw_version: str) -> dict[str, str]:
    """What `customers` of a day are made of: equal inputs mean equal rows."""
    return {
        "raw_version": raw_version,
        "profile_digest": chain.profile.source_digest,
        **({} if chain.timezone == "UTC" else {"timezone": chain.timezone}),  # as commits were before days had a zone
    }


def is_validated(details: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    """Whether `customers` of a day, by the details of their commit, were made of these inputs."""
    return all(details.get(name) == inputs.get(name) for name in ("raw_version", "profile_digest", "timezone"))


def _source_of(chain: Chain, raw: PartitionVersion) -> str:
    """The files that a landed version was read from."""
    landed = next(event for event in chain.raw.backwards(raw.day) if event.version == raw.version)
    return ", ".join(str(chain.layout.data_dir / file["path"]) for file in landed.commit.details["files"])
