"""Raw rows into valid customers and quarantined ones, with every fault."""

import datetime as dt
from collections import Counter
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.arrow.conversion import to_customers
from churn_assets.core.customers.duplicates import mark_duplicates
from churn_assets.core.customers.validation import (
    ValidationCounts,
    ValidationResult,
    audit_quarantine,
    audit_so_far,
    validate,
)
from churn_assets.core.errors import AuditFailed, ProfileError
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import customers_schema, quarantine_schema
from churn_assets.core.table_schemas import FAULTS
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, member_columns, profile_of, raw_of

KEY = "customer_id"
NONE_REPEATED = pa.nulls(0, pa.int64())
Faults = list[set[tuple[str, str, str]]]


def _verdict(profile: Profile = MEMBERS, repeated: pa.Array = NONE_REPEATED, **columns: list[Any]) -> ValidationResult:
    return validate(raw_of(profile, columns), profile, SNAPSHOT, repeated)


def _members(rows: int = 3, repeated: pa.Array = NONE_REPEATED, **changes: list[Any]) -> ValidationResult:
    return _verdict(MEMBERS, repeated, **member_columns(rows, **changes))


def _faults(verdict: ValidationResult) -> Faults:
    """For each quarantined row, its faults."""
    rows = verdict.quarantined[FAULTS].to_pylist()
    return [{(fault["column"], fault["check"], fault["value"]) for fault in faults} for faults in rows]


def _fits(schema: pa.Schema, table: pa.Schema) -> bool:
    """Whether rows of `schema` have a table's columns and types; what may be null is the file's to promise."""
    return bool(schema.names == table.names and schema.types == table.types)


def _valid_ids(verdict: ValidationResult) -> list[str]:
    ids: list[str] = verdict.valid["customer_id"].to_pylist()
    return ids


def test_sound_rows_are_valid_as_they_are() -> None:
    """Rows that keep every rule pass unchanged, without the column of rescued cells."""
    columns = member_columns(5)
    raw = raw_of(MEMBERS, columns)

    verdict = validate(raw, MEMBERS, SNAPSHOT, NONE_REPEATED)

    assert _fits(verdict.valid.schema, customers_schema(MEMBERS))
    assert verdict.valid.to_pylist() == raw.select(verdict.valid.schema.names).to_pylist()
    assert verdict.quarantined.schema.equals(quarantine_schema(MEMBERS))
    assert verdict.quarantined.num_rows == 0


def test_quarantined_rows_are_kept_as_they_came() -> None:
    """A broken row keeps all its cells, its misfits and its faults."""
    verdict = _members(2, visits=["many", "1"])

    (row,) = verdict.quarantined.to_pylist()
    assert row["customer_id"] == "c00000"
    assert row["visits"] is None
    assert row["rescued_data"] == '{"visits": "many"}'
    assert row[FAULTS] == [{"column": "visits", "check": "type int64", "value": "many"}]
    assert verdict.quarantined.schema.equals(quarantine_schema(MEMBERS))


@pytest.mark.parametrize(
    ("column", "cell", "check", "value"),
    [
        ("customer_id", None, "not_null", "null"),
        ("plan", "gold", "isin(['basic', 'premium'])", "gold"),
        ("since", None, "not_null", "null"),
        ("since", "2026-02-01", "not_after_snapshot", "2026-02-01 00:00:00+00:00"),
        ("since", "yesterday", "type timestamp[us, tz=UTC]", "yesterday"),
        ("visits", "-1", "greater_than_or_equal_to(0)", "-1"),
        ("visits", "2.5", "type int64", "2.5"),
        ("spend", "-0.5", "greater_than_or_equal_to(0)", "-0.5"),
        ("spend", "inf", "finite", "inf"),
        ("active", "yes", "type bool", "yes"),
    ],
)
def test_each_rule_has_its_fault(column: str, cell: str | None, check: str, value: str) -> None:
    """One broken cell gives one fault, which names the column, the check and the value."""
    cells = member_columns(3)[column]
    changes = {column: [cells[0], cell, cells[2]]}

    verdict = _members(3, **changes)

    assert _faults(verdict) == [{(column, check, value)}]
    assert _valid_ids(verdict) == ["c00000", "c00002"]


def test_every_fault_of_one_row_is_found() -> None:
    """A null, a negative number, a new category, an infinity, a date to come and a misfit hide no other."""
    verdict = _members(
        1,
        customer_id=[None],
        plan=["gold"],
        since=["2027-01-01"],
        last_visit=["whenever"],
        visits=["-3"],
        spend=["-inf"],
        active=[None],
    )

    assert _faults(verdict) == [
        {
            ("customer_id", "not_null", "null"),
            ("plan", "isin(['basic', 'premium'])", "gold"),
            ("since", "not_after_snapshot", "2027-01-01 00:00:00+00:00"),
            ("last_visit", "type timestamp[us, tz=UTC]", "whenever"),
            ("visits", "greater_than_or_equal_to(0)", "-3"),
            ("spend", "finite", "-inf"),
            ("active", "not_null", "null"),
        }
    ]


def test_every_fault_of_one_column_is_found() -> None:
    """In one column of different rows, a null, a misfit, a date to come and sound cells are told apart."""
    verdict = _members(5, since=[None, "x", "2027-01-01", "2025-01-01", "2026-01-30T00:00:00Z"])

    assert _faults(verdict) == [
        {("since", "not_null", "null")},
        {("since", "type timestamp[us, tz=UTC]", "x")},
        {("since", "not_after_snapshot", "2027-01-01 00:00:00+00:00")},
    ]
    assert _valid_ids(verdict) == ["c00003", "c00004"]


def test_numbers_of_one_column_break_in_every_way() -> None:
    """In one column of numbers, misfit, infinity and a value out of range are each found; a null may be allowed."""
    verdict = _members(5, spend=["abc", "inf", "-1", None, "0"])

    assert _faults(verdict) == [
        {("spend", "type double", "abc")},
        {("spend", "finite", "inf")},
        {("spend", "greater_than_or_equal_to(0)", "-1.0")},
    ]
    assert _valid_ids(verdict) == ["c00003", "c00004"]


@pytest.mark.parametrize(
    ("moment", "valid"),
    [("2026-01-31T23:59:59.999999Z", True), ("2026-02-01T00:00:00Z", False), ("2026-02-01T00:30:00+01:00", True)],
)
def test_snapshot_ends_with_its_day(moment: str, valid: bool) -> None:  # noqa: FBT001
    """The last microsecond of the snapshot date, in UTC, is in the past; midnight is not."""
    verdict = _members(1, since=["2026-01-01"], last_visit=[moment])

    assert (verdict.valid.num_rows == 1) is valid


def test_null_key_is_never_valid() -> None:
    """A row without an id is quarantined, also where the schema would let the id be null."""

    class Careless(pandera.DataFrameModel):
        """A schema whose key may be null."""

        customer_id: str = pandera.Field(nullable=True)
        spend: float

    verdict = _verdict(profile_of(Careless), customer_id=[None, "a"], spend=[1.0, 2.0])

    assert _faults(verdict) == [{("customer_id", "not_null", "null")}]
    assert _valid_ids(verdict) == ["a"]


def test_both_rows_of_a_repeated_key_fall() -> None:
    """Nobody knows which of two rows with one id is right: neither is valid, also in batches of their own."""
    columns = member_columns(4, customer_id=["a", "b", "b", "c"])
    raw = raw_of(MEMBERS, columns)

    whole = validate(raw, MEMBERS, SNAPSHOT, pa.array([1, 2]))
    first = validate(raw.slice(0, 2), MEMBERS, SNAPSHOT, pa.array([1]))

    assert _valid_ids(whole) == ["a", "c"]
    assert _faults(whole) == [{("customer_id", "unique", "b")}] * 2
    assert _faults(first) == [{("customer_id", "unique", "b")}]


def test_unique_key_gives_the_same_faults_in_any_split() -> None:
    """Where the author declares the key unique, a repeated id has the same faults in whatever batch it stands."""

    class Keyed(pandera.DataFrameModel):
        """A schema that declares its key unique."""

        customer_id: str = pandera.Field(unique=True)
        spend: float

    profile = profile_of(Keyed)
    raw = raw_of(profile, {"customer_id": ["a", "a", "b"], "spend": [1.0, 2.0, 3.0]})

    whole = validate(raw, profile, SNAPSHOT, pa.array([0, 1]))
    rows = mark_duplicates([raw.slice(at, 1) for at in range(3)], KEY)
    parts = [validate(row, profile, SNAPSHOT, repeated) for row, repeated in rows]

    assert [faults for part in parts for faults in _faults(part)] == _faults(whole)


def test_check_across_columns_quarantines_its_row() -> None:
    """A rule over several columns is one fault of the row, without a column."""
    verdict = _members(3, last_visit=["2025-05-31", "2025-06-01", None])

    assert _faults(verdict) == [{("", "visit_after_start", "")}]
    assert _valid_ids(verdict) == ["c00001", "c00002"]


def test_check_across_columns_is_not_hidden_by_another_row() -> None:
    """Rows that are broken elsewhere do not keep the rule over columns from the rest."""
    verdict = _members(3, visits=["-1", "1", "1"], last_visit=["2026-01-01", "2025-05-31", "2026-01-01"])

    assert _faults(verdict) == [{("visits", "greater_than_or_equal_to(0)", "-1")}, {("", "visit_after_start", "")}]


class Falling(pandera.DataFrameModel):
    """Nobody may spend more than twice the mean: each row that falls lowers the mean for the others."""

    customer_id: str
    spend: float

    @pandera.dataframe_check
    @classmethod
    def below_twice_the_mean(cls, customers: pd.DataFrame) -> "pd.Series[bool]":
        """A rule that depends on the other rows."""
        return customers["spend"] <= 2 * customers["spend"].mean()


def test_schema_is_checked_until_none_falls() -> None:
    """What is published has passed the schema as a whole: survivors are held against it again."""
    profile = profile_of(Falling)

    verdict = _verdict(profile, customer_id=list("abcdefgh"), spend=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 100.0])

    assert _valid_ids(verdict) == list("abcdef")
    profile.checks.validate(to_customers(verdict.valid, profile.checks), lazy=True)


def test_values_of_a_fault_are_those_of_its_own_row() -> None:
    """Faults are matched to rows by position, also where earlier rows were set aside."""
    verdict = _members(6, visits=["x", "-1", "1", None, "-4", "1"], spend=["1", "1", "-2", "1", "-5", "1"])

    assert _faults(verdict) == [
        {("visits", "type int64", "x")},
        {("visits", "greater_than_or_equal_to(0)", "-1")},
        {("spend", "greater_than_or_equal_to(0)", "-2.0")},
        {("visits", "not_null", "null")},
        {("visits", "greater_than_or_equal_to(0)", "-4"), ("spend", "greater_than_or_equal_to(0)", "-5.0")},
    ]


def test_declared_category_is_a_rule() -> None:
    """Where the schema lists a categorical's values in its dtype, another value is a fault and not a null."""
    body = {
        "__annotations__": {"customer_id": str, "plan": pd.CategoricalDtype},
        "plan": pandera.Field(dtype_kwargs={"categories": ["basic"]}, nullable=True),
    }
    profile = profile_of(type("Listed", (pandera.DataFrameModel,), body))

    verdict = _verdict(profile, customer_id=["a", "b", "c"], plan=["basic", "gold", None])

    assert _faults(verdict) == [{("plan", "category", "gold")}]
    assert _valid_ids(verdict) == ["a", "c"]


def test_rows_that_are_all_broken_leave_an_empty_table() -> None:
    """A batch without a valid row gives an empty table of the right columns."""
    verdict = _members(2, visits=["-1", None], active=["x", None], spend=["x", "x"], plan=["a", "b"])

    assert verdict.valid.num_rows == 0
    assert _fits(verdict.valid.schema, customers_schema(MEMBERS))
    assert verdict.quarantined.num_rows == 2


def test_batch_of_no_rows() -> None:
    """No rows give no rows, in the right columns."""
    verdict = validate(raw_of(MEMBERS, member_columns(1)).slice(0, 0), MEMBERS, SNAPSHOT, NONE_REPEATED)

    assert (verdict.valid.num_rows, verdict.quarantined.num_rows) == (0, 0)


@pytest.mark.parametrize(
    ("timezone", "time", "passes"),
    [
        ("America/New_York", "2026-02-01T04:59:59Z", True),  # the evening of the day, there
        ("America/New_York", "2026-02-01T05:00:00Z", False),
        ("America/New_York", "2026-02-01", False),  # a mere date of the next day
        ("America/New_York", "2026-01-31", True),
        ("Asia/Tokyo", "2026-01-31T14:59:59Z", True),
        ("Asia/Tokyo", "2026-01-31T15:00:00Z", False),  # the next morning, there
        ("Asia/Tokyo", "2026-01-31", True),
        ("Asia/Tokyo", "2026-02-01", False),
        ("UTC", "2026-01-31T23:59:59.999999Z", True),
        ("UTC", "2026-02-01T00:00:00Z", False),
    ],
)
def test_a_day_ends_where_its_time_zone_says(timezone: str, time: str, *, passes: bool) -> None:
    """A time is held against the end of the day by the company's clock: no evening is lost, no morning is let in."""
    raw = raw_of(MEMBERS, member_columns(1) | {"since": [time], "last_visit": [None]})

    result = validate(raw, MEMBERS, SNAPSHOT, NONE_REPEATED, timezone)

    assert (result.valid.num_rows == 1) == passes


def test_a_day_of_which_too_much_is_broken_is_refused_before_its_end() -> None:
    """As soon as more rows are broken than may be, it is told, with how many were looked at; not a row earlier."""
    counts = ValidationCounts(valid=10, quarantined=50)
    counts.faults["plan", "category"] = 50

    audit_so_far(counts, 1_000, 0.05, "customers 2026-01-31")
    counts.quarantined = 51
    with pytest.raises(
        AuditFailed, match=r"51 of 1000 rows are broken among the first 61 looked at.*category broken in 50"
    ):
        audit_so_far(counts, 1_000, 0.05, "customers 2026-01-31")


def test_time_beyond_the_calendar_is_a_fault() -> None:
    """A date after the year 9999, which no calendar of ours holds, is a misfit; it is no crash."""
    verdict = _verdict(**(member_columns(1) | {"since": pa.array([10**7], pa.date32())}))

    assert [{check for _, check, _ in faults} for faults in _faults(verdict)] == [{"type timestamp[us, tz=UTC]"}]


class Aggregate(pandera.DataFrameModel):
    """A schema whose check judges a column as a whole."""

    customer_id: str
    spend: float

    @pandera.check("spend")
    @classmethod
    def mean_is_high(cls, spend: "pd.Series[float]") -> bool:
        """No answer for each row."""
        return bool(spend.mean() > 100)


def test_check_without_an_answer_for_each_row_is_refused() -> None:
    """A check that judges the whole column cannot say which row is broken; the sentence names both."""
    with pytest.raises(ProfileError, match="check mean_is_high of column spend gives no row-wise answer"):
        _verdict(profile_of(Aggregate), customer_id=["a"], spend=[1.0])


class Crashing(pandera.DataFrameModel):
    """A schema whose check fails."""

    customer_id: str
    spend: float

    @pandera.check("spend")
    @classmethod
    def crashes(cls, spend: "pd.Series[float]") -> "pd.Series[bool]":
        """Look for what is not there."""
        return spend[["nowhere"]] > 0


def test_check_that_crashes_is_refused() -> None:
    """A check that raises is the profile's fault, told in a sentence with its name."""
    with pytest.raises(ProfileError, match="check crashes of column spend"):
        _verdict(profile_of(Crashing), customer_id=["a"], spend=[1.0])


class Dropping(pandera.DataFrameModel):
    """A schema that tells pandera to drop what is broken."""

    customer_id: str
    spend: float = pandera.Field(ge=0)

    class Config:
        """Pandera's own way to lose rows."""

        drop_invalid_rows = True


def test_broken_rows_are_not_published_whatever_pandera_drops() -> None:
    """`drop_invalid_rows` is refused, or has no effect: a row that breaks the schema is never valid."""
    try:
        verdict = _verdict(profile_of(Dropping), customer_id=["a", "b"], spend=[-1.0, 1.0])
    except ProfileError:
        return

    assert _valid_ids(verdict) == ["b"]
    assert verdict.quarantined.num_rows == 1


# Each column's cells, good and bad, with the check that a bad one breaks.
CELLS: dict[str, dict[str | None, str | None]] = {
    "customer_id": {"a": None, "b": None, "c": None, "d": None, "é": None, "10": None, "9": None, None: "not_null"},
    "plan": {"basic": None, "premium": None, None: None, "gold": "isin(['basic', 'premium'])"},
    "since": {
        "2025-06-01": None,
        "2026-01-31": None,
        "2026-02-01": "not_after_snapshot",
        "soon": "type timestamp[us, tz=UTC]",
        None: "not_null",
    },
    "last_visit": {"2026-01-30": None, "2025-07-01": None, None: None, "2026-03-01": "not_after_snapshot"},
    "visits": {"0": None, "7": None, "-1": "greater_than_or_equal_to(0)", "2.5": "type int64", None: "not_null"},
    "spend": {
        "0": None,
        "2.5": None,
        "": None,
        None: None,
        "-1": "greater_than_or_equal_to(0)",
        "inf": "finite",
        "x": "type double",
    },
    "active": {"true": None, "false": None, "maybe": "type bool", None: "not_null"},
}


def _row() -> st.SearchStrategy[dict[str, str | None]]:
    """Rows in which a few columns are drawn at random and the others are sound."""
    sound = {name: next(iter(cells)) for name, cells in CELLS.items()}
    drawn = st.lists(st.sampled_from(list(CELLS)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: st.sampled_from(list(CELLS[name])) for name in names})
    )
    ids = st.sampled_from(list(CELLS["customer_id"]))
    return st.builds(lambda cells, key: sound | {"customer_id": key} | cells, drawn, ids)


def _expected(row: dict[str, str | None], repeated: set[str]) -> set[tuple[str, str]]:
    """The faults of a row, by the rules as they are written down, without pandera."""
    faults = {(name, check) for name, cell in row.items() if (check := CELLS[name][cell])}
    if row["customer_id"] in repeated:
        faults.add(("customer_id", "unique"))
    whole = all(check.startswith(("isin", "greater")) for _, check in faults)  # each cell is there and of its kind
    if whole and row["last_visit"] and row["since"] and row["last_visit"] < row["since"]:
        faults.add(("", "visit_after_start"))
    return faults


@settings(deadline=None, max_examples=35)
@given(rows=st.lists(_row(), min_size=1, max_size=12), data=st.data())
def test_rows_are_conserved_in_any_split(rows: list[dict[str, str | None]], data: st.DataObject) -> None:
    """Raw = valid + quarantined, in order, each row with exactly its faults, however the day is cut into batches."""
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in CELLS})
    table = table.take(pc.sort_indices(table["customer_id"]))
    raw = raw_of(MEMBERS, {name: table[name] for name in CELLS})
    rows = table.to_pylist()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(rows))), "cuts") | {len(rows)})
    batches = [raw.slice(start, end - start) for start, end in zip([0, *cuts[:-1]], cuts, strict=True)]

    [whole] = [validate(batch, MEMBERS, SNAPSHOT, repeated) for batch, repeated in mark_duplicates([raw], KEY)]
    parts = [validate(batch, MEMBERS, SNAPSHOT, repeated) for batch, repeated in mark_duplicates(batches, KEY)]

    ids = Counter(row["customer_id"] for row in rows)
    expected = [_expected(row, {each for each, rows in ids.items() if each and rows > 1}) for row in rows]
    found = [{(column, check) for column, check, _ in faults} for faults in _faults(whole)]
    assert found == [faults for faults in expected if faults]
    assert whole.valid.to_pylist() == [
        row for row, faults in zip(raw.drop_columns(["rescued_data"]).to_pylist(), expected, strict=True) if not faults
    ]
    assert whole.quarantined.drop_columns([FAULTS]).to_pylist() == [
        row for row, faults in zip(raw.to_pylist(), expected, strict=True) if faults
    ]
    assert pa.concat_tables(part.valid for part in parts).equals(whole.valid)
    assert pa.concat_tables(part.quarantined for part in parts).equals(whole.quarantined)
    MEMBERS.checks.validate(to_customers(whole.valid, MEMBERS.checks), lazy=True)


def test_numeric_ids_repeat_as_text() -> None:
    """Repeated ids that are numbers are told as text, and found in their rows."""

    class Numbered(pandera.DataFrameModel):
        """A schema whose key is a number."""

        customer_id: int
        spend: float

    [(_, repeated)] = mark_duplicates([pa.table({"customer_id": [10, 10, 9]})], "customer_id")
    verdict = _verdict(profile_of(Numbered), repeated, customer_id=[10, 10, 9], spend=[1.0, 1.0, 1.0])

    assert _faults(verdict) == [{("customer_id", "unique", "10")}] * 2
    assert verdict.valid["customer_id"].to_pylist() == [9]


def _tally(*verdicts: ValidationResult) -> ValidationCounts:
    tally = ValidationCounts()
    for verdict in verdicts:
        tally.add(verdict)
    return tally


def test_tally_counts_over_batches() -> None:
    """Rows and broken checks are counted over all batches, the worst first."""
    tally = _tally(
        _members(3, visits=["-1", "-2", "1"]), _members(3, visits=["-3", "1", "1"], plan=["gold", None, None])
    )

    assert (tally.valid, tally.quarantined) == (3, 3)
    assert [(fault.column, fault.check, fault.rows) for fault in tally.worst] == [
        ("visits", "greater_than_or_equal_to(0)", 3),
        ("plan", "isin(['basic', 'premium'])", 1),
    ]


def test_audit_takes_a_share_up_to_its_bound() -> None:
    """A share of exactly `max_quarantined_share` is allowed."""
    tally = _tally(_members(4, visits=["-1", "1", "1", "1"]))

    audit_quarantine(tally, 4, 0.25, "customers 2026-01-31")

    with pytest.raises(AuditFailed):
        audit_quarantine(tally, 4, 0.2499, "customers 2026-01-31")


def test_audit_names_count_column_check_and_source() -> None:
    """The sentence says where, how many of how many rows, the setting, and the worst checks: no customer's value."""
    tally = _tally(_members(4, visits=["-7", "-1", "1", "1"], spend=["1", "1", "x", "1"]))

    with pytest.raises(AuditFailed) as caught:
        audit_quarantine(tally, 4, 0.05, "customers 2026-01-31 (source/day.parquet)")

    sentence = str(caught.value)
    assert sentence.startswith("customers 2026-01-31 (source/day.parquet): 3 of 4 rows are broken")
    assert "validation.max_quarantined_share is 0.05" in sentence
    assert "column visits: greater_than_or_equal_to(0) broken in 2 rows;" in sentence
    assert "column spend: type double broken in 1 rows" in sentence
    assert "-7" not in sentence
    assert "nothing was published" in sentence
    assert "a number is 1234.5, or written with source.csv.decimal and thousands" in sentence
    assert "\n" not in sentence


def test_audit_lists_the_words_that_are_accepted() -> None:
    """Where cells of a boolean or a time do not fit, the sentence says which would, and the key that adds others."""
    tally = _tally(_members(2, active=["ja", "true"], since=["2025-06-01", "1.6.2025"]))

    with pytest.raises(AuditFailed) as caught:
        audit_quarantine(tally, 2, 0.05, "customers")

    assert "a boolean is true, false, 1 or 0, or a word of source.csv.true_values" in str(caught.value)
    assert "a time is 2026-01-31 or 2026-01-31 10:20:30, or of source.csv.timestamp_formats" in str(caught.value)


def test_audit_names_a_check_across_columns() -> None:
    """A broken rule over several columns is named in the sentence as well."""
    tally = _tally(_members(1, last_visit=["2025-05-01"]))

    with pytest.raises(AuditFailed, match="visit_after_start broken in 1 rows"):
        audit_quarantine(tally, 1, 0.05, "customers")


@pytest.mark.parametrize("raw_rows", [2, 4])
def test_audit_refuses_lost_and_doubled_rows(raw_rows: int) -> None:
    """Valid and quarantined rows are together the raw ones, or nothing is published."""
    tally = _tally(_members(3, visits=["-1", "1", "1"]))

    with pytest.raises(AuditFailed, match=f"where: {raw_rows} raw rows became 2 valid and 1 quarantined"):
        audit_quarantine(tally, raw_rows, 1.0, "where")


def test_audit_refuses_a_day_without_a_valid_row() -> None:
    """No valid row is a failure, however large a share may be quarantined."""
    with pytest.raises(AuditFailed, match="1 of 1 rows are broken and no valid row is left"):
        audit_quarantine(_tally(_members(1, visits=["x"])), 1, 1.0, "where")


def test_audit_refuses_a_day_of_no_rows() -> None:
    """Nothing at all is a failure as well."""
    with pytest.raises(AuditFailed, match="it holds no rows"):
        audit_quarantine(ValidationCounts(), 0, 1.0, "where")


def test_day_decides_what_lies_ahead() -> None:
    """The same row is broken on one day and valid on the next."""
    raw = raw_of(MEMBERS, member_columns(1, last_visit=["2026-02-01"]))

    today = validate(raw, MEMBERS, SNAPSHOT, NONE_REPEATED)
    tomorrow = validate(raw, MEMBERS, SNAPSHOT + dt.timedelta(days=1), NONE_REPEATED)

    assert (today.valid.num_rows, tomorrow.valid.num_rows) == (0, 1)
