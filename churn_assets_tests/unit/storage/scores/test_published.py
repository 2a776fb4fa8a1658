"""What the app would read, what a person sees of a day, and taking days back."""

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from churn_assets.core.errors import ChurnError, DamagedVersion, InputError, UnknownVersion
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.published import PublishedScores
from churn_assets_tests.storage_factories import DAY, publish, score_rows

DAYS = [DAY + dt.timedelta(days=number) for number in range(3)]


@pytest.fixture
def scores(tmp_path: Path) -> PublishedScores:
    """Scores of an installation that has published none."""
    return PublishedScores(Layout(tmp_path / "data"))


def seen(scores: PublishedScores, day: dt.date) -> list[dict[str, Any]]:
    """A day's rows as a reader of the Delta table sees them."""
    rows: list[dict[str, Any]] = DeltaTable(scores.table.root).to_pyarrow_table().to_pylist()
    return [row for row in rows if row["snapshot_date"] == day]


def current(scores: PublishedScores) -> list[str | None]:
    """The current version of each day."""
    return [scores.table.current(day) for day in DAYS]


def test_without_scores_every_question_is_an_error(scores: PublishedScores, tmp_path: Path) -> None:
    """Before the first night nothing can be shown, told, exported or taken back, in words."""
    with pytest.raises(UnknownVersion, match=r"no scores have been published yet.*churn-assets run"):
        scores.show("c0000001", None)
    with pytest.raises(UnknownVersion, match="2026-10-31 was never scored"):
        scores.history(DAY)
    with pytest.raises(UnknownVersion, match="no scores have been published yet"):
        scores.export(None, tmp_path / "scores.csv")
    with pytest.raises(UnknownVersion, match="never published"):
        scores.rollback([DAY], None, "ana", "why")

    assert list(tmp_path.iterdir()) == []


def test_a_customer_is_shown_as_the_app_would_read_it(scores: PublishedScores) -> None:
    """One row of the newest day, with the day and the version it stands in."""
    publish(scores.table, score_rows(5), DAYS[0])
    version = publish(scores.table, score_rows(6), DAYS[1]).version

    row = scores.show("c0000002", None)

    assert row == {
        "customer_id": "c0000002",
        "snapshot_date": DAYS[1],
        "churn_probability": 0.7327,
        "risk_tier": "high",
        "action": "offer",
        "model_version": "20261001-aaaaaaaa",
        "score_version": version,
    }


def test_a_customer_is_shown_as_of_a_day(scores: PublishedScores) -> None:
    """A day that is named is the day that is read."""
    version = publish(scores.table, score_rows(5, "m1"), DAYS[0]).version
    publish(scores.table, score_rows(5, "m2"), DAYS[1])

    row = scores.show("c0000002", DAYS[0])

    assert (row["snapshot_date"], row["model_version"], row["score_version"]) == (DAYS[0], "m1", version)


def test_a_customer_is_shown_from_the_current_version(scores: PublishedScores) -> None:
    """After a rollback it is the earlier version's score that is shown."""
    publish(scores.table, score_rows(5, "m1"))
    publish(scores.table, score_rows(5, "m2"))
    scores.rollback([DAY], None, "ana", "bad night")

    row = scores.show("c0000002", DAY)

    assert row["model_version"] == "m1"


@pytest.mark.parametrize("customer", ["nobody", "", "c000000", "c0000002 ", "C0000002", "' or 1=1 --"])
def test_a_customer_without_a_score_is_an_error(scores: PublishedScores, customer: str) -> None:
    """An id is matched to the letter, and one that is not there is an error that names it and the day."""
    publish(scores.table, score_rows(5))

    with pytest.raises(UnknownVersion, match=r"has no score on 2026-10-31") as refusal:
        scores.show(customer, DAY)

    assert repr(customer) in str(refusal.value)


def test_a_day_without_scores_is_an_error_that_says_which_there_are(scores: PublishedScores) -> None:
    """The refusal names the first and the last day that have scores."""
    for day in DAYS:
        publish(scores.table, score_rows(5), day)

    with pytest.raises(UnknownVersion, match="no scores of 2026-12-24; they run from 2026-10-31 to 2026-11-02"):
        scores.show("c0000001", dt.date(2026, 12, 24))


def test_the_riskiest_customer_has_the_highest_probability(scores: PublishedScores) -> None:
    """Of a day's customers, nobody's probability is higher."""
    publish(scores.table, score_rows(50))

    customer = scores.riskiest(DAY)

    highest = max(seen(scores, DAY), key=lambda row: row["churn_probability"])
    assert scores.show(customer, DAY)["churn_probability"] == highest["churn_probability"]


def test_history_is_told_newest_first(scores: PublishedScores) -> None:
    """Every publish and rollback of the day, with what programs read of it, one of them current."""
    first = publish(scores.table, score_rows(5), actor="nightly", model_version="m1").version
    second = publish(scores.table, score_rows(6), actor="ana", reason="late export", model_version="m2").version
    publish(scores.table, score_rows(9), DAYS[1])
    scores.rollback([DAY], None, "on call", "bad night")

    history = scores.history(DAY)

    times = [row.pop("published_at") for row in history]
    expired = [row.pop("expired") for row in history]
    assert times == sorted(times, reverse=True)
    assert expired == [None, None, None]
    assert history == [
        {
            "score_version": first,
            "kind": "rollback",
            "model_version": "m1",
            "rows": 5,
            "actor": "on call",
            "reason": "bad night",
            "current": True,
        },
        {
            "score_version": second,
            "kind": "score",
            "model_version": "m2",
            "rows": 6,
            "actor": "ana",
            "reason": "late export",
            "current": False,
        },
        {
            "score_version": first,
            "kind": "score",
            "model_version": "m1",
            "rows": 5,
            "actor": "nightly",
            "reason": "",
            "current": False,
        },
    ]


def test_a_parquet_export_is_the_table(scores: PublishedScores, tmp_path: Path) -> None:
    """The file holds the day's rows as readers of the table see them, in order, with types and without metadata."""
    publish(scores.table, score_rows(50))
    target = tmp_path / "scores.parquet"

    rows = scores.export(DAY, target)

    exported = pq.read_table(target)
    assert rows == 50
    assert exported.to_pylist() == seen(scores, DAY)
    assert exported.schema.equals(SCORES.insert(0, pa.field("snapshot_date", pa.date32())).remove_metadata())


def test_a_csv_export_is_the_table(scores: PublishedScores, tmp_path: Path) -> None:
    """The text holds the same columns and rows, no digit of a probability lost."""
    publish(scores.table, score_rows(50))
    target = tmp_path / "scores.csv"

    rows = scores.export(None, target)

    types = pacsv.ConvertOptions(column_types={"snapshot_date": pa.date32(), "customer_id": pa.string()})
    assert rows == 50
    assert pacsv.read_csv(target, convert_options=types).to_pylist() == seen(scores, DAY)


def test_an_export_of_nobody_has_its_columns(scores: PublishedScores, tmp_path: Path) -> None:
    """A day without rows gives a file with headings."""
    publish(scores.table, score_rows(0))

    rows = [scores.export(DAY, tmp_path / name) for name in ("scores.csv", "scores.parquet")]

    assert rows == [0, 0]
    assert pq.read_table(tmp_path / "scores.parquet").schema.names == ["snapshot_date", *SCORES.names]
    assert "churn_probability" in (tmp_path / "scores.csv").read_text().splitlines()[0]


def test_an_export_takes_the_place_of_the_file_before(scores: PublishedScores, tmp_path: Path) -> None:
    """An older export is replaced as a whole, and nothing else is left in the folder."""
    publish(scores.table, score_rows(5))
    target = tmp_path / "out" / "scores.csv"
    target.parent.mkdir()
    target.write_text("yesterday's\n")

    scores.export(DAY, target)

    assert len(target.read_text().splitlines()) == 6
    assert list(target.parent.iterdir()) == [target]


def test_an_export_that_fails_leaves_the_file_before(scores: PublishedScores, tmp_path: Path) -> None:
    """When a file of the version cannot be read, the older export stays whole and nothing else is left."""
    publish(scores.table, score_rows(5))
    damaged = scores.table.version(DAY).files[0]
    damaged.write_bytes(b"PAR1 no more")
    target = tmp_path / "out" / "scores.csv"
    target.parent.mkdir()
    target.write_text("yesterday's\n")

    with pytest.raises((pa.ArrowInvalid, ChurnError)):
        scores.export(DAY, target)

    assert target.read_text() == "yesterday's\n"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("name", ["scores.xlsx", "scores", "no/such/folder/scores.csv"])
def test_an_export_nobody_could_read_is_refused(scores: PublishedScores, tmp_path: Path, name: str) -> None:
    """Another kind of file, or a folder that is not there, is an error that says what to name."""
    publish(scores.table, score_rows(5))

    with pytest.raises(InputError, match=r"name a \.parquet or \.csv file in a folder that exists"):
        scores.export(DAY, tmp_path / name)


def test_an_export_onto_a_folder_is_refused(scores: PublishedScores, tmp_path: Path) -> None:
    """A folder of that name is an error in words, and it stays as it is."""
    publish(scores.table, score_rows(5))
    (tmp_path / "scores.csv").mkdir()

    with pytest.raises(InputError, match=r"scores\.csv"):
        scores.export(DAY, tmp_path / "scores.csv")

    assert (tmp_path / "scores.csv").is_dir()


def test_a_rollback_tells_what_it_moved(scores: PublishedScores) -> None:
    """Day, version before, version now and seconds; the record keeps who, why and the model of what is current."""
    first = publish(scores.table, score_rows(5), model_version="m1", details={"hindsight": False}).version
    second = publish(scores.table, score_rows(6), model_version="m2").version

    moved = scores.rollback([DAY], None, "ana", "bad night")

    seconds = moved[0].pop("seconds")
    assert moved == [{"snapshot_date": DAY, "from": second, "to": first, "model_version": "m1", "rows": 5}]
    assert 0 <= seconds < 10
    commit = scores.table.history(DAY)[-1].commit
    assert (commit.kind, commit.actor, commit.reason, commit.model_version, commit.details) == (
        "rollback",
        "ana",
        "bad night",
        "m1",
        {"hindsight": False},
    )


def test_a_range_of_days_goes_back_together(scores: PublishedScores) -> None:
    """Each day of the range goes to its own version before, in the order given."""
    before = [publish(scores.table, score_rows(count), day).version for count, day in enumerate(DAYS, start=5)]
    for day in DAYS:
        publish(scores.table, score_rows(9), day)

    moved = scores.rollback(DAYS, None, "ana", "bad week")

    assert [each["to"] for each in moved] == before
    assert current(scores) == before


def test_where_one_day_cannot_go_back_none_does(scores: PublishedScores) -> None:
    """If any day of the range has nothing to go back to, the error names it and every day stays."""
    for day in DAYS:
        publish(scores.table, score_rows(5), day)
    for day in DAYS[:2]:
        publish(scores.table, score_rows(6), day)
    before = current(scores)

    with pytest.raises(UnknownVersion, match="2026-11-02: no earlier version is left"):
        scores.rollback(DAYS, None, "ana", "bad week")

    assert current(scores) == before


def test_a_named_version_is_gone_back_to(scores: PublishedScores) -> None:
    """With a version named, that one is current, however far back it lies."""
    first = publish(scores.table, score_rows(5)).version
    for count in (6, 7, 8):
        publish(scores.table, score_rows(count))

    moved = scores.rollback([DAY], first, "ana", "all the way")

    assert moved[0]["to"] == first
    assert len(seen(scores, DAY)) == 5


def test_the_days_of_a_range_are_those_that_have_scores(scores: PublishedScores) -> None:
    """Both ends belong to the range, and a day that was never scored is passed over."""
    for day in (DAYS[0], DAYS[2]):
        publish(scores.table, score_rows(5), day)

    days = [scores.days_between(DAYS[0], DAYS[2]), scores.days_between(DAYS[1], DAYS[2])]

    assert days == [[DAYS[0], DAYS[2]], [DAYS[2]]]


def test_a_range_without_scores_is_an_error_that_names_it(scores: PublishedScores) -> None:
    """Between days that were scored there may be none."""
    for day in (DAYS[0], DAYS[2]):
        publish(scores.table, score_rows(5), day)

    with pytest.raises(UnknownVersion, match="no day from 2026-11-01 to 2026-11-01 has scores"):
        scores.days_between(DAYS[1], DAYS[1])


FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\ttab", "\rreturn", "plain", "a=b", "'quoted"]


def formula_rows() -> pa.Table:
    """Scores of customers whose ids a spreadsheet would compute, and of some whose ids it would not."""
    ids = pa.array(sorted(FORMULAS, key=str.encode))
    return score_rows(len(FORMULAS)).set_column(0, SCORES.field(0), ids)


def test_a_csv_export_holds_no_formula(scores: PublishedScores, tmp_path: Path) -> None:
    """Readers of the file see `'` before what a spreadsheet would compute, and every other text as it is."""
    publish(scores.table, formula_rows())
    target = tmp_path / "scores.csv"

    scores.export(DAY, target)

    query = "select customer_id from read_csv(?, header = true, all_varchar = true, new_line = '\\n')"
    with duckdb.connect() as connection:
        by_duckdb = [row[0] for row in connection.execute(query, [str(target)]).fetchall()]
    by_pandas = pd.read_csv(target, dtype=str, lineterminator="\n")["customer_id"].tolist()
    assert by_duckdb == by_pandas == [f"'{each}" if each[0] in "=+-@\t\r" else each for each in seen_ids(scores)]


@pytest.mark.parametrize(("name", "raw"), [("scores.csv", True), ("scores.parquet", False)])
def test_raw_csv_and_parquet_hold_every_id_as_it_is(
    scores: PublishedScores, tmp_path: Path, name: str, *, raw: bool
) -> None:
    """No spreadsheet computes what it reads of Parquet; in CSV, whoever asks for the very ids has them."""
    publish(scores.table, formula_rows())
    target = tmp_path / name

    scores.export(DAY, target, raw=raw)

    read = pd.read_parquet(target) if name.endswith("parquet") else pd.read_csv(target, lineterminator="\n")
    assert read["customer_id"].tolist() == seen_ids(scores)


def seen_ids(scores: PublishedScores) -> list[str]:
    """The ids of the day as a reader of the Delta table sees them."""
    return [row["customer_id"] for row in seen(scores, DAY)]


def test_where_one_day_is_damaged_none_moves(scores: PublishedScores) -> None:
    """The bytes of every day are looked at before the first is moved."""
    for count in (5, 6):
        for day in DAYS:
            publish(scores.table, score_rows(count), day)
    before = current(scores)
    _, target = scores.table.rollback_target(DAYS[1])
    [part] = scores.table.version(DAYS[1], target).files
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)

    with pytest.raises(DamagedVersion, match=f"{DAYS[1]}: part-0.parquet of version {target}"):
        scores.rollback(DAYS, None, "ana", "bad week")

    assert current(scores) == before


def test_history_knows_what_is_current(scores: PublishedScores) -> None:
    """Where another program took the table back, the mark stands at the version that is read."""
    first = publish(scores.table, score_rows(5)).version
    publish(scores.table, score_rows(6))
    DeltaTable(scores.table.root).restore(1)

    assert [row["score_version"] for row in scores.history(DAY) if row["current"]] == [first]
