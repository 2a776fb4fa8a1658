"""The first forty nights of a newcomer, as they would have been: a model, nights, a newer model that takes over."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from churn_assets.core.profile import LabelRule
from churn_assets.launch.launcher import Launcher

if TYPE_CHECKING:
    from churn_assets.pipeline.training.train import TrainResult

__all__ = ["FirstNights", "run_first_nights"]

WEEK = 7
HORIZONS = 3  # of history before the first model: one of its outcomes, one of its backtest's, one to learn from


@dataclass(frozen=True)
class FirstNights:
    """How many nights, and when the second model comes.

    Attributes:
        nights: days that are scored, up to the source's latest; the first model is trained as of the day before.
        trained_before: how many days before the latest the second model is trained as of.
        promoted_before: how many days before the latest it scores for the last time unseen.
    """

    nights: int = 40
    trained_before: int = 7
    promoted_before: int = 3


def run_first_nights(
    launcher: Launcher, run_night: Callable[[dt.date], None], tell: Callable[[str], None], plan: FirstNights
) -> None:
    """Run the nights that have no scores yet, or the last one again; only what was known on a day is used for it.

    Args:
        launcher: runs the chain.
        run_night: runs the night of a day.
        tell: takes a sentence about what happens between nights.
        plan: how many nights.

    Raises:
        InputError: the source's latest day is no partition.
        RunError: a run failed; what was published before it stays.
    """
    latest = launcher.latest()
    launcher.check_day(latest)
    days = _days(launcher, latest, plan.nights)
    registry = launcher.chain.registry
    if not registry.has_champion():
        begin = _before(launcher, days[0])
        tell(f"no champion yet: training the first model as of {begin}")
        tell(f"model {launcher.first_champion(begin)} is champion")
    trained: TrainResult | None = None
    for day in days:
        run_night(day)
        if day == latest - dt.timedelta(days=plan.trained_before):
            tell(f"training a second model as of {day}")
            trained = launcher.train(day)
            tell(f"model {trained.card.model_version} scores beside the champion, unseen by the app")
        elif trained is not None and day == latest - dt.timedelta(days=plan.promoted_before):
            _promote(launcher, trained, tell)


def _days(launcher: Launcher, latest: dt.date, nights: int) -> list[dt.date]:
    """The last days of the source that have a history to learn from and no scores, at least the latest."""
    chain = launcher.chain
    held = [day for day in chain.source.days() if chain.start_date <= day <= latest]
    label = chain.profile.label
    taught = 0  # where the label is a column nothing has to come true first
    if isinstance(label, LabelRule):
        history = dt.timedelta(days=HORIZONS * label.horizon_days)
        taught = sum(day >= held[0] + history for day in held)
    scored = set(chain.scores.days())
    return [day for day in held[-min(nights, max(taught, WEEK)) :] if day not in scored] or [latest]


def _before(launcher: Launcher, day: dt.date) -> dt.date:
    """The day before, where there is one: a model of that day knows no more than the night it scores."""
    earlier = day - dt.timedelta(days=1)
    return earlier if launcher.chain.source.has(earlier) and earlier >= launcher.chain.start_date else day


def _promote(launcher: Launcher, trained: "TrainResult", tell: Callable[[str], None]) -> None:
    """Make the second model champion where its gates let it; where they do not, it is said and nothing is changed."""
    version, metrics = trained.card.model_version, trained.card.metrics
    if missed := launcher.chain.registry.missed(version):
        tell(f"{version} stays a challenger, as it missed its gates: {'; '.join(missed)}")
        return
    reason = f"fresher, trained as of {trained.card.trained_as_of}"
    if metrics is not None:
        reason += f"; ROC-AUC {metrics.roc_auc:.3f} in the backtest of {trained.card.backtest_date}"
    if trained.published_roc_auc is not None:
        reason += f", where the scores that were published reached {trained.published_roc_auc:.3f}"
    launcher.promote(version, reason)
    tell(f"model {version} is champion: {reason}")
