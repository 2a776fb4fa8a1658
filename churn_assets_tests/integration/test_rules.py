"""Rules: a model without training, from the first day on, and where no trained one passes."""

import datetime as dt
import json
import shutil
from pathlib import Path

import pytest

from churn_assets.profiles import subscription
from churn_assets_tests.integration.conftest import CONFIG, QUICK
from churn_assets_tests.integration.installation import (
    FIRST_NIGHT,
    LAST_DAY,
    NIGHTS,
    BuildOnce,
    Installation,
)

pytestmark = pytest.mark.integration

DAY = NIGHTS[0]
RULED = "training: {window_days: 14, estimator: rules}\n"
FALLING_BACK = QUICK + "gates: {min_roc_auc: 0.99, fallback: rules}\n"


def first_days(installed: Installation, folder: Path, days: int) -> Installation:
    """A company that has exported only its first few days."""
    new = Installation(folder / "installation")
    new.configure(CONFIG)
    for back in range(days):
        day = LAST_DAY - dt.timedelta(days=back)
        new.source(day).parent.mkdir(parents=True)
        shutil.copy(installed.source(day), new.source(day))
    return new


@pytest.fixture(scope="session")
def fallen_back_once(build_once: BuildOnce, installed: Installation) -> Installation:
    """A company none of whose trained models passes has scored a night by its rules; not to be changed."""

    def build(new: Installation) -> None:
        new.configure(FALLING_BACK)
        shutil.copytree(installed.data / "source", new.data / "source")
        night = new.run("run", "--date", str(DAY), "--json")
        assert night.exit_code == 0, night.stderr
        (new.root / "night.json").write_text(night.stdout)
        (new.root / "night.txt").write_text(night.stderr)

    return build_once("fallen_back", build)


@pytest.fixture
def fallen_back(fallen_back_once: Installation, tmp_path: Path) -> Installation:
    """A copy of `fallen_back_once` that the test may change."""
    return fallen_back_once.copy_to(tmp_path / "installation")


def test_rules_serve_from_the_first_day(installed: Installation, tmp_path: Path) -> None:
    """With one export and no outcome, the profile's rules are a model version and score every customer."""
    company = first_days(installed, tmp_path, 1)
    company.configure(RULED)

    night = company.run("run", "--json")
    rows = company.rows("churn_scores", LAST_DAY)
    [model] = company.run("models", "--json").json

    assert night.exit_code == 0, night.stderr
    assert (model["status"], model["estimator"], model["roc_auc"]) == ("champion", "rules", None)
    assert set(rows.column("model_version").to_pylist()) == {model["model_version"]}
    customers = company.rows("customers", LAST_DAY).to_pandas()
    expected = subscription.by_last_login(customers)
    given = dict(zip(rows.column("customer_id").to_pylist(), rows.column("churn_probability").to_pylist(), strict=True))
    assert given == dict(zip(customers["customer_id"], expected, strict=True))
    page = company.run("models", "--card", model["model_version"]).stdout
    assert "Rules are not trained" in page
    assert "No outcome is known yet" in page


def test_rules_are_judged_where_outcomes_are_known(installation: Installation) -> None:
    """The same gates look at rules once there is a backtest's day, and the same rules give the same version."""
    installation.configure(RULED)

    trained = installation.run("train", "--as-of", str(FIRST_NIGHT), "--json").json
    again = installation.run("train", "--as-of", str(FIRST_NIGHT), "--json").json

    assert trained["estimator"] == "rules"
    assert 0.5 < trained["roc_auc"] < 1
    assert trained["holdout_rows"] > 1000
    assert (again["model_version"], again["created"]) == (trained["model_version"], False)


def test_fallback_serves_where_no_trained_model_passes(fallen_back: Installation) -> None:
    """The rules are promoted with a warning and the reason; every row names them, and every night warns."""
    [night] = json.loads((fallen_back.root / "night.json").read_text())

    by_status = {row["status"]: row for row in fallen_back.run("models", "--json").json}
    result = fallen_back.materialize(DAY)

    assert by_status["champion"]["estimator"] == "rules"
    assert "at least 0.99 wanted" in by_status["rejected"]["missed"][0]
    assert night["model_version"] == by_status["champion"]["model_version"]
    assert "is scored by the rules" in (fallen_back.root / "night.txt").read_text()
    checks = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert not checks["no_fallback"]
    [live] = fallen_back.run("models", "--live-on", "2100-01-01", "--json").json
    assert live["reason"].startswith("fallback: ")


def test_fallback_serves_before_there_is_a_history(installed: Installation, tmp_path: Path) -> None:
    """A company too young for a model is served by its rules, if it says so."""
    company = first_days(installed, tmp_path, 2)
    refused = company.run("run").error(1)
    company.configure(QUICK + "gates: {fallback: rules}\n")

    night = company.run("run", "--json")

    assert "twice the horizon" in refused
    assert night.exit_code == 0, night.stderr
    assert company.run("models", "--json").json[0]["estimator"] == "rules"


def test_fallback_serves_through_dagster_alone(installed: Installation, tmp_path: Path) -> None:
    """The training job of a company too young for a model makes the rules champion, and the night runs."""
    company = first_days(installed, tmp_path, 2)
    company.configure(QUICK + "gates: {fallback: rules}\n")

    trained = company.materialize(LAST_DAY, job="training")
    night = company.materialize(LAST_DAY)

    assert trained.success
    assert night.success
    assert company.rows("churn_scores", LAST_DAY).num_rows > 1000
    [live] = company.run("models", "--live-on", "2100-01-01", "--json").json
    assert live["reason"].startswith("fallback: ")


def test_recipe_that_cannot_be_fitted_is_no_reason_to_fall_back(installation: Installation) -> None:
    """A mistake in the configuration is told, and rules do not hide it."""
    shutil.rmtree(installation.data / "tables" / "promotions")
    installation.configure("training: {window_days: 14, parameters: {learning_rate: -1.0}}\ngates: {fallback: rules}\n")

    told = installation.run("run", "--date", str(NIGHTS[1])).error(1)

    assert "learning_rate" in told
    assert not (installation.data / "tables" / "promotions").exists()


def test_reason_that_speaks_of_a_fallback_is_a_persons(retrained: Installation) -> None:
    """A trained champion whose promotion says `fallback: ...` is not replaced by the training job."""
    [first] = [row["model_version"] for row in retrained.run("models", "--json").json if row["status"] == "retired"]
    retrained.run("promote", first, "--reason", "fallback: the one before")

    result = retrained.materialize(NIGHTS[2], job="training")

    status = {row["model_version"]: row["status"] for row in retrained.run("models", "--json").json}
    assert result.success
    assert sorted(status.values()) == ["challenger", "champion", "retired"]
    assert status[first] == "champion"


def test_trained_model_takes_over_from_the_fallback(fallen_back: Installation) -> None:
    """The training job promotes the first trained model that passes, once the fallback has served."""
    fallen_back.configure(QUICK + "gates: {fallback: rules}\n")

    result = fallen_back.materialize(NIGHTS[1], job="training")

    assert result.success
    champion = next(row for row in fallen_back.run("models", "--json").json if row["status"] == "champion")
    assert champion["estimator"] == "hist_gradient_boosting"


@pytest.mark.parametrize("text", ["training: {estimator: rules}\n", "gates: {fallback: rules}\n"])
def test_rules_that_are_not_there_are_told(tmp_path: Path, text: str) -> None:
    """A configuration that asks for rules which the profile does not give is refused before anything runs."""
    new = Installation(tmp_path / "installation")
    new.configure("profile: churn_assets.profiles.telco\n" + text)

    told = new.run("train", "--as-of", "2026-01-01").error(2)

    assert "is rules, and profile churn_assets.profiles.telco has none" in told


def test_rules_and_candidates_do_not_mix(tmp_path: Path) -> None:
    """Rules do not compete with trained estimators: every one of those must beat them anyway."""
    new = Installation(tmp_path / "installation")
    new.configure("training: {candidates: [{estimator: rules}]}\n")

    told = new.run("models").error(2)

    assert "rules are not trained and do not compete" in told
