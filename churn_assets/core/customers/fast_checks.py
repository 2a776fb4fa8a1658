"""Which cells of a batch may break their column's checks, found by a few of its values.

Most of pandera's built-in checks judge each value by itself. For such a check a few values stand for all
of a column: the distinct ones; the least and the greatest, where the check is a bound; a shortest and a
longest text, where it is one of the length. pandera's own check judges them, so that there is no second
reading of its rules. Only where one of them fails does it check the whole column, and at nothing else.

Whatever is not sure to judge value by value (checks of the profile's author, rules over several columns,
options that change what a check reports) is left to the schema in `CheckPlan.residual`.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api.types import is_scalar

from churn_assets.core.arrow.conversion import all_finite, column_to_pandas, is_among, words_of
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import customers_schema

__all__ = ["CheckPlan", "SuspectRows", "check_plan", "failing_values", "row_by_row", "suspect_rows"]

BOUNDS = {"greater_than", "greater_than_or_equal_to", "less_than", "less_than_or_equal_to", "in_range"}
LENGTH = {"str_length"}
TEXTS = {"str_matches", "str_contains", "str_startswith", "str_endswith"}
MEMBERS = {"isin", "notin"}
LOCAL = BOUNDS | LENGTH | TEXTS | MEMBERS | {"equal_to", "not_equal_to"}

HEAD = 2_048  # rows by which a column is judged to have few distinct values
FEW = 128
MANY = 4_096  # more of them are no few values: the column itself is checked
CACHE_BYTES = 8 * 2**20
OVERHEAD = 100  # bytes, about, that Python needs for a value besides its content

logger = logging.getLogger("churn_assets")

SuspectRows = dict[str, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class CheckGroup:
    """Checks of one column for which the same few values stand for all: those that `stand_ins` gives."""

    column: pandera.Column
    checks: tuple[pandera.Check, ...]
    stand_ins: Callable[[pa.ChunkedArray], pa.Array | None]


@dataclass(frozen=True, eq=False)
class CheckPlan:
    """A schema in two parts that together say what the whole says.

    Attributes:
        local: columns all of whose checks judge value by value, with those checks.
        residual: the other columns and the checks over several columns; None where there are none.
        framed: the columns of the frame that `residual` is to see.
    """

    local: Mapping[str, tuple[CheckGroup, ...]]
    residual: pandera.DataFrameSchema | None
    framed: pandera.DataFrameSchema


def row_by_row(profile: Profile) -> CheckPlan:
    """The plan that leaves everything to pandera."""
    return CheckPlan({}, profile.checks, profile.checks)


@cache
def check_plan(profile: Profile) -> CheckPlan:
    """The plan that leaves to pandera's frames only what a few values cannot show."""
    checks = profile.checks
    if checks.coerce or checks.dtype is not None:
        return row_by_row(profile)
    none = customers_schema(profile).empty_table()
    local = {
        name: _groups_of(column, none.schema.field(name).type)
        for name, column in checks.columns.items()
        if _is_local(name, column, none.column(name))
    }
    if not local:
        return row_by_row(profile)
    others = {name: column for name, column in checks.columns.items() if name not in local}
    if not (others or checks.checks):
        return CheckPlan(local, None, checks)
    residual = pandera.DataFrameSchema(others, checks=checks.checks, name=checks.name)
    sees_all = bool(checks.checks) or any(check.groupby for column in others.values() for check in column.checks)
    return CheckPlan(local, residual, checks if sees_all else residual)


def suspect_rows(raw: pa.Table, plan: CheckPlan) -> SuspectRows | None:
    """For each local column, the rows whose cell may break one of its checks; columns without any are left out.

    A row that is not named breaks none. Null cells and unknown categories are not judged here.

    Returns:
        Positions in `raw`, ascending; None where only pandera can tell: a check fails on the column as
        such, or Arrow takes a cell for a value that is missing in pandas.
    """
    suspects: SuspectRows = {}
    for name, groups in plan.local.items():
        values = raw.column(name)
        try:
            if _hides_nulls(values):
                return None
            failing = [rows for group in groups if len(rows := _rows_failing(values, group))]
        except Exception:  # whatever a check raises, pandera tells it in a sentence
            logger.debug("column %s is judged row by row: a few of its values could not be", name, exc_info=True)
            return None
        if failing:
            suspects[name] = np.unique(np.concatenate(failing))
    return suspects


def failing_values(series: "pd.Series[Any]", check: pandera.Check) -> NDArray[np.bool_]:
    """Which values of a series without missing ones fail a check, by pandera's own function."""
    passed: pd.Series[bool] = check(series).check_output
    return ~passed.to_numpy(dtype=bool)


def _is_local(name: str, column: pandera.Column, none: pa.ChunkedArray) -> bool:
    """Whether all checks of a column judge value by value, and its type is right: an empty column passes."""
    if column.coerce or column.drop_invalid_rows or column.parsers or not pd.isna(column.default):
        return False
    if not all(_judges_values(check) for check in column.checks):
        return False
    try:
        pandera.DataFrameSchema({name: column}).validate(column_to_pandas(none, column.dtype).to_frame(name), lazy=True)
    except Exception:  # whatever it is, it is raised when rows are validated
        logger.debug("column %s is judged row by row: pandera refuses it without rows", name, exc_info=True)
        return False
    return True


def _judges_values(check: pandera.Check) -> bool:
    plain = check.ignore_na and not (check.element_wise or check.groupby or check.raise_warning)
    if not plain or check.n_failure_cases is not None or _name(check) not in LOCAL:
        return False
    if _name(check) in MEMBERS:
        return True
    return all(is_scalar(value) and (value is None or not pd.isna(value)) for value in _arguments(check).values())


def _name(check: pandera.Check) -> str:
    """The built-in check that pandera will run: it goes by the function's name, as here."""
    return getattr(check._check_fn, "__name__", "")  # noqa: SLF001  # found nowhere else: `name` is the author's


def _arguments(check: pandera.Check) -> dict[str, Any]:
    return dict(check._check_kwargs)  # noqa: SLF001  # `statistics` are the author's to change


def _groups_of(column: pandera.Column, kind: pa.DataType) -> tuple[CheckGroup, ...]:
    ordered = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_timestamp(kind)
    groups: dict[Callable[[pa.ChunkedArray], pa.Array | None], list[pandera.Check]] = {}
    for check in column.checks:
        if ordered and _name(check) in BOUNDS:
            groups.setdefault(_extremes, []).append(check)
        elif pa.types.is_string(kind) and _name(check) in LENGTH:
            groups.setdefault(_shortest_and_longest, []).append(check)
        else:
            groups.setdefault(_distinct, []).append(check)
    return tuple(CheckGroup(column, tuple(checks), stand_ins) for stand_ins, checks in groups.items())


def _hides_nulls(values: pa.ChunkedArray) -> bool:
    """Whether a cell is a value in Arrow and missing in pandas: NaN, and the least of all timestamps."""
    if pa.types.is_floating(values.type):
        return not all_finite(values) and bool(pc.any(pc.is_nan(values)).as_py())
    if pa.types.is_timestamp(values.type) and values.null_count < len(values):
        return bool(pc.min(values.cast(pa.int64())).as_py() == np.iinfo(np.int64).min)
    return False


def _rows_failing(values: pa.ChunkedArray, group: CheckGroup) -> NDArray[np.int64]:
    """The rows whose cell fails one of the checks, checking the whole column only where a stand-in fails."""
    stand_ins = _distinct if pa.types.is_dictionary(values.type) else group.stand_ins
    few = stand_ins(values)
    if few is None:
        return np.flatnonzero(_failing(values, group))
    failing = _failing_of_few(group, few)
    if not any(failing):
        return np.empty(0, dtype=np.int64)
    if stand_ins is _distinct:
        return np.flatnonzero(is_among(values, few.filter(pa.array(failing))).to_numpy())
    return np.flatnonzero(_failing(values, group))


def _failing_of_few(group: CheckGroup, few: pa.Array) -> tuple[bool, ...]:
    """Which of a few values fail; the same ones come again in batch after batch."""
    question = (group, tuple(few.to_pylist()), few.type)
    if (answer := _answers.get(question)) is None:
        answer = tuple(_failing(pa.chunked_array([few]), group).tolist())
        _answers.keep(question, answer, few.nbytes + OVERHEAD * len(few))
    return answer


class BoundedAnswers:
    """What was asked last and answered, within a bound of bytes; threads may share it."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._lock = Lock()
        self._answers: OrderedDict[Hashable, tuple[tuple[bool, ...], int]] = OrderedDict()

    def get(self, question: Hashable) -> tuple[bool, ...] | None:
        """The answer to a question that is kept, None where it is not."""
        with self._lock:
            if question not in self._answers:
                return None
            self._answers.move_to_end(question)
            return self._answers[question][0]

    def keep(self, question: Hashable, answer: tuple[bool, ...], size: int) -> None:
        """Keep an answer of about so many bytes, and let go of what was asked longest ago; not one beyond the bound."""
        with self._lock:
            if question in self._answers or size > self.most_bytes:
                return
            self._answers[question] = (answer, size)
            self.held_bytes += size
            while self.held_bytes > self.most_bytes:
                _, (_, oldest) = self._answers.popitem(last=False)
                self.held_bytes -= oldest


_answers = BoundedAnswers(CACHE_BYTES)


def _extremes(values: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_floating(values.type) and len(values) and not values.null_count:
        cells = values.to_numpy()  # for which numpy is several times as fast as Arrow
        return pa.array(np.array([cells.min(), cells.max()]))
    found = pc.min_max(values)
    return pa.concat_arrays([pa.array([found[end].as_py()], values.type) for end in ("min", "max")])


def _shortest_and_longest(values: pa.ChunkedArray) -> pa.Array:
    lengths = pc.binary_length(values) if _is_ascii(values) else pc.utf8_length(values)
    found = pc.min_max(lengths)
    rows = [pc.index(lengths, found[end]).as_py() for end in ("min", "max") if found[end].is_valid]
    return values.take(pa.array(rows, pa.int64())).combine_chunks()


def _is_ascii(values: pa.ChunkedArray) -> bool:
    """Whether every character is a byte, by all bytes at once; also those of rows around a slice."""
    texts = [each.buffers()[2] for each in values.chunks]
    return all(np.frombuffer(text, np.int8).min(initial=0) >= 0 for text in texts if text)


def _distinct(values: pa.ChunkedArray) -> pa.Array | None:
    """The distinct values, where they are few; of a dictionary all words, as rows are found by theirs."""
    if pa.types.is_dictionary(values.type):
        words = words_of(values)
        return words if len(words) <= MANY else None
    first = pc.unique(values[:HEAD]).drop_null()
    if len(first) > FEW:
        return None
    others = values.filter(pc.invert(pc.is_in(values, value_set=first)))  # faster than to gather what is known
    distinct = pa.concat_arrays([first, pc.unique(others).drop_null()])
    return distinct if len(distinct) <= MANY else None


def _failing(values: pa.ChunkedArray, group: CheckGroup) -> NDArray[np.bool_]:
    """Which values fail one of the checks; a missing one fails none."""
    series = column_to_pandas(values.drop_null() if values.null_count else values, group.column.dtype)
    if values.null_count:
        series = series.set_axis(np.flatnonzero(values.is_valid().to_numpy()), axis="index")
    series = series.dropna()
    failing = np.zeros(len(values), dtype=bool)
    for check in group.checks:
        failing[series.index[failing_values(series, check)]] = True
    return failing
