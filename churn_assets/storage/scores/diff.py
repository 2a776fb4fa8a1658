"""What changed between two versions of a day's scores."""

import datetime as dt
from typing import Any

import pyarrow.compute as pc

from churn_assets.core.errors import UnknownVersion
from churn_assets.core.scoring.comparison import compare_scores, largest_changes
from churn_assets.core.table_schemas import SNAPSHOT_DATE, TIERS
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables.commits import undo_stack
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["difference"]

LISTED = 10


def difference(scores: PublishedScores, day: dt.date, before: str | None, after: str | None) -> dict[str, Any]:
    """Two versions of `day` side by side.

    Args:
        scores: of the installation.
        day: a snapshot date.
        before: a score version; the one that was current before `after` where None.
        after: a score version; the current one where None.

    Raises:
        UnknownVersion: one of them does not exist, or there is no earlier one.
    """
    new = scores.version(day, after)
    old = scores.version(day, before or _published_before(scores, day, new.version))
    then, now = old.read(), new.read()
    comparison = compare_scores(then, now)
    return {
        SNAPSHOT_DATE: day,
        "from": old.version,
        "to": new.version,
        "model_from": _model(scores, old),
        "model_to": _model(scores, new),
        "models_from": _models(then),
        "models_to": _models(now),
        "rows_from": old.rows,
        "rows_to": new.rows,
        "added": new.rows - comparison["customers"],
        "removed": old.rows - comparison["customers"],
        "changed": comparison["changed"],
        "mean_from": _mean(then),
        "mean_to": _mean(now),
        "mean_shift": comparison["mean_shift"],
        "tiers_from": _tiers(then),
        "tiers_to": _tiers(now),
        "tier_changed": comparison["tier_changed"],
        "action_changed": comparison["action_changed"],
        "rank_correlation": comparison["rank_correlation"],
        "psi": comparison["psi"],
        "largest_changes": largest_changes(then, now, LISTED),
    }


def _published_before(scores: PublishedScores, day: dt.date, version: str) -> str:
    """The version that a rollback would have gone back to from `version`."""
    events = scores.table.history(day)
    last = max(at for at, event in enumerate(events) if event.version == version)
    stack = undo_stack(events[: last + 1])
    if len(stack) == 1:
        raise UnknownVersion(f"churn_scores {day}: no earlier version than {version}; name one with --from")
    return stack[-2]


def _model(scores: PublishedScores, version: PartitionVersion) -> str:
    events = [event for event in scores.table.history(version.day) if event.version == version.version]
    return events[-1].commit.model_version


def _models(table: Any) -> dict[str, int]:
    counted = pc.value_counts(table.column("model_version")).to_pylist()
    return {each["values"]: each["counts"] for each in sorted(counted, key=lambda each: -each["counts"])}


def _mean(table: Any) -> float:
    return float(pc.mean(table.column("churn_probability")).as_py() or 0.0)


def _tiers(table: Any) -> dict[str, int]:
    counted = {each["values"]: each["counts"] for each in pc.value_counts(table.column("risk_tier")).to_pylist()}
    return {tier: counted.get(tier, 0) for tier in TIERS}
