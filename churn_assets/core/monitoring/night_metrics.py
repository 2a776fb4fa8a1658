"""A night in the words of Prometheus: what a text file for node_exporter holds of it, aggregates only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Gauge

__all__ = ["NightFigures", "registry_of"]


@dataclass(frozen=True)
class NightFigures:
    """The figures of a night; what is not known is left out of the file.

    Attributes:
        snapshot_end: when the snapshot day ended, in seconds of Unix time.
        published_at: when its scores became current, likewise.
        finished_at: when the figures were taken, likewise.
        model_version: that scored the day.
        rows: of the day, by table.
        stage_seconds: by stage.
        quarantined_share: of the day's raw rows.
        excluded: valid customers on the do-not-score list.
        feature_psi_max: the largest index of a feature.
        score_psi: of the scores, by what they were held against.
        findings: rows of the drift tables, by severity.
        roc_auc: `realized` and `estimated`, of everybody's published scores.
    """

    snapshot_end: float
    published_at: float
    finished_at: float
    model_version: str
    rows: Mapping[str, int]
    stage_seconds: Mapping[str, float]
    quarantined_share: float | None = None
    excluded: int | None = None
    feature_psi_max: float | None = None
    score_psi: Mapping[str, float] = field(default_factory=dict)
    findings: Mapping[str, int] = field(default_factory=dict)
    roc_auc: Mapping[str, float] = field(default_factory=dict)


def registry_of(figures: NightFigures) -> CollectorRegistry:
    """The metrics of a night; `docs/monitoring.md` lists them."""
    registry = CollectorRegistry()
    _one(registry, "snapshot_end_timestamp_seconds", "End of the newest scored snapshot day", figures.snapshot_end)
    _one(registry, "scores_published_timestamp_seconds", "When its scores became current", figures.published_at)
    _one(registry, "finished_timestamp_seconds", "When the night ended", figures.finished_at)
    _one(registry, "score_age_seconds", "Age of the scores then", figures.finished_at - figures.snapshot_end)
    _one(registry, "quarantined_share", "Share of the raw rows that are quarantined", figures.quarantined_share)
    _one(registry, "excluded_customers", "Valid customers on the do-not-score list", figures.excluded)
    _one(registry, "feature_drift_psi_max", "Largest stability index of a feature", figures.feature_psi_max)
    _each(registry, "rows", "Rows of the day", "table", figures.rows)
    _each(registry, "stage_seconds", "Seconds of a stage", "stage", figures.stage_seconds)
    _each(registry, "score_drift_psi", "Stability index of the scores", "against", figures.score_psi)
    _each(registry, "drift_findings", "Rows of the drift tables", "severity", figures.findings)
    _each(registry, "roc_auc", "ROC-AUC of published scores, the newest known", "kind", figures.roc_auc)
    _each(registry, "model_info", "The model that scored the day", "model_version", {figures.model_version: 1.0})
    return registry


def _one(registry: CollectorRegistry, name: str, told: str, value: float | None) -> None:
    if value is not None:
        Gauge(f"churn_night_{name}", told, registry=registry).set(value)


def _each(registry: CollectorRegistry, name: str, told: str, label: str, values: Mapping[str, float]) -> None:
    if not values:
        return
    gauge = Gauge(f"churn_night_{name}", told, [label], registry=registry)
    for key, value in values.items():
        gauge.labels(key).set(value)
