"""What a few values tell of a column, and that validating by them leaves no trace in the verdict."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray
from pandera.pandas import Check, Column

from churn_assets.core.arrow.dictionaries import as_stored
from churn_assets.core.customers import fast_checks as acceptance
from churn_assets.core.customers.duplicates import mark_duplicates
from churn_assets.core.customers.fast_checks import BoundedAnswers, SuspectRows, check_plan, row_by_row, suspect_rows
from churn_assets.core.customers.validation import ValidationResult, _cell_faults, _split, validate
from churn_assets.core.errors import ProfileError
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import categorical_columns, customers_schema, quarantine_schema
from churn_assets.profiles import kkbox, subscription, telco
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, member_columns, profile_of, raw_of

SEEDS = 30
NONE_REPEATED = pa.nulls(0, pa.int64())
DAYS = [pd.Timestamp("2025-03-01"), pd.Timestamp("2025-07-01 12:00"), pd.Timestamp("2026-01-31")]
# Cells as they come, as text: sound ones, ends of the type, infinities, misfits and missing ones.
NUMBERS = ["0", "1", "2", "7", "30", "255", "-1", "9007199254740993", "x", "2.5", None]
REALS = ["0", "-0.0", "0.1", "2.5", "7", "30", "1e300", "-1", "inf", "-inf", "nan", "x", "", None]
WORDS = ["", "a", "b", "ab", "abc", "Ünï", "𝄞", "longer than that", " ", "10", None]
TIMES = ["2025-03-01", "2025-07-01T12:00:00", "2026-01-31T23:59:59.999999", "2026-02-01", "1700-01-01", "soon", None]
KINDS: dict[str, tuple[Any, list[str | None]]] = {
    "int": (int, NUMBERS),
    "int8": ("int8", NUMBERS),
    "Int64": (pd.Int64Dtype(), NUMBERS),
    "float": (float, REALS),
    "float32": ("float32", REALS),
    "Float64": (pd.Float64Dtype(), REALS),
    "bool": (bool, ["true", "false", "1", "maybe", None]),
    "boolean": (pd.BooleanDtype(), ["true", "false", None]),
    "str": (str, WORDS),
    "string": (pd.StringDtype(), WORDS),
    "time": (pd.Timestamp, TIMES),
    "category": (pd.CategoricalDtype(), WORDS),
    "declared": (pd.CategoricalDtype(["a", "b", "abc"]), WORDS),
    "ordered": (pd.CategoricalDtype(["a", "b", "abc"], ordered=True), WORDS),
}
NEVER_NULL = {"int", "int8", "bool"}


def _bound(kind: str, rng: np.random.Generator) -> Any:
    if kind == "time":
        return DAYS[rng.integers(len(DAYS))]
    if kind in {"str", "string", "category", "declared", "ordered"}:
        return str(rng.choice(["a", "b", "abc", "zz"]))
    return [-1, 0, 1, 2.5, 7, np.float64(30), 255, 2**53, float("inf"), True][rng.integers(10)]


def _check(kind: str, rng: np.random.Generator) -> Check:
    """A check that mostly fits the kind of column; one in ten was written for another."""
    asked = kind if rng.random() < 0.9 else str(rng.choice(list(KINDS)))
    one, other = _bound(asked, rng), _bound(asked, rng)
    least, most = sorted([one, other])
    options: dict[str, Any] = {}
    odd = rng.random()
    if odd < 0.05:
        options = {"n_failure_cases": 1}
    elif odd < 0.1:
        options = {"raise_warning": True}
    elif odd < 0.15:
        options = {"ignore_na": False}
    elif odd < 0.25:
        options = {"error": "a sentence of the author's"}
    elif odd < 0.3:
        options = {"name": "isin"}
    makers: list[Callable[[], Check]] = [
        *[lambda: Check.ge(least, **options)] * 3,
        *[lambda: Check.le(most, **options)] * 3,
        *[lambda: Check.in_range(least, most, include_max=False, **options)] * (2 if least < most else 0),
        lambda: Check.gt(least, **options),
        lambda: Check.lt(most, **options),
        lambda: Check.ne(one, **options),
        lambda: Check.eq(one, **options),
        lambda: Check.isin([one, other, _bound(asked, rng)], **options),
        lambda: Check.notin([one], **options),
        lambda: Check.unique_values_eq([one], **options),
        lambda: Check(lambda values: values == values, **options),  # noqa: PLR0124  # true but for NaN
        lambda: Check(lambda value: value != one, element_wise=True, **options),
        lambda: Check(lambda values: values <= values.max(), **options),
    ]
    texts: list[Callable[[], Check]] = [
        lambda: Check.str_length(int(rng.integers(0, 2)), int(rng.integers(2, 9)), **options),
        lambda: Check.str_length(min_value=1, **options),
        lambda: Check.str_matches(r"^[a-z]*$", **options),
        lambda: Check.str_contains("a|b", **options),
        lambda: Check.str_startswith("a", **options),
        lambda: Check.str_endswith("c", **options),
    ]
    made = makers + texts * 2 if asked in {"str", "string", "category", "declared", "ordered"} else makers
    return made[rng.integers(len(made))]()


def _case(seed: int) -> tuple[Profile, pa.Table, pa.Array]:
    """A profile with a few columns and checks, rows of it, and the ids that are repeated."""
    rng = np.random.default_rng(seed)
    kinds = {f"{kind}_{at}": str(kind) for at, kind in enumerate(rng.choice(list(KINDS), rng.integers(1, 5)))}
    columns = {
        name: Column(
            KINDS[kind][0],
            [_check(kind, rng) for _ in range(rng.integers(0, 3))],
            nullable=kind not in NEVER_NULL and rng.random() < 0.5,
            coerce=rng.random() < 0.03,
        )
        for name, kind in kinds.items()
    }
    columns["customer_id"] = Column(str, Check.str_length(1), unique=rng.random() < 0.2)
    wide = [Check(lambda frame: frame[frame.columns[0]].notna(), name="wide")] if rng.random() < 0.25 else []
    schema = pandera.DataFrameSchema(columns, checks=wide, coerce=rng.random() < 0.03, strict=rng.random() < 0.2)
    past = tuple(name for name, kind in kinds.items() if kind == "time" and rng.random() < 0.5)
    profile = profile_of(type("Drawn", (), {"to_schema": lambda: schema}), past_columns=past)
    rows = int(rng.choice([0, 1, 3, 20, 60, 400]))
    dirty = rng.choice([0.0, 0.05, 1.0])
    ids = sorted(f"c{number:03d}" for number in rng.integers(0, 5 * rows + 1, rows))
    cells: dict[str, Any] = {"customer_id": pa.array([each if rng.random() < 0.99 else None for each in ids])}
    for name, kind in kinds.items():
        texts = KINDS[kind][1]
        usual = rng.choice(len(texts), 3)
        at = np.where(rng.random(rows) < dirty, rng.integers(0, len(texts), rows), rng.choice(usual, rows))
        cells[name] = pa.array([texts[each] for each in at], pa.string())
    raw = raw_of(profile, cells)
    (repeated,) = (told for _, told in mark_duplicates([raw], "customer_id")) if rows else (NONE_REPEATED,)
    return profile, _with_nan(raw, rng), repeated if rng.random() < 0.7 else NONE_REPEATED


def _with_nan(raw: pa.Table, rng: np.random.Generator) -> pa.Table:
    """Now and then NaN where a table should hold a null."""
    if rng.random() < 0.9 or not len(raw):
        return raw
    for at, field in enumerate(raw.schema):
        if pa.types.is_floating(field.type):
            cells: NDArray[Any] = raw.column(at).to_numpy().copy()
            cells[rng.integers(len(cells))] = np.nan
            raw = raw.set_column(at, field, pa.array(cells, field.type, from_pandas=False))
    return raw


def _encoded(raw: pa.Table, profile: Profile, rng: np.random.Generator) -> pa.Table:
    """The same rows, the codes of their categories by a dictionary in any order, with words that no row holds."""
    for name in categorical_columns(profile):
        texts = raw.column(name).combine_chunks()
        words = pa.array(rng.permutation(["never", *pc.unique(texts.drop_null()).to_pylist()]), pa.string())
        codes = pa.DictionaryArray.from_arrays(pc.index_in(texts, words), words)
        raw = raw.set_column(raw.schema.get_field_index(name), name, codes)
    return raw


def _outcome(judge: Callable[[], ValidationResult]) -> ValidationResult | str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of checks that only warn
        try:
            return judge()
        except Exception as error:  # noqa: BLE001  # whatever it is, both ways must end in it
            return f"{type(error).__name__}: {error}"


def _assert_no_trace(profile: Profile, raw: pa.Table, repeated: pa.Array) -> ValidationResult | str:
    """Both ways end alike."""
    by_few = _outcome(lambda: validate(raw, profile, SNAPSHOT, repeated))
    faults = set(_cell_faults(raw, profile, SNAPSHOT, repeated, "UTC"))
    by_rows = _outcome(lambda: _split(raw, profile, faults, row_by_row(profile), {}))

    if isinstance(by_few, ValidationResult) and isinstance(by_rows, ValidationResult):
        for few, rows in ((by_few.valid, by_rows.valid), (by_few.quarantined, by_rows.quarantined)):
            assert few.schema.equals(rows.schema, check_metadata=True)
            assert repr(few.to_pylist()) == repr(rows.to_pylist())  # for which NaN is NaN
        by_few.valid.validate(full=True)
    else:
        assert by_few == by_rows
    return by_few


@pytest.mark.parametrize("seed", range(SEEDS))
def test_few_values_leave_no_trace(seed: int) -> None:
    """Whatever schema and rows: the same valid rows, quarantined rows, faults and errors as row by row."""
    profile, raw, repeated = _case(seed)

    _assert_no_trace(profile, raw, repeated)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_codes_of_categories_leave_no_trace(seed: int) -> None:
    """Categories that come as codes get the verdict that their text gets."""
    profile, raw, repeated = _case(seed)
    encoded = _encoded(raw, profile, np.random.default_rng(seed))

    by_codes = _outcome(partial(validate, encoded, profile, SNAPSHOT, repeated))
    by_text = _outcome(partial(validate, raw, profile, SNAPSHOT, repeated))

    if isinstance(by_codes, ValidationResult) and isinstance(by_text, ValidationResult):
        assert as_stored(by_codes.valid.schema).equals(by_text.valid.schema)
        assert repr(by_codes.valid.to_pylist()) == repr(by_text.valid.to_pylist())
        assert repr(by_codes.quarantined.to_pylist()) == repr(by_text.quarantined.to_pylist())
    else:
        assert by_codes == by_text


def test_cases_are_of_every_sort() -> None:
    """The drawn cases hold clean batches, dirty ones, refused profiles, and plans with and without a residual."""
    plans = [check_plan(_case(seed)[0]) for seed in range(SEEDS)]

    assert sum(bool(plan.local) and plan.residual is None for plan in plans) >= 3
    assert sum(len(plan.local) > 1 and plan.residual is not None for plan in plans) >= 3
    assert sum(not plan.local for plan in plans) >= 1


@pytest.mark.parametrize("profile", [subscription.PROFILE, telco.PROFILE, kkbox.PROFILE])
def test_shipped_profiles_leave_nothing_to_frames(profile: Profile) -> None:
    """Where a shipped profile has no rule over several columns, all its checks judge value by value."""
    plan = check_plan(profile)

    assert plan.local.keys() == profile.checks.columns.keys()
    assert plan.residual is None


def test_check_over_columns_is_residual() -> None:
    """A rule over several columns sees the whole frame, and the columns' own checks are not asked again."""
    plan = check_plan(MEMBERS)

    assert plan.residual is not None
    assert not plan.residual.columns
    assert list(plan.framed.columns) == list(MEMBERS.checks.columns)


def _told(profile: Profile, raw: pa.Table) -> SuspectRows:
    suspects = suspect_rows(raw, check_plan(profile))
    assert suspects is not None
    return suspects


def test_suspects_are_the_failing_rows() -> None:
    """Rows that fail a bound or hold a value that is not allowed are named, by column; nulls are not."""
    raw = raw_of(
        MEMBERS, member_columns(5, visits=["1", "-1", None, "0", "-2"], plan=["gold", None, "basic"] + ["x"] * 2)
    )

    told = {name: rows.tolist() for name, rows in _told(MEMBERS, raw).items()}

    assert told == {"visits": [1, 4], "plan": [0, 3, 4]}


def _one_check(dtype: Any, check: Check, **options: Any) -> Profile:
    schema = pandera.DataFrameSchema({"customer_id": Column(str), "cell": Column(dtype, check, **options)})
    return profile_of(type("Single", (), {"to_schema": lambda: schema}))


class _Poisoned(pd.DataFrame):
    def __init__(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError


def test_clean_batch_makes_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch whose values show that nothing can fail is accepted as it is, without a frame of its rows."""
    profile = _one_check(float, Check.in_range(0, 1), nullable=True)
    raw = raw_of(profile, {"customer_id": ["a", "b", "c"], "cell": ["0", None, "1"]})
    check_plan(profile)
    monkeypatch.setattr(pd, "DataFrame", _Poisoned)

    verdict = validate(raw, profile, SNAPSHOT, NONE_REPEATED)

    assert verdict.valid.equals(raw.drop_columns(["rescued_data"]))
    assert verdict.valid.schema.names == customers_schema(profile).names
    assert verdict.quarantined.schema.equals(quarantine_schema(profile))


def test_bounds_beyond_exact_doubles() -> None:
    """Whole numbers beyond 2**53 are held against a bound as pandas does."""
    profile = _one_check(int, Check.gt(float(2**53)))
    cells = [2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2]
    raw = raw_of(profile, {"customer_id": list("abcd"), "cell": pa.array(cells)})

    verdict = _assert_no_trace(profile, raw, NONE_REPEATED)

    assert isinstance(verdict, ValidationResult)
    assert verdict.quarantined["cell"].to_pylist() == [cell for cell in cells if not np.int64(cell) > float(2**53)]


def test_dates_are_written_as_ever() -> None:
    """Where all failing dates of a column are whole days they are written as days, whatever stands beside them."""
    profile = _one_check(pd.Timestamp, Check.lt(pd.Timestamp("2025-01-01")))
    cells = ["2024-05-05T10:00:00", "2025-05-05", "2025-06-06"]
    raw = raw_of(profile, {"customer_id": list("abc"), "cell": cells})

    verdict = _assert_no_trace(profile, raw, NONE_REPEATED)

    assert isinstance(verdict, ValidationResult)
    assert verdict.quarantined["faults"][0].as_py()[0]["value"] == "2025-05-05"


@pytest.mark.parametrize("check", [Check.ge(0), Check.str_matches("a"), Check.unique_values_eq([1])])
def test_check_that_does_not_fit_is_refused(check: Check) -> None:
    """A check that cannot be asked of its column is the same error of the profile as row by row."""
    profile = _one_check(str if check.name != "str_matches" else int, check)
    raw = raw_of(profile, {"customer_id": ["a"], "cell": ["1"]})

    with pytest.raises(ProfileError, match="gives no row-wise answer"):
        validate(raw, profile, SNAPSHOT, NONE_REPEATED)


@pytest.mark.parametrize("column", ["spend", "visits"])
def test_many_distinct_values(column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where values are many they are judged one by one, with the same result."""
    monkeypatch.setattr(acceptance, "FEW", 2)
    check = Check.notin([3])
    profile = _one_check(float if column == "spend" else int, check)
    raw = raw_of(profile, {"customer_id": [f"c{at}" for at in range(9)], "cell": [str(at) for at in range(9)]})

    verdict = _assert_no_trace(profile, raw, NONE_REPEATED)

    assert isinstance(verdict, ValidationResult)
    assert verdict.quarantined["customer_id"].to_pylist() == ["c3"]


@pytest.mark.parametrize("cells", [["äöü", "abcde", "a"], ["abc", "abcde", ""], ["𝄞𝄞", None, "abcde", "a"]], ids=str)
def test_length_counts_characters(cells: list[str | None]) -> None:
    """The longest text is the one of most characters, though another one takes more bytes."""
    profile = _one_check(str, Check.str_length(max_value=4), nullable=True)
    raw = raw_of(profile, {"customer_id": list("abcd")[: len(cells)], "cell": cells})

    verdict = _assert_no_trace(profile, raw, NONE_REPEATED)

    assert isinstance(verdict, ValidationResult)
    assert verdict.quarantined.column("cell").to_pylist() == ["abcde"]


def test_answers_are_kept_within_a_bound_of_bytes() -> None:
    """However many questions are asked, no more than the bound is held; what was asked last is what stays."""
    answers = BoundedAnswers(most_bytes=1_000)

    for number in range(100):
        answers.keep(number, (True,), 90)
        answers.get(0)

    assert answers.held_bytes <= 1_000
    assert answers.get(0) == (True,)
    assert answers.get(99) == (True,)
    assert answers.get(50) is None


def test_an_answer_larger_than_the_bound_is_not_kept() -> None:
    """A few very long texts cost no memory for good, and the other answers stay."""
    answers = BoundedAnswers(most_bytes=1_000)
    answers.keep("short", (True,), 100)

    answers.keep("long", (False,), 5_000)

    assert (answers.get("long"), answers.get("short"), answers.held_bytes) == (None, (True,), 100)


def test_a_check_that_fails_on_a_few_values_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Where the fast way is left for what a check raises, the log says which column, and why."""
    raw = raw_of(MEMBERS, member_columns(3))
    lists = raw.set_column(raw.schema.get_field_index("visits"), "visits", pa.array([[1]] * 3))
    caplog.set_level("DEBUG", logger="churn_assets")

    found = suspect_rows(lists, check_plan(MEMBERS))

    assert found is None
    [record] = caplog.records
    assert "column visits is judged row by row" in record.getMessage()
    assert record.exc_info is not None
