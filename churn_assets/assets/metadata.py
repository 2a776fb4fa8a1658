"""What an analyst sees of a table in the Dagster UI."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from churn_assets.core.table_schemas import SNAPSHOT_DATE, description_of
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import Published

__all__ = ["column_lineage", "column_schema", "partition_metadata"]


def column_schema(schema: pa.Schema) -> dg.TableSchema:
    """The columns of a table as Dagster shows them."""
    columns = [dg.TableColumn(SNAPSHOT_DATE, "date32[day]", "The day whose end the row describes; the partition")]
    columns += [dg.TableColumn(field.name, str(field.type), description_of(field)) for field in schema]
    return dg.TableSchema(columns)


def column_lineage(upstream: Mapping[str, Sequence[tuple[str, str]]]) -> dg.TableColumnLineage:
    """For each column the (asset, column) pairs that it is made of."""
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(asset_key=dg.AssetKey(asset), column_name=column) for asset, column in made_of]
            for name, made_of in upstream.items()
        }
    )


def partition_metadata(table: Table, published: Published, rows: int, **more: Any) -> dict[str, Any]:
    """Metadata that every partitioned table carries on a materialization."""
    return {
        "dagster/partition_row_count": rows,
        "dagster/row_count": table.rows(),
        "dagster/table_name": table.name,
        "path": dg.MetadataValue.path(str(table.root)),
        "version": published.version,
        "changed": published.changed,
        **more,
    }
