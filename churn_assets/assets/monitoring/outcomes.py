"""The assets `churn_outcomes` and `realized_performance`: how Dagster asks for them, and what they show.

What they do stands in `pipeline.monitoring`. Their partition in Dagster is the night that tells outcomes; that of their
tables is the day that was scored.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from churn_assets.assets.checks import check_spec
from churn_assets.assets.metadata import column_schema, picture, rows_shown, summary
from churn_assets.assets.monitoring.troubles import told_trouble
from churn_assets.assets.results import record, run_context
from churn_assets.core.models.card_markdown import markdown_table
from churn_assets.core.monitoring.performance.calibration import MonthCalibration, calibration_by_month
from churn_assets.core.monitoring.performance.groups import offer_effects
from churn_assets.core.monitoring.performance.ranking import FIGURES
from churn_assets.core.monitoring.pictures.performance import performance_picture, performance_words
from churn_assets.core.monitoring.table_schemas import CHURN_OUTCOMES, REALIZED_PERFORMANCE
from churn_assets.core.options import MonitoringBounds
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.estimated import ESTIMATE
from churn_assets.pipeline.monitoring.outcomes import OUTCOMES, DayOutcomes, days_told, record_outcomes
from churn_assets.pipeline.monitoring.realized import PERFORMANCE, RealizedPerformance, judge_day
from churn_assets.storage.tables.ledger import Row
from churn_assets.storage.tables.reading import rows_between

__all__ = ["calibration_check", "calibration_result", "outcome_specs", "tell_outcomes", "tell_performance"]

CALIBRATION_CHECK = "calibration_in_the_large"
RUNBOOK = "docs/runbook.md#calibration"
SHOWN_DAYS = 92  # back from the day that was judged: some three months
NOT_DATED = "the profile's label is a column of the export: it has no outcomes to wait for"
NOTHING = "no outcome became known: the day a horizon before was not scored, or a snapshot is missing"
DRAWN = ("roc_auc", "average_precision", "brier", "calibration_error", "mean_probability")
IN_WORDS = ("arm", "model_version", "slice_column", "slice_value", "rows", "churners", *FIGURES)


def outcome_specs(chain: Chain) -> list[dg.AssetSpec]:
    """`churn_outcomes` and `realized_performance`."""
    back = chain.profile.label.horizon.days
    given: dict[str, Any] = {"group_name": "monitoring", "kinds": {"delta"}, "owners": ["team:data-science"]}
    return [
        dg.AssetSpec(
            OUTCOMES,
            deps=["churn_scores", "customers", "quarantined_customers"],
            description=f"What became of the customers who were scored {back} days before, told by the partition's own "
            "snapshot.",
            metadata={"dagster/column_schema": column_schema(CHURN_OUTCOMES)},
            **given,
        ),
        dg.AssetSpec(
            PERFORMANCE,
            deps=[
                OUTCOMES
            ],  # the challenger's scores it reads are another night's, and Dagster would wait for tonight's
            description=f"How good the scores of {back} days before were, as they were published then, by model, arm "
            "and group, now that their outcomes are known.",
            metadata={"dagster/column_schema": column_schema(REALIZED_PERFORMANCE)},
            **given,
        ),
    ]


def calibration_check(partitions: dg.PartitionsDefinition[str]) -> dg.AssetCheckSpec:
    """The check of `realized_performance`."""
    return check_spec(
        CALIBRATION_CHECK, PERFORMANCE, "The month's mean probability lies near its churn rate", partitions
    )


def tell_outcomes(context: dg.AssetExecutionContext, chain: Chain, night: dt.date) -> Iterator[dg.MaterializeResult]:
    """What a night gives of `churn_outcomes`."""
    told: list[DayOutcomes] = []
    with told_trouble(OUTCOMES, night) as trouble:
        made = (record_outcomes(chain, day, run_context(context, chain)) for day in days_told(chain, night))
        told.extend(filter(None, made))
    record(context, *told)
    opening = [f"of {each.rows:,} customers of {each.day} {each.churners:,} left" for each in told]
    shown = summary(*(opening or [_nothing(chain)])) | {"outcomes": _outcomes_shown(chain, told)}
    yield dg.MaterializeResult(OUTCOMES, metadata=shown | {"trouble": trouble.words})


def tell_performance(context: dg.AssetExecutionContext, chain: Chain, night: dt.date) -> Iterator[Any]:
    """What a night gives of `realized_performance`, and the result of its check."""
    judged: list[RealizedPerformance] = []
    months: list[MonthCalibration] = []
    pictures: dict[str, Any] = {}
    with told_trouble(PERFORMANCE, night) as trouble:
        made = (judge_day(chain, day, run_context(context, chain)) for day in days_told(chain, night))
        judged.extend(filter(None, made))
        if judged:
            newest = max(each.day for each in judged)
            since = newest - dt.timedelta(days=SHOWN_DAYS)
            realized = rows_between(chain.table(PERFORMANCE), since, newest)
            months = calibration_by_month(realized)
            pictures = _over_time(realized, rows_between(chain.table(ESTIMATE), since, night))
    record(context, *judged)
    metadata = _opening(chain, judged) | pictures | _performance_metadata(chain, judged, months)
    metadata["trouble"] = trouble.words
    yield dg.MaterializeResult(PERFORMANCE, metadata=metadata)
    yield calibration_result(months, judged, chain.bounds)


def _outcomes_shown(chain: Chain, told: Sequence[DayOutcomes]) -> Any:
    if not told:
        return _nothing(chain)
    names = ("snapshot_date", "known_on", "version", "scored", "known", "churned", "left_out", "held_out")
    whose = [(each.day, each.known_on, each.published.version) for each in told]
    counts = [(each.scored, each.rows, each.churners, each.left_out, each.held_out) for each in told]
    cells = [[str(cell) for cell in (*who, *count)] for who, count in zip(whose, counts, strict=True)]
    return dg.MetadataValue.md(markdown_table(names, cells))


def _nothing(chain: Chain) -> str:
    """Why no outcome is told."""
    return NOTHING if chain.profile.label.is_dated else NOT_DATED


def _opening(chain: Chain, judged: Sequence[RealizedPerformance]) -> dict[str, Any]:
    """How good the published scores of each day turned out to be, in a sentence."""
    told = [
        f"the scores of {each.day} by {row['model_version']} reached ROC-AUC {row['roc_auc']:.3f}"
        for each in judged
        for row in each.figures
        if row["arm"] == "champion" and not row["slice_column"] and row["roc_auc"] is not None
    ]
    return summary(*(told or ["too few outcomes" if judged else _nothing(chain)]))


def _performance_metadata(
    chain: Chain, judged: Sequence[RealizedPerformance], months: Sequence[MonthCalibration]
) -> dict[str, Any]:
    shown: dict[str, Any] = {"judged": len(judged)}
    if not judged:
        return shown | {"performance": _nothing(chain)}
    figures = [{"snapshot_date": each.day} | row for each in judged for row in each.figures]
    shown["performance"] = rows_shown(figures, "", ("snapshot_date", *IN_WORDS))
    shown["snapshot_dates"] = [each.day.isoformat() for each in judged]
    if months:
        shown["calibration_by_month"] = rows_shown([month.row() for month in months], "")
    effects = [effect for each in judged for effect in offer_effects(each.figures).values()]
    if effects:
        shown["offers"] = rows_shown([asdict(effect) for effect in effects], "")
    return shown


def _over_time(realized: Sequence[Row], estimated: Sequence[Row]) -> dict[str, Any]:
    """The drawing of the last months, and the newest day's figures, which Dagster's own plots draw over the nights."""
    shown: dict[str, Any] = {
        "over_time": picture(performance_picture(realized, estimated), performance_words(realized))
    }
    everybody = [row for row in realized if row["arm"] == "champion" and not row["slice_column"] and row["rows"]]
    if everybody:
        newest = everybody[-1]
        shown["churn_rate"] = newest["churners"] / newest["rows"]
        shown |= {name: newest[name] for name in DRAWN if newest[name] is not None}
    return shown


def calibration_result(
    months: Sequence[MonthCalibration], judged: Sequence[RealizedPerformance], bounds: MonitoringBounds
) -> dg.AssetCheckResult:
    """The result of the check for the newest month that was judged, with the correction that was in force."""
    metadata: dict[str, Any] = {
        "bounds": {"gap_warning": bounds.calibration_gap_warning, "gap_error": bounds.calibration_gap_error},
        "runbook": RUNBOOK,
    }
    severity = "ok"
    if months:
        month = months[-1]
        severity = month.severity(bounds)
        metadata |= month.row() | {"finding": month.words}
    if judged:
        prior = max(judged, key=lambda each: each.day).prior
        metadata["prior"] = str(prior.get("kind", "none"))
        metadata |= {
            f"prior_{name}": float(prior[name])
            for name in ("odds_factor", "rate", "uncorrected_mean")
            if prior.get(name) is not None
        }
    return dg.AssetCheckResult(
        asset_key=PERFORMANCE,
        check_name=CALIBRATION_CHECK,
        passed=severity == "ok",
        severity=dg.AssetCheckSeverity.WARN if severity == "warning" else dg.AssetCheckSeverity.ERROR,
        metadata=metadata,
    )
