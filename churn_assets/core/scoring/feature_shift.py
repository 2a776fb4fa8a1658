"""Whether a day's features are of the same kind as those a model knows, and those of the last day: before a publish.

A column that was scaled, or filled from another one, lies apart from the reference and from yesterday at once. One
that drifts away slowly lies near yesterday, and one that is right again near the reference: neither stops a night.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from churn_assets.core.evaluation.results import FeatureSummary, Histogram, Reference
from churn_assets.core.options import AuditBounds
from churn_assets.core.scoring.drift import (
    chance_kolmogorov_smirnov,
    chance_psi,
    kolmogorov_smirnov,
    population_stability_index,
)
from churn_assets.core.scoring.shift import Finding

__all__ = ["audit_features"]

Histograms = Mapping[str, Histogram]

MORE_DUPLICATES = 0.05  # of the rows than the reference's day had: no chance, and no growth, brings so many
LISTED = 8  # columns, in a sentence


class _Measure(NamedTuple):
    """A distance of two histograms, what chance gives of it, and its bound."""

    name: str
    figure: str
    words: str
    distance: Callable[[Histogram, Histogram], float]
    chance: Callable[[Histogram, Histogram], float]
    bound: float
    stops: bool


PSI = _Measure(
    "max_feature_psi",
    "feature_psi",
    "population stability index",
    population_stability_index,
    chance_psi,
    0.0,
    stops=True,
)
KS = _Measure(
    "kolmogorov_smirnov",
    "feature_ks",
    "Kolmogorov-Smirnov distance",
    kolmogorov_smirnov,
    chance_kolmogorov_smirnov,
    0.1,
    stops=False,
)


@dataclass(frozen=True)
class _Distance:
    """How far a column lies from the reference and, where it was counted there, from the last day.

    `excess` is the lesser of the two, each less what chance gives.
    """

    column: str
    reference: float
    last_day: float | None
    excess: float

    @property
    def words(self) -> str:
        """The column, and either distance."""
        last_day = "" if self.last_day is None else f" and {self.last_day:.3f}"
        return f"{self.column} {self.reference:.3f}{last_day}"


def audit_features(
    today: FeatureSummary, before: FeatureSummary | None, reference: Reference, bounds: AuditBounds
) -> list[Finding]:
    """How far the day's features lie from the model's reference and from the last scored day.

    Only a column that both are there to be held against can stop a night; by the Kolmogorov-Smirnov distance, and by
    the rows that repeat another one, a person is warned.

    Args:
        today: the features of those who are scored, in the bins of `reference`.
        before: those of the last scored day, None where they were not counted; others' bins are passed over.
        reference: of the model that scores.
        bounds: `max_feature_psi` of None leaves out all that is said of the distances of single columns.
    """
    findings = []
    if bounds.max_feature_psi is not None:
        numbers = {column: each for column, each in reference.features.items() if each.edges}
        yesterday = before.features if before else {}
        psi = PSI._replace(bound=bounds.max_feature_psi)
        findings += _shifted(list(_distances(today.features, yesterday, reference.features, psi)), psi)
        findings += _shifted(list(_distances(today.features, yesterday, numbers, KS)), KS)
    return findings + _unseen(today, bounds) + _duplicates(today, reference)


def _distances(
    today: Histograms, yesterday: Histograms, reference: Histograms, measure: _Measure
) -> Iterator[_Distance]:
    for column, counted in reference.items():
        now, then = today[column], yesterday.get(column)
        apart = measure.distance(counted, now)
        excess = apart - measure.chance(counted, now)
        if then is None or (then.edges, then.categories) != (now.edges, now.categories):
            yield _Distance(column, apart, None, excess)
            continue
        moved = measure.distance(then, now)
        yield _Distance(column, apart, moved, min(excess, moved - measure.chance(then, now)))


def _shifted(distances: Sequence[_Distance], measure: _Measure) -> list[Finding]:
    """One finding on all the columns that both are there for, and one on those that only the reference is there for."""
    compared = [each for each in distances if each.last_day is not None]
    others = [each for each in distances if each.last_day is None]
    return [
        _on_columns(each, measure._replace(figure=measure.figure + more), baseline, is_warning=is_warning)
        for each, more, baseline, is_warning in (
            (compared, "", "the model's reference and the last day", not measure.stops),
            (others, "_reference", "the model's reference; the last day has no such counts", True),
        )
        if each
    ]


def _on_columns(distances: Sequence[_Distance], measure: _Measure, baseline: str, *, is_warning: bool) -> Finding:
    worst = sorted(distances, key=lambda each: -each.excess)
    beyond = [each.words for each in worst if each.excess > measure.bound]
    more = f" and {len(beyond) - LISTED} more" if len(beyond) > LISTED else ""
    listed = (
        f"shifted columns: {', '.join(beyond[:LISTED])}{more}" if beyond else f"no shifted column: {worst[0].words}"
    )
    words = f"{listed} ({measure.words} to {baseline})"
    return Finding(measure.name, worst[0].excess, measure.bound, words, is_warning, measure.figure)


def _unseen(today: FeatureSummary, bounds: AuditBounds) -> list[Finding]:
    """Words that the model never met, which it takes as it takes a rare one: nothing was learnt of them."""
    if bounds.max_unseen_share is None or not (today.unseen and today.rows):
        return []
    shares = {name: rows / today.rows for name, rows in today.unseen.items()}
    worst = sorted(shares, key=lambda each: -shares[each])
    listed = [f"{name} {shares[name]:.1%}" for name in worst if shares[name] > bounds.max_unseen_share] or [
        f"{worst[0]} {shares[worst[0]]:.1%}"
    ]
    words = f"rows with a word that the model never met: {', '.join(listed[:LISTED])}"
    share, bound = shares[worst[0]], bounds.max_unseen_share
    return [Finding("max_unseen_share", share, bound, words, is_warning=True, figure="unseen_share")]


def _duplicates(today: FeatureSummary, reference: Reference) -> list[Finding]:
    """Rows that repeat another one's features, beyond what the reference's day had.

    Of more rows of the same kind a larger share is alike by chance: at most by the factor by which there are more.
    """
    now, then = today.duplicate_share, reference.duplicate_share
    if now is None or then is None:
        return []
    growth = max(1.0, today.rows / max(reference.scores.rows, 1))
    bound = min(1.0, then * growth) + MORE_DUPLICATES
    words = (
        f"{now:.1%} of the rows repeat another one's features, {then:.1%} of those of the model's reference did: look "
        "whether customers come under several ids, or a join has copied their values"
    )
    return [Finding("duplicate_rows", now, bound, words, is_warning=True, figure="duplicate_share")]
