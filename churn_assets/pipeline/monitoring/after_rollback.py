"""What was watched of a day whose scores were taken back, told of the scores that are in force now."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.monitoring.drift import watch_features, watch_scores
from churn_assets.pipeline.monitoring.estimated import ESTIMATE, estimate_day
from churn_assets.pipeline.monitoring.summary import SUMMARY, summarize_day

__all__ = ["watch_again"]

WATCHES: dict[str, Callable[[Chain, dt.date, RunContext], Any]] = {
    "feature_drift": watch_features,
    "score_drift": watch_scores,
    ESTIMATE: estimate_day,
    SUMMARY: summarize_day,
}


def watch_again(chain: Chain, day: dt.date, run: RunContext) -> list[str]:
    """Publish drift, estimate and summary of the day's current scores, each where the day has it; which those are.

    Raises:
        DamagedVersion, PartitionConflict, UnknownVersion: what comes after is as it was.
    """
    watched = [name for name in WATCHES if chain.table(name).current(day)]
    for name in watched:
        WATCHES[name](chain, day, run)
    return watched
