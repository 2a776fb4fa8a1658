"""Raw rows into valid customers and quarantined rows: every fault of a row is found and kept.

Cells are checked first: those that did not fit their type, nulls, infinities, unknown categories,
repeated ids, dates after the snapshot. The rows they are in are taken out, so that one bad cell hides
no other, and each column's own pandera checks judge their sound cells. The other rows are held against
the whole schema, again until none falls: what is published has passed the schema as its author wrote it.

A check that judges value by value is asked only about the rows that `core.customers.fast_checks` suspects: that it
passes the others is known from a few values of the column. The rest of the schema sees every row.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandera.errors import SchemaErrors

from churn_assets.core.arrow.conversion import (
    all_finite,
    column_to_pandas,
    is_among,
    rows_where,
    to_customers,
    words_of,
)
from churn_assets.core.customers.casting import texts_of
from churn_assets.core.customers.fast_checks import (
    CheckPlan,
    SuspectRows,
    check_plan,
    failing_values,
    row_by_row,
    suspect_rows,
)
from churn_assets.core.days import end_of_day
from churn_assets.core.errors import AuditFailed, ProfileError
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import customers_schema, quarantine_schema
from churn_assets.core.table_schemas import FAULT_TYPE, FAULTS, RESCUED, UTC_TIMESTAMP

__all__ = ["FaultCount", "ValidationCounts", "ValidationResult", "audit_quarantine", "audit_so_far", "validate"]

WRITTEN = {  # what a cell of a type may look like
    "type bool": "; a boolean is true, false, 1 or 0, or a word of source.csv.true_values or false_values, or of the "
    "profile's values=",
    f"type {UTC_TIMESTAMP}": "; a time is 2026-01-31 or 2026-01-31 10:20:30, or of source.csv.timestamp_formats",
    "type double": "; a number is 1234.5, or written with source.csv.decimal and thousands; a word for none stands in "
    "source.csv.null_values",
}


class Fault(NamedTuple):
    """One broken rule of one row."""

    row: int
    column: str
    check: str
    value: str


@dataclass(frozen=True)
class ValidationResult:
    """A batch split in two: `valid` rows, and `quarantined` rows with their faults."""

    valid: pa.Table
    quarantined: pa.Table


@dataclass(frozen=True)
class FaultCount:
    """How many rows broke one check of one column."""

    column: str
    check: str
    rows: int


@dataclass
class ValidationCounts:
    """Counts over the batches of a partition."""

    valid: int = 0
    quarantined: int = 0
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, result: ValidationResult) -> None:
        """Count one more batch."""
        self.valid += result.valid.num_rows
        self.quarantined += result.quarantined.num_rows
        for faults in result.quarantined.column(FAULTS).to_pylist():
            for fault in faults:
                self.faults[fault["column"], fault["check"]] += 1

    def join(self, more: "ValidationCounts") -> None:
        """Count what another one has counted of later rows."""
        self.valid += more.valid
        self.quarantined += more.quarantined
        self.faults.update(more.faults)

    @property
    def worst(self) -> list[FaultCount]:
        """The broken checks, most rows first."""
        return [FaultCount(*key, rows) for key, rows in self.faults.most_common()]


def validate(
    raw: pa.Table, profile: Profile, day: dt.date, repeated: pa.Array, timezone: str = "UTC"
) -> ValidationResult:
    """Split rows of `raw_customers` into valid and quarantined ones, in their order.

    Args:
        raw: rows of the day's `raw_customers`.
        profile: whose schema, id and past columns hold.
        day: the snapshot date.
        repeated: the rows whose id is not unique in the partition, as `mark_duplicates` gives them.
        timezone: by whose clock the day ends.
    """
    plan = check_plan(profile)
    suspects = suspect_rows(raw, plan)
    if suspects is None:
        plan, suspects = row_by_row(profile), {}
    return _split(raw, profile, set(_cell_faults(raw, profile, day, repeated, timezone)), plan, suspects)


def _split(
    raw: pa.Table, profile: Profile, faults: set[Fault], plan: CheckPlan, suspects: SuspectRows
) -> ValidationResult:
    """The result for rows whose faulty cells are known; the result does not depend on the plan."""
    kept = np.ones(raw.num_rows, dtype=bool)
    kept[[fault.row for fault in faults]] = False
    faults = faults | set(_more_faults_of(~kept, raw, profile, plan, suspects))
    faults |= _fallen(raw, profile, kept, plan, suspects)
    if not faults:
        return ValidationResult(_drop_rescued(raw, profile), quarantine_schema(profile).empty_table())
    by_row: dict[int, list[dict[str, str]]] = {}
    for fault in sorted(faults):
        by_row.setdefault(fault.row, []).append({"column": fault.column, "check": fault.check, "value": fault.value})
    broken = raw.take(pa.array(list(by_row), pa.int64())).append_column(
        pa.field(FAULTS, FAULT_TYPE), pa.array(list(by_row.values()), FAULT_TYPE)
    )
    valid = rows_where(_drop_rescued(raw, profile), kept)
    return ValidationResult(valid, broken.cast(quarantine_schema(profile)))


def audit_quarantine(counts: ValidationCounts, raw_rows: int, max_share: float, where: str) -> None:
    """Refuse a day on which rows were lost, or too few are valid.

    Raises:
        AuditFailed: naming the counts, the worst checks and the source.
    """
    if counts.valid + counts.quarantined != raw_rows:
        raise AuditFailed(
            f"{where}: {raw_rows} raw rows became {counts.valid} valid and {counts.quarantined} quarantined ones; "
            "nothing was published"
        )
    share = counts.quarantined / raw_rows if raw_rows else 1.0
    if not counts.valid or share > max_share:
        raise _too_many_broken(counts, raw_rows, max_share, where)


def audit_so_far(counts: ValidationCounts, raw_rows: int, max_share: float, where: str) -> None:
    """Refuse a day as soon as more of its rows are broken than may be: the rest cannot mend that.

    Raises:
        AuditFailed: as `audit_quarantine`, of what was seen by then.
    """
    if counts.quarantined > max_share * raw_rows and counts.valid + counts.quarantined < raw_rows:
        raise _too_many_broken(counts, raw_rows, max_share, where)


def _too_many_broken(counts: ValidationCounts, raw_rows: int, max_share: float, where: str) -> AuditFailed:
    worst = "; ".join(f"column {fault.column}: {fault.check} broken in {fault.rows} rows" for fault in counts.worst[:5])
    seen = counts.valid + counts.quarantined
    so_far = f" among the first {seen} looked at" if seen < raw_rows else ""
    none_left = not counts.valid and seen == raw_rows
    limit = "no valid row is left" if none_left else f"validation.max_quarantined_share is {max_share:g}"
    hints = "".join(hint for check, hint in WRITTEN.items() if any(fault.check == check for fault in counts.worst[:5]))
    return AuditFailed(
        f"{where}: {counts.quarantined} of {raw_rows} rows are broken{so_far} and {limit}: "
        f"{worst or 'it holds no rows'}; nothing was published: mend the source, or the profile's schema if it is too "
        f"strict{hints}"
    )


def _drop_rescued(raw: pa.Table, profile: Profile) -> pa.Table:
    return raw.select(customers_schema(profile).names)


def _cell_faults(raw: pa.Table, profile: Profile, day: dt.date, repeated: pa.Array, timezone: str) -> Iterator[Fault]:
    rescued = _rescued_cells(raw)
    for row, cells in rescued.items():
        for name, text in cells.items():
            yield Fault(row, name, f"type {raw.schema.field(name).type}", text)
    for name, column in profile.checks.columns.items():
        required = not column.nullable or name == profile.id_column
        for fault in _value_faults(raw.column(name), name, column.dtype, required=required):
            if fault.check != "not_null" or name not in rescued.get(fault.row, {}):
                yield fault
    yield from _faults_at(repeated, raw.column(profile.id_column), profile.id_column, "unique")
    for name in profile.past_columns:
        times = raw.column(name)
        yield from _faults_where(_after(times, day, timezone), times, name, "not_after_snapshot")


def _after(times: pa.ChunkedArray, day: dt.date, timezone: str) -> pa.ChunkedArray:
    """Which of the times lie behind the end of a day; a mere date, stored as its midnight, counts as the date it is."""
    end = pa.scalar(end_of_day(day, timezone), times.type)
    next_date = pa.scalar(dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC), times.type)
    return pc.or_(pc.greater_equal(times, end), pc.equal(times, next_date))


def _value_faults(values: pa.ChunkedArray, name: str, dtype: Any, *, required: bool) -> Iterator[Fault]:
    if required and values.null_count:
        for row in pc.indices_nonzero(values.is_null()).to_pylist():
            yield Fault(row, name, "not_null", "null")
    if pa.types.is_floating(values.type) and not all_finite(values):
        yield from _faults_where(pc.is_inf(values), values, name, "finite")
    categories = getattr(getattr(dtype, "type", None), "categories", None)
    if categories is not None:
        declared = pa.array(categories).cast(pa.string())
        if pa.types.is_dictionary(values.type) and pc.all(pc.is_in(words_of(values), value_set=declared)).as_py():
            return
        known = is_among(values, declared)
        yield from _faults_where(pc.and_(values.is_valid(), pc.invert(known)), values, name, "category")


def _rescued_cells(raw: pa.Table) -> dict[int, dict[str, str]]:
    rescued = raw.column(RESCUED)
    if rescued.null_count == len(rescued):
        return {}
    rows = pc.indices_nonzero(rescued.is_valid())
    return {row: json.loads(text) for row, text in zip(rows.to_pylist(), rescued.take(rows).to_pylist(), strict=True)}


def _faults_where(broken: pa.ChunkedArray, values: pa.ChunkedArray, column: str, check: str) -> Iterator[Fault]:
    yield from _faults_at(pc.indices_nonzero(broken), values, column, check)  # a null is none


def _faults_at(rows: pa.Array, values: pa.ChunkedArray, column: str, check: str) -> Iterator[Fault]:
    for row, value in zip(rows.to_pylist(), texts_of(values.take(rows)), strict=True):
        yield Fault(row, column, check, value)


def _more_faults_of(
    broken: NDArray[np.bool_], raw: pa.Table, profile: Profile, plan: CheckPlan, suspects: SuspectRows
) -> Iterator[Fault]:
    """What each column's own checks say of the other cells of rows that are broken already."""
    for name, column in profile.checks.columns.items():
        if name not in plan.local:
            yield from _column_faults(np.flatnonzero(broken), raw, name, column)
        elif len(rows := _among(suspects.get(name), broken)):
            yield from _local_faults(rows, raw, name, column)


def _among(rows: NDArray[np.int64] | None, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64) if rows is None else rows[chosen[rows]]


def _column_faults(rows: NDArray[np.int64], raw: pa.Table, name: str, column: pandera.Column) -> Iterator[Fault]:
    """What pandera says of a column's sound cells in `rows`."""
    cells = _sound_cells(rows, raw, name, column)
    yield from _schema_faults(pandera.DataFrameSchema({name: column}), cells.to_frame(name), name)


def _local_faults(rows: NDArray[np.int64], raw: pa.Table, name: str, column: pandera.Column) -> Iterator[Fault]:
    """The same of a column whose checks judge value by value, without a schema around each of them."""
    cells = _sound_cells(rows, raw, name, column)
    failing = [failing_values(cells, check) for check in column.checks]
    fallen = np.logical_or.reduce(failing)
    values = cells[fallen].astype("str")  # at once, as how a date is written depends on the others
    for check, fails in zip(column.checks, failing, strict=True):
        label = check.name if check.error is None else check.error
        for row, value in values[fails[fallen]].items():
            yield Fault(int(row), name, str(label), value)


def _sound_cells(rows: NDArray[np.int64], raw: pa.Table, name: str, column: pandera.Column) -> "pd.Series[Any]":
    values = raw.column(name).take(pa.array(rows, pa.int64()))
    sound = values.is_valid()
    if pa.types.is_floating(values.type):
        sound = pc.and_(sound, pc.fill_null(pc.is_finite(values), fill_value=False))
    cells = column_to_pandas(values.filter(sound), column.dtype)
    return cells.set_axis(rows[sound.to_numpy()], axis="index").dropna()


def _fallen(
    raw: pa.Table, profile: Profile, kept: NDArray[np.bool_], plan: CheckPlan, suspects: SuspectRows
) -> set[Fault]:
    """Hold the kept rows against the whole schema, again until none falls; `kept` loses those that do."""
    faults: set[Fault] = set()
    for name, suspected in suspects.items():
        if len(rows := _among(suspected, kept)):
            faults |= set(_local_faults(rows, raw, name, profile.checks.columns[name]))
    if plan.residual is None:
        kept[[fault.row for fault in faults]] = False
        return faults
    rows = pa.array(np.flatnonzero(kept))
    frame = to_customers(raw if kept.all() else raw.take(rows), plan.framed).set_axis(rows.to_numpy(), axis="index")
    fallen = faults | set(_schema_faults(plan.residual, frame, ""))
    while fallen:
        faults |= fallen
        kept[[fault.row for fault in fallen]] = False
        frame = frame[kept[frame.index]]
        fallen = set(_schema_faults(plan.residual, frame, ""))
    return faults


def _schema_faults(schema: pandera.DataFrameSchema, frame: pd.DataFrame, column: str) -> Iterator[Fault]:
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return
    if cases["index"].isna().any():
        case = cases[cases["index"].isna()].iloc[0]
        raise ProfileError(
            f"profile: check {case['check']} of column {case['column'] or column or 'the frame'} gives no row-wise "
            f"answer ({str(case['failure_case']).partition('(')[0]}); write it so that it judges each row"
        )
    wide = cases["schema_context"] == "DataFrameSchema"
    for check, row in zip(cases.loc[wide, "check"], cases.loc[wide, "index"], strict=True):
        yield Fault(int(row), "", str(check), "")  # over several columns: one fault a row, not one for each cell
    own = cases[~wide & (cases["check"] != "field_uniqueness")]  # repeated ids are found in the whole partition
    for name, of_column in own.groupby("column", sort=False):
        values = frame[str(name)].loc[of_column["index"]].astype("str")
        for check, row, value in zip(of_column["check"], of_column["index"], values, strict=True):
            yield Fault(int(row), str(name), str(check), value)
