"""A night's reasons: of whom, by which model, for which scores; and what happens without them."""

import dataclasses
import datetime as dt
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from churn_assets.core.errors import ModelFault
from churn_assets.core.options import Decisions, GateBounds, ReasonOptions, Recipe
from churn_assets.core.profile import ReasonFamily
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.execution import reasons as part_reasons
from churn_assets.pipeline.scoring.score import ScoreOptions, ScoreResult, score_customers
from churn_assets.pipeline.training.history import land_history
from churn_assets.pipeline.training.train import train_model
from churn_assets.storage.models.registry import Canary
from churn_assets_tests.chains import AS_OF, HORIZON, chain_over, copied, export
from churn_assets_tests.factories import MEMBERS
from churn_assets_tests.storage_factories import delta_version

RUN = RunContext("tester")
NIGHT = AS_OF + dt.timedelta(days=1)
FAMILIES = {
    "use": ReasonFamily(("visits", "seldom"), up="came {visits:.0f} times only", down="came {visits:.0f} times")
}
PROFILE = dataclasses.replace(MEMBERS, reasons=FAMILIES)
DECISIONS = Decisions(medium_above=0.2, high_above=0.5, review_band=(0.45, 0.5))
LOWER = Decisions(medium_above=0.0001, high_above=0.5, review_band=(0.45, 0.5))
GATES = GateBounds(max_feature_roc_auc=None, max_roc_auc=None, max_calibration_error=None)


def _export(folder: Path, day: dt.date, customers: int, leaving: int) -> None:
    """Members of a day, of whom the last ones leave, and come seldom."""
    visits: list[object] = [str(4 + number % 3) for number in range(customers - leaving)]
    visits += [str(number % 2) for number in range(leaving)]
    export(folder, day, customers=customers, visits=visits)


@pytest.fixture(scope="module")
def explained_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A chain whose champion knows that those who come seldom leave, and a landed night; not to be changed."""
    folder = tmp_path_factory.mktemp("explained")
    _export(folder, AS_OF - 2 * HORIZON, 240, 80)
    _export(folder, AS_OF - HORIZON, 160, 50)
    _export(folder, AS_OF, 110, 40)
    _export(folder, NIGHT, 110, 40)
    chain = chain_over(folder, profile=PROFILE, gates=GATES)
    for trees in (10, 15):
        recipe = Recipe(window_days=1, parameters={"max_iter": trees}, prior="none")
        model = train_model(dataclasses.replace(chain, recipe=recipe), AS_OF, RUN).card
        chain.registry.promote(model.model_version, actor="tester", reason="because", force=True)
    land_history(chain, {NIGHT}, {NIGHT}, RUN)
    return chain


@pytest.fixture
def explained(explained_once: Chain, tmp_path: Path) -> Chain:
    """A copy of `explained_once` that the test may change."""
    return dataclasses.replace(copied(explained_once, tmp_path), profile=PROFILE, decisions=DECISIONS, gates=GATES)


def _score(chain: Chain, **options: Any) -> ScoreResult:
    """The night with these options of its reasons."""
    chosen = dataclasses.replace(chain, reasons=ReasonOptions(**options))
    return score_customers(chosen, NIGHT, ScoreOptions(accept_shift=True), RunContext("tester", reason="because"))


def _rows(chain: Chain) -> list[dict[str, Any]]:
    """The day's current reasons."""
    return list(chain.churn_reasons.version(NIGHT).read().to_pylist())


def _scores(chain: Chain) -> dict[str, dict[str, Any]]:
    """The day's current scores by customer."""
    return {row["customer_id"]: row for row in chain.scores.version(NIGHT).read().to_pylist()}


def test_those_at_risk_are_told_why_for_the_very_scores(explained: Chain) -> None:
    """Base value, reasons and the rest make the log-odds of each score; the order is that of the scores."""
    result = _score(explained)
    rows, scores = _rows(explained), _scores(explained)

    at_risk = [customer for customer, row in scores.items() if row["risk_tier"] != "low"]
    first = [row for row in rows if row["rank"] == 1]
    assert [row["customer_id"] for row in first] == at_risk
    assert rows == sorted(rows, key=lambda row: (row["customer_id"], row["rank"]))
    assert {row["family"] for row in first} == {"use"}
    assert {(row["sentence"], row["direction"]) for row in first} == {("came {} times only", "up")}
    assert {row["value"] for row in first} == {"0", "1"}
    for row in first:
        told = sum(each["contribution"] for each in rows if each["customer_id"] == row["customer_id"])
        probability = scores[row["customer_id"]]["churn_probability"]
        assert np.isclose(row["base_value"] + told + row["other"], np.log(probability / (1 - probability)), atol=1e-9)
    [event] = explained.churn_reasons.history(NIGHT)
    assert event.commit.kind == "explain"
    assert event.commit.details["score_version"] == result.published.version
    assert event.commit.details["first_families"] == {"use": len(at_risk)}
    assert result.reasons is not None
    assert (result.reasons.rows, result.reasons.details["explained"]) == (len(rows), len(at_risk))


def test_whom_to_explain_is_configured(explained: Chain, tmp_path: Path) -> None:
    """All, the high tier alone, or nobody; the same night again commits nothing and makes the same bytes."""
    _score(explained, customers="all")
    everybody = {row["customer_id"] for row in _rows(explained)}
    version = explained.churn_reasons.current(NIGHT)
    before = delta_version(explained.churn_reasons)
    _score(explained, customers="all")
    again = delta_version(explained.churn_reasons)
    _score(explained, customers="high")
    high = {row["customer_id"] for row in _rows(explained)}
    _score(explained, customers="none")
    kept = explained.churn_reasons.version(NIGHT).rows
    elsewhere = dataclasses.replace(
        copied(explained, tmp_path / "other"), profile=PROFILE, decisions=DECISIONS, gates=GATES
    )
    _score(elsewhere, customers="all")

    scores = _scores(explained)
    assert everybody == set(scores)
    assert again == before
    assert high == {customer for customer, row in scores.items() if row["risk_tier"] == "high"}
    assert kept > 0  # they are of the very scores that are current
    assert elsewhere.churn_reasons.current(NIGHT) == version


def test_a_canarys_customers_are_explained_by_the_canary(explained: Chain) -> None:
    """Each row starts from the base value of the model that scored the customer, and adds up to that score."""
    promoted = [row["to_version"] for row in explained.registry.promotions.rows()]
    explained.registry.set_canary(Canary(promoted[0], 0.5), actor="tester", reason="a try")

    result = _score(explained, customers="all")

    rows, scores = _rows(explained), _scores(explained)
    bases: dict[str, set[float]] = {version: set() for version in promoted}
    for row in rows:
        bases[scores[row["customer_id"]]["model_version"]].add(row["base_value"])
    assert [len(values) for values in bases.values()] == [1, 1]
    assert bases[promoted[0]] != bases[promoted[1]]
    assert rows == sorted(rows, key=lambda row: (row["customer_id"], row["rank"]))
    assert {row["customer_id"] for row in rows} == set(scores)
    for customer, score in scores.items():
        told = [row for row in rows if row["customer_id"] == customer]
        margin = told[0]["base_value"] + sum(row["contribution"] for row in told) + told[0]["other"]
        assert np.isclose(1 / (1 + np.exp(-margin)), score["churn_probability"], atol=1e-9)
    assert result.reasons is not None
    assert result.reasons.details["models"] == promoted[::-1]


def test_scores_are_published_without_reasons_and_a_warning(explained: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """Of a damaged explainer, and of one that fails on the day; what was told of other scores is withdrawn."""
    _score(explained)
    again = dataclasses.replace(explained, decisions=LOWER)
    tables = explained.layout.models / explained.registry.champion() / "reasons.npz"
    sound = tables.read_bytes()
    tables.write_bytes(sound[:-10])

    with pytest.raises(ModelFault, match=r"gives no reasons .*reasons\.required is set"):
        _score(again, required=True)
    unchanged = explained.scores.history(NIGHT)
    with caplog.at_level(logging.WARNING, logger="churn_assets"):
        result = _score(again)

    assert len(unchanged) == 1
    assert result.reasons is None
    assert result.published.changed
    assert "are published without reasons" in caplog.text
    assert explained.churn_reasons.version(NIGHT).rows == 0


def test_trouble_on_the_day_takes_nothing_from_the_scores(
    explained: Chain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An explainer that fails on a block is told in a warning, and nothing is left behind."""

    def fail(*_: object) -> None:
        raise ValueError("no such code")

    monkeypatch.setattr(part_reasons, "rank", fail)
    with caplog.at_level(logging.WARNING, logger="churn_assets"):
        result = _score(explained)
    with pytest.raises(Exception, match="no such code"):
        _score(dataclasses.replace(explained, decisions=LOWER), required=True)

    assert result.published.version == explained.scores.current(NIGHT)
    assert len(explained.scores.history(NIGHT)) == 1
    assert f"churn_reasons {NIGHT}: they could not be made (ValueError: no such code)" in caplog.text
    assert explained.churn_reasons.days() == []
    assert not list(explained.churn_reasons.root.glob("_staging/*"))
    assert not list(explained.scores.root.glob("_staging/*"))


def test_reasons_are_judged_with_the_model(explained_once: Chain) -> None:
    """The evaluation holds the share whose first reason is not the champion's, and what is hidden; so does the card."""
    first, second = (row["to_version"] for row in explained_once.registry.promotions.rows())
    evaluations = {row["model_version"]: row for row in explained_once.registry.evaluations.rows()}

    assert evaluations[first]["first_reason_changed"] is None
    assert 0 <= evaluations[second]["first_reason_changed"] < 0.5
    evidence = explained_once.registry.evidence_of(second)
    assert evidence is not None
    assert evidence.hidden_share == 0
    page = explained_once.registry.models.page(second)
    assert "of the backtest's customers is another one." in page
    assert "Mean contribution" in page
