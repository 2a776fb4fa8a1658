"""Bad input: one clear sentence, the right exit code, nothing published and nothing lost."""

import datetime as dt
import gzip
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets_tests.integration.installation import (
    CHAIN,
    FIRST_NIGHT,
    LAST_DAY,
    NIGHTS,
    BuildOnce,
    Installation,
    Outcome,
    clean,
)

pytestmark = [pytest.mark.integration, pytest.mark.fault("an export or a setting is broken")]

DAY = NIGHTS[-1] + dt.timedelta(days=1)
CSV_SOURCE = {"CHURN_SOURCE__PATH": "csv/{snapshot_date}.csv"}
MANY = 61  # of some 1200: more than one in twenty
Break = Callable[[pd.DataFrame], pd.DataFrame]


def customers_of(installation: Installation) -> pd.DataFrame:
    """What the warehouse exports of `DAY`, with no broken row in it."""
    return clean(pd.read_parquet(installation.source(DAY)))


def export(installation: Installation, customers: pd.DataFrame) -> Path:
    """Write the Parquet export of `DAY` again."""
    customers.to_parquet(installation.source(DAY), index=False)
    return installation.source(DAY)


def export_csv(installation: Installation, text: str | bytes, day: dt.date = DAY) -> Path:
    """Write the CSV export of a day, for an installation with `CSV_SOURCE`."""
    path = installation.data / "csv" / f"{day}.csv"
    path.parent.mkdir()
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def cells(column: str, value: Any) -> Break:
    """Put `value` into `MANY` rows of `column`."""

    def put(customers: pd.DataFrame) -> pd.DataFrame:
        changed = customers[column].astype(object)
        changed.iloc[:MANY] = value
        return customers.assign(**{column: changed.infer_objects()})

    return put


def run_day(installation: Installation) -> Outcome:
    """The nightly chain of `DAY`."""
    return installation.run("run", "--date", str(DAY), "--json")


def assert_scores_still_readable(installation: Installation) -> None:
    """The app reads what it read before, and nothing of `DAY`."""
    earlier = installation.rows("churn_scores", NIGHTS[-1])
    customer = earlier.column("customer_id")[0].as_py()
    shown = installation.run("scores", "show", customer, "--json")
    assert shown.exit_code == 0, shown.stderr
    assert shown.json["snapshot_date"] == str(NIGHTS[-1])
    assert shown.json["churn_probability"] == earlier.column("churn_probability")[0].as_py()


def assert_conserved(outcome: Outcome, installation: Installation, *, raw: int, quarantined: int) -> None:
    """The run succeeded, and every row is in one of the two tables."""
    assert outcome.exit_code == 0, outcome.stderr
    night = outcome.json[0]
    assert (night["raw"], night["quarantined"], night["scored"]) == (raw, quarantined, raw - quarantined)
    assert installation.rows("raw_customers", DAY).num_rows == raw
    assert installation.rows("customers", DAY).num_rows == raw - quarantined
    assert installation.rows("quarantined_customers", DAY).num_rows == quarantined


# --- files that cannot be read as customers: the run fails, and no table of the chain is touched


def without_bytes(path: Path) -> None:
    """An empty file."""
    path.write_bytes(b"")


def truncated(path: Path) -> None:
    """An export whose end is missing."""
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def damaged_inside(path: Path) -> None:
    """A file whose footer is whole and whose pages are not."""
    whole = bytearray(path.read_bytes())
    whole[200:1200] = bytes(1000)
    path.write_bytes(bytes(whole))


def no_parquet(path: Path) -> None:
    """An error page that was saved as an export."""
    path.write_text("<html>502 Bad Gateway</html>")


def without_rows(path: Path) -> None:
    """A table with columns and no rows."""
    pd.read_parquet(path).head(0).to_parquet(path, index=False)


@pytest.mark.parametrize("spoil", [without_bytes, truncated, damaged_inside, no_parquet, without_rows])
def test_a_file_that_is_no_table_of_customers_fails_the_run(
    installation: Installation, spoil: Callable[[Path], None]
) -> None:
    """An unreadable export fails the run, which names the file; every table is as before."""
    spoil(installation.source(DAY))
    before = installation.published()

    outcome = run_day(installation)

    assert str(installation.source(DAY)) in outcome.error(1)
    assert installation.published() == before
    assert_scores_still_readable(installation)


def test_one_damaged_file_among_good_ones_fails_the_whole_day(installation: Installation) -> None:
    """Half a day is never landed: the damaged one of two files is named, and no table is touched."""
    second = installation.source(DAY).with_name("more.parquet")
    second.write_bytes(installation.source(DAY).read_bytes()[:5000])
    before = installation.published()

    outcome = run_day(installation)

    assert str(second) in outcome.error(1)
    assert installation.published() == before


def test_a_failed_run_is_seen_in_dagster(installation: Installation) -> None:
    """The failed run is in Dagster's storage as failed, with the same sentence in it."""
    without_bytes(installation.source(DAY))

    sentence = run_day(installation).error(1)

    with installation.dagster() as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        assert [run.tags["dagster/partition"] for run in runs] == [str(DAY)]
        assert runs[0].run_id in sentence
        told = [
            event.dagster_event.step_failure_data.user_failure_data
            for event in instance.all_logs(runs[0].run_id)
            if event.dagster_event and event.dagster_event.is_step_failure
        ]
    assert len(told) == 1
    assert told[0] is not None
    assert str(told[0].description) in sentence


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_csv_file_with_the_wrong_delimiter_is_named(installation: Installation, mark: str) -> None:
    """A CSV file that is cut at other marks than commas fails the run, which names the file and the mark."""
    file = export_csv(installation, customers_of(installation).to_csv(index=False, sep=mark))
    before = installation.published()

    outcome = run_day(installation.having(**CSV_SOURCE))

    sentence = outcome.error(1)
    assert str(file) in sentence
    assert "delimiter" in sentence
    assert repr(mark) in sentence
    assert installation.published() == before


def test_a_csv_file_with_the_wrong_delimiter_and_commas_in_its_cells_is_named(installation: Installation) -> None:
    """A German export (semicolons, decimal commas) fails the run, which names the file; nothing is published."""
    german = customers_of(installation).to_csv(index=False, sep=";", decimal=",")
    file = export_csv(installation, german)
    before = installation.published()

    outcome = run_day(installation.having(**CSV_SOURCE))

    assert str(file) in outcome.error(1)
    assert installation.published() == before


def test_a_csv_file_with_ragged_rows_is_named(installation: Installation) -> None:
    """A line with a cell too many fails the run, which names the file."""
    lines = customers_of(installation).to_csv(index=False).splitlines()
    lines[500] += ",one too many"
    file = export_csv(installation, "\n".join(lines))
    before = installation.published()

    outcome = run_day(installation.having(**CSV_SOURCE))

    assert str(file) in outcome.error(1)
    assert installation.published() == before


def test_a_csv_file_in_another_encoding_is_named(installation: Installation) -> None:
    """Bytes that are no UTF-8 fail the run, which names the file."""
    text = customers_of(installation).to_csv(index=False).replace("c0000", "ç0000", 1)
    file = export_csv(installation, text.encode("latin-1"))
    before = installation.published()

    outcome = run_day(installation.having(**CSV_SOURCE))

    assert str(file) in outcome.error(1)
    assert installation.published() == before


def test_a_truncated_compressed_csv_file_is_named(installation: Installation) -> None:
    """Half a gzip file fails the run, which names it: its first rows are not taken for the whole."""
    packed = gzip.compress(customers_of(installation).to_csv(index=False).encode())
    file = installation.data / "csv" / f"{DAY}.csv.gz"
    file.parent.mkdir()
    file.write_bytes(packed[: len(packed) // 2])
    before = installation.published()

    outcome = run_day(installation.having(CHURN_SOURCE__PATH="csv/{snapshot_date}.csv.gz"))

    assert str(file) in outcome.error(1)
    assert installation.published() == before


@pytest.mark.parametrize("missing", [["spend"], ["customer_id"], ["plan", "signup_date"]])
def test_a_missing_column_is_an_error(installation: Installation, missing: list[str]) -> None:
    """A column of the profile that the file lacks fails the run, which names both; it is no column of nulls."""
    file = export(installation, customers_of(installation).drop(columns=missing))
    before = installation.published()

    outcome = run_day(installation)

    sentence = outcome.error(1)
    assert str(file) in sentence
    assert all(column in sentence for column in missing)
    assert installation.published() == before
    assert_scores_still_readable(installation)


def test_an_export_of_another_day_is_refused(installation: Installation) -> None:
    """A file that says itself that it is of another day is not landed as this one."""
    file = export(installation, customers_of(installation).assign(snapshot_date=str(NIGHTS[-1])))
    before = installation.published()

    outcome = run_day(installation)

    sentence = outcome.error(1)
    assert str(file) in sentence
    assert str(NIGHTS[-1]) in sentence
    assert installation.published() == before


def test_an_unknown_column_is_a_warning(installation: Installation) -> None:
    """A column that the profile does not know is named in a warning, and the run succeeds without it."""
    customers = customers_of(installation)
    export(installation, customers.assign(shoe_size=42))

    outcome = run_day(installation)

    assert_conserved(outcome, installation, raw=len(customers), quarantined=0)
    warnings = [line for line in outcome.stderr.splitlines() if "shoe_size" in line]
    assert len(warnings) == 1
    assert "shoe_size" not in installation.rows("raw_customers", DAY).column_names


def test_many_unknown_columns_are_named_in_part(installation: Installation) -> None:
    """A warning names ten of them and counts the rest; the landing's record has them all."""
    unknown = [f"extra_{number:03}" for number in range(300)]
    customers = customers_of(installation)
    export(installation, pd.concat([customers, pd.DataFrame(1, customers.index, unknown)], axis=1))

    outcome = run_day(installation)

    assert_conserved(outcome, installation, raw=len(customers), quarantined=0)
    [warning] = [line for line in outcome.stderr.splitlines() if "extra_" in line]
    assert warning.endswith("extra_008, extra_009 and 290 more")
    recorded = json.loads(installation.table("raw_customers").history(1)[0]["details"])
    assert recorded["unknown_columns"] == unknown


# --- rows that break the schema: quarantined with column, check and value, and the others are scored

NEXT_DAY = DAY + dt.timedelta(days=1)
Wrong = dict[str, tuple[Any, str]]  # column: what the export holds, and what the quarantine must tell of it

# A Parquet export of typed columns.
TYPED: dict[str, list[Wrong]] = {
    "negative value": [{"spend": (-0.01, "-0.01")}, {"spend": (-5.0, "-5.0")}, {"active_days": (-1.0, "-1")}],
    "null in a column that may not be empty": [{"spend": (None, "")}, {"plan": (None, "")}],
    "null key": [{"customer_id": (None, "")}],
    "empty key": [{"customer_id": ("", "")}],
    "NaN": [{"monthly_fee": (math.nan, "")}],
    "infinity": [{"spend": (math.inf, "inf")}, {"spend": (-math.inf, "-inf")}],
    "infinity in a nullable column": [{"satisfaction": (math.inf, "inf")}],
    "lossy coercion": [{"active_days": (2.7, "2.7")}],
    "a number too large for its type": [{"support_tickets": (1e19, "1e+19")}],
    "new category": [{"plan": ("platinum", "platinum")}, {"plan": ("platinum", "platinum")}],
    "date after the snapshot": [
        {"signup_date": (dt.datetime.combine(DAY + dt.timedelta(days=1), dt.time()), str(DAY + dt.timedelta(days=1)))},
        {"signup_date": (dt.datetime(2199, 1, 1), "2199-01-01")},  # noqa: DTZ001  # as warehouses export it
    ],
    "several faults in one column": [
        {"days_since_login": (None, "")},
        {"days_since_login": (-5.0, "-5")},
        {"days_since_login": (2.7, "2.7")},
        {"days_since_login": (math.inf, "inf")},
    ],
    "several faults in one row": [
        {"active_days": (2.7, "2.7"), "plan": ("gold", "gold"), "satisfaction": (11.0, "11"), "spend": (None, "")}
    ],
}
# A CSV export, which is text throughout.
TEXT: dict[str, list[Wrong]] = {
    "wrong type": [{"active_days": ("many", "many")}, {"active_days": ("12 days", "12 days")}],
    "wrong type of a date": [{"signup_date": ("31.12.2024", "31.12.2024")}],
    "wrong type of a boolean": [{"auto_renew": ("perhaps", "perhaps")}],
    "negative value": [{"spend": ("-0.01", "-0.01")}],
    "null key": [{"customer_id": (None, "")}],
    "NaN": [{"monthly_fee": ("NaN", "")}],
    "infinity": [{"spend": ("inf", "inf")}, {"spend": ("-Infinity", "-inf")}, {"spend": ("1e999", "1e999")}],
    "lossy coercion": [{"active_days": ("2.7", "2.7")}],
    "new category": [{"plan": ("platinum", "platinum")}, {"plan": ("Basic", "Basic")}, {"plan": ("basic ", "basic ")}],
    "date after the snapshot": [{"signup_date": (str(NEXT_DAY + dt.timedelta(days=1)), "2025-06-25")}],
    "several faults in one column": [
        {"days_since_login": ("abc", "abc")},
        {"days_since_login": ("-5", "-5")},
        {"days_since_login": (None, "")},
        {"days_since_login": ("2.7", "2.7")},
        {"days_since_login": ("inf", "inf")},
    ],
    "several faults in one row": [
        {
            "active_days": ("many", "many"),
            "plan": ("gold", "gold"),
            "satisfaction": ("11", "11"),
            "signup_date": ("2199-01-01", "2199-01-01"),
            "spend": ("-3", "-3"),
        }
    ],
    "a quoted cell of several lines": [{"plan": ("a\nb,c", "a\nb,c")}],
}
FAULTY = {DAY: TYPED, NEXT_DAY: TEXT}
CASES = [(day, kind) for day, kinds in FAULTY.items() for kind in kinds]


def spoilt_rows(day: dt.date) -> dict[str, list[tuple[int, Wrong]]]:
    """For each kind of fault the rows of the export that have it, far apart."""
    numbered = enumerate((kind, wrong) for kind, rows in FAULTY[day].items() for wrong in rows)
    found: dict[str, list[tuple[int, Wrong]]] = {}
    for number, (kind, wrong) in numbered:
        found.setdefault(kind, []).append((37 * number + 5, wrong))
    return found


def spoilt_columns(customers: pd.DataFrame, day: dt.date) -> dict[str, list[Any]]:
    """The cells of `customers`, some of them spoilt; `None` where there is nothing."""
    columns = {str(name): [None if pd.isna(cell) else cell for cell in customers[name]] for name in customers}
    for rows in spoilt_rows(day).values():
        for row, wrong in rows:
            for column, (value, _) in wrong.items():
                columns[column][row] = value
    return columns


@pytest.fixture(scope="session")
def quarantining(installed: Installation, build_once: BuildOnce) -> Installation:
    """Two nights over exports with a few rows of each kind of fault; not to be changed."""

    def build(new: Installation) -> None:
        installed.copy_to(new.root)
        typed = customers_of(new)
        kinds = {name: pa.float64() for name in typed.select_dtypes("number")}
        columns = spoilt_columns(typed, DAY)
        # from_pandas=False: NaN stays NaN
        arrays = [pa.array(cells, kinds.get(name), from_pandas=False) for name, cells in columns.items()]
        pq.write_table(pa.table(arrays, names=list(columns)), new.source(DAY))
        text = clean(pd.read_parquet(new.source(NEXT_DAY)))
        spoilt = pd.DataFrame(spoilt_columns(text, NEXT_DAY), dtype=object)
        export_csv(new, spoilt.to_csv(index=False), NEXT_DAY)
        nights = [run_day(new), new.having(**CSV_SOURCE).run("run", "--date", str(NEXT_DAY), "--json")]
        assert [night.exit_code for night in nights] == [0, 0], nights
        (new.root / "nights.json").write_text(json.dumps([night.json[0] for night in nights]))

    return build_once("quarantining", build)


@pytest.mark.parametrize(
    ("day", "kind"), CASES, ids=[f"{kind}-{'parquet' if day == DAY else 'csv'}" for day, kind in CASES]
)
def test_broken_rows_are_quarantined(quarantining: Installation, day: dt.date, kind: str) -> None:
    """Each broken row is kept with every column, check and value at fault."""
    ids = quarantining.rows("raw_customers", day).column("customer_id").to_pylist()
    exported = spoilt_columns(exported_customers(quarantining, day), day)["customer_id"]

    quarantined = {row["customer_id"]: row for row in quarantining.rows("quarantined_customers", day).to_pylist()}

    for row, wrong in spoilt_rows(day)[kind]:
        key = exported[row] or None  # a blank key is none, and lands as null
        assert key in ids
        told = {fault["column"]: fault for fault in quarantined[key]["faults"]}
        assert told.keys() == wrong.keys()
        assert all(fault["check"] for fault in told.values())
        for column, (_, shown) in wrong.items():
            assert shown in told[column]["value"], told


def exported_customers(installation: Installation, day: dt.date) -> pd.DataFrame:
    """The ids of an export, in its order, with the columns of any other."""
    if day == NEXT_DAY:
        return clean(pd.read_parquet(installation.source(day)))
    return pd.read_parquet(installation.source(day))


@pytest.mark.parametrize("day", [DAY, NEXT_DAY], ids=["parquet", "csv"])
def test_no_row_is_lost_to_a_broken_one(quarantining: Installation, day: dt.date) -> None:
    """Exactly the spoilt rows are aside, each once: raw = valid + quarantined, and valid = scored."""
    broken = sum(map(len, spoilt_rows(day).values()))
    night = json.loads((quarantining.root / "nights.json").read_text())[(day - DAY).days]
    raw = quarantining.rows("raw_customers", day).column("customer_id").to_pylist()

    tables = {name: quarantining.rows(name, day).column("customer_id").to_pylist() for name in CHAIN[1:]}

    assert (night["raw"], night["quarantined"], night["scored"]) == (len(raw), broken, len(raw) - broken)
    assert sorted(map(str, raw)) == sorted(map(str, tables["customers"] + tables["quarantined_customers"]))
    assert len(tables["quarantined_customers"]) == broken
    assert tables["churn_scores"] == tables["customer_features"] == tables["customers"]


@pytest.mark.parametrize("day", [DAY, NEXT_DAY], ids=["parquet", "csv"])
def test_the_raw_cell_of_a_misfit_is_kept(quarantining: Installation, day: dt.date) -> None:
    """What did not fit its column's type is still in `raw_customers`, as it came."""
    lossy = spoilt_rows(day)["lossy coercion"][0][0]
    customer = exported_customers(quarantining, day)["customer_id"].iloc[lossy]

    raw = quarantining.rows("raw_customers", day).to_pylist()

    row = next(row for row in raw if row["customer_id"] == customer)
    assert row["active_days"] is None
    assert json.loads(row["rescued_data"]) == {"active_days": "2.7"}


def test_missing_answers_in_a_nullable_column_are_valid(installation: Installation) -> None:
    """NaN in a column that may be empty is a missing value, and no fault."""
    customers = customers_of(installation)
    answers = customers["satisfaction"].where(customers.index % 20 > 0)  # all of a column would be a shift
    export(installation, customers.assign(satisfaction=answers))

    outcome = run_day(installation)

    assert_conserved(outcome, installation, raw=len(customers), quarantined=0)
    assert installation.rows("customers", DAY).column("satisfaction").null_count == answers.isna().sum()


def test_both_rows_of_a_duplicate_key_are_quarantined(installation: Installation) -> None:
    """Nobody knows which of two rows is right: neither is scored, also when they stand in two files."""
    customers = customers_of(installation)
    twice = customers.iloc[[10, 20]].assign(spend=1.0)
    thrice = pd.concat([customers.iloc[[30]]] * 2)
    export(installation, pd.concat([customers, thrice], ignore_index=True))
    twice.to_parquet(installation.source(DAY).with_name("more.parquet"), index=False)

    outcome = run_day(installation)

    assert_conserved(outcome, installation, raw=len(customers) + 4, quarantined=7)
    rows = installation.rows("quarantined_customers", DAY).to_pylist()
    assert sorted(row["customer_id"] for row in rows) == sorted(
        [*customers["customer_id"].iloc[[10, 20]]] * 2 + [customers["customer_id"].iloc[30]] * 3
    )
    assert all([fault["column"] for fault in row["faults"]] == ["customer_id"] for row in rows)
    scored = installation.rows("churn_scores", DAY).column("customer_id").to_pylist()
    assert not {row["customer_id"] for row in rows} & set(scored)


def test_a_csv_file_gives_what_the_parquet_file_gives(installation: Installation) -> None:
    """The same customers as text give the same scores, byte for byte."""
    customers = customers_of(installation)
    export(installation, customers)
    export_csv(installation, "\ufeff" + customers.to_csv(index=False))

    from_parquet = run_day(installation)
    from_csv = run_day(installation.having(**CSV_SOURCE))

    assert_conserved(from_csv, installation, raw=len(customers), quarantined=0)
    assert from_csv.json[0]["score_version"] == from_parquet.json[0]["score_version"]


# --- days that are too broken to publish: landed, and no further

TOO_BROKEN: dict[str, tuple[Break, str, int]] = {
    "a fault in too many rows": (cells("spend", -1.0), "spend", MANY),
    "a new category in too many rows": (cells("plan", "platinum"), "plan", MANY),
    "a column of the wrong type": (lambda frame: frame.assign(spend="a lot"), "spend", 0),
    "a column of nothing": (lambda frame: frame.assign(spend=math.nan), "spend", 0),
    "a column of lists": (lambda frame: frame.assign(spend=pd.Series([[1.0]] * len(frame), dtype=object)), "spend", 0),
    "values of several lines": (cells("plan", "a\nb\r\n\x1b[31mc"), "plan", MANY),
    "values of a megabyte": (cells("plan", "x" * 1_000_000), "plan", MANY),
}


@pytest.mark.parametrize("kind", TOO_BROKEN)
def test_too_many_broken_rows_fail_the_run(installation: Installation, kind: str) -> None:
    """More than the configured share is no good day: the sentence names file, column, count and the setting."""
    spoil, column, count = TOO_BROKEN[kind]
    customers = customers_of(installation)
    file = export(installation, spoil(customers))
    before = installation.published(*CHAIN[1:])

    outcome = run_day(installation)

    sentence = outcome.error(1)
    assert str(file) in sentence
    assert f"column {column}" in sentence
    assert f"{count or len(customers)} of {len(customers)} rows" in sentence
    assert ("max_quarantined_share" in sentence) if count else ("no valid row" in sentence)
    assert len(sentence) < 2000
    assert installation.published(*CHAIN[1:]) == before
    assert installation.rows("raw_customers", DAY).num_rows == len(customers)
    assert_scores_still_readable(installation)


def test_the_configured_share_itself_is_allowed(installation: Installation) -> None:
    """The share is a limit, not a target: one row fewer than it forbids is published."""
    customers = customers_of(installation).sample(1000, random_state=1).sort_index()  # old ones and new ones
    export(installation, cells("spend", -1.0)(customers))

    outcome = run_day(installation.having(CHURN_VALIDATION__MAX_QUARANTINED_SHARE=str(MANY / 1000)))

    assert_conserved(outcome, installation, raw=1000, quarantined=MANY)


def test_a_day_without_a_valid_row_fails_whatever_the_share(installation: Installation) -> None:
    """0 valid rows are never published, not even where every row may be quarantined."""
    customers = customers_of(installation)
    file = export(installation, customers.assign(spend=-1.0))
    before = installation.published(*CHAIN[1:])

    outcome = run_day(installation.having(CHURN_VALIDATION__MAX_QUARANTINED_SHARE="1"))

    sentence = outcome.error(1)
    assert str(file) in sentence
    assert "column spend" in sentence
    assert f"{len(customers)} of {len(customers)} rows" in sentence
    assert installation.published(*CHAIN[1:]) == before
    assert_scores_still_readable(installation)


def test_the_day_succeeds_once_the_source_is_mended(installation: Installation) -> None:
    """After a failed night nothing has to be cleared away: the mended export is scored."""
    customers = customers_of(installation)
    export(installation, customers.assign(spend=-1.0))
    run_day(installation).error(1)
    export(installation, customers)

    outcome = run_day(installation)

    assert_conserved(outcome, installation, raw=len(customers), quarantined=0)


def test_a_scored_day_whose_source_is_spoilt_later_keeps_its_scores(installation: Installation) -> None:
    """A re-run over a broken export fails and leaves the day's published scores as they were."""
    day = NIGHTS[-1]
    scores = installation.score_bytes(day)
    customers = pd.read_parquet(installation.source(day))
    customers.assign(spend=-1.0).to_parquet(installation.source(day), index=False)
    before = installation.published(*CHAIN[1:])

    installation.run("run", "--date", str(day)).error(1)

    assert installation.published(*CHAIN[1:]) == before
    assert installation.score_bytes(day) == scores


# --- what is refused before anything starts: exit code 2

BEFORE_START = dt.date(2019, 12, 31)


def snapshot(installation: Installation) -> tuple[dict[str, list[str]], list[str]]:
    """Everything that a command could have changed: the tables, and Dagster's runs."""
    runs = sorted(path.name for path in (installation.data / "dagster" / "history" / "runs").glob("*.db"))
    return installation.published(), runs


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--date", "2199-01-01"], ["2199-01-01"]),
        (["--date", str(dt.datetime.now(dt.UTC).date())], [str(dt.datetime.now(dt.UTC).date())]),
        (["--date", str(BEFORE_START)], [str(BEFORE_START), "start_date"]),
        (["--date", str(LAST_DAY + dt.timedelta(days=1))], [str(LAST_DAY + dt.timedelta(days=1)), "source"]),
        (["--from", str(LAST_DAY), "--to", str(LAST_DAY + dt.timedelta(days=1))], ["source"]),
        (["--from", str(LAST_DAY), "--to", str(DAY)], ["--from"]),
        (["--from", str(DAY)], ["--to"]),
        (["--date", str(DAY), "--from", str(DAY), "--to", str(DAY)], ["--date"]),
    ],
    ids=[
        "in the future",
        "today, which has not ended",
        "before start_date",
        "no source",
        "a range that ends without a source",
        "a range that ends before it begins",
        "half a range",
        "a day and a range",
    ],
)
def test_a_day_that_cannot_be_run_is_refused(installation: Installation, words: list[str], named: list[str]) -> None:
    """Such a day is refused with one sentence before a run starts."""
    before = snapshot(installation)

    outcome = installation.run("run", *words)

    sentence = outcome.error(2)
    assert all(word in sentence for word in named), sentence
    assert snapshot(installation) == before
    assert_scores_still_readable(installation)


def test_a_missing_file_is_refused_by_its_path(installation: Installation) -> None:
    """A day whose file is gone is refused, and the sentence says where it was looked for."""
    installation.source(DAY).unlink()
    before = snapshot(installation)

    outcome = installation.run("run", "--from", str(DAY), "--to", str(DAY + dt.timedelta(days=1)))

    assert str(installation.source(DAY).parent) in outcome.error(2)
    assert snapshot(installation) == before


def test_a_static_source_that_is_not_there_is_refused_by_its_path(installation: Installation) -> None:
    """A template without a date that finds nothing is refused with its path."""
    before = snapshot(installation)

    outcome = installation.having(CHURN_SOURCE__PATH="export/customers.csv").run("run", "--date", str(DAY))

    assert str(installation.data / "export" / "customers.csv") in outcome.error(2)
    assert snapshot(installation) == before


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    """Where nothing was ever exported, the sentence says so and what to do."""
    empty = Installation(tmp_path / "empty")
    empty.configure("")

    outcome = empty.run("run")

    assert "source" in outcome.error(2)


@pytest.mark.parametrize("date", ["2025-02-30", "yesterday", "20250623", ""])
def test_what_is_no_date_is_refused(installation: Installation, date: str) -> None:
    """A date that does not exist is wrong usage."""
    outcome = installation.run("run", "--date", date)

    assert outcome.exit_code == 2
    assert "--date" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_quickstart_before_the_first_partition_is_refused(installation: Installation, tmp_path: Path) -> None:
    """Where every day of the source lies before `start_date` the sentence names both, with or without a champion."""
    fresh = Installation(tmp_path / "fresh", {"CHURN_START_DATE": "2027-01-01"})
    shutil.copytree(installation.data / "source", fresh.data / "source")

    outcome = fresh.run("quickstart")

    assert f"{LAST_DAY} lies before start_date 2027-01-01" in outcome.error(2)


def test_the_first_partition_may_not_lie_after_the_day(installation: Installation) -> None:
    """`start_date` in the environment moves the limit, and the sentence names key and day."""
    outcome = installation.having(CHURN_START_DATE="2025-06-24").run("run", "--date", str(DAY))

    sentence = outcome.error(2)
    assert "start_date 2025-06-24" in sentence
    assert str(DAY) in sentence


PROFILES = {
    "no such module": ("", "churn_assets.profiles.bakery", "churn_assets.profiles.bakery"),
    "no module's name": ("", "not a module!", "not a module!"),
    "no PROFILE in it": ("x = 1\n", "own_profile", "PROFILE"),
    "a syntax error": ("def broken(:\n", "own_profile", "own_profile"),
    "an import that fails": ("import nothing_of_the_kind\n", "own_profile", "nothing_of_the_kind"),
    "an exit on import": ("raise SystemExit(3)\n", "own_profile", "own_profile"),
}


@pytest.mark.parametrize("kind", PROFILES)
def test_an_unknown_profile_is_refused(
    installation: Installation, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A profile that cannot be used is refused by its name, before anything starts."""
    source, name, named = PROFILES[kind]
    module = f"own_profile_{sorted(PROFILES).index(kind)}"
    (tmp_path / f"{module}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = snapshot(installation)

    outcome = installation.having(CHURN_PROFILE=name.replace("own_profile", module)).run("run", "--date", str(DAY))

    sentence = outcome.error(2)
    assert "profile" in sentence
    assert named.replace("own_profile", module) in sentence
    assert snapshot(installation) == before


MANY_FAULTS = (
    "start_date: yesterday\n"
    "timezone: Mars/Olympus\n"
    "sorce: {}\n"
    "source: {kind: ftp}\n"
    "validation: {max_quarantined_share: 5}\n"
    "training: {estimator: magic, seed: -1, window: 3}\n"
    "decisions: {medium_above: 0.9, high_above: 0.1}\n"
    'schedule: {nightly: "often"}\n'
)
CONFIGURATIONS = {
    # the file, and what its sentence must name
    "every fault is listed with its path": (
        MANY_FAULTS,
        [
            "start_date",
            "timezone",
            "sorce",
            "source.kind",
            "validation.max_quarantined_share",
            "training.estimator",
            "training.seed",
            "training.window",
            "decisions",
            "schedule.nightly",
        ],
    ),
    "a value where a group belongs": ("validation: 0.05\n", ["validation"]),
    "no YAML": ("training: {seed: 1\nsource: [\n", ["line", "YAML"]),
    "a list": ("- profile\n", ["key: value"]),
    "two documents": ("profile: a\n---\nprofile: b\n", ["YAML"]),
    "an unknown feature parameter": ("features: {recent_logins: 3}\n", ["features", "recent_logins"]),
    "a feature parameter of the wrong type": ("features: {recent_login_days: thirty}\n", ["recent_login_days"]),
    "a cron expression that never comes": ('schedule: {nightly: "99 2 * * *"}\n', ["schedule"]),
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_a_broken_config_file_is_refused(installation: Installation, kind: str) -> None:
    """A broken `config.yaml` is refused with its path and every fault in it, before anything starts."""
    text, named = CONFIGURATIONS[kind]
    installation.configure(text)
    before = snapshot(installation)

    outcome = installation.run("run", "--date", str(DAY))

    sentence = outcome.error(2)
    assert all(word in sentence for word in named), sentence
    assert snapshot(installation) == before


def test_a_parameter_that_the_estimator_lacks_is_named(installation: Installation) -> None:
    """Only the estimator knows its parameters: training says which one it refuses, and makes nothing."""
    installation.configure("training: {window_days: 14, parameters: {depth: 3}}\n")
    models = installation.run("models", "--json").json

    outcome = installation.run("train", "--as-of", str(FIRST_NIGHT))

    assert outcome.exit_code in {1, 2}
    sentence = outcome.error(outcome.exit_code)
    assert "training.parameters" in sentence
    assert "'depth'" in sentence
    assert installation.run("models", "--json").json == models


def test_the_path_of_a_broken_config_file_is_named(installation: Installation, tmp_path: Path) -> None:
    """The file that `CHURN_CONFIG` names is the one that is read and named; one that is missing too."""
    file = tmp_path / "other.yaml"
    file.write_text("timezone: 3\n")

    broken = installation.having(CHURN_CONFIG=str(file)).run("models")
    missing = installation.having(CHURN_CONFIG=str(tmp_path / "missing.yaml")).run("models")

    assert str(file) in broken.error(2)
    assert str(tmp_path / "missing.yaml") in missing.error(2)


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("CHURN_START_DATE", "yesterday", "start_date"),
        ("CHURN_TRAINING__SEED", "many", "training.seed"),
        ("CHURN_TRAINING__SEEED", "1", "training.seeed"),
        ("CHURN_VALIDATION", "no json", "validation"),
        ("CHURN_DECISIONS__REVIEW_BAND", "[0.9, 0.1]", "decisions"),
    ],
)
def test_a_broken_environment_variable_is_refused(
    installation: Installation, name: str, value: str, named: str
) -> None:
    """A value in the environment is held to the same rules as one in the file, and named by the same path."""
    before = snapshot(installation)

    outcome = installation.having(**{name: value}).run("run", "--date", str(DAY))

    assert named in outcome.error(2)
    assert snapshot(installation) == before


@pytest.mark.parametrize("words", [["models"], ["scores", "show", "c1"], ["sample", "--customers", "10"], ["run"]])
def test_a_data_dir_that_is_a_file_is_refused(tmp_path: Path, words: list[str]) -> None:
    """Where no folder can be, one sentence names the path: it is not taken for an empty installation."""
    broken = Installation(tmp_path)
    broken.configure("")
    broken.data.write_text("a file")

    outcome = broken.run(*words)

    assert str(broken.data) in outcome.error(2)


def test_questions_without_an_answer_are_refused(installation: Installation) -> None:
    """What does not exist is wrong input for every command that reads."""
    other_day = str(LAST_DAY)

    outcomes = {
        "show": installation.run("scores", "show", "nobody"),
        "show a day": installation.run("scores", "show", "nobody", "--date", other_day),
        "history": installation.run("scores", "history", "--date", other_day),
        "export": installation.run("scores", "export", "--date", other_day, str(installation.root / "out.csv")),
        "export as": installation.run("scores", "export", str(installation.root / "out.xlsx")),
        "promote": installation.run("promote", "20200101-00000000", "--reason", "no such model"),
        "train": installation.run("train", "--as-of", "2199-01-01"),
    }

    assert {name: outcome.exit_code for name, outcome in outcomes.items()} == dict.fromkeys(outcomes, 2)
    assert all(outcome.error(2) for outcome in outcomes.values())


def test_training_on_too_little_history_fails_in_one_sentence(installation: Installation) -> None:
    """A day whose history does not reach back twice the horizon cannot be trained as of, and says so."""
    day = FIRST_NIGHT - dt.timedelta(days=50)
    models = installation.run("models", "--json").json

    outcome = installation.run("train", "--as-of", str(day))

    sentence = outcome.error(1)
    assert str(day) in sentence
    assert "horizon" in sentence
    assert installation.run("models", "--json").json == models


# --- the same through a process of its own


def test_a_failed_run_as_its_user_sees_it(installation: Installation) -> None:
    """A shell sees exit code 1, one sentence on standard error, and on standard output that no night was done."""
    truncated(installation.source(DAY))

    outcome = installation.shell("run", "--from", str(DAY), "--to", str(LAST_DAY), "--json")

    assert str(installation.source(DAY)) in outcome.error(1)
    assert outcome.json == []


def test_a_refused_command_as_its_user_sees_it(installation: Installation) -> None:
    """A shell sees exit code 2, one sentence on standard error and nothing on standard output."""
    outcome = installation.having(CHURN_TIMEZONE="Mars/Olympus").shell("run", "--date", str(DAY))

    assert "timezone" in outcome.error(2)
    assert outcome.stdout == ""


# --- other words for the same values


OTHER_TYPES = {
    "customer_id": pa.large_string(),
    "plan": pa.string(),
    "country": pa.dictionary(pa.int32(), pa.string()),
    "signup_date": pa.date32(),
    "active_days": pa.int8(),
    "support_tickets": pa.float64(),
    "spend": pa.decimal128(18, 2),
    "auto_renew": pa.int64(),
}


def test_types_of_its_own_make_no_difference(installation: Installation) -> None:
    """Dictionaries, decimals, narrow integers, dates and numbers for booleans give the same customers and scores."""
    customers = customers_of(installation)
    export(installation, customers)
    plain = run_day(installation)
    expected = installation.rows("customers", DAY)
    table = pa.Table.from_pandas(customers, preserve_index=False)
    for name, kind in OTHER_TYPES.items():
        at = table.column_names.index(name)
        values = table.column(name)
        values = values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values
        table = table.set_column(at, name, values.cast(kind, safe=False))
    pq.write_table(table, installation.source(DAY))

    outcome = run_day(installation)

    assert_conserved(outcome, installation, raw=len(customers), quarantined=0)
    found = installation.rows("customers", DAY)
    assert [name for name in OTHER_TYPES if found.column(name) != expected.column(name)] == []
    assert outcome.json[0]["score_version"] == plain.json[0]["score_version"]
