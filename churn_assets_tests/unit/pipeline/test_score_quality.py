"""Scores are judged by what came true, and only by a model that could not know it."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from churn_assets.core.table_schemas import SCORES
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.score_quality import judge_scores
from churn_assets.storage.tables.table import Table
from churn_assets_tests.chains import chain_over, export
from churn_assets_tests.factories import member_columns

DAY = dt.date(2026, 3, 31)
KNOWN = DAY + dt.timedelta(days=30)
CUSTOMERS = 40
STAYED = 25
WORK = RunContext("tester")


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Forty members of a day, of whom fifteen are gone a horizon later."""
    export(tmp_path, DAY, CUSTOMERS)
    export(tmp_path, KNOWN, STAYED)
    made = chain_over(tmp_path)
    for day in (DAY, KNOWN):
        land_customers(made, day, WORK)
        validate_customers(made, day, WORK)
    return made


def publish_scores(table: Table, probability: list[float], models: list[str], *, hindsight: bool = False) -> str:
    """Make these the scores of the day; their version."""
    rows = pa.table(
        {
            "customer_id": member_columns(CUSTOMERS)["customer_id"],
            "churn_probability": probability,
            "risk_tier": ["low"] * CUSTOMERS,
            "action": ["none"] * CUSTOMERS,
            "model_version": models,
        },
        schema=SCORES,
    )
    staged = table.write(DAY, SCORES, "customer_id", [rows])
    commit = WORK.commit("score", models[0], hindsight=hindsight)
    return table.publish(staged, table.current(DAY), commit).version


def drawn(seed: int) -> list[float]:
    """Probabilities that know nothing."""
    return [float(each) for each in np.random.default_rng(seed).random(CUSTOMERS)]


def test_published_and_challenging_scores_are_judged_alike(chain: Chain) -> None:
    """Each gets one record, with the figures that scikit-learn gives for the same customers."""
    seen, unseen = drawn(1), drawn(2)
    published = publish_scores(chain.scores, seen, ["champion"] * CUSTOMERS)
    publish_scores(chain.challenger_scores, unseen, ["challenger"] * CUSTOMERS)

    rows = {row["scores"]: row for row in judge_scores(chain, KNOWN)}

    gone = np.arange(CUSTOMERS) >= STAYED
    assert rows["published"]["roc_auc"] == pytest.approx(roc_auc_score(gone, seen))
    assert rows["challenger"]["roc_auc"] == pytest.approx(roc_auc_score(gone, unseen))
    assert (rows["published"]["rows"], rows["published"]["base_rate"]) == (CUSTOMERS, 15 / 40)
    assert (rows["published"]["score_version"], rows["published"]["snapshot_date"]) == (published, DAY)


def test_each_arm_of_a_canary_is_judged_by_itself(chain: Chain) -> None:
    """Where two models scored a day, each is held against its own customers."""
    scores = drawn(3)
    publish_scores(chain.scores, scores, ["canary" if number % 2 else "champion" for number in range(CUSTOMERS)])

    rows = {row["model_version"]: row for row in judge_scores(chain, KNOWN)}

    odd = np.arange(CUSTOMERS) % 2 == 1
    gone = np.arange(CUSTOMERS) >= STAYED
    assert rows["canary"]["roc_auc"] == pytest.approx(roc_auc_score(gone[odd], np.asarray(scores)[odd]))
    assert rows["champion"]["rows"] == CUSTOMERS // 2


def test_finding_is_recorded_once(chain: Chain) -> None:
    """A night that is run again finds the same, and the record does not grow."""
    publish_scores(chain.scores, drawn(4), ["champion"] * CUSTOMERS)
    first = judge_scores(chain, KNOWN)

    second = judge_scores(chain, KNOWN)

    assert [row["roc_auc"] for row in second] == [row["roc_auc"] for row in first]
    assert len(chain.monitoring.quality.rows()) == 1


def test_scores_given_in_hindsight_are_no_judge(chain: Chain) -> None:
    """The last version whose model knew no more than the day is judged, not a newer model's."""
    honest = publish_scores(chain.scores, drawn(5), ["champion"] * CUSTOMERS)
    publish_scores(chain.scores, drawn(6), ["later"] * CUSTOMERS, hindsight=True)

    [row] = judge_scores(chain, KNOWN)

    assert (row["score_version"], row["model_version"]) == (honest, "champion")


def test_day_that_was_not_scored_is_passed_over(chain: Chain) -> None:
    """Outcomes of a day without scores, and days without outcomes, give no record."""
    unscored = judge_scores(chain, KNOWN)
    publish_scores(chain.scores, drawn(7), ["champion"] * CUSTOMERS)

    too_early = judge_scores(chain, KNOWN - dt.timedelta(days=1))

    assert unscored == too_early == []
