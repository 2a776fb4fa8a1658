"""What is decided of an export: key, label, features, what is left out and why; and what is doubted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from churn_assets.core.customers.number_cells import EXACT_BOUND
from churn_assets.core.errors import InputError
from churn_assets.core.evaluation.leaks import rank_alone
from churn_assets.core.intake.columns import Column
from churn_assets.core.intake.names import ACTIVITY, LABEL, PERSONAL, PROTECTED, key_rank, sounds_like, words_of_name

__all__ = ["Decision", "Draft", "Role", "choose_key", "draft_profile"]

Role = Literal["key", "label", "feature", "slice", "left out"]
CHURNED = {
    "yes", "true", "t", "y", "1", "churn", "churned", "attrited", "left", "exited", "gone", "cancelled", "canceled",
    "lapsed", "closed",
}  # fmt: skip
TWO = 2
NEAR_UNIQUE = 0.5
MOST_WORDS = 1_000
LEAST_ROWS = 20  # of a column whose cells are called near-unique
LEAST_OF_EACH_KIND = 30  # outcomes by which a leak is told


@dataclass(frozen=True)
class Decision:
    """What a column is taken for; `why` says what it was left out for, `doubt` what a person should look at."""

    column: Column
    role: Role
    why: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Draft:
    """A profile in outline.

    Attributes:
        decisions: one a column, in the order of the source.
        label_values: cells of the label and what each stands for; empty where it is a boolean as it is.
        gone_after: the horizon in days, where the label is a rule.
        past: names of dates that lie before the snapshot.
    """

    decisions: tuple[Decision, ...]
    label_values: Mapping[str, bool] = field(default_factory=dict)
    gone_after: int | None = None
    past: tuple[str, ...] = ()

    def of(self, role: Role) -> list[Column]:
        """The columns of a role."""
        return [each.column for each in self.decisions if each.role == role]

    @property
    def key(self) -> Column:
        """The key."""
        return self.of("key")[0]

    @property
    def activity(self) -> Column | None:
        """The date that tells when a customer was last active, where there is one."""
        dates = [each for each in self.of("feature") if each.kind == "time" and each.name in self.past]
        return next((each for each in dates if sounds_like(each.source, ACTIVITY)), None)


def choose_key(table: pa.Table, wanted: str | None) -> str | None:
    """The column that is the key: unique, never empty, and named like one; None where there is none.

    Args:
        table: rows of one day.
        wanted: its name, where a person gave it.

    Raises:
        InputError: there is no such column.
    """
    if wanted is not None:
        return _named(wanted, table.schema.names, "--id")
    names = [name for name in table.schema.names if key_rank(name) and _is_unique(table.column(name))]
    return max(names, key=key_rank, default=None)


def draft_profile(
    columns: Sequence[Column],
    key: str,
    *,
    label: str | None,
    gone_after: int | None,
    day: pd.Timestamp,
    people: int,
    leak: float,
) -> Draft:
    """Decide what each column is.

    Args:
        columns: of a sample.
        key: the column chosen as the key.
        label: a column, where a person gave one.
        gone_after: the horizon of a rule in days, where a person gave one.
        day: the day of the sample, midnight in UTC.
        people: how many customers that day has in the sample.
        leak: a column that alone ranks the label better than this is left out.

    Raises:
        InputError: no label can be found, or the one that was given has not two values.
    """
    chosen = None if gone_after else _choose_label(columns, label)
    if chosen is None and gone_after is None:
        listed = ", ".join(each.source for each in columns if each.distinct == TWO) or "none"
        raise InputError(
            f"no column of two values is named like a label (of two values: {listed}); give --label COLUMN, or for "
            "daily snapshots --gone-after DAYS"
        )
    values, doubt = _label_values(chosen) if chosen else ({}, "")
    decisions = []
    for column in columns:
        if column.source == key and column.kind == "other":
            raise InputError(f"the key {key} is {column.cells.type}; a key is text, a whole number, a UUID or bytes")
        if column.source == key:
            decisions.append(Decision(column, "key", doubt=_doubt_of_key(column, people)))
        elif column is chosen:
            decisions.append(Decision(column, "label", doubt=doubt))
        else:
            decisions.append(_decide(column, people))
    if chosen is not None:
        decisions = _without_leaks(decisions, _churned(chosen, values), day, leak)
    if not any(each.role == "feature" for each in decisions):
        raise InputError("no column is left that a model could learn from; write a profile by hand, or export more")
    past = tuple(
        each.name for each in columns if each.kind == "time" and each.ends[1] is not None and _is_past(each, day)
    )
    return Draft(tuple(decisions), values, gone_after, past)


def _named(name: str, names: Sequence[str], option: str) -> str:
    if name in names:
        return name
    near = [each for each in names if words_of_name(each) == words_of_name(name)]
    if len(near) == 1:
        return near[0]
    raise InputError(f"{option} {name}: there is no such column; there are {', '.join(names)}")


def _is_unique(column: pa.ChunkedArray) -> bool:
    if pa.types.is_nested(column.type) or pa.types.is_floating(column.type) or column.null_count:
        return False
    stored = column.cast(column.type.storage_type) if isinstance(column.type, pa.BaseExtensionType) else column
    return int(pc.count_distinct(stored).as_py()) == len(column)


def _doubt_of_key(column: Column, people: int) -> str:
    repeats = max(people - column.distinct, 0)
    return f"at least {repeats:,} rows repeat an id, or have none" if repeats else ""


def _choose_label(columns: Sequence[Column], wanted: str | None) -> Column | None:
    if wanted is not None:
        name = _named(wanted, [each.source for each in columns], "--label")
        column = next(each for each in columns if each.source == name)
        if column.distinct != TWO:
            raise InputError(f"--label {name}: it has {column.distinct} values; a label has two, and may be empty")
        return column
    named = [each for each in columns if each.distinct == TWO and sounds_like(each.source, LABEL)]
    return next(iter(named), None)


def _label_values(column: Column) -> tuple[dict[str, bool], str]:
    """What the two values of a label stand for, and a doubt where their words do not say it."""
    if column.kind == "truth" or (column.kind == "whole" and set(column.counts) == {0, 1}):
        return {}, ""
    cells = [str(each) for each in column.counts]
    told = [cell for cell in cells if not CHURNED.isdisjoint(words_of_name(cell))]
    churned = told[0] if len(told) == 1 else cells[-1]
    doubt = "" if len(told) == 1 else f"{churned!r}, the rarer, is taken for churned"
    return {cell.strip(): cell == churned for cell in sorted(cells)}, doubt


def _churned(label: Column, values: Mapping[str, bool]) -> NDArray[np.float64]:
    """The outcomes as 0 and 1, NaN where there is none."""
    if not values:
        numbers: NDArray[np.float64] = label.cells.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return numbers
    told = [None if each is None else values[each.strip()] for each in label.text.to_pylist()]
    return np.array(told, dtype=np.float64)


def _decide(column: Column, people: int) -> Decision:  # noqa: PLR0911  # a line for each reason
    """A feature, a slice, or left out by what the column is itself."""
    if column.kind == "other":
        return Decision(column, "left out", f"{column.cells.type} is no type of a profile")
    if column.distinct <= 1 and not (column.distinct and column.missing):
        return Decision(column, "left out", "one value for everybody" if column.distinct else "empty")
    if sounds_like(column.source, PROTECTED):
        return Decision(column, "slice", doubt="protected? compared between groups, kept from the model")
    enough = people >= LEAST_ROWS
    share = column.distinct / people
    if column.kind == "text":
        if sounds_like(column.source, PERSONAL) and column.distinct > TWO:
            return Decision(column, "left out", "tells who somebody is")
        if enough and (share > NEAR_UNIQUE or column.distinct > MOST_WORDS):
            return Decision(column, "left out", f"{column.distinct:,} words among {people:,} customers")
    elif column.kind == "whole" and max(map(abs, column.ends)) >= EXACT_BOUND:
        return Decision(column, "left out", "numbers too large to be told apart by a model: ids?")
    elif column.kind == "whole" and enough and share >= 1 and (key_rank(column.source) or _counts_rows(column)):
        return Decision(column, "left out", "a number of its own for each row")
    return Decision(column, "feature")


def _counts_rows(column: Column) -> bool:
    low, high = column.ends
    return bool(high - low + 1 == column.distinct)


def _without_leaks(
    decisions: Sequence[Decision], outcomes: NDArray[np.float64], day: pd.Timestamp, leak: float
) -> list[Decision]:
    """The decisions with features left out that tell the outcome by themselves."""
    known = ~np.isnan(outcomes)
    churned = outcomes[known].astype(bool)
    if min(churned.sum(), (~churned).sum()) < LEAST_OF_EACH_KIND:
        return list(decisions)
    series = {each.column.source: each.column.series(day)[known] for each in decisions if each.role == "feature"}
    frame = pd.DataFrame({name: values.reset_index(drop=True) for name, values in series.items()})
    taught = np.random.default_rng(0).random(len(frame)) < 0.5  # noqa: PLR2004  # a half teaches, a half shows
    reached = rank_alone(frame[taught], churned[taught], frame[~taught], churned[~taught])
    return [
        Decision(
            each.column, "left out", f"ranks the label by itself, ROC-AUC {reached[each.column.source]:.3f}: a leak?"
        )
        if each.role == "feature" and reached[each.column.source] > leak
        else each
        for each in decisions
    ]


def _is_past(column: Column, day: pd.Timestamp) -> bool:
    latest: Any = pd.Timestamp(column.ends[1])
    return bool(latest < day + pd.Timedelta(days=1))
