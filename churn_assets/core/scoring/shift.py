"""Whether a day's scores are of the same kind as the last day's: checked before they are published."""

from dataclasses import dataclass
from math import sqrt

from churn_assets.core.evaluation.results import Histogram
from churn_assets.core.options import AuditBounds
from churn_assets.core.scoring.drift import chance_psi, population_stability_index

__all__ = ["Finding", "ScoreSummary", "audit_shift"]

LAST_DAY = ("max_psi", "psi_last_day", "the last day")
REFERENCE = ("max_reference_psi", "psi_reference", "the model's reference")
DEVIATIONS = 4.0  # how far chance alone goes, in standard deviations


@dataclass(frozen=True)
class ScoreSummary:
    """A day's scores in aggregates: `tiers` counts rows, `scores` in the bins of a model's reference."""

    rows: int
    tiers: dict[str, int]
    mean: float
    scores: Histogram


@dataclass(frozen=True)
class Finding:
    """One figure and its bound; chance alone, on so few rows, is added to the bound. A warning stops no night.

    `figure` names what was measured, the same every night, so that it can be followed over days; `name` is the key of
    the bound, under which several figures may be judged, or the figure's own where it has no key.
    """

    name: str
    value: float
    bound: float
    words: str
    is_warning: bool = False
    figure: str = ""

    @property
    def passed(self) -> bool:
        """Whether the bound holds."""
        return self.value <= self.bound

    @property
    def told(self) -> str:
        """The words, and the key of the bound where it has one."""
        return f"{self.words} (audit.{self.name})" if self.name in AuditBounds.model_fields else self.words

    @property
    def stops(self) -> bool:
        """Whether nothing is published, unless a person accepts it."""
        return not (self.passed or self.is_warning)


def audit_shift(
    today: ScoreSummary, before: ScoreSummary | None, reference: Histogram, bounds: AuditBounds, *, same_model: bool
) -> list[Finding]:
    """How far the day's scores lie from those of the last scored day, and from the model's reference.

    Args:
        today: the scores that are to be published.
        before: those of the last scored day, None where there is none.
        reference: the scores that the model gave when it was made.
        bounds: how far the day may lie from either; a bound of None is not checked.
        same_model: whether one model gave both days' scores: the index of two days is a drift only then.
    """
    findings = []
    if before is not None:
        findings += _changes(today, before, bounds)
        if same_model and bounds.max_psi is not None:
            findings.append(_psi(LAST_DAY, today.scores, before.scores, bounds.max_psi))
    if bounds.max_reference_psi is not None:
        findings.append(_psi(REFERENCE, today.scores, reference, bounds.max_reference_psi))
    return findings


def _changes(today: ScoreSummary, before: ScoreSummary, bounds: AuditBounds) -> list[Finding]:
    findings = []
    chance = DEVIATIONS * sqrt(1 / max(today.rows, 1) + 1 / max(before.rows, 1))
    if bounds.max_rows_change is not None:
        change = abs(today.rows / before.rows - 1)
        words = f"{today.rows} rows after {before.rows} on the last day"
        findings.append(Finding("max_rows_change", change, bounds.max_rows_change, words, figure="rows_change"))
    if bounds.max_mean_change is not None:
        spread = sqrt(before.mean * (1 - before.mean))
        words = f"mean probability {today.mean:.4f} after {before.mean:.4f}"
        bound = bounds.max_mean_change + chance * spread
        findings.append(Finding("max_mean_change", abs(today.mean - before.mean), bound, words, figure="mean_shift"))
    if bounds.max_tier_change is not None:
        for tier, rows in before.tiers.items():
            then, now = rows / before.rows, today.tiers.get(tier, 0) / max(today.rows, 1)
            words = f"tier {tier} holds {now:.1%} after {then:.1%}"
            bound = bounds.max_tier_change + chance * sqrt(then * (1 - then))
            findings.append(Finding("max_tier_change", abs(now - then), bound, words, figure=f"share_{tier}_change"))
    return findings


def _psi(baseline: tuple[str, str, str], today: Histogram, other: Histogram, bound: float) -> Finding:
    name, figure, other_words = baseline
    value = population_stability_index(other, today)
    words = f"population stability index {value:.3f} to {other_words}"
    return Finding(name, value, bound + chance_psi(other, today), words, figure=figure)
