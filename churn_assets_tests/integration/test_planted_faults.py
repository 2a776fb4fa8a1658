"""What goes wrong in churn models and exports, planted on purpose: each is stopped, by what is there for it."""

import datetime as dt
import json
import linecache
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from churn_assets.core.balance import BalancedClassifier
from churn_assets.profiles import subscription, telco
from churn_assets_tests.factories import made_up_customers
from churn_assets_tests.integration.conftest import CONFIG, QUICK
from churn_assets_tests.integration.installation import FIRST_NIGHT, NIGHTS, BuildOnce, Installation

pytestmark = [pytest.mark.integration, pytest.mark.fault("a model learnt what it must not")]

SOURCE = Path(subscription.__file__)
FEATURES = "        missed_visits="
LABEL = '    return later["signup_date"].isna() & then["signup_date"].notna()\n'


def with_profile(installed: Installation, folder: Path, *changes: tuple[str, str]) -> Installation:
    """The sample as the source of a company whose profile is the shipped one with `changes`."""
    new = Installation(folder / "installation", {"CHURN_PROFILE": "own_churn"})
    new.configure(QUICK)
    shutil.copytree(installed.data / "source", new.data / "source")
    change_profile(folder, *changes)
    return new


def change_profile(folder: Path, *changes: tuple[str, str]) -> None:
    """Write the company's profile anew."""
    text = SOURCE.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "own_churn.py").write_text(text)
    sys.modules.pop("own_churn", None)  # the next command imports it anew, as a new process would
    linecache.checkcache()


@pytest.fixture(autouse=True)
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's folder is on the path of this process, which keeps nothing compiled of what changes in it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


@pytest.fixture(scope="session")
def own_once(installed: Installation, build_once: BuildOnce) -> Installation:
    """A company with the shipped profile as its own has scored its first night; not to be changed."""

    def build(new: Installation) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.syspath_prepend(new.root)
            patched.setattr(sys, "dont_write_bytecode", True)
            own = with_profile(installed, new.root)
            night = own.run("run", "--date", str(NIGHTS[0]))
        assert night.exit_code == 0, night.stderr

    return build_once("own", build)


@pytest.fixture
def own(own_once: Installation, tmp_path: Path) -> Installation:
    """A copy of `own_once` whose profile, beside it in the test's folder, the test may change."""
    change_profile(tmp_path)
    whole = Installation(own_once.root / "installation", {"CHURN_PROFILE": "own_churn"})
    return whole.copy_to(tmp_path / "installation")


def missed_gates(trained: Any) -> dict[str, str]:
    """The gates that a model missed, with what they found."""
    assert trained.exit_code == 0, trained.stderr
    assert trained.json["status"] == "rejected"
    return {gate["name"]: gate["finding"] for gate in trained.json["gates"] if not gate["passed"]}


def with_columns(
    installed: Installation, folder: Path, plant: Callable[[pd.DataFrame, pd.Timestamp], pd.DataFrame], *features: str
) -> Installation:
    """The same with more columns, that are features: `plant` makes them of a day's rows.

    These have a column `left`, the last day of each customer, missing where nobody knows it.
    """
    declared = "".join(f"    {name}: float = pa.Field(nullable=True)\n" for name in features)
    listed = "".join(f'        "{name}",\n' for name in features)
    own = with_profile(
        installed,
        folder,
        ("class Customers(pa.DataFrameModel):\n", "class Customers(pa.DataFrameModel):\n" + declared),
        ('        "missed_visits",\n', '        "missed_visits",\n' + listed),
    )
    exports = {path: pd.read_parquet(path) for path in sorted((own.data / "source").rglob("*.parquet"))}
    days = {path: pd.Timestamp(path.parent.name.removeprefix("snapshot_date=")) for path in exports}
    last_seen: dict[str, pd.Timestamp] = {}
    for path, frame in exports.items():
        last_seen |= dict.fromkeys(frame["customer_id"], days[path])
    newest = max(days.values())
    left = {customer: day for customer, day in last_seen.items() if day < newest}
    for path, frame in exports.items():
        known = frame.assign(left=pd.to_datetime(frame["customer_id"].map(left)))
        plant(known, days[path]).drop(columns="left").to_parquet(path, index=False)
    return own


def leave_soon(customers: pd.DataFrame, day: pd.Timestamp) -> "pd.Series[bool]":
    """Who is no longer there thirty days later: the label."""
    return customers["left"] < day + pd.Timedelta(days=30)


def random_of(day: pd.Timestamp) -> np.random.Generator:
    """Other draws each day, the same in each run."""
    return np.random.default_rng(day.toordinal())


def test_feature_from_the_future_is_stopped(installed: Installation, tmp_path: Path) -> None:
    """A warehouse that fills in old exports with the day of closing: `max_feature_roc_auc` names the feature."""

    def plant(customers: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
        return customers.assign(days_left=(customers["left"] - day).dt.days.astype("float64"))

    own = with_columns(installed, tmp_path, plant, "days_left")

    missed = missed_gates(own.run("train", "--as-of", str(FIRST_NIGHT), "--json"))

    assert "days_left alone reaches ROC-AUC" in missed["max_feature_roc_auc"]
    assert missed.keys() <= {"max_feature_roc_auc", "max_roc_auc"}


def test_code_that_is_set_when_a_customer_leaves_is_stopped(installed: Installation, tmp_path: Path) -> None:
    """A status of which 5 means a customer, and 3 and 7 a leaver: it is named, and the backtest is not believed."""

    def plant(customers: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
        leaver = random_of(day).choice([3.0, 7.0], len(customers))
        return customers.assign(status=np.where(leave_soon(customers, day), leaver, 5.0))

    own = with_columns(installed, tmp_path, plant, "status")

    missed = missed_gates(own.run("train", "--as-of", str(FIRST_NIGHT), "--json"))

    assert missed.keys() == {"max_feature_roc_auc", "max_roc_auc"}
    assert "status alone reaches ROC-AUC 1.0000" in missed["max_feature_roc_auc"]
    assert "whether a column is filled after the customer left" in missed["max_roc_auc"]


def test_two_columns_that_know_it_together_are_stopped(installed: Installation, tmp_path: Path) -> None:
    """Two columns of which each tells nothing, and which differ where a customer leaves: the pair is named."""

    def plant(customers: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
        rng = random_of(day)
        side = rng.random(len(customers)) < 0.5
        other = side ^ leave_soon(customers, day).to_numpy()
        return customers.assign(door=side + rng.random(len(customers)), window=other + rng.random(len(customers)))

    own = with_columns(installed, tmp_path, plant, "door", "window")

    missed = missed_gates(own.run("train", "--as-of", str(FIRST_NIGHT), "--json"))

    assert "max_feature_roc_auc" in missed
    assert "door and window together" in missed["max_feature_roc_auc"].replace("window and door", "door and window")
    assert "door alone" not in missed["max_feature_roc_auc"]


def test_shuffled_label_is_stopped(installed: Installation, tmp_path: Path) -> None:
    """Outcomes that belong to other customers teach nothing: the gates of ranking and of the Brier score say so."""
    shuffled = (
        '    gone = later["signup_date"].isna() & then["signup_date"].notna()\n'
        "    return pd.Series(gone.sample(frac=1, random_state=len(gone)).to_numpy(), index=gone.index)\n"
    )
    own = with_profile(installed, tmp_path, (LABEL, shuffled))

    missed = missed_gates(own.run("train", "--as-of", str(FIRST_NIGHT), "--json"))

    assert {"min_roc_auc", "brier_below_base_rate"} <= missed.keys()


def test_skew_between_training_and_serving_is_stopped(own: Installation, tmp_path: Path) -> None:
    """One changed line of `add_features` after the training: the golden rows stop the night before it scores."""
    before = own.published("churn_scores", "challenger_scores")
    line = 'missed_visits=customers["days_since_login"] * customers["active_days"] / 30'
    change_profile(tmp_path, (line, line.replace("/ 30", "/ 28 + 3")))

    told = own.run("run", "--date", str(NIGHTS[1])).error(1)

    assert "gives other scores to" in told
    assert "golden rows" in told
    assert "the code of own_churn has changed" in told
    assert " -> " in told
    assert own.published("churn_scores", "challenger_scores") == before


def test_skew_of_few_rows_is_stopped(own: Installation, tmp_path: Path) -> None:
    """An edit that moves a feature of 24 customers, none of them a golden row, stops the night until it is accepted."""
    [golden] = (own.data / "models").rglob("golden.parquet")
    frozen = set(pd.read_parquet(golden)["customer_id"])
    customers = own.rows("customers", NIGHTS[0]).column("customer_id").to_pylist()
    moved = [name for name in customers if name not in frozen][:24]
    line = 'missed_visits=customers["days_since_login"] * customers["active_days"] / 30'
    old = line.removeprefix("missed_visits=")
    change_profile(tmp_path, (line, f'missed_visits=({old}).mask(customers["customer_id"].isin({moved}), 99.0)'))
    before = own.published("churn_scores")

    told = own.run("run", "--date", str(NIGHTS[1])).error(1)
    unmoved = own.published("churn_scores") == before
    accepted = own.run("run", "--date", str(NIGHTS[1]), "--accept-shift", "--reason", "a rule was corrected", "--json")

    assert f"24 of {len(customers)} rows of customer_features {NIGHTS[0]} come out otherwise" in told
    assert "missed_visits (24)" in told
    assert not any(name in told for name in moved)
    assert unmoved
    assert accepted.exit_code == 0, accepted.stderr
    assert "missed_visits (24)" in accepted.json[0]["accepted_shift"][0]


def test_feature_that_is_no_longer_there_is_told(own: Installation, tmp_path: Path) -> None:
    """With another feature list than the champion's nothing is scored: the sentence names the feature."""
    before = own.published("churn_scores")
    change_profile(
        tmp_path, ('        "missed_visits",\n', ""), (', "is_recent", "missed_visits"),', ', "is_recent"),')
    )

    told = own.run("run", "--date", str(NIGHTS[1])).error(1)

    assert "missed_visits is double in the table and absent now" in told
    assert own.published("churn_scores") == before


def test_parameter_that_is_no_longer_there_keeps_no_training_out(own: Installation, tmp_path: Path) -> None:
    """A champion whose recipe today's code cannot repeat is not compared with, and the new model can be trained."""
    change_profile(
        tmp_path,
        (", *, recent_login_days: int = 30", ""),
        ("        recent_login_days: a login fewer days ago than this is recent.\n", ""),
        ('customers["days_since_login"] < recent_login_days', 'customers["days_since_login"] < 30'),
    )

    trained = own.run("train", "--as-of", str(NIGHTS[1]), "--json")

    assert trained.exit_code == 0, trained.stderr
    [finding] = [gate["finding"] for gate in trained.json["gates"] if gate["name"] == "max_roc_auc_loss"]
    assert "not compared with champion" in finding


def test_harmless_refactor_is_recorded(own: Installation, tmp_path: Path) -> None:
    """A change that moves no feature of any row is no skew: the night is scored as before, and its commit says so."""
    line = 'missed_visits=customers["days_since_login"] * customers["active_days"] / 30'
    change_profile(
        tmp_path,
        ("a login fewer days ago than this is recent.", "fewer days ago than this is recent."),
        (line, 'missed_visits=customers["active_days"] / 30 * customers["days_since_login"]'),
    )

    outcome = own.run("run", "--date", str(NIGHTS[1]), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    [verdict] = json.loads(own.table("churn_scores").history(1)[0]["details"])["feature_skew"]
    assert (verdict["day"], verdict["differing"]) == (str(NIGHTS[0]), 0)
    assert verdict["rows"] == own.rows("customers", NIGHTS[0]).num_rows


GENTLE = "parameters: {max_leaf_nodes: 4, learning_rate: 0.05, max_iter: 60}"  # a few balanced rows are soon overfitted
UNDERSAMPLED = f"{CONFIG[:-2]}, balance: undersample, {GENTLE}}}\n"


def uncorrected(self: BalancedClassifier, rows: Any) -> NDArray[np.float64]:
    """The probabilities as they were learnt on balanced classes."""
    given: NDArray[np.float64] = self.estimator_.predict_proba(rows)
    return given


def corrected_the_wrong_way(self: BalancedClassifier, rows: Any) -> NDArray[np.float64]:
    """The odds multiplied where they should be divided."""
    balanced = self.estimator_.predict_proba(rows)[:, 1]
    churn = balanced * self.odds_factor_ / (balanced * self.odds_factor_ + 1 - balanced)
    return np.column_stack([1 - churn, churn])


@pytest.mark.parametrize("wrongly", [uncorrected, corrected_the_wrong_way], ids=lambda each: str(each.__name__))
def test_wrong_correction_of_undersampling_is_stopped(
    installation: Installation, wrongly: Callable[[BalancedClassifier, Any], NDArray[np.float64]]
) -> None:
    """Probabilities of balanced classes rank as well as ever: the calibration's gates stop them, also when left out."""
    installation.configure(UNDERSAMPLED + "gates: {max_calibration_error: null}\n")

    with mock.patch.object(BalancedClassifier, "predict_proba", wrongly):
        missed = missed_gates(installation.run("train", "--as-of", str(FIRST_NIGHT), "--json"))

    assert missed.keys() == {"brier_below_base_rate", "max_calibration_error"}


def test_wrong_correction_is_stopped_where_churn_is_not_rare(tmp_path: Path) -> None:
    """At a base rate of a quarter, too, uncorrected probabilities miss the calibration's gate."""
    new = Installation(tmp_path / "installation")
    new.configure("training: {balance: undersample, estimator: logistic_regression}\n")
    own = new.having(CHURN_PROFILE="churn_assets.profiles.telco", CHURN_SOURCE__PATH="telco.csv")
    own.data.mkdir(parents=True)
    rng = np.random.default_rng(8)
    customers = made_up_customers(telco.PROFILE, 6000, 8).drop(columns="snapshot_date")
    risk = 1 / (1 + np.exp(1.4 + (customers["tenure"] - customers["tenure"].mean()) / customers["tenure"].std()))
    customers.assign(Churn=np.where(rng.random(len(customers)) < risk, "Yes", "No")).to_csv(
        own.data / "telco.csv", index=False
    )

    with mock.patch.object(BalancedClassifier, "predict_proba", uncorrected):
        wrong = own.run("train", "--as-of", "2026-10-31", "--json").json
    (own.data / "models" / wrong["model_version"]).rename(own.data / "aside")
    right = own.run("train", "--as-of", "2026-10-31", "--json").json

    assert "max_calibration_error" in {gate["name"] for gate in wrong["gates"] if not gate["passed"]}
    assert right["status"] == "challenger", right["missed"]


def test_right_correction_of_undersampling_passes(installation: Installation) -> None:
    """The same recipe with the product's own correction passes every gate."""
    installation.configure(UNDERSAMPLED)

    trained = installation.run("train", "--as-of", str(FIRST_NIGHT), "--json")

    assert trained.json["status"] == "challenger", trained.json["missed"]


NIGHT = NIGHTS[-1] + dt.timedelta(days=1)

Spoil = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def of_yesterday(today: pd.DataFrame, yesterday: pd.DataFrame) -> pd.DataFrame:
    """The file of the day before."""
    del today
    return yesterday


def with_a_zero(today: pd.DataFrame, yesterday: pd.DataFrame) -> pd.DataFrame:
    """A "0" before each id."""
    del yesterday
    return today.assign(customer_id="0" + today["customer_id"])


def under_new_ids(today: pd.DataFrame, yesterday: pd.DataFrame) -> pd.DataFrame:
    """Every third of the people, each under their own id and two more."""
    del yesterday
    people = today.iloc[np.arange(len(today)) // 3 * 3].reset_index(drop=True)
    marks = np.array(["", "-a", "-b"])[np.arange(len(today)) % 3]
    return people.assign(customer_id=people["customer_id"] + marks)


def under_others_ids(today: pd.DataFrame, yesterday: pd.DataFrame) -> pd.DataFrame:
    """Every third of the people, each under the ids of the next two as well."""
    del yesterday
    people = today.iloc[np.arange(len(today)) // 3 * 3].reset_index(drop=True)
    return people.assign(customer_id=today["customer_id"])


def scaled(today: pd.DataFrame, yesterday: pd.DataFrame) -> pd.DataFrame:
    """One column half as large again."""
    del yesterday
    return today.assign(spend=today["spend"] * 1.5)


def deliver(installation: Installation, spoil: Spoil) -> None:
    """Spoil the export of the night to come."""
    today, yesterday = (pd.read_parquet(installation.source(day)) for day in (NIGHT, NIGHTS[-1]))
    spoil(today, yesterday).to_parquet(installation.source(NIGHT), index=False)


@pytest.mark.fault("an export is not what it should be")
@pytest.mark.parametrize(
    ("spoil", "audit"),
    [
        (of_yesterday, "refuse_repeated_export"),
        (with_a_zero, "min_common_ids"),
        (under_new_ids, "min_common_ids"),
        (scaled, "max_feature_psi"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_wrong_export_is_stopped_by_the_audit_that_is_there_for_it(
    installation: Installation, spoil: Spoil, audit: str
) -> None:
    """Every row of it is valid: the audit before the publish names the bound, and nothing else is beyond one."""
    deliver(installation, spoil)
    before = installation.published("churn_scores")

    told = installation.run("run", "--date", str(NIGHT)).error(1)

    assert re.findall(r"\(audit\.(\w+)\)", told) == [audit]
    assert installation.published("churn_scores") == before
    accepted = installation.run("run", "--date", str(NIGHT), "--accept-shift", "--reason", "we know", "--json")
    assert len(accepted.json[0]["accepted_shift"]) == 1, accepted.stderr


@pytest.mark.fault("an export is not what it should be")
def test_same_people_under_several_ids_are_told(installation: Installation) -> None:
    """People who come under the ids of others too are a warning: customers may be alike."""
    deliver(installation, under_others_ids)

    night = installation.run("run", "--date", str(NIGHT), "--json")

    assert night.exit_code == 0, night.stderr
    assert "of the rows repeat another one's features" in night.stderr
    assert night.json[0]["accepted_shift"] == []


@pytest.mark.fault("an export is not what it should be")
def test_quiet_nights_raise_nothing(installation: Installation) -> None:
    """The nights that follow, as they are exported, pass without a stop and without a warning."""
    nights = installation.run("run", "--from", str(NIGHT), "--to", str(NIGHT + dt.timedelta(days=2)), "--json")

    assert nights.exit_code == 0, nights.stderr
    assert "warning" not in nights.stderr.lower()
