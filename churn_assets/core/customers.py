"""Raw rows into valid customers and quarantined rows: every fault of a row is found and kept.

Faults are looked for cell by cell first, so that one bad cell hides no other: cells that did not
fit their type, nulls, infinities, repeated ids, dates after the snapshot, and each column's own
pandera checks on its sound cells. The survivors are then held against the whole schema, again
until none falls. What is published has passed the schema as its author wrote it.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
from pandera.errors import SchemaErrors

from churn_assets.core.casting import text_of
from churn_assets.core.columns import FAULT_TYPE, FAULTS, RESCUED
from churn_assets.core.errors import AuditFailed, ProfileError
from churn_assets.core.frames import column_to_pandas, id_texts, to_customers
from churn_assets.core.profile import Profile
from churn_assets.core.schemas import customers_schema, quarantine_schema

__all__ = ["FaultCount", "Tally", "Verdict", "audit_quarantine", "repeated_ids", "validate"]


@dataclass(frozen=True, order=True)
class Fault:
    """One broken rule of one row."""

    row: int
    column: str
    check: str
    value: str


@dataclass(frozen=True)
class Verdict:
    """A batch split in two: `valid` rows, and `quarantined` rows with their faults."""

    valid: pa.Table
    quarantined: pa.Table


@dataclass(frozen=True)
class FaultCount:
    """How many rows broke one check of one column, and one value that did."""

    column: str
    check: str
    rows: int
    example: str


@dataclass
class Tally:
    """Counts over the batches of a partition."""

    valid: int = 0
    quarantined: int = 0
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, verdict: Verdict) -> None:
        """Count one more batch."""
        self.valid += verdict.valid.num_rows
        self.quarantined += verdict.quarantined.num_rows
        for faults in verdict.quarantined.column(FAULTS).to_pylist():
            for fault in faults:
                key = (fault["column"], fault["check"])
                self.faults[key] += 1
                self.examples.setdefault(key, fault["value"])

    @property
    def worst(self) -> list[FaultCount]:
        """The broken checks, most rows first."""
        return [FaultCount(*key, rows, self.examples[key]) for key, rows in self.faults.most_common()]


def repeated_ids(batches: Iterable[pa.Array]) -> pa.Array:
    """Ids that stand more than once in id columns sorted by text, as text."""
    found: list[pa.Array] = []
    last = pa.nulls(0, pa.string())
    for batch in batches:
        ids = pa.concat_arrays([last, id_texts(batch)])
        found.append(pc.filter(ids[1:], pc.equal(ids[1:], ids[:-1])))
        last = ids[-1:]
    return pc.unique(pa.concat_arrays(found)) if found else pa.nulls(0, pa.string())


def validate(raw: pa.Table, profile: Profile, day: dt.date, repeated: pa.Array) -> Verdict:
    """Split rows of `raw_customers` into valid and quarantined ones, in their order.

    Args:
        raw: rows of the day's `raw_customers`.
        profile: whose schema, id and past columns hold.
        day: the snapshot date.
        repeated: ids of the partition that are not unique, from `repeated_ids`.
    """
    faults = sorted(_cell_faults(raw, profile, day, repeated))
    if not faults and _passes(raw, profile):
        return Verdict(_drop_rescued(raw, profile), quarantine_schema(profile).empty_table())
    faults = sorted({*faults, *_column_check_faults(raw, profile)})
    faults = _until_none_falls(raw, profile, faults)
    by_row: dict[int, list[dict[str, str]]] = {}
    for fault in faults:
        by_row.setdefault(fault.row, []).append({"column": fault.column, "check": fault.check, "value": fault.value})
    kept = np.ones(raw.num_rows, dtype=bool)
    kept[list(by_row)] = False
    broken = raw.filter(pa.array(~kept)).append_column(
        pa.field(FAULTS, FAULT_TYPE), pa.array([by_row[row] for row in sorted(by_row)], FAULT_TYPE)
    )
    return Verdict(_drop_rescued(raw.filter(pa.array(kept)), profile), broken.cast(quarantine_schema(profile)))


def audit_quarantine(tally: Tally, raw_rows: int, max_share: float, where: str) -> None:
    """Refuse a day on which rows were lost, or too few are valid.

    Raises:
        AuditFailed: naming the counts, the worst checks and the source.
    """
    if tally.valid + tally.quarantined != raw_rows:
        raise AuditFailed(
            f"{where}: {raw_rows} raw rows became {tally.valid} valid and {tally.quarantined} quarantined ones; "
            "nothing was published"
        )
    share = tally.quarantined / raw_rows if raw_rows else 1.0
    if tally.valid and share <= max_share:
        return
    worst = "; ".join(
        f"column {fault.column}: {fault.check} broken in {fault.rows} rows (such as {fault.example})"
        for fault in tally.worst[:5]
    )
    limit = "no valid row is left" if not tally.valid else f"validation.max_quarantined_share is {max_share:g}"
    raise AuditFailed(
        f"{where}: {tally.quarantined} of {raw_rows} rows are broken and {limit}: {worst or 'it holds no rows'}; "
        "nothing was published: mend the source, or the profile's schema if it is too strict"
    )


def _drop_rescued(raw: pa.Table, profile: Profile) -> pa.Table:
    return raw.drop_columns([RESCUED]).cast(customers_schema(profile))


def _cell_faults(raw: pa.Table, profile: Profile, day: dt.date, repeated: pa.Array) -> Iterator[Fault]:
    rescued = _rescued_cells(raw)
    for row, cells in rescued.items():
        for name, text in cells.items():
            yield Fault(row, name, f"type {raw.schema.field(name).type}", text)
    for name, column in profile.checks.columns.items():
        values = raw.column(name)
        if values.null_count and (not column.nullable or name == profile.id_column):
            for row in pc.indices_nonzero(values.is_null()).to_pylist():
                if name not in rescued.get(row, {}):
                    yield Fault(row, name, "not_null", "null")
        if pa.types.is_floating(values.type):
            yield from _faults_where(pc.is_inf(values), values, name, "finite")
    if len(repeated):
        ids = id_texts(raw.column(profile.id_column))
        yield from _faults_where(pc.is_in(ids, value_set=repeated), ids, profile.id_column, "unique")
    midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
    for name in profile.past_columns:
        times = raw.column(name).cast(pa.timestamp("us", tz="UTC"))
        after = pc.greater_equal(times, pa.scalar(midnight, pa.timestamp("us", tz="UTC")))
        yield from _faults_where(after, times, name, "not_after_snapshot")


def _rescued_cells(raw: pa.Table) -> dict[int, dict[str, str]]:
    rescued = raw.column(RESCUED)
    if rescued.null_count == len(rescued):
        return {}
    rows = pc.indices_nonzero(rescued.is_valid())
    return {row: json.loads(text) for row, text in zip(rows.to_pylist(), rescued.take(rows).to_pylist(), strict=True)}


def _faults_where(broken: pa.ChunkedArray, values: pa.ChunkedArray, column: str, check: str) -> Iterator[Fault]:
    rows = pc.indices_nonzero(pc.fill_null(broken, fill_value=False))
    for row, value in zip(rows.to_pylist(), values.take(rows), strict=True):
        yield Fault(row, column, check, text_of(value))


def _passes(raw: pa.Table, profile: Profile) -> bool:
    frame = to_customers(raw, profile.checks)
    if any(frame[name].isna().sum() != raw.column(name).null_count for name in frame.select_dtypes("category")):
        return False  # a category that the declared dtype does not have
    try:
        profile.checks.validate(frame, lazy=True)
    except SchemaErrors:
        return False
    return True


def _column_check_faults(raw: pa.Table, profile: Profile) -> Iterator[Fault]:
    """Each column's own checks, on those of its cells that are there and finite."""
    for name, column in profile.checks.columns.items():
        values = raw.column(name)
        sound = values.is_valid()
        if pa.types.is_floating(values.type):
            sound = pc.and_(sound, pc.fill_null(pc.is_finite(values), fill_value=False))
        rows = pc.indices_nonzero(sound).to_numpy()
        series = column_to_pandas(values.filter(sound), column.dtype)
        lost = series.isna().to_numpy()  # a category that the declared dtype does not have
        for row, value in zip(rows[lost], values.take(pa.array(rows[lost])).to_pylist(), strict=True):
            yield Fault(int(row), name, "category", str(value))
        frame = series[~lost].to_frame(name).set_axis(rows[~lost], axis="index")
        only = pandera.DataFrameSchema({name: column})
        yield from _schema_faults(only, frame, name)


def _until_none_falls(raw: pa.Table, profile: Profile, faults: list[Fault]) -> list[Fault]:
    """Hold the rows without a fault against the whole schema, again until all of them pass."""
    while True:
        rows = np.setdiff1d(np.arange(raw.num_rows), [fault.row for fault in faults])
        survivors = to_customers(raw.take(pa.array(rows)), profile.checks).set_axis(rows, axis="index")
        fallen = sorted(set(_schema_faults(profile.checks, survivors, "")))
        if not fallen:
            return faults
        faults = sorted({*faults, *fallen})


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
            f"answer ({case['failure_case']}); write it so that it judges each row"
        )
    for context, name, check, value, row in zip(
        cases["schema_context"], cases["column"], cases["check"], cases["failure_case"], cases["index"], strict=True
    ):
        if check == "field_uniqueness":
            continue  # repeated ids are told from the whole partition
        if context == "DataFrameSchema":  # a check over several columns: one fault a row, not one for each of its cells
            yield Fault(int(row), "", str(check), "")
        else:
            yield Fault(int(row), str(name), str(check), str(value))
