"""Whether a day's features are still those that a model learnt from: figures, severities, and what is odd in words.

A distance is a finding only above what chance gives, above its bound, and above a multiple of what the same weekday
usually has: many features move with the week and the season, and a bound alone would tell of it day after day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import median
from typing import Any, Literal

from churn_assets.core.evaluation.results import FeatureSummary, Histogram, Reference
from churn_assets.core.options import MonitoringBounds
from churn_assets.core.scoring.drift import (
    chance_kolmogorov_smirnov,
    chance_psi,
    kolmogorov_smirnov,
    population_stability_index,
)

__all__ = [
    "MEASURES",
    "SEVERITIES",
    "DriftFinding",
    "FeatureDrift",
    "Severity",
    "drift_of_features",
    "oddities",
    "severity_of_index",
    "worst",
]

Severity = Literal["ok", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("ok", "warning", "error")
Measure = Literal["psi", "ks", "unseen_share", "null_share"]
MEASURES: tuple[Measure, ...] = ("psi", "ks", "unseen_share", "null_share")
DEVIATIONS = 4.0  # how far chance alone goes, in standard deviations


@dataclass(frozen=True)
class DriftFinding:
    """One figure of one feature beside its bound, from which on the severity is more than `ok`."""

    feature: str
    measure: Measure
    number: float
    bound: float
    severity: Severity


@dataclass(frozen=True)
class FeatureDrift:
    """How far a feature of the day lies from the reference: the columns of `feature_drift`, and what was judged."""

    feature: str
    kind: Literal["numeric", "categorical"]
    rows: int
    psi: float
    psi_chance: float
    ks: float | None
    unseen_share: float
    null_share: float
    null_share_reference: float
    findings: tuple[DriftFinding, ...]

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return worst(each.severity for each in self.findings)

    def row(self) -> dict[str, Any]:
        """The row of the table."""
        return {name: value for name, value in asdict(self).items() if name != "findings"} | {"severity": self.severity}


def drift_of_features(
    today: FeatureSummary, reference: Reference, weekdays: Sequence[FeatureSummary], bounds: MonitoringBounds
) -> list[FeatureDrift]:
    """How far each feature that can be compared lies from the reference, by name.

    Args:
        today: what was counted of the day's features, in the bins of `reference`.
        reference: of the model that scored the day.
        weekdays: likewise of the same weekdays before; a feature that was counted in other bins has no usual there.
        bounds: from where what moved is a finding.
    """
    drifts = []
    for name, counted in sorted(reference.features.items()):
        now = today.features.get(name)
        if now is None or not _same_bins(counted, now):
            continue
        earlier = [each.features[name] for each in weekdays if name in each.features]
        usual = [then for then in earlier if _same_bins(counted, then)]
        drifts.append(_drift(name, counted, now, today.unseen.get(name, 0), usual, bounds))
    return drifts


def severity_of_index(
    psi: float, chance: float, usual: Sequence[float], bounds: MonitoringBounds
) -> tuple[Severity, float]:
    """How bad a population stability index is, and the bound above which it is a finding.

    Args:
        psi: the index.
        chance: what it stays below where nothing has changed.
        usual: what it was on the same weekdays before.
        bounds: from where what moved is a finding.
    """
    bound = _bound(bounds.psi_warning, chance, usual, bounds)
    if psi <= bound:
        return "ok", bound
    return ("error" if psi > bounds.psi_error else "warning"), bound


def worst(severities: Iterator[Severity] | Sequence[Severity]) -> Severity:
    """The worst of them; `ok` of none."""
    return max(severities, key=SEVERITIES.index, default="ok")


def oddities(today: FeatureSummary, reference: Reference, columns: Sequence[str]) -> list[str]:
    """What cannot be compared, and what no index tells well, a sentence each; `columns` are the profile's features."""
    return [
        *_uncompared(today, reference, columns),
        *(f"{name} has no value on any row" for name, each in sorted(today.features.items()) if _is_empty(each)),
        *(
            f"{name} has become constant: all its values lie in one bin of {len(counted.counts)}"
            for name, counted in sorted(reference.features.items())
            if name in today.features and _filled(counted) > 1 == _filled(today.features[name])
        ),
    ]


def _uncompared(today: FeatureSummary, reference: Reference, columns: Sequence[str]) -> Iterator[str]:
    for name in sorted(set(columns) - reference.features.keys()):
        yield f"{name} is not compared: the model that scored does not know it"
    for name, counted in sorted(reference.features.items()):
        if name not in today.features:
            yield f"{name} is not compared: it was not counted when the day was scored; run the day again"
        elif not _same_bins(counted, today.features[name]):
            yield f"{name} is not compared: it was counted in other bins than the model's reference has; run it again"


def _bound(least: float, chance: float, usual: Sequence[float], bounds: MonitoringBounds) -> float:
    return max(least, chance, bounds.times_usual * median(usual) if usual else 0.0)


def _drift(
    name: str, counted: Histogram, now: Histogram, unseen: int, usual: Sequence[Histogram], bounds: MonitoringBounds
) -> FeatureDrift:
    psi, chance = population_stability_index(counted, now), chance_psi(counted, now)
    usual_psi = [population_stability_index(counted, then) for then in usual]
    severity, bound = severity_of_index(psi, chance, usual_psi, bounds)
    is_numeric = not counted.categories
    nulls, nulls_then = _share(now.missing, now), _share(counted.missing, counted)
    unseen_share = _share(unseen, now)
    findings = [DriftFinding(name, "psi", psi, bound, severity)]
    ks = kolmogorov_smirnov(counted, now) if is_numeric else None
    if ks is not None:
        usual_ks = [kolmogorov_smirnov(counted, then) for then in usual]
        least = _bound(bounds.ks_warning, chance_kolmogorov_smirnov(counted, now), usual_ks, bounds)
        findings.append(_beyond(name, "ks", ks, least))
    findings.append(_beyond(name, "unseen_share", unseen_share, bounds.max_unseen_share))
    fewest = min([nulls_then, *([median(_share(each.missing, each) for each in usual)] if usual else [])])
    allowed = fewest + bounds.max_null_share_rise + _chance_of_share(fewest, counted.rows, now.rows)
    findings.append(_beyond(name, "null_share", nulls, allowed))
    return FeatureDrift(
        feature=name,
        kind="numeric" if is_numeric else "categorical",
        rows=now.rows,
        psi=psi,
        psi_chance=chance,
        ks=ks,
        unseen_share=unseen_share,
        null_share=nulls,
        null_share_reference=nulls_then,
        findings=tuple(findings),
    )


def _beyond(name: str, measure: Measure, number: float, bound: float) -> DriftFinding:
    return DriftFinding(name, measure, number, bound, "warning" if number > bound else "ok")


def _chance_of_share(share: float, rows: int, more: int) -> float:
    return DEVIATIONS * sqrt(share * (1 - share) * (1 / max(rows, 1) + 1 / max(more, 1)))


def _share(rows: int, of: Histogram) -> float:
    return rows / of.rows if of.rows else 0.0


def _same_bins(one: Histogram, other: Histogram) -> bool:
    return (one.edges, one.categories) == (other.edges, other.categories)


def _is_empty(counted: Histogram) -> bool:
    return counted.rows > 0 and counted.missing == counted.rows


def _filled(counted: Histogram) -> int:
    return sum(rows > 0 for rows in counted.counts)
