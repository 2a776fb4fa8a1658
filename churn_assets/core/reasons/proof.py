"""The reasons of a model as it is registered: its explainer, proven to add up, and what features move on average."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from churn_assets.core.models.cross_fitting import CrossFitted
from churn_assets.core.reasons.background import BACKGROUND_ROWS
from churn_assets.core.reasons.cross_fitted import CrossFittedExplainer, SingleExplainer
from churn_assets.core.reasons.explainer import Explainer, Unexplainable, build_explainer
from churn_assets.core.reasons.margins import margin
from churn_assets.core.reasons.trees import TreeExplainer
from churn_assets.core.trees.compiler import unwrap
from churn_assets.core.trees.equivalence import edge_rows

__all__ = ["Reasons", "prove_reasons"]

TOLERANCE = 1e-9
SINGLE_TOLERANCE = 1e-5  # of a model that itself adds its trees in single precision


@dataclass(frozen=True)
class Reasons:
    """What came of explaining a model.

    Attributes:
        explainer: where it is proven; else why there is none.
        mean_absolute: how far each feature moves the log-odds of a row of the sample on average, largest first.
    """

    explainer: Explainer | Unexplainable
    mean_absolute: dict[str, float] = field(default_factory=dict)


def prove_reasons(pipeline: Any, columns: tuple[str, ...], sample: pa.Table, rows: pa.Table) -> Reasons:
    """The explainer of a fitted model where base value and contributions add up to its own margin.

    Args:
        pipeline: what was fitted.
        columns: its features.
        sample: rows of features that it learnt from, the first of which are the background.
        rows: other rows of features, on which it is proven, on their edges, and on the sample.
    """
    background = sample.slice(0, BACKGROUND_ROWS)
    explainer: Explainer | Unexplainable
    try:
        if isinstance(pipeline, CrossFitted):
            built = [_proven(each, columns, background, [sample, rows]) for each in pipeline.scorers]
            explainers = [each for each in built if not isinstance(each, Unexplainable)]
            failed = [each for each in built if isinstance(each, Unexplainable)]
            explainer = failed[0] if failed else CrossFittedExplainer(pipeline.convert(explainers))
        else:
            explainer = _proven(pipeline, columns, background, [sample, rows])
    except Exception as error:  # noqa: BLE001  # whatever another scikit-learn makes of its private attributes
        return Reasons(Unexplainable(f"it cannot be explained ({type(error).__name__}: {error})"))
    if isinstance(explainer, Unexplainable):
        return Reasons(explainer)
    moved = np.abs(explainer.contributions(sample)).mean(axis=0)
    order = np.argsort(-moved, kind="stable")
    return Reasons(explainer, {columns[at]: float(moved[at]) for at in order})


def _proven(
    pipeline: Any, columns: tuple[str, ...], background: pa.Table, tables: list[pa.Table]
) -> SingleExplainer | Unexplainable:
    explainer = build_explainer(pipeline, columns, background)
    if isinstance(explainer, Unexplainable):
        return explainer
    kernel = explainer.kernel if isinstance(explainer, TreeExplainer) else None
    tolerance = SINGLE_TOLERANCE if kernel and kernel.tables.trees.leaves.dtype == np.float32 else TOLERANCE
    for table in [*tables, edge_rows(kernel, tables[-1].select(columns))]:
        with np.errstate(all="ignore"), threadpool_limits(1):
            expected = margin(unwrap(pipeline), columns, table)
        given = explainer.base_value + explainer.contributions(table).sum(axis=1)
        apart = np.abs(given - expected) / np.maximum(1, np.abs(expected))
        if not (apart <= tolerance).all():
            return Unexplainable(f"its contributions miss its margin by up to {np.nanmax(apart):.2g}")
    return explainer
