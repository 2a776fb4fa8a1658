"""Two steps of the job `maintenance`: verify everything that is stored, then let expire what is no longer kept.

What expires comes after `verify`, and does not run where that found damage: what is old may be the way back.
"""

import datetime as dt

import dagster as dg

from churn_assets.assets.results import ACTOR_TAG, dagster_failures
from churn_assets.core.errors import DamagedVersion
from churn_assets.core.models.card_markdown import markdown_table
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.maintenance.expire import expire
from churn_assets.storage.verification import Damage, checks_of

__all__ = ["expire_op", "running_since", "verify_op"]

IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
NAMED = 3  # damaged files that the failure's sentence names
RETENTION_HEADINGS = ("Kind", "Table", "Count", "Bytes", "Kept days")


def running_since(instance: dg.DagsterInstance, but: str = "") -> dt.datetime | None:
    """When the oldest run in progress began, other than run `but`; None where there is none."""
    records = instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS))
    began = [
        dt.datetime.fromtimestamp(record.start_time, dt.UTC) if record.start_time else record.create_timestamp
        for record in records
        if record.dagster_run.run_id != but
    ]
    return min(began, default=None)


def verify_op(chain: Chain) -> dg.OpDefinition:
    """`verify`: fails where something is damaged, with a sentence that names it."""

    @dg.op(name="verify", out=dg.Out(dg.Nothing), description="Read everything that is stored against its digest.")
    def verify(context: dg.OpExecutionContext) -> None:
        damaged: list[Damage] = []
        checked = read = 0
        with dagster_failures():
            for check in checks_of(chain.layout, signing=chain.signing):
                damaged += check.run()
                checked, read = checked + 1, read + check.bytes
            if damaged:
                raise DamagedVersion(_sentence(damaged, checked))
        context.add_output_metadata({"summary": f"all {checked:,} things are as they were written", "bytes": read})

    return verify


def expire_op(chain: Chain) -> dg.OpDefinition:
    """`expire`, which waits for the end of what it is told to come `after`."""

    @dg.op(
        name="expire",
        ins={"after": dg.In(dg.Nothing)},
        out=dg.Out(dg.Nothing),
        description="Remove what the configuration no longer keeps, and what killed writers left.",
    )
    def let_expire(context: dg.OpExecutionContext) -> None:
        run = context.run
        actor = run.tags.get(ACTOR_TAG) or run.tags.get("dagster/schedule_name") or "dagster"
        with dagster_failures():
            since = running_since(context.instance, but=run.run_id)
            rows = [each.row() for each in expire(chain, actor, dt.datetime.now(dt.UTC), since)]
        size = sum(row["bytes"] for row in rows)
        cells = [[str(row[name]) for name in ("kind", "table", "count", "bytes", "kept_days")] for row in rows]
        shown = markdown_table(RETENTION_HEADINGS, cells) if rows else "Nothing had expired."
        told = f"{sum(row['count'] for row in rows):,} things have expired, {size / 2**20:,.1f} MiB"
        context.add_output_metadata({"summary": told, "bytes": size, "expired": dg.MetadataValue.md(shown)})

    return let_expire


def _sentence(damaged: list[Damage], checked: int) -> str:
    named = "; ".join(
        f"{each.table} {each.snapshot_date or each.version}: {each.file}".strip() for each in damaged[:NAMED]
    )
    more = f" and {len(damaged) - NAMED} more" if len(damaged) > NAMED else ""
    return (
        f"{len(damaged)} of {checked:,} things that are stored are damaged: {named}{more}; nothing was removed, and "
        "`churn-assets verify` says the way back for each"
    )
