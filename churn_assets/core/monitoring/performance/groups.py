"""Scored customers with a known outcome, in groups: everybody, each slice, and those with and without an offer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.monitoring.performance.offers import OfferEffect, offer_effect
from churn_assets.core.monitoring.performance.ranking import Ranking

__all__ = ["HELD_OUT", "Groups", "Labels", "judge_groups", "offer_effects"]

HELD_OUT = "is_held_out"
MISSING = "(missing)"
MOST_GROUPS = 20  # of a slice: the largest


@dataclass(frozen=True)
class Labels:
    """A word for each customer: `codes` (n) say which of `values`, the last of which may stand for no value."""

    codes: NDArray[np.int32]
    values: tuple[str, ...]

    @classmethod
    def of(cls, words: pa.ChunkedArray) -> Self:
        """The labels of a dictionary-encoded column, whose chunks have one dictionary."""
        if not words.num_chunks:
            return cls(np.empty(0, np.int32), ())
        values = tuple(str(each) for each in words.chunk(0).dictionary.to_pylist())
        codes = [each.indices.fill_null(len(values)).to_numpy(zero_copy_only=False) for each in words.chunks]
        return cls(np.concatenate(codes).astype(np.int32), (*values, MISSING))

    def is_value(self, value: str) -> NDArray[np.bool_]:
        """Who has this word, (n)."""
        here: NDArray[np.bool_] = self.codes == self.values.index(value)
        return here

    def keep(self, places: NDArray[Any]) -> Self:
        """The labels of the customers at `places`, or of those marked."""
        return type(self)(self.codes[places], self.values)

    def largest(self) -> list[str]:
        """The words that occur, the most frequent ones of many, in their order."""
        counts = np.bincount(self.codes, minlength=len(self.values))
        frequent = [at for at in np.argsort(-counts, kind="stable")[:MOST_GROUPS] if counts[at]]
        return sorted(self.values[at] for at in frequent)


@dataclass(frozen=True)
class Groups:
    """Customers ranked by their probability, with their labels by column and who of them `is_held_out` (n)."""

    ranking: Ranking
    labels: dict[str, Labels]
    is_held_out: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: pa.Table, names: Sequence[str]) -> Self:
        """The customers of `churned`, `churn_probability`, `is_held_out` and the dictionary columns `names`."""
        churned, held = (rows.column(name).to_numpy() for name in ("churned", HELD_OUT))
        ranking, order = Ranking.of(rows.column("churn_probability").to_numpy(), churned)
        return cls(ranking, {name: Labels.of(rows.column(name)).keep(order) for name in names}, held[order])

    @classmethod
    def empty(cls, names: Sequence[str]) -> Self:
        """Nobody."""
        nobody = np.empty(0, bool)
        return cls(Ranking(np.empty(0), nobody), {name: Labels(np.empty(0, np.int32), ()) for name in names}, nobody)

    def keep(self, here: NDArray[np.bool_]) -> Self:
        """The marked customers alone."""
        labels = {name: each.keep(here) for name, each in self.labels.items()}
        return type(self)(self.ranking.keep(here), labels, self.is_held_out[here])


def judge_groups(groups: Groups, slices: Sequence[str], min_outcomes: int, *, offers: bool) -> list[dict[str, Any]]:
    """The figures of each group, as `slice_column`, `slice_value` and what `Ranking.measure` gives.

    Args:
        groups: the customers of one model.
        slices: the columns by which they are grouped.
        min_outcomes: below so many rows a group has counts and no figures.
        offers: whether those who would have got an offer are shown by whether they were held out.
    """

    def row(column: str, value: str, here: NDArray[np.bool_] | None = None) -> dict[str, Any]:
        ranking = groups.ranking if here is None else groups.ranking.keep(here)
        return {"slice_column": column, "slice_value": value} | ranking.measure(min_outcomes)

    rows = [row("", "")]
    for column in slices:
        labels = groups.labels[column]
        rows += [row(column, value, labels.is_value(value)) for value in labels.largest()]
    if offers and groups.is_held_out.any():
        action = groups.labels["action"]
        offered = action.is_value("offer") if "offer" in action.values else np.zeros(len(action.codes), bool)
        rows += [row(HELD_OUT, "false", offered), row(HELD_OUT, "true", groups.is_held_out)]
    return rows


def offer_effects(rows: Iterable[Mapping[str, Any]]) -> dict[str, OfferEffect]:
    """What the offers did by the rows of one day, by model; of a model that held nobody out there is none."""
    groups = {(row["model_version"], row["slice_value"]): row for row in rows if row["slice_column"] == HELD_OUT}
    effects: dict[str, OfferEffect] = {}
    for model in dict.fromkeys(model for model, _ in groups):
        offered, held = groups[model, "false"], groups[model, "true"]
        effect = offer_effect(offered["rows"], offered["churners"], held["rows"], held["churners"])
        if effect:
            effects[model] = effect
    return effects
