"""Whether a model is still good: what came true of its own scores beside what is wanted, in a sentence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["PERFORMANCE_DAYS", "Answer", "Verdict", "verdict_on"]

PERFORMANCE_DAYS = 92  # some three months of scored days are looked at: outcomes come a horizon late
Answer = Literal["yes", "no", "not known yet", "no bound"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """The answer about one model.

    Attributes:
        answer: `yes` where its ROC-AUC reaches what is wanted; `not known yet` where no outcome of its own scores is
            known; `no bound` where nothing is wanted.
        model_version: whom it speaks of; None where there is none.
        wanted_roc_auc: None for no bound.
        sentence: the same with figures; of a model that cannot be judged yet, those of the scores that can be.
    """

    answer: Answer
    model_version: str | None
    wanted_roc_auc: float | None
    sentence: str


def verdict_on(
    model_version: str | None, rows: Iterable[Row], wanted: float | None, whose: str = "the champion"
) -> Verdict:
    """The verdict on a model by what is known of the scored days.

    Args:
        model_version: the model that is asked about.
        rows: of `realized_performance`; groups and rows without figures are passed over.
        wanted: the ROC-AUC that must be reached; None for no bound.
        whose: what the model is called in the sentence.
    """
    judged = [row for row in rows if not row.get("slice_column") and row["roc_auc"] is not None]
    own = _newest(row for row in judged if row["model_version"] == model_version)
    if own is not None:
        answer = _answer(own, wanted)
        return Verdict(answer, model_version, wanted, f"{answer}, {whose} {model_version}: {_reached(own, wanted)}")
    told = "not known yet: there is no model to judge"
    if model_version is not None:
        told = f"not known yet of {whose} {model_version}, of whose own scores no outcome is known"
    other = _newest(row for row in judged if row["arm"] == "champion")
    if other is None:
        told += "; `churn-assets performance` tells what the scores promise"
    else:
        told += f"; of {other['model_version']}, which scored before it, {_answer(other, wanted)}: "
        told += _reached(other, wanted)
    return Verdict("not known yet", model_version, wanted, told)


def _newest(rows: Iterable[Row]) -> Row | None:
    """The row of the newest scored day; of several, that of the published scores."""
    return max(rows, key=lambda row: (row["snapshot_date"], row["arm"] == "champion"), default=None)


def _answer(row: Row, wanted: float | None) -> Answer:
    if wanted is None:
        return "no bound"
    return "yes" if row["roc_auc"] >= wanted else "no"


def _reached(row: Row, wanted: float | None) -> str:
    low, high = row["roc_auc_low"], row["roc_auc_high"]
    interval = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    bound = "no bound is set" if wanted is None else f"at least {wanted:g} is wanted"
    return (
        f"ROC-AUC {row['roc_auc']:.3f}{interval} on {row['snapshot_date']}, {bound}; by what became of "
        f"{row['rows']:,} customers"
    )
