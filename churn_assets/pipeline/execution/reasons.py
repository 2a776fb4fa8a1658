"""The reasons of a part, made of what its scores were made of, in the same pass: rows of `churn_reasons`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import BLOCK_ROWS
from churn_assets.core.options import Decisions, ReasonOptions
from churn_assets.core.profile import Profile
from churn_assets.core.reasons.explainer import Explainer
from churn_assets.core.table_schemas import REASONS
from churn_assets.core.telling.counts import ReasonCounts
from churn_assets.core.telling.families import Family
from churn_assets.core.telling.ranking import rank
from churn_assets.core.telling.rows import reason_rows
from churn_assets.storage.tables.parquet import write_part

__all__ = ["PartReasons", "ReasonPlan"]

ROW_GROUP_ROWS = 16_384  # what the app reads for one customer


@dataclass(frozen=True)
class ReasonPlan:
    """How a day is explained: by `explainers`, one for each model that scores, None where a model has none."""

    explainers: tuple[Explainer | None, ...]
    profile: Profile
    decisions: Decisions
    options: ReasonOptions


class PartReasons:
    """Takes the scored blocks of a part one after the other; fails never, but tells of the trouble it met."""

    def __init__(self, plan: ReasonPlan) -> None:
        self.counts = ReasonCounts()
        self._plan = plan
        self._arms = [_Arm(each, plan) if each is not None else None for each in plan.explainers]
        self._rows: list[pa.Table] = []

    def add(
        self,
        ids: pa.Array,
        given: Sequence[pa.Table],
        probability: NDArray[np.float64],
        arm: NDArray[np.int32] | None = None,
    ) -> None:
        """Explain those of a block who are to be explained.

        Args:
            ids: of its customers, (n), in order.
            given: what each model was given of them, (n) rows.
            probability: their published probability, (n).
            arm: by which model each was scored, (n); by the first where it is None.
        """
        wanted = _wanted(probability, self._plan)
        with self._telling_of_trouble():
            for number, each in enumerate(self._arms):
                chosen = wanted if arm is None else wanted & (arm == number)
                if each is not None and chosen.any():
                    mask = pa.array(chosen)
                    self._rows += each.add(
                        ids.filter(mask), given[number].filter(mask), probability[chosen], self.counts
                    )

    def write(self, folder: Path, part: int) -> None:
        """Write the rows as a part of `churn_reasons`, in the order of the customers."""
        with self._telling_of_trouble():
            for each in self._arms:
                self._rows += each.flush(self.counts) if each is not None else []
        rows = pa.concat_tables(self._rows) if self._rows else REASONS.empty_table()
        if sum(each is not None for each in self._arms) > 1:
            rows = rows.unify_dictionaries()
            rows = rows.take(pc.sort_indices(rows, [("customer_id", "ascending"), ("rank", "ascending")]))
        write_part(folder, part, REASONS, "customer_id", [rows], group_rows=ROW_GROUP_ROWS)

    @contextmanager
    def _telling_of_trouble(self) -> Iterator[None]:
        """After trouble nobody is explained, and scoring goes on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it is, it takes nothing from the scores
            self._arms, self._rows = [], []
            self.counts = ReasonCounts(trouble=f"{type(error).__name__}: {error}")


@dataclass
class _Arm:
    """The customers of one model, put by until there are enough for a block: words are made for many at once."""

    explainer: Explainer
    plan: ReasonPlan
    families: tuple[Family, ...] = ()
    waiting: list[tuple[pa.Array, pa.Table, NDArray[np.bool_]]] = field(default_factory=list)
    held: int = 0

    def __post_init__(self) -> None:
        self.families = self.plan.profile.families(self.explainer.feature_columns)

    def add(
        self, ids: pa.Array, given: pa.Table, probability: NDArray[np.float64], counts: ReasonCounts
    ) -> list[pa.Table]:
        """Rows of whoever can be explained now."""
        self.waiting.append((ids, given, probability > self.plan.decisions.high_above))
        self.held += len(ids)
        return self.flush(counts) if self.held >= BLOCK_ROWS else []

    def flush(self, counts: ReasonCounts) -> list[pa.Table]:
        """Rows of all who wait."""
        if not self.waiting:
            return []
        ids, given, is_high = zip(*self.waiting, strict=True)
        self.waiting, self.held = [], 0
        rows = pa.concat_tables(given).unify_dictionaries().combine_chunks()
        columns = self.explainer.feature_columns
        ranked = rank(self.explainer.contributions(rows), columns, self.families, self.plan.options.min_contribution)
        counts.count(ranked, self.families, np.concatenate(is_high))
        return [
            reason_rows(
                pa.concat_arrays(ids),
                rows,
                columns=columns,
                families=self.families,
                ranked=ranked,
                base_values=self.explainer.base_values(rows),
            )
        ]


def _wanted(probability: NDArray[np.float64], plan: ReasonPlan) -> NDArray[np.bool_]:
    """Who of the customers, (n), is explained."""
    bounds = {"all": -1.0, "medium": plan.decisions.medium_above, "high": plan.decisions.high_above, "none": 1.0}
    wanted: NDArray[np.bool_] = probability > bounds[plan.options.customers]
    return wanted
