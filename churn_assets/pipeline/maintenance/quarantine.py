"""Quarantined rows whose time is up: what they held goes, and that there were such rows stays."""

import datetime as dt

import pyarrow as pa

from churn_assets.core.table_schemas import FAULTS
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table

__all__ = ["redact"]


def redact(table: Table, day: dt.date, key: str, commit: Commit) -> bool:
    """Publish the quarantined rows of `day` without their values; whether that replaced a version.

    The id stays, and which check of which column was broken: a customer who was set aside is not one who has left,
    which is what labels and outcomes are made of, and a day's rows still add up.

    Raises:
        DamagedVersion: its files are not what was published.
        PartitionConflict: the day was validated anew at the same time.
    """
    before = table.version(day).verified()
    batches = list(before.batches())
    schema = batches[0].schema if batches else before.schema
    staged = table.write(day, schema, key, [_without_values(batch, key) for batch in batches])
    return table.publish(staged, before.version, commit).changed


def _without_values(rows: pa.Table, key: str) -> pa.Table:
    columns = []
    for field in rows.schema:
        if field.name == key:
            columns.append(rows.column(field.name))
        elif field.name == FAULTS:
            told = rows.column(field.name).to_pylist()
            faults = [each and [fault | {"value": None} for fault in each] for each in told]
            columns.append(pa.chunked_array([pa.array(faults, field.type)]))
        else:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows, field.type)]))
    return pa.Table.from_arrays(columns, schema=rows.schema)
