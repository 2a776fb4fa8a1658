"""The tables whose columns follow from the profile, moved to those of a profile that has changed.

A column that was added is null in the days before, one that was dropped is shown no more: the files stay. Where one has
another type every current day is written anew, cell by cell, since no reader takes a column of two types; where one
cell has no such value nothing is moved. Earlier versions stay as they were written.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from churn_assets.core.arrow.columns import ColumnChanges, column_changes, completed
from churn_assets.core.arrow.dictionaries import as_stored
from churn_assets.core.customers.casting import cast_exactly
from churn_assets.core.customers.validation import validate
from churn_assets.core.errors import ChurnError, InputError, RunError
from churn_assets.core.features import compute_features
from churn_assets.core.profile_schemas import customers_schema, quarantine_schema, raw_schema
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.customers.land import LandingCounts, cast_rows
from churn_assets.storage.migration import commit_columns, write_anew
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["TableMigration", "migrate_tables", "plan_migration"]


@dataclass(frozen=True)
class TableMigration:
    """What makes a table follow the profile: its columns then, and the days that are written anew for it."""

    table: Table
    schema: pa.Schema
    changes: ColumnChanges
    days: int
    anew: tuple[PartitionVersion, ...]

    def row(self) -> dict[str, Any]:
        """What the command prints."""
        return {
            "table": self.table.name,
            "added": list(self.changes.added),
            "dropped": list(self.changes.dropped),
            "retyped": [dict(zip(("column", "from", "to"), each, strict=True)) for each in self.changes.retyped],
            "days": self.days,
            "written_anew": len(self.anew),
        }


def plan_migration(chain: Chain) -> list[TableMigration]:
    """What would be moved; nothing is changed. Nothing stands in it of a table that follows the profile already.

    Raises:
        InputError: the key has another type.
        RunError: a cell of a current version has no value of its column's new type.
    """
    found = []
    for table, schema in _wanted(chain).items():
        now = table.columns()
        changes = column_changes(now, schema) if now is not None else None
        if not changes:
            continue
        if chain.profile.id_column in {name for name, _, _ in changes.retyped}:
            raise InputError(
                f"{table.name}: the key {chain.profile.id_column} has another type, by which every table lies in "
                "order; nothing was changed: keep its type, or start a new data_dir"
            )
        versions = table.versions()
        anew = tuple(table.version(day) for day in sorted(versions)) if changes.retyped else ()
        found.append(TableMigration(table, schema, changes, len(versions), anew))
    for each in found:
        _refuse_lost_cells(each)
    return found


def migrate_tables(chain: Chain, run: RunContext) -> list[TableMigration]:
    """Move every table that does not follow the profile, each in one commit; after a kill, again: the rest is moved.

    Raises:
        InputError, RunError: as `plan_migration`; nothing was changed.
        PartitionConflict: a day was published in the meantime; tables before that one are moved.
    """
    planned = plan_migration(chain)
    for each in planned:
        cast = _cast(each)
        anew = {}
        for version in each.anew:
            staged = write_anew(each.table, version, each.schema, chain.profile.id_column, cast)
            anew[version.day] = (version.version, staged)
            logger.info("%s: %d of %d days are written anew", each.table.name, len(anew), len(each.anew))
        commit = run.commit("migrate", profile_digest=chain.profile.source_digest, **each.row())
        commit_columns(each.table, each.schema, commit, anew if each.anew else None)
        logger.info("%s follows the profile", each.table.name)
    return planned


def _wanted(chain: Chain) -> Mapping[Table, pa.Schema]:
    """The tables that follow from the profile, and their columns by it; features first of all: its code may fail."""
    features = as_stored(_features(chain).schema)
    return {
        chain.raw: raw_schema(chain.profile),
        chain.quarantined: quarantine_schema(chain.profile),
        chain.customers: customers_schema(chain.profile),
        chain.features: features,
    }


def _features(chain: Chain) -> pa.Table:
    """Features of some customers of the source, which tell their types; of no customers where it has none to show."""
    profile = chain.profile
    day = max(chain.source.days(), default=chain.start_date)
    with suppress(ChurnError, OSError, StopIteration):
        files = chain.source.files(day)
        raw = next(cast_rows(chain, day, chain.source.batches(files[:1]), LandingCounts()))
        rows = completed(raw, raw_schema(profile)).cast(raw_schema(profile))
        valid = validate(rows, profile, day, pa.array([], pa.int64()), chain.timezone).valid
        return compute_features(valid, profile, chain.parameters, day)
    return compute_features(customers_schema(profile).empty_table(), profile, chain.parameters, day)


def _cast(planned: TableMigration) -> Callable[[pa.Table], pa.Table]:
    """How a batch of the table becomes one of its new columns."""
    names = [name for name, _, _ in planned.changes.retyped]

    def cast(rows: pa.Table) -> pa.Table:
        of_type, _ = cast_exactly(rows, planned.schema, names)
        for name in names:
            rows = rows.set_column(rows.schema.get_field_index(name), name, of_type.column(name))
        return completed(rows, planned.schema)

    return cast


def _refuse_lost_cells(planned: TableMigration) -> None:
    types = {name: kind for name, _, kind in planned.changes.retyped}
    for version in planned.anew:
        lost: Counter[str] = Counter()
        for batch in version.batches(list(types)):
            lost.update(cast_exactly(batch, planned.schema, list(types))[1])
        for name, cells in lost.items():
            raise RunError(
                f"{planned.table.name} {version.day}: {cells} cells of column {name} are no {types[name]}; nothing was "
                "changed: give the column of the new type another name, by which both can be read"
            )
