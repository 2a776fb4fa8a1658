"""Two scorings of the same customers, side by side."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.arrow.conversion import rows_of
from churn_assets.core.scoring.drift import histogram_of_numbers, population_stability_index
from churn_assets.core.scoring.histogram import TWENTIETHS, counts_between

__all__ = ["compare_scores", "largest_changes", "matched"]


def matched(before: pa.Table, after: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The rows of both whose customers are in both, in the order of `after`."""
    found, then = rows_of(after.column("customer_id"), before)
    return then, after.filter(pa.array(found))


def compare_scores(before: pa.Table, after: pa.Table) -> dict[str, Any]:
    """What lies between two scorings of a day, over the customers that both hold.

    Args:
        before: rows of `churn_scores`.
        after: likewise.

    Returns:
        `customers` (in both), `changed` (of them, whose probability moved), `psi` (population
        stability index over the deciles before), `rank_correlation` (Spearman's, None where one of them is constant),
        `tier_changed` and `action_changed` (shares), `mean_shift` (after less before),
        `histogram_before` and `histogram_after` (counts by twentieths of the probability).
    """
    then, now = matched(before, after)
    first, second = (_probability(table) for table in (then, now))
    return {
        "customers": len(first),
        "changed": int((first != second).sum()),
        "psi": _psi(first, second),
        "rank_correlation": _rank_correlation(first, second),
        "tier_changed": _changed(then, now, "risk_tier"),
        "action_changed": _changed(then, now, "action"),
        "mean_shift": float(second.mean() - first.mean()) if len(first) else 0.0,
        "histogram_before": counts_between(first, TWENTIETHS).tolist(),
        "histogram_after": counts_between(second, TWENTIETHS).tolist(),
    }


def largest_changes(before: pa.Table, after: pa.Table, count: int) -> list[dict[str, Any]]:
    """The customers whose probability moved most, with both probabilities and tiers."""
    then, now = matched(before, after)
    moved = np.abs(_probability(now) - _probability(then))
    at = pa.array(np.argsort(-moved, kind="stable")[:count])
    rows = zip(then.take(at).to_pylist(), now.take(at).to_pylist(), strict=True)
    return [
        {
            "customer_id": new["customer_id"],
            "probability_from": old["churn_probability"],
            "probability_to": new["churn_probability"],
            "tier_from": old["risk_tier"],
            "tier_to": new["risk_tier"],
        }
        for old, new in rows
        if old["churn_probability"] != new["churn_probability"]
    ]


def _probability(table: pa.Table) -> "np.ndarray[Any, np.dtype[np.float64]]":
    values: np.ndarray[Any, np.dtype[np.float64]] = table.column("churn_probability").to_numpy()
    return values


def _changed(then: pa.Table, now: pa.Table, column: str) -> float:
    if not now.num_rows:
        return 0.0
    return float(pc.mean(pc.not_equal(then.column(column), now.column(column)).cast(pa.float64())).as_py())


def _psi(first: "np.ndarray[Any, Any]", second: "np.ndarray[Any, Any]") -> float:
    before = histogram_of_numbers(first)
    return population_stability_index(before, histogram_of_numbers(second, before.edges))


def _rank_correlation(first: "np.ndarray[Any, Any]", second: "np.ndarray[Any, Any]") -> float | None:
    if not len(first) or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(pd.Series(first).rank(), pd.Series(second).rank())[0, 1])
