"""The life of a model: judged, in the shadow, a canary, champion; and what the audit keeps from readers."""

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from churn_assets.core.scoring.rows import in_canary
from churn_assets_tests.integration.conftest import CONFIG, QUICK
from churn_assets_tests.integration.installation import (
    FIRST_NIGHT,
    NIGHTS,
    RETRAINED_AS_OF,
    BuildOnce,
    Installation,
)

pytestmark = pytest.mark.integration

NIGHT = RETRAINED_AS_OF
SHARE = 0.2


@pytest.fixture(scope="session")
def challenged_once(build_once: BuildOnce, installed: Installation) -> Installation:
    """A challenger has been trained and has scored a night beside the champion; not to be changed."""

    def build(new: Installation) -> None:
        installed.copy_to(new.root)
        trained = new.run("train", "--as-of", str(RETRAINED_AS_OF), "--json")
        assert trained.exit_code == 0, trained.stderr
        (new.root / "trained.json").write_text(trained.stdout)
        night = new.run("run", "--date", str(NIGHT), "--json")
        assert night.exit_code == 0, night.stderr

    return build_once("challenged", build)


@pytest.fixture
def challenged(challenged_once: Installation, tmp_path: Any) -> Installation:
    """A copy of `challenged_once` that the test may change."""
    return challenged_once.copy_to(tmp_path / "installation")


def models(installation: Installation) -> dict[str, str]:
    """The model version of each status."""
    return {row["status"]: row["model_version"] for row in installation.run("models", "--json").json}


def table(installation: Installation, name: str) -> list[dict[str, Any]]:
    """All records of an append-only table, oldest first."""
    recorded = DeltaTable(installation.data / "tables" / name).to_pyarrow_table().sort_by("record")
    rows: list[dict[str, Any]] = recorded.to_pylist()
    return rows


def test_training_tells_every_gate(challenged_once: Installation) -> None:
    """`train --json` names each gate with what was found; a model that passed them all is a challenger."""
    told = json.loads((challenged_once.root / "trained.json").read_text())

    gates = {gate["name"]: gate for gate in told["gates"]}

    assert told["status"] == "challenger"
    assert told["created"]
    assert {"min_roc_auc", "min_average_precision", "max_calibration_error", "beats_rules"} <= gates.keys()
    assert all(gate["passed"] for gate in gates.values()), gates
    assert "ROC-AUC" in gates["min_roc_auc"]["finding"]


def test_trained_model_must_beat_the_rules(challenged_once: Installation) -> None:
    """Every trained model of a profile with rules is held against them, on the same customers."""
    told = json.loads((challenged_once.root / "trained.json").read_text())

    [finding] = [gate["finding"] for gate in told["gates"] if gate["name"] == "beats_rules"]

    assert "of the profile's rules" in finding


def test_each_evaluation_is_kept(challenged_once: Installation) -> None:
    """The record of evaluations holds one row a model; both backtests lie before the first scored night."""
    rows = table(challenged_once, "evaluations")

    assert {row["model_version"] for row in rows} == set(models(challenged_once).values())
    assert all(row["passed"] and row["missed"] == "" for row in rows)
    assert all(row["compared_with"] is None for row in rows)


def test_model_is_held_against_the_scores_that_were_really_published(installation: Installation) -> None:
    """Where a champion that knew no more scored the backtest's day, a new model is compared with those scores."""
    backtest = RETRAINED_AS_OF - dt.timedelta(days=30)
    installation.configure(f"{CONFIG[:-2]}, estimator: rules}}\n")
    rules = installation.run("train", "--as-of", str(backtest), "--json").json["model_version"]
    assert installation.run("promote", rules, "--reason", "before there was a model").exit_code == 0
    assert installation.run("run", "--date", str(backtest)).exit_code == 0
    installation.configure(QUICK)

    trained = installation.run("train", "--as-of", str(RETRAINED_AS_OF), "--json").json

    last = table(installation, "evaluations")[-1]
    assert (last["model_version"], last["compared_with"]) == (trained["model_version"], "published")
    assert "max_roc_auc_loss" in {gate["name"] for gate in trained["gates"]}


def test_challenger_scores_unseen_and_is_compared(challenged_once: Installation) -> None:
    """The challenger's scores lie in their own table; the published ones are the champion's alone."""
    who = models(challenged_once)

    seen = challenged_once.rows("churn_scores", NIGHT)
    unseen = challenged_once.rows("challenger_scores", NIGHT)
    [compared] = table(challenged_once, "challenger_comparisons")

    assert set(seen.column("model_version").to_pylist()) == {who["champion"]}
    assert set(unseen.column("model_version").to_pylist()) == {who["challenger"]}
    assert seen.column("customer_id") == unseen.column("customer_id")
    assert (compared["champion"], compared["challenger"]) == (who["champion"], who["challenger"])
    assert compared["customers"] == sum(compared["histogram_challenger"]) == seen.num_rows
    ranks = [pd.Series(rows.column("churn_probability").to_numpy()).rank() for rows in (seen, unseen)]
    assert compared["rank_correlation"] == pytest.approx(ranks[0].corr(ranks[1]))
    changed = pc.mean(pc.not_equal(seen.column("risk_tier"), unseen.column("risk_tier")).cast("double")).as_py()
    assert compared["tier_changed"] == pytest.approx(changed)


def test_challenger_that_cannot_score_takes_nothing_from_the_night(challenged: Installation) -> None:
    """With a damaged challenger the scores are published, the check warns, and the run succeeds."""
    challenger = models(challenged)["challenger"]
    (challenged.data / "models" / challenger / "model.joblib").write_bytes(b"truncated")
    day = NIGHT + dt.timedelta(days=1)

    night = challenged.run("run", "--date", str(day), "--json")

    assert night.exit_code == 0, night.stderr
    assert challenged.rows("churn_scores", day).num_rows == night.json[0]["scored"]
    assert challenged.current("challenger_scores", day) == []
    assert "the challenger did not score" in night.stderr


def test_canary_scores_its_share_in_the_published_table(challenged: Installation) -> None:
    """A stable share of the customers has the canary's scores, all others the champion's, to the bit."""
    who = models(challenged)
    before = challenged.rows("churn_scores", NIGHT)
    shadow = challenged.rows("challenger_scores", NIGHT)
    words = ["canary", who["challenger"], "--share", str(SHARE), "--reason", "see it live", "--json"]

    set_up = challenged.run(*words)
    night = challenged.run("run", "--date", str(NIGHT), "--json").json[0]
    rows = challenged.rows("churn_scores", NIGHT)

    assert set_up.json["model_version"] == who["challenger"]
    tried = in_canary(rows.column("customer_id"), SHARE)
    assert night["models"] == {who["champion"]: int((~tried).sum()), who["challenger"]: int(tried.sum())}
    assert night["model_version"] == who["champion"]
    expected = np.where(
        tried, shadow.column("churn_probability").to_numpy(), before.column("churn_probability").to_numpy()
    )
    assert (rows.column("churn_probability").to_numpy() == expected).all()
    customer = rows.column("customer_id").to_pylist()[int(np.flatnonzero(tried)[0])]
    traced = challenged.run("trace", customer, "--date", str(NIGHT), "--json").json
    assert traced["model"]["model_version"] == who["challenger"]


def test_canary_that_knew_more_than_the_day_is_hindsight(challenged: Installation) -> None:
    """An old day that a later canary scored is no honest record: it is marked, and judges nobody."""
    who = models(challenged)
    challenged.run("canary", who["challenger"], "--share", "0.5", "--reason", "see it live")

    night = challenged.run("run", "--date", str(NIGHTS[2]), "--json").json[0]

    newest = json.loads(challenged.table("churn_scores").history(1)[0]["details"])
    assert len(night["models"]) == 2
    assert newest["hindsight"]
    assert newest["features_versions"].keys() == set(night["models"])


def test_damaged_model_is_neither_promoted_nor_a_canary(challenged: Installation) -> None:
    """What could not score tonight is refused before anything is recorded, also with `--force`."""
    challenger = models(challenged)["challenger"]
    (challenged.data / "models" / challenger / "golden.parquet").write_bytes(b"truncated")
    before = challenged.published("promotions", "canaries")

    promoted = challenged.run("promote", challenger, "--reason", "newer", "--force").error(1)
    tried = challenged.run("canary", challenger, "--reason", "newer").error(1)

    assert "golden.parquet has SHA-256" in promoted
    assert promoted == tried
    assert challenged.published("promotions", "canaries") == before


def test_model_of_another_business_is_not_promoted(challenged: Installation) -> None:
    """A model version of another profile than the one in force is refused."""
    challenger = models(challenged)["challenger"]
    other = challenged.having(CHURN_PROFILE="churn_assets.profiles.retail")

    told = other.run("promote", challenger, "--reason", "newer").error(2)

    assert "was trained for profile churn_assets.profiles.subscription" in told


def test_canary_is_taken_back_and_recorded(challenged: Installation) -> None:
    """`canary --off` gives everybody to the champion again; both are recorded, and a second `--off` is refused."""
    who = models(challenged)
    challenged.run("canary", who["challenger"], "--reason", "see it live")

    off = challenged.run("canary", "--off", "--reason", "seen enough", "--json")
    night = challenged.run("run", "--date", str(NIGHT), "--json").json[0]
    again = challenged.run("canary", "--off", "--reason", "seen enough").error(2)

    assert off.json["model_version"] is None
    assert night["models"] == {who["champion"]: night["scored"]}
    assert [row["model_version"] for row in table(challenged, "canaries")] == [who["challenger"], None]
    assert "no canary" in again


def test_a_promotion_from_the_launchpad_needs_a_reason(challenged: Installation) -> None:
    """Dagster's own way records no promotion that nobody gave a reason for, and says what is missing."""
    who = models(challenged)

    result = challenged.materialize(NIGHT, "champion", job="training", champion={"model_version": who["challenger"]})

    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "no reason was given" in str(failure.step_failure_data.user_failure_data)
    assert models(challenged) == who


def test_pinned_model_ignores_the_canary(challenged: Installation) -> None:
    """A run with a pinned model scores everybody by it."""
    who = models(challenged)
    challenged.run("canary", who["challenger"], "--share", "0.5", "--reason", "see it live")

    result = challenged.materialize(NIGHT, "churn_scores", churn_scores={"model_version": who["champion"]})

    assert result.success
    rows = challenged.rows("churn_scores", NIGHT)
    assert set(rows.column("model_version").to_pylist()) == {who["champion"]}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nobody", "--reason", "x"], "no model nobody"),
        (["--reason", "x"], "VERSION"),
        (["CHAMPION", "--reason", "x"], "champion"),
        (["CHALLENGER", "--share", "1.0", "--reason", "x"], "--share"),
        (["CHALLENGER"], "--reason"),
        (["--off"], "--reason"),
        (["CHALLENGER", "--off"], "--off"),
    ],
)
def test_impossible_canary_is_refused(challenged_once: Installation, words: list[str], why: str) -> None:
    """A canary that cannot be is one sentence, and nothing is recorded."""
    who = {name.upper(): version for name, version in models(challenged_once).items()}

    told = challenged_once.run("canary", *[who.get(word, word) for word in words]).error(2)

    assert why in told
    assert not (challenged_once.data / "tables" / "canaries").exists()


def test_no_publish_stops_after_the_audit(challenged: Installation) -> None:
    """`run --no-publish` tells what would be published, and leaves what readers see as it was."""
    day = NIGHT + dt.timedelta(days=1)

    night = challenged.run("run", "--date", str(day), "--no-publish", "--json")
    published = challenged.run("run", "--date", str(day), "--json").json[0]

    [told] = night.json
    assert night.exit_code == 0
    assert (told["published"], published["published"]) == (False, True)
    assert told["score_version"] == published["score_version"]
    history = challenged.run("scores", "history", "--date", str(day), "--json").json
    assert len(history) == 1


def lose_customers(installation: Installation, day: dt.date) -> None:
    """Export a day with a third of its customers."""
    path = installation.source(day)
    pd.read_parquet(path).iloc[::3].to_parquet(path, index=False)


def test_shift_is_stopped_until_a_person_accepts_it(challenged: Installation) -> None:
    """A night that lost most customers is not published; with `--accept-shift` it is, and the record says why."""
    day = NIGHT + dt.timedelta(days=1)
    lose_customers(challenged, day)

    refused = challenged.run("run", "--date", str(day)).error(1)
    kept = challenged.current("churn_scores", day)
    accepted = challenged.run("run", "--date", str(day), "--accept-shift", "--reason", "a market was sold", "--json")

    assert "rows after" in refused
    assert "audit.max_rows_change" in refused
    assert "--accept-shift" in refused
    assert kept == []
    assert "rows after" in accepted.json[0]["accepted_shift"][0]
    [event] = challenged.run("scores", "history", "--date", str(day), "--json").json
    assert event["reason"] == "a market was sold"


def test_day_whose_shift_was_accepted_can_be_run_again(challenged: Installation) -> None:
    """Readers have those rows already: a retry finds nothing to accept, and commits nothing."""
    day = NIGHT + dt.timedelta(days=1)
    lose_customers(challenged, day)
    accepted = challenged.run("run", "--date", str(day), "--accept-shift", "--reason", "a market was sold", "--json")
    before = challenged.published("churn_scores")

    again = challenged.run("run", "--date", str(day), "--json")

    assert again.exit_code == 0, again.stderr
    assert (accepted.json[0]["changed"], again.json[0]["changed"]) == (True, False)
    assert f"{day}: nothing new was published" in again.stderr
    assert "nothing new was published" not in accepted.stderr
    assert again.json[0]["accepted_shift"] == accepted.json[0]["accepted_shift"]
    assert challenged.published("churn_scores") == before


def test_shift_is_not_accepted_from_the_launchpad_without_a_reason(challenged: Installation) -> None:
    """`accept_shift` in a run configuration needs the tag that says why."""
    day = NIGHT + dt.timedelta(days=1)
    lose_customers(challenged, day)

    result = challenged.materialize(day, churn_scores={"accept_shift": True})

    assert not result.success
    assert challenged.current("churn_scores", day) == []


def test_no_publish_does_not_make_a_champion(installed: Installation, tmp_path: Path) -> None:
    """To look at a night without publishing there must be a champion: none is promoted on the way."""
    new = Installation(tmp_path / "installation")
    new.configure(CONFIG)
    shutil.copytree(installed.data / "source", new.data / "source")

    told = new.run("run", "--date", str(FIRST_NIGHT), "--no-publish").error(2)

    assert "no champion" in told
    assert not (new.data / "models").exists()


def test_accepting_a_shift_needs_a_reason(challenged_once: Installation) -> None:
    """`--accept-shift` without `--reason`, and `--reason` without it, are wrong usage."""
    alone = challenged_once.run("run", "--date", str(NIGHT), "--accept-shift").error(2)
    useless = challenged_once.run("run", "--date", str(NIGHT), "--reason", "x").error(2)

    assert "--reason" in alone
    assert "--accept-shift" in useless


def test_difference_of_two_versions_is_told(rescored_once: Installation) -> None:
    """`scores diff` sets the version before beside the current one, or two that are named."""
    day = NIGHTS[0]
    newer, older = [
        each["score_version"] for each in rescored_once.run("scores", "history", "--date", str(day), "--json").json
    ]

    told = rescored_once.run("scores", "diff", "--date", str(day), "--json").json
    back = rescored_once.run("scores", "diff", "--date", str(day), "--from", newer, "--to", older, "--json").json

    assert (told["from"], told["to"]) == (older, newer)
    assert told["model_from"] != told["model_to"]
    assert told["changed"] > 0
    assert told["added"] == told["removed"] == 0
    assert told["mean_shift"] == pytest.approx(told["mean_to"] - told["mean_from"])
    assert sum(told["tiers_to"].values()) == told["rows_to"]
    assert back["mean_shift"] == pytest.approx(-told["mean_shift"])
    largest = told["largest_changes"][0]
    assert largest["probability_from"] != largest["probability_to"]


def test_difference_needs_two_versions(installed: Installation) -> None:
    """A day with one version has nothing to set beside it, and an unknown version is told."""
    day = str(NIGHTS[0])

    alone = installed.run("scores", "diff", "--date", day).error(2)
    unknown = installed.run("scores", "diff", "--date", day, "--from", "nowhere").error(2)

    assert "no earlier version" in alone
    assert "nowhere" in unknown


def test_model_that_was_live_on_a_day_is_told(retrained_once: Installation) -> None:
    """`models --live-on` gives the champion at the end of a day; before the first promotion it says so."""
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)

    [live] = retrained_once.run("models", "--live-on", str(tomorrow), "--json").json
    nobody = retrained_once.run("models", "--live-on", "2025-01-01").error(2)

    assert live["model_version"] == models(retrained_once)["champion"]
    assert live["reason"] == "it is newer"
    assert "no model was live on 2025-01-01" in nobody


def test_card_reads_as_a_page(retrained_once: Installation) -> None:
    """The folder and `models --card` hold the card for a person, which says what changed since the last champion."""
    who = models(retrained_once)
    folder = retrained_once.data / "models" / who["champion"]

    printed = retrained_once.run("models", "--card", who["champion"]).stdout
    page = (folder / "card.md").read_text()

    assert printed.strip() == page.strip()
    sections = ["## Data", "## Quality", "## Gates", "## Groups", "## Known limitations", "## What changed since"]
    assert [section for section in sections if section not in page] == []
    assert who["retired"] in page
    assert (folder / "card.png").read_bytes().startswith(b"\x89PNG")
    reference = json.loads((folder / "reference.json").read_text())
    assert "spend" in reference["features"]
    assert sum(reference["scores"]["counts"]) > 0


def test_folder_of_a_model_holds_no_customers_but_the_golden_ones(retrained_once: Installation) -> None:
    """Ids of customers stand in `golden.parquet` alone; all else is aggregates."""
    folder = retrained_once.data / "models" / models(retrained_once)["champion"]
    ids = pd.read_parquet(folder / "golden.parquet")["customer_id"].tolist()

    leaking = [
        path.name
        for path in folder.iterdir()
        if path.name != "golden.parquet" and any(each.encode() in path.read_bytes() for each in ids)
    ]

    assert len(ids) == 200
    assert leaking == []


def test_champion_whose_folder_is_gone_is_told(installation: Installation) -> None:
    """A night whose champion's folder is gone fails with one sentence, and what readers see stays."""
    [champion] = models(installation).values()
    (installation.data / "models" / champion).rename(installation.data / "aside")
    before = installation.published()

    told = installation.run("run", "--date", str(NIGHT)).error(1)

    assert champion in told
    assert "is gone: restore it" in told
    assert installation.published()["churn_scores"] == before["churn_scores"]


def test_too_few_outcomes_reject_a_model(installation: Installation) -> None:
    """A backtest's day with fewer outcomes than configured: the model stays, marked, and cannot be promoted."""
    installation.configure(QUICK + "gates: {min_rows: 5000, min_churners: 900}\n")
    before = installation.published("promotions")

    trained = installation.run("train", "--as-of", str(RETRAINED_AS_OF), "--json").json
    refused = installation.run("promote", trained["model_version"], "--reason", "anyway").error(2)

    assert trained["status"] == "rejected"
    assert "customers with a known outcome, at least 5000 wanted (gates.min_rows)" in trained["missed"][0]
    assert "of them churned, at least 900 wanted (gates.min_churners)" in trained["missed"][1]
    assert trained["missed"][0] in refused
    assert installation.published("promotions") == before


def test_candidates_are_compared_and_the_winner_is_judged(installation: Installation) -> None:
    """With candidates configured, `train` shows them best first, and the winner is what is served."""
    candidates = [
        {"estimator": "logistic_regression"},
        {"estimator": "hist_gradient_boosting", "parameters": {"max_iter": 20}, "search": {"max_leaf_nodes": [3, 7]}},
    ]
    installation.configure(f"{CONFIG[:-2]}, candidates: {json.dumps(candidates)}, calibration: sigmoid}}\n")

    trained = installation.run("train", "--as-of", str(RETRAINED_AS_OF), "--json")
    card = installation.run("models", "--card", trained.json["model_version"], "--json").json

    board = trained.json["leaderboard"]
    assert trained.exit_code == 0, trained.stderr
    assert len(board) == 3
    assert [each["brier"] for each in board] == sorted(each["brier"] for each in board)
    assert [each["chosen"] for each in board] == [True, False, False]
    assert card["chosen"]["estimator"] == board[0]["estimator"]
    assert card["chosen"]["calibration"] == "sigmoid"
    assert card["metrics"]["roc_auc"] == board[0]["backtest"]["roc_auc"]
    assert table(installation, "evaluations")[-1]["compared_with"] == "champion"


def test_a_long_history_is_trained_on_a_sample(installation: Installation) -> None:
    """Beyond `training.max_rows` the card tells the rate; again it is the same model, and no bound the whole one."""
    bounded = installation.having(CHURN_TRAINING__MAX_ROWS="4000")
    whole = installation.run("models", "--json").json[0]

    first = bounded.run("train", "--as-of", str(FIRST_NIGHT), "--json")
    again = bounded.run("train", "--as-of", str(FIRST_NIGHT), "--json")
    unbounded = installation.having(CHURN_TRAINING__MAX_ROWS="null").run("train", "--as-of", str(FIRST_NIGHT), "--json")

    assert first.exit_code == again.exit_code == unbounded.exit_code == 0, first.stderr
    card = json.loads((installation.data / "models" / first.json["model_version"] / "card.json").read_text())
    assert 0 < card["sample_rate"] < 1
    assert first.json["train_rows"] == card["train_rows"]
    assert abs(card["train_rows"] / whole["train_rows"] - card["sample_rate"]) < 0.05
    assert first.json["holdout_rows"] == card["metrics"]["rows"] < whole["holdout_rows"]
    page = installation.run("models", "--card", card["model_version"]).stdout
    assert f"{card['sample_rate']:.2%} of the customers" in page
    assert (first.json["created"], again.json["created"]) == (True, False)
    assert again.json["model_version"] == first.json["model_version"] != whole["model_version"]
    assert (unbounded.json["model_version"], unbounded.json["created"]) == (whole["model_version"], False)


def test_level_of_a_night_is_set_by_the_prior(installation: Installation) -> None:
    """One factor for all odds of a night: ranks stay, the commit says what it was, and a run again gives the same."""
    leveled = installation.having(CHURN_TRAINING__PRIOR="saerens")
    version = leveled.run("train", "--as-of", str(RETRAINED_AS_OF), "--json").json["model_version"]
    assert leveled.run("promote", version, "--reason", "follows the level").exit_code == 0

    nights = [
        leveled.run("run", "--date", str(NIGHT), "--accept-shift", "--reason", "level", "--json") for _ in range(2)
    ]

    assert [night.exit_code for night in nights] == [0, 0], [night.stderr for night in nights]
    assert nights[0].json[0]["score_version"] == nights[1].json[0]["score_version"]
    after = leveled.rows("churn_scores", NIGHT).column("churn_probability").to_numpy()
    customer = leveled.rows("churn_scores", NIGHT).column("customer_id")[0].as_py()
    told = leveled.run("trace", customer, "--date", str(NIGHT), "--json").json["score"]["prior"]
    assert told["kind"] == "saerens"
    assert after.mean() == pytest.approx(told["rate"], abs=1e-6)
    raw = after / (after + told["odds_factor"] * (1 - after))
    assert raw.mean() == pytest.approx(told["uncorrected_mean"], abs=1e-9)
    assert (np.argsort(raw, kind="stable") == np.argsort(after, kind="stable")).all()
    assert told["odds_factor"] != 1
