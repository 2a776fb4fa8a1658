"""What init decides of an export, and the module it writes."""

import dataclasses
import datetime as dt
import shutil
import subprocess
import sys
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.core.errors import InputError
from churn_assets.core.profile import LabelRule
from churn_assets.pipeline.intake.proposal import Proposal, Wishes, propose
from churn_assets.storage.source.templates import find_template
from churn_assets_tests.intake import TODAY, customers, landed, profile_in

ROOT = Path(__file__).parents[4]


def proposed(folder: Path, frame: pd.DataFrame, **wishes: Any) -> Proposal:
    """What init makes of one export."""
    path = folder / "acme.csv"
    frame.to_csv(path, index=False)
    return propose(str(path), Wishes(**wishes), folder, TODAY)


def roles(proposal: Proposal) -> dict[str, str]:
    """What each column is taken for, and why one is left out."""
    return {each.column.source: each.why or each.role for each in proposal.draft.decisions}


def exported(folder: Path, path: str = "exports/snapshot_date={day}/customers.parquet") -> Path:
    """Three daily exports of customers without a label."""
    for back in (60, 30, 0):
        day = TODAY - dt.timedelta(days=back + 1)
        frame = customers(60, back).drop(columns="Churned")
        frame["last_visit"] = [day - dt.timedelta(days=int(ago)) for ago in np.arange(60) % 40]
        file = folder / path.format(day=day, day_parts=f"{day:year=%Y/month=%m/day=%d}")
        file.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(file, index=False)
    return folder / "exports"


def test_every_kind_of_column_gets_its_place(tmp_path: Path) -> None:
    """Key, label, features and slices are told by names and cells; what cannot serve is left out with the reason."""
    frame = customers(400, 1)
    leaves = frame["Churned"] == "Attrited Customer"
    rng = np.random.default_rng(1)
    frame = frame.assign(
        Gender=rng.choice(["f", "m"], 400),
        Company="acme",
        Notes=[f"note {number}" for number in range(400)],
        Surname=rng.choice(["Muster", "Meier", "Li"], 400),
        RowNumber=range(1, 401),
        Closing=np.where(leaves, rng.integers(50, 60, 400), rng.integers(0, 49, 400)),
        Zip=rng.choice(["01234", "98765"], 400),
        Empty=None,
    )

    proposal = proposed(tmp_path, frame)

    assert roles(proposal) == {
        "Customer ID": "key",
        "Signup Date": "feature",
        "Plan": "feature",
        "Region": "feature",
        "Visits": "feature",
        "Spend": "feature",
        "Newsletter": "feature",
        "Churned": "label",
        "Gender": "slice",
        "Company": "one value for everybody",
        "Notes": "400 words among 400 customers",
        "Surname": "tells who somebody is",
        "RowNumber": "a number of its own for each row",
        "Closing": "ranks the label by itself, ROC-AUC 1.000: a leak?",
        "Zip": "feature",
        "Empty": "empty",
    }
    assert "    # - Company: one value for everybody\n" in proposal.module
    profile = profile_in(proposal, tmp_path)
    assert dataclasses.asdict(profile)["values"] == {"churned": {"Attrited Customer": True, "Existing Customer": False}}
    assert profile.slices == ("gender",)
    assert profile.past_columns == ("signup_date",)
    assert profile.feature_columns[0] == "days_since_signup_date"


@pytest.mark.parametrize("wide", [False, True])
def test_the_module_reads_as_if_a_colleague_had_written_it(tmp_path: Path, *, wide: bool) -> None:
    """Linter and formatter find nothing to say of what is written, also where lists are long."""
    odd = {'an "odd" name': np.arange(200), "class": np.arange(200) % 3, "2nd": np.arange(200) % 7}
    frame = customers(200, 2).assign(**odd)
    if wide:
        words = [f"a rather long name of a plan, number {number}" for number in range(5)]
        frame = frame.assign(Plan=np.resize(words, 200), **{f"Amount {n}": np.arange(200.0) + n for n in range(12)})
    module = tmp_path / "acme.py"
    module.write_text(proposed(tmp_path, frame).module)
    ruff = shutil.which("ruff", path=Path(sys.executable).parent)
    assert ruff is not None
    rules = ["--config", str(ROOT / "pyproject.toml")]

    checks = [["check", "--ignore", "INP001"], ["format", "--diff"]]
    told = [
        subprocess.run([ruff, *words, *rules, str(module)], capture_output=True, text=True, check=False, cwd=tmp_path)
        for words in checks
    ]

    assert [each.returncode for each in told] == [0, 0], [each.stdout + each.stderr for each in told]


def test_a_customer_without_a_label_is_still_here(tmp_path: Path) -> None:
    """An empty label is nobody's outcome: the label is nullable, and the two words stand for what they say."""
    frame = customers(100, 3)
    frame["Churned"] = frame["Churned"].where(np.arange(100) % 3 > 0)

    proposal = proposed(tmp_path, frame)

    outcomes = landed(proposal, tmp_path).column("churned")
    expected = frame.sort_values("Customer ID")["Churned"].map({"Attrited Customer": True, "Existing Customer": False})
    assert outcomes.to_pylist() == [None if pd.isna(each) else each for each in expected]
    assert "churned: pd.BooleanDtype = pa.Field(" in proposal.module


def test_a_label_whose_words_say_nothing_is_doubted(tmp_path: Path) -> None:
    """Of two words that tell nothing the rarer is taken for churned, and a person is told so."""
    frame = customers(100, 4).assign(Churned=["A"] * 70 + ["B"] * 30)

    proposal = proposed(tmp_path, frame)

    [label] = [each for each in proposal.draft.decisions if each.role == "label"]
    assert proposal.draft.label_values == {"A": False, "B": True}
    assert "'B', the rarer" in label.doubt


def test_an_export_without_a_key_gets_its_rows_numbered(tmp_path: Path) -> None:
    """Where no column is unique and named like a key, the rows' numbers are one, and that is a doubt."""
    frame = customers(100, 5).drop(columns="Customer ID").rename(columns={"Visits": "Seconds  of Use"})

    proposal = proposed(tmp_path, frame)

    assert "row_number: customer_id" in proposal.configuration
    assert "there is no key" in proposal.doubts[0]
    assert set(landed(proposal, tmp_path).column("customer_id").to_pylist()) == {str(each) for each in range(1, 101)}


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("exports/snapshot_date={day}/customers.parquet", "snapshot_date={snapshot_date}/*.parquet"),
        (
            "exports/{day_parts}/part-0.parquet",
            "year={snapshot_date:%Y}/month={snapshot_date:%m}/day={snapshot_date:%d}/*.parquet",
        ),
        ("exports/customers_{day:%Y%m%d}.parquet", "customers_{snapshot_date:%Y%m%d}.parquet"),
        ("exports/{day}/country=CH/a.parquet", "{snapshot_date}/country=*/*.parquet"),
    ],
)
def test_daily_exports_get_a_rule(tmp_path: Path, path: str, template: str) -> None:
    """A folder of days is a template with a rule: a customer has left who has not come back since."""
    folder = exported(tmp_path, path)

    proposal = propose(str(folder), Wishes(gone_after=28, name="acme"), tmp_path, TODAY)

    rule = profile_in(proposal, tmp_path).label
    assert find_template(str(folder)) == f"{folder}/{template}"
    assert isinstance(rule, LabelRule)
    assert rule.horizon_days == 28
    dates = pd.to_datetime(["2026-01-01"] * 3)
    then = pd.DataFrame({"last_visit": dates})
    later = pd.DataFrame({"last_visit": [dates[0], dates[0] + pd.Timedelta(days=1), pd.NaT]})
    assert rule.churned(then, later).tolist() == [True, False, True]
    assert proposal.day == TODAY - dt.timedelta(days=1)
    assert len(landed(proposal, tmp_path)) == 60


def test_without_a_label_daily_exports_get_a_horizon_that_is_doubted(tmp_path: Path) -> None:
    """Who names neither label nor horizon gets thirty days, and is told; nothing is said of history before 2020."""
    proposal = propose(str(exported(tmp_path)), Wishes(), tmp_path, TODAY)

    assert proposal.draft.gone_after == 30
    assert "left after 30 days" in proposal.doubts[0]
    assert "start_date" not in proposal.configuration


@pytest.mark.parametrize(
    ("change", "wishes", "sentence"),
    [
        ({"Churned": None}, {}, r"no column of two values is named like a label .*; give --label COLUMN"),
        ({}, {"label": "nothing"}, r"--label nothing: there is no such column; there are Customer ID"),
        ({}, {"key": "nothing"}, r"--id nothing: there is no such column"),
        ({}, {"label": "Visits"}, r"--label Visits: it has \d+ values; a label has two"),
        ({}, {"gone_after": 30}, r"--gone-after asks for daily snapshots, and .*acme\.csv is one export"),
    ],
)
def test_what_cannot_be_drafted_is_refused(
    tmp_path: Path, change: dict[str, Any], wishes: dict[str, Any], sentence: str
) -> None:
    """A wish that cannot be met, and an export without an outcome, are sentences that say what to give."""
    with pytest.raises(InputError, match=sentence):
        proposed(tmp_path, customers(60, 6).assign(**change), **wishes)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("s3://bucket/a.csv", r"s3://bucket/a\.csv: s3:// is no folder of this machine: mount the store"),
        ("nowhere.csv", r"nowhere\.csv: there is no such file or folder"),
        (".", r"\. holds no \.parquet, \.csv, \.tsv or \.txt file"),
        ("exports/{day}.csv", r"\{day\} is no placeholder: write \{snapshot_date\}"),
        ("exports/{snapshot_date}.csv", r"there is no \.parquet, \.csv, \.tsv or \.txt file with rows"),
    ],
)
def test_where_nothing_lies_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, sentence: str) -> None:
    """A path of nothing, or a template of another form, is refused in a sentence."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match=sentence):
        propose(given, Wishes(), tmp_path, TODAY)


def test_every_type_of_a_parquet_file_is_taken_or_left_with_a_reason(tmp_path: Path) -> None:
    """A UUID is a key, decimals and dates what they are; lists, hours and numbers beyond doubles are left out."""
    rows = 60
    table = pa.table(
        {
            "uid": pa.array([uuid.UUID(int=number).bytes for number in range(rows)], pa.uuid()),
            "amount": pa.array([Decimal(number) / 4 for number in range(rows)], pa.decimal128(10, 2)),
            "ends": pa.array([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)] * 30 + [None] * 30, pa.timestamp("ns", "UTC")),
            "plan": pa.array(["a", "b"] * 30).dictionary_encode(),
            "tags": pa.array([["x"]] * rows),
            "hour": pa.array([dt.time(3)] * rows),
            "large": pa.array([2**60 + number for number in range(rows)]),
            "ratio": pa.array([float("inf"), *range(1, rows)], pa.float32()),
            "exited": pa.array([True, False, False] * 20),
        }
    )
    pq.write_table(table, tmp_path / "acme.parquet")

    proposal = propose(str(tmp_path / "acme.parquet"), Wishes(), tmp_path, TODAY)

    assert roles(proposal) == {
        "uid": "key",
        "amount": "feature",
        "ends": "feature",
        "plan": "feature",
        "tags": "list<element: string> is no type of a profile",
        "hour": "time64[us] is no type of a profile",
        "large": "numbers too large to be told apart by a model: ids?",
        "ratio": "feature",
        "exited": "label",
    }
    assert landed(proposal, tmp_path).column("uid")[1].as_py() == "00000000-0000-0000-0000-000000000001"


def test_a_file_without_a_heading_gets_names(tmp_path: Path) -> None:
    """Where the first line is a customer, columns are numbered, in the configuration too, and no customer is lost."""
    frame = pd.DataFrame(
        {"id": range(1000, 1060), "spend": np.arange(60) / 8, "plan": ["a", "b"] * 30, "out": [0, 1] * 30}
    )
    frame.to_csv(tmp_path / "acme.csv", index=False, header=False)

    proposal = propose(str(tmp_path / "acme.csv"), Wishes(key="column_1", label="column_4"), tmp_path, TODAY)

    assert "    - column_4" in proposal.configuration
    assert len(landed(proposal, tmp_path)) == 60
