"""The assets `feature_drift` and `score_drift` with their checks: how Dagster asks for them, and what it shows.

What they do stands in `pipeline.monitoring.drift`. They come after the publish and take nothing from it: what they
find is a check's warning or error, and what keeps them from looking is a warning.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import dagster as dg
import pyarrow as pa

from churn_assets.assets.checks import check_spec
from churn_assets.assets.metadata import column_schema, partition_metadata, picture, report_shown, rows_shown, summary
from churn_assets.assets.monitoring.drift_checks import (
    FEATURE_CHECKS,
    SCORE_CHECKS,
    feature_results,
    score_results,
    troubled_results,
)
from churn_assets.assets.results import materialized, run_context
from churn_assets.core.errors import ChurnError
from churn_assets.core.monitoring.pictures.drift import drift_picture, drift_words
from churn_assets.core.monitoring.table_schemas import FEATURE_DRIFT, SCORE_DRIFT
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.monitoring.drift import FeatureDriftResult, ScoreDriftResult, watch_features, watch_scores
from churn_assets.pipeline.monitoring.night_report import retell_night

__all__ = ["drift_assets"]

Result = TypeVar("Result", FeatureDriftResult, ScoreDriftResult)
OWNERS = ["team:data-science"]
DESCRIPTIONS = {
    "feature_drift": "How far each feature of the day lies from what the model that scored it learnt from, by what the "
    "night counted.",
    "score_drift": "How far the day's scores lie from those that the model gave when it was made, from the last scored "
    "day's and from those of the same weekday last week.",
}


def drift_assets(chain: Chain, partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """`feature_drift` and `score_drift`, in one step of the night, as a step costs more than what either does."""

    @dg.multi_asset(
        name="drift",
        specs=[_spec(name, told) for name, told in DESCRIPTIONS.items()],
        check_specs=[
            *(check_spec(name, "feature_drift", told, partitions) for name, told in FEATURE_CHECKS.items()),
            *(check_spec(name, "score_drift", told, partitions) for name, told in SCORE_CHECKS.items()),
        ],
        partitions_def=partitions,
        can_subset=True,
    )
    def drift(context: dg.AssetExecutionContext) -> Iterator[Any]:
        if dg.AssetKey("feature_drift") in context.selected_asset_keys:
            yield from _watched(chain, context, "feature_drift", watch_features, feature_results, FEATURE_DRIFT)
        if dg.AssetKey("score_drift") in context.selected_asset_keys:
            yield from _watched(chain, context, "score_drift", watch_scores, score_results, SCORE_DRIFT)
        yield from _report(chain, dt.date.fromisoformat(context.partition_key))

    return [drift]


def _spec(name: str, told: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name, deps=["churn_scores"], group_name="monitoring", kinds={"delta"}, owners=OWNERS, description=told
    )


def _watched(
    chain: Chain,
    context: dg.AssetExecutionContext,
    asset: str,
    watch: Callable[[Chain, dt.date, RunContext], Result],
    results: Callable[[Result], list[dg.AssetCheckResult]],
    schema: pa.Schema,
) -> Iterator[Any]:
    """The materialization of a day and the results of its checks; also where there was trouble: none is left open."""
    day = dt.date.fromisoformat(context.partition_key)
    try:
        found = watch(chain, day, run_context(context, chain))
    except (ChurnError, OSError) as error:  # the scores are published: watching takes nothing from them
        logger.warning("%s: %s was not looked at: %s", day, asset, error)
        told = summary(f"not looked at: {error}") | {
            "trouble": str(error),
            "dagster/column_schema": column_schema(schema),
        }
        yield dg.MaterializeResult(asset_key=asset, metadata=told)
        yield from _selected(context, troubled_results(asset, str(error)))
        return
    rows = [each.row() for each in sorted(found.drifts, key=lambda each: -each.psi)]
    metadata = {
        **_opening(schema, found),
        **partition_metadata(found),
        "psi_max": max((each.psi for each in found.drifts), default=0.0),
        "warnings": sum(each.severity == "warning" for each in found.drifts),
        "errors": sum(each.severity == "error" for each in found.drifts),
        **_pictures(found),
        "notes": dg.MetadataValue.md("\n".join(f"- {note}" for note in found.notes) or "nothing is odd"),
        "drift": rows_shown(rows, "Nothing could be compared.", schema.names),
        "dagster/column_schema": column_schema(schema),
    }
    yield materialized(found, metadata)
    yield from _selected(context, results(found))


def _report(chain: Chain, day: dt.date) -> Iterator[dg.AssetObservation]:
    """The night's report with drift in a word: `churn_scores` was shown before anybody had looked."""
    report = retell_night(chain, day)
    if report is not None:
        metadata = summary(report.headline) | {"report": report_shown(report)}
        yield dg.AssetObservation("churn_scores", partition=str(day), metadata=metadata)


def _opening(schema: pa.Schema, found: FeatureDriftResult | ScoreDriftResult) -> dict[str, Any]:
    """The day in a sentence."""
    name = schema.names[0]
    moved = [f"{row[name]} ({row['severity']})" for each in found.drifts if (row := each.row())["severity"] != "ok"]
    if not found.drifts:
        return summary("nothing could be compared")
    return summary(f"{len(moved)} of {len(found.drifts)} lie beyond a bound" if moved else "all lie as usual", *moved)


def _pictures(found: FeatureDriftResult | ScoreDriftResult) -> dict[str, Any]:
    """Bars of the features; the scores' few figures are read sooner than drawn."""
    if not isinstance(found, FeatureDriftResult) or not found.drifts:
        return {}
    return {"drift_by_feature": picture(drift_picture(found.drifts), drift_words(found.drifts))}


def _selected(context: dg.AssetExecutionContext, results: Sequence[dg.AssetCheckResult]) -> list[dg.AssetCheckResult]:
    """The results that were asked for: an asset can be materialized without its checks."""
    wanted = {(key.asset_key, key.name) for key in context.selected_asset_check_keys}
    return [each for each in results if (each.asset_key, each.check_name) in wanted]
