"""Other businesses than the default one: labelled exports, a company's own module, other feature parameters."""

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from churn_assets.core.models.cross_fitting import fold_of
from churn_assets.core.models.model import predict
from churn_assets.profiles import kkbox, telco
from churn_assets_tests.factories import kkbox_sample, made_up_customers
from churn_assets_tests.integration.installation import FIRST_NIGHT, NIGHTS, REPOSITORY, BuildOnce, Installation

pytestmark = pytest.mark.integration

DAY = dt.date(2025, 6, 20)
TELCO_EXPORT = REPOSITORY.parent / "shared" / "data" / "telco" / "telco_customer_churn.csv"
TELCO = {"CHURN_PROFILE": "churn_assets.profiles.telco", "CHURN_SOURCE__PATH": "telco.csv"}
KKBOX = {"CHURN_PROFILE": "churn_assets.profiles.kkbox", "CHURN_SOURCE__PATH": "members.parquet"}
SMALL = "parameters: {max_iter: 25}"  # a small model is fitted, proven and judged faster


def new_installation(folder: Path, **environment: str) -> Installation:
    """One without anything in it."""
    new = Installation(folder / "installation", environment)
    new.configure(f"training: {{{SMALL}}}\n")
    new.data.mkdir()
    return new


def card_of(installation: Installation, version: str) -> dict[str, Any]:
    """What a model's folder says of it."""
    cards = [json.loads(path.read_text()) for path in (installation.data / "models" / version).glob("*.json")]
    (card,) = [card for card in cards if "feature_columns" in card]
    found: dict[str, Any] = card
    return found


# --- labelled exports, which have no time


def telco_like(rows: int, seed: int) -> pd.DataFrame:
    """Made-up customers of IBM's columns: the newer and the dearer, the likelier they leave."""
    customers = made_up_customers(telco.PROFILE, rows, seed, DAY).drop(columns="snapshot_date")
    risk = customers["MonthlyCharges"] / 10 - customers["tenure"] / 10
    leaves = np.random.default_rng(seed).random(rows) < 1 / (1 + np.exp(-risk))
    return customers.assign(Churn=np.where(leaves, "Yes", "No"))


@pytest.fixture(scope="session")
def telco_once(build_once: BuildOnce) -> Installation:
    """A labelled export of 800 customers has been scored; not to be changed."""

    def build(folder: Installation) -> None:
        folder.root.mkdir()
        new = new_installation(folder.root, **TELCO)
        telco_like(800, seed=3).to_csv(new.data / "telco.csv", index=False)
        outcome = new.run("run", "--date", str(DAY), "--json")
        assert outcome.exit_code == 0, outcome.stderr
        (new.root / "nights.json").write_text(outcome.stdout)

    return Installation(build_once("telco", build).root / "installation", TELCO)


def test_labels_do_not_flatter_their_own_scores(telco_once: Installation) -> None:
    """Everybody with a label is scored by a model that did not learn from it, and the commit of the scores says so."""
    [night] = json.loads((telco_once.root / "nights.json").read_text())
    pipeline = joblib.load(telco_once.data / "models" / night["model_version"] / "model.joblib")
    features = telco_once.rows("customer_features", DAY)
    columns = tuple(card_of(telco_once, night["model_version"])["feature_columns"])
    given = np.array([predict(each, features, columns) for each in pipeline.scorers])

    scores = telco_once.rows("churn_scores", DAY).column("churn_probability").to_numpy()

    assert scores.tobytes() == given[1 + fold_of(features.column(0)), np.arange(800)].tobytes()
    assert (scores != given[0]).mean() > 0.99
    history = telco_once.run("trace", features.column(0)[0].as_py(), "--date", str(DAY), "--json").json
    assert history["score"]["hindsight"] is False


def test_a_labelled_export_is_scored(telco_once: Installation) -> None:
    """One static CSV file with a label: the day says which day it stands for, and every customer gets a score."""
    [night] = json.loads((telco_once.root / "nights.json").read_text())

    scores = telco_once.rows("churn_scores", DAY)
    card = card_of(telco_once, night["model_version"])

    assert (night["snapshot_date"], night["scored"]) == (str(DAY), 800)
    assert scores.column("customer_id").to_pylist() == sorted(telco_like(800, seed=3)["customerID"])
    assert "Churn" not in card["feature_columns"]
    assert (card["out_of_fold"], card["in_sample"], card["train_rows"]) == (True, False, 800)
    assert "Churn" not in telco_once.rows("customer_features", DAY).column_names


def test_a_labelled_export_holds_out_a_fifth(telco_once: Installation, tmp_path: Path) -> None:
    """The model is judged on a stable fifth of the customers: the same ones in whatever order the file has them."""
    shuffled = new_installation(tmp_path, **TELCO)
    telco_like(800, seed=3).sample(frac=1, random_state=1).to_csv(shuffled.data / "telco.csv", index=False)

    told = shuffled.run("run", "--date", str(DAY), "--json")

    assert told.exit_code == 0, told.stderr
    models = [each.run("models", "--json").json for each in (telco_once, shuffled)]
    assert models[0] == models[1]
    assert models[0][0]["holdout_rows"] == pytest.approx(160, abs=40)
    assert models[0][0]["train_rows"] == 800  # in the end those who judged it teach as well
    assert telco_once.score_bytes(DAY) == shuffled.score_bytes(DAY)


def test_undecided_customers_are_scored_by_what_everybody_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A label that is empty for some: they teach nothing, and get the score of the model that all others taught."""
    source = Path(telco.__file__).read_text()
    (tmp_path / "own_telco.py").write_text(
        source.replace('isin=YES_NO, description="Label', 'isin=YES_NO, nullable=True, description="Label')
    )
    monkeypatch.syspath_prepend(tmp_path)
    new = new_installation(tmp_path, **TELCO | {"CHURN_PROFILE": "own_telco"})
    customers = telco_like(800, seed=3)
    undecided = np.random.default_rng(8).random(800) < 0.2
    customers.assign(Churn=customers["Churn"].where(~undecided)).to_csv(new.data / "telco.csv", index=False)

    outcome = new.run("run", "--date", str(DAY), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    version = outcome.json[0]["model_version"]
    card = card_of(new, version)
    assert (card["train_rows"], card["left_out_rows"]) == (800 - undecided.sum(), undecided.sum())
    features, pipeline = new.rows("customer_features", DAY), joblib.load(new.data / "models" / version / "model.joblib")
    final = predict(pipeline.final, features, tuple(card["feature_columns"]))
    scores = new.rows("churn_scores", DAY).column("churn_probability").to_numpy()
    unlabelled = pd.Series(features.column(0).to_pylist()).isin(set(customers["customerID"][undecided])).to_numpy()
    assert unlabelled.sum() == undecided.sum()
    assert (scores[unlabelled] == final[unlabelled]).all()
    assert (scores[~unlabelled] != final[~unlabelled]).mean() > 0.99


def test_a_labelled_export_needs_a_day(tmp_path: Path) -> None:
    """A file without a date does not say which day it is of: that is asked for, and nothing starts."""
    new = new_installation(tmp_path, **TELCO)
    telco_like(50, seed=3).to_csv(new.data / "telco.csv", index=False)

    outcome = new.run("run")

    assert "--date" in outcome.error(2)


def test_a_model_that_misses_its_gates_scores_nothing(tmp_path: Path) -> None:
    """A label that nothing explains gives no model worth having: none is promoted, and no score is published."""
    new = new_installation(tmp_path, **TELCO)
    customers = telco_like(800, seed=3)
    shuffled = customers.assign(Churn=np.random.default_rng(5).permutation(customers["Churn"]))
    shuffled.to_csv(new.data / "telco.csv", index=False)

    outcome = new.run("run", "--date", str(DAY), "--json")

    assert "gates" in outcome.error(1)
    assert [row["status"] for row in new.run("models", "--json").json] == ["rejected"]
    assert new.current("churn_scores", DAY) == []


@pytest.mark.skipif(not TELCO_EXPORT.is_file(), reason=f"IBM's export is not at {TELCO_EXPORT}")
def test_the_real_telco_export_is_scored(tmp_path: Path) -> None:
    """IBM's own file as it is, with its blank charges: all 7,043 customers, by a model that passed its gates."""
    new = new_installation(tmp_path, **{**TELCO, "CHURN_SOURCE__PATH": str(TELCO_EXPORT)})
    new.configure("")

    outcome = new.run("run", "--date", str(DAY), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    night = outcome.json[0]
    assert (night["raw"], night["quarantined"], night["scored"]) == (7043, 0, 7043)
    charges = new.rows("customers", DAY).column("TotalCharges")
    assert charges.null_count == 11


def test_kkbox_members_are_scored(tmp_path: Path) -> None:
    """Few churners, dates in pairs, a gender that half of them never said: the profile works as it is shipped."""
    new = new_installation(tmp_path, **KKBOX)
    new.configure("")
    members = kkbox_sample(3000, seed=11)
    members.to_parquet(new.data / "members.parquet", index=False)

    outcome = new.run("run", "--date", str(DAY), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    assert (outcome.json[0]["scored"], outcome.json[0]["quarantined"]) == (3000, 0)
    assert outcome.json[0]["mean_probability"] == pytest.approx(members["is_churn"].mean(), abs=0.03)
    features = new.rows("customer_features", DAY)
    assert set(kkbox.PROFILE.feature_columns) <= set(features.column_names)


def test_a_chain_does_not_change_its_business(telco_once: Installation, tmp_path: Path) -> None:
    """Another profile over tables that are there already is refused in one sentence; the scores stay."""
    scored = telco_once.copy_to(tmp_path / "installation")
    kkbox_sample(3000, seed=11).to_parquet(scored.data / "members.parquet", index=False)
    before = scored.published()

    outcome = scored.having(**KKBOX).run("run", "--date", str(DAY))

    assert outcome.error(1)
    assert scored.published() == before


def test_a_notebook_s_model_is_imported_listed_and_exported(telco_once: Installation, tmp_path: Path) -> None:
    """One command brings it, with trust alone; the list names it beside ours; its export opens; a score has a story."""
    installation = telco_once.copy_to(tmp_path / "installation")
    export = pd.read_csv(installation.data / "telco.csv")
    seen = export[["tenure", "MonthlyCharges"]].astype(float)
    joblib.dump(LogisticRegression().fit(seen, export["Churn"] == "Yes"), tmp_path / "notebook.joblib")
    words = ("models", "import", str(tmp_path / "notebook.joblib"), "--trained-as-of", str(DAY), "--reason", "ours")

    refused = installation.run(*words)
    imported = installation.run(*words, "--trust", "--json")

    assert (refused.exit_code, "--trust" in refused.stderr) == (2, True)
    assert imported.exit_code == 0, imported.stderr
    assert "runs the code that its maker put into it" in imported.stderr
    version = imported.json["model_version"]
    assert (imported.json["estimator"], imported.json["created"]) == ("imported", True)
    assert version in {row["model_version"] for row in installation.run("models", "--json").json}
    assert card_of(installation, version)["feature_columns"] == ["tenure", "MonthlyCharges"]
    assert installation.run("models", "export", version, str(tmp_path / "mlflow")).exit_code == 0
    assert installation.run("models", "export", version, str(tmp_path / "mlflow")).exit_code == 2
    story = installation.run("trace", export["customerID"][0]).stdout
    assert all(word in story for word in ("Decision", "How good", "telco.csv", "Published"))
    assert len(story.splitlines()) < 30
    assert len(installation.run("trace", export["customerID"][0], "--full").stdout.splitlines()) > 60


# --- a company's own module

OWN_PROFILE = '''
"""A gym: its members are gone a week after they hand in their card."""

import pandas as pd
import pandera.pandas as pa

from churn_assets.profiles import LabelRule, Profile


class Members(pa.DataFrameModel):
    """What the till exports."""

    card: int = pa.Field(ge=1, description="Number of the card")
    visits: int = pa.Field(ge=0, description="Visits in the last month")
    joined: pd.Timestamp = pa.Field(description="Day of joining")
    status: pd.CategoricalDtype = pa.Field(isin=["active", "frozen", "left"])


def add_features(customers: pd.DataFrame, *, often: int = 8) -> pd.DataFrame:
    return customers.assign(
        comes_often=customers["visits"] >= often,
        days=(customers["snapshot_date"] - customers["joined"]).dt.days,
        status=customers["status"].astype(pd.CategoricalDtype(["active", "frozen", "left"])),
    )


def has_left(then: pd.DataFrame, later: pd.DataFrame) -> "pd.Series[bool]":
    return (later["status"] == "left").fillna(value=False).astype(bool) | later["joined"].isna()


PROFILE = Profile(
    schema=Members,
    add_features=add_features,
    feature_columns=("visits", "comes_often", "days", "status"),
    label=LabelRule(horizon_days=7, churned=has_left),
    id_column="card",
    past_columns=("joined",),
)
'''


OWN_CONFIG = """
profile: gym_churn
training: {window_days: 7, parameters: {max_iter: 25}}
features: {often: 5}
source: {path: "till/{snapshot_date}.csv"}
"""


def gym_days(rows: int) -> dict[dt.date, pd.DataFrame]:
    """Five weeks of a gym whose members leave the sooner the less they come."""
    rng = np.random.default_rng(1)
    visits = rng.integers(0, 20, rows)
    joined = pd.Timestamp(DAY) - pd.to_timedelta(rng.integers(100, 900, rows), unit="D")
    leaves_after = rng.exponential(4 + 3 * visits)
    days = [DAY - dt.timedelta(days=35 - more) for more in range(36)]
    return {
        day: pd.DataFrame(
            {
                "card": np.arange(1, rows + 1),
                "visits": visits,
                "joined": joined.as_unit("us"),
                "status": np.where(leaves_after < age, "left", "active"),
            }
        )[leaves_after > age - 7]
        for age, day in enumerate(days)
    }


def test_a_company_brings_its_own_module(tmp_path: Path) -> None:
    """A module on PYTHONPATH, with its own key, label and parameters, needs no change in the product."""
    (tmp_path / "company").mkdir()
    (tmp_path / "company" / "gym_churn.py").write_text(OWN_PROFILE)
    new = new_installation(tmp_path, PYTHONPATH=str(tmp_path / "company"))
    new.configure(OWN_CONFIG)
    (new.data / "till").mkdir()
    days = gym_days(1500)
    for day, members in days.items():
        members.to_csv(new.data / "till" / f"{day}.csv", index=False)

    outcome = new.shell("run", "--json")

    assert outcome.exit_code == 0, outcome.stderr
    night = outcome.json[0]
    assert (night["snapshot_date"], night["scored"]) == (str(DAY), len(days[DAY]))
    ids = new.rows("churn_scores", DAY).column("customer_id").to_pylist()
    assert ids == sorted(map(str, days[DAY]["card"]), key=str.encode)
    features = new.rows("customer_features", DAY)
    assert features.column("card").to_pylist() == [int(each) for each in ids]
    visits = features.column("visits").to_pylist()
    assert features.column("comes_often").to_pylist() == [each >= 5 for each in visits]
    assert card_of(new, night["model_version"])["feature_parameters"] == {"often": 5}


# --- feature parameters

WEEKLY = "training: {window_days: 14}\nfeatures: {recent_login_days: 7}\n"


def test_a_changed_parameter_makes_the_features_again(installation: Installation) -> None:
    """`recent_login_days` of 7 gives `customer_features` a new version in which a login is recent for a week."""
    day = NIGHTS[0]
    before = installation.current("customer_features", day)
    installation.configure(WEEKLY)

    outcome = installation.run("run", "--date", str(day), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    assert installation.current("customer_features", day) != before
    features = installation.rows("customer_features", day)
    logins = features.column("days_since_login").to_pylist()
    assert features.column("is_recent").to_pylist() == [login < 7 for login in logins]
    assert any(7 <= login < 30 for login in logins)


def test_a_model_is_served_with_the_parameters_it_was_trained_with(installation: Installation) -> None:
    """The champion saw 30 days, so its scores stay the same bytes when the configuration says 7."""
    day = NIGHTS[0]
    scores, history = installation.score_bytes(day), installation.current("churn_scores", day)
    version = installation.run("models", "--json").json[0]["model_version"]
    installation.configure(WEEKLY)

    outcome = installation.run("run", "--date", str(day), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    assert card_of(installation, version)["feature_parameters"] == {"recent_login_days": 30}
    assert outcome.json[0]["model_version"] == version
    assert installation.score_bytes(day) == scores
    assert installation.current("churn_scores", day) == history


def test_a_new_model_is_trained_and_served_with_the_new_parameters(installation: Installation) -> None:
    """Training with 7 makes another version, whose features are made again for every day it learns from."""
    day = NIGHTS[0]
    old = installation.run("models", "--json").json[0]["model_version"]
    installation.configure(WEEKLY)

    trained = installation.run("train", "--as-of", str(FIRST_NIGHT), "--json")
    new = trained.json["model_version"]
    result = installation.materialize(day, "churn_scores", churn_scores={"model_version": new})

    assert trained.exit_code == 0, trained.stderr
    assert new != old
    assert card_of(installation, new)["feature_parameters"] == {"recent_login_days": 7}
    assert card_of(installation, new)["feature_digest"] != card_of(installation, old)["feature_digest"]
    assert result.success
    assert set(installation.rows("churn_scores", day).column("model_version").to_pylist()) == {new}


@pytest.mark.parametrize(
    "environment",
    [{"CHURN_FEATURES": '{"recent_login_days": 7}'}, {"CHURN_FEATURES__RECENT_LOGIN_DAYS": "7"}],
    ids=["as JSON", "as a variable of its own"],
)
def test_the_environment_sets_parameters_too(installation: Installation, environment: dict[str, str]) -> None:
    """A number in the environment is the number that it is in the file."""
    day = NIGHTS[0]

    outcome = installation.having(**environment).run("run", "--date", str(day))

    assert outcome.exit_code == 0, outcome.stderr
    features = installation.rows("customer_features", day)
    logins = features.column("days_since_login").to_pylist()
    assert features.column("is_recent").to_pylist() == [login < 7 for login in logins]


def test_the_environment_sets_the_estimators_parameters_too(installation: Installation) -> None:
    """`CHURN_TRAINING__PARAMETERS__MAX_ITER=20` is the 20 of `training: {parameters: {max_iter: 20}}`."""
    by_environment = installation.having(CHURN_TRAINING__PARAMETERS__MAX_ITER="20")

    outcome = by_environment.run("train", "--as-of", str(FIRST_NIGHT), "--json")

    assert outcome.exit_code == 0, outcome.stderr
    assert card_of(installation, outcome.json["model_version"])["recipe"]["parameters"] == {"max_iter": 20}


def test_a_parameter_that_the_profile_lacks_is_refused(installation: Installation) -> None:
    """A mistyped parameter is refused by its name, before anything starts."""
    outcome = installation.having(CHURN_FEATURES='{"recent_logins": 7}').run("run", "--date", str(NIGHTS[0]))

    assert "recent_logins" in outcome.error(2)


def test_a_model_that_was_tampered_with_scores_nothing(installation: Installation) -> None:
    """An artefact whose digest is not its card's is never loaded: one sentence, and the scores stay."""
    version = installation.run("models", "--json").json[0]["model_version"]
    artefact = installation.data / "models" / version / "model.joblib"
    artefact.chmod(0o644)
    artefact.write_bytes(artefact.read_bytes() + b"\0")
    before = installation.published("churn_scores")

    outcome = installation.run("run", "--date", str(NIGHTS[-1] + dt.timedelta(days=1)))

    assert version in outcome.error(1)
    assert installation.published("churn_scores") == before


def test_a_model_that_is_gone_scores_nothing(installation: Installation) -> None:
    """No default model stands in for a champion whose folder is missing."""
    version = installation.run("models", "--json").json[0]["model_version"]
    shutil.rmtree(installation.data / "models" / version)
    before = installation.published("churn_scores")

    outcome = installation.run("run", "--date", str(NIGHTS[-1] + dt.timedelta(days=1)))

    assert version in outcome.error(1)
    assert installation.published("churn_scores") == before
