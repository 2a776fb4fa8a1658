"""What an analyst sees of any table in the Dagster UI; what is shown of one table alone stands with its asset."""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from churn_assets.core.models.card_markdown import markdown_table, with_picture
from churn_assets.core.table_schemas import SNAPSHOT_DATE, description_of

if TYPE_CHECKING:
    from churn_assets.pipeline.chain import StageResult
    from churn_assets.pipeline.monitoring.night_report import NightReport

__all__ = ["column_lineage", "column_schema", "partition_metadata", "picture", "report_shown", "rows_shown", "summary"]


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


def summary(opening: str, *points: str) -> dict[str, Any]:
    """The first entry of an asset, which a person reads: plain text, as Dagster hides Markdown behind a click."""
    return {"summary": "; ".join((opening, *points))}


def rows_shown(rows: Sequence[Mapping[str, Any]], nothing: str, names: Sequence[str] | None = None) -> Any:
    """Rows as a table that a person reads, `nothing` where there are none; of their columns those that are named."""
    if not rows:
        return nothing
    shown = names or list(rows[0])
    return dg.MetadataValue.md(markdown_table(shown, [[_cell(row[name]) for name in shown] for row in rows]))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def picture(svg: str, words: str) -> dg.MarkdownMetadataValue:
    """A drawing as an entry, with `words` for who does not see it: the page has no folder beside it to take it from."""
    told = words.replace("[", "(").replace("]", ")")  # what would end the words
    return dg.MetadataValue.md(f"![{told}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})")


def report_shown(report: "NightReport") -> dg.MarkdownMetadataValue:
    """A night's report with its picture inside."""
    return dg.MetadataValue.md(with_picture(report.page, report.picture.encode(), report.picture_name, "svg+xml"))


def partition_metadata(result: "StageResult") -> dict[str, Any]:
    """What every partitioned table shows on a materialization.

    No row count of the whole table: over days it would draw the days that there are. `changed` is whether readers meet
    another version than before.
    """
    return {
        "dagster/partition_row_count": result.rows,
        "dagster/table_name": result.table.name,
        "path": dg.MetadataValue.path(str(result.table.folder)),
        "version": result.published.version,
        "changed": result.published.changed,
    }
