"""What became of the customers of a scored day."""

import dataclasses
import shutil
from typing import Any

import pytest

from churn_assets.core.errors import ProfileError
from churn_assets.core.options import Decisions, MonitoringBounds
from churn_assets.core.profile import LabelColumn, LabelRule
from churn_assets.core.scoring.rows import held_out
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.outcomes import days_told, record_outcomes
from churn_assets.storage.tables import parquet
from churn_assets_tests.chains import export
from churn_assets_tests.factories import MEMBERS
from churn_assets_tests.scored_members import (
    CUSTOMERS,
    DAY,
    KNOWN,
    STAYED,
    WORK,
    land,
    publish_scores,
)

SOMEBODY = [0.1] * CUSTOMERS
MODELS = ["champion"] * CUSTOMERS


def _redeliver(chain: Chain, customers: int, **changes: Any) -> None:
    """The later day again, otherwise."""
    shutil.rmtree(chain.layout.data_dir / "source" / f"snapshot_date={KNOWN}")
    export(chain.layout.data_dir, KNOWN, customers, **changes)
    land(chain, KNOWN)


def test_outcomes_are_those_of_the_later_day_and_corrected_data_makes_another_version(chain: Chain) -> None:
    """Gone, still there, and quarantined there: left out and counted. What was known before stays readable."""
    scores = publish_scores(chain.scores, SOMEBODY, MODELS)

    first = record_outcomes(chain, DAY, WORK)
    again = record_outcomes(chain, DAY, WORK)
    spend = ["1.5"] * (STAYED + 5)
    spend[3] = "-1"
    _redeliver(chain, STAYED + 5, spend=spend)
    corrected = record_outcomes(chain, DAY, WORK)

    assert first is not None
    assert again is not None
    assert corrected is not None
    assert (first.rows, first.churners, first.left_out, first.known_on) == (CUSTOMERS, 15, 0, KNOWN)
    assert not again.published.changed
    assert (corrected.rows, corrected.churners, corrected.left_out, corrected.scored) == (39, 10, 1, CUSTOMERS)
    rows = chain.table("churn_outcomes").version(DAY).read()
    assert rows.column("customer_id").to_pylist() == [f"c{number:05d}" for number in range(CUSTOMERS) if number != 3]
    assert rows.column("churned").to_pylist() == [number >= STAYED + 5 for number in range(CUSTOMERS) if number != 3]
    assert set(rows.column("known_on").to_pylist()) == {KNOWN}
    assert set(rows.column("is_held_out").to_pylist()) == {False}
    history = chain.table("churn_outcomes").history(DAY)
    assert [event.version for event in history] == [first.published.version, corrected.published.version]
    assert [event.commit.details["left_out"] for event in history] == [0, 1]
    assert {event.commit.details["scores_version"] for event in history} == {scores}


def test_who_was_held_out_is_told_by_the_decisions_of_that_night(chain: Chain) -> None:
    """Not by today's: the share of the commit decides, among those who would have got an offer."""
    decisions = Decisions(held_out_share=0.5)
    probability = [0.9 if number % 2 else 0.1 for number in range(CUSTOMERS)]
    publish_scores(chain.scores, probability, MODELS, decisions=decisions.model_dump(mode="json"))

    outcomes = record_outcomes(chain, DAY, WORK)

    rows = chain.table("churn_outcomes").version(DAY).read()
    held = rows.column("is_held_out").to_pylist()
    scored = chain.scores.version(DAY).read().column("churn_probability").to_numpy()
    assert held == held_out(rows.column("customer_id"), scored, decisions).tolist()
    assert outcomes is not None
    assert 0 < outcomes.held_out == sum(held) < CUSTOMERS / 2
    assert not any(held[::2])


def test_what_cannot_be_told_is_passed_over(chain: Chain) -> None:
    """A day not scored, scored in hindsight alone, or whose later day is missing; a labelled export has none."""
    unscored = record_outcomes(chain, DAY, WORK)
    publish_scores(chain.scores, SOMEBODY, MODELS, hindsight=True)
    in_hindsight = record_outcomes(chain, DAY, WORK)
    publish_scores(chain.scores, SOMEBODY[:STAYED], MODELS[:STAYED], day=KNOWN)
    too_early = record_outcomes(chain, KNOWN, WORK)
    labelled = dataclasses.replace(
        chain, profile=dataclasses.replace(MEMBERS, label=LabelColumn("active"), feature_columns=("visits",))
    )

    assert unscored is in_hindsight is too_early is None
    assert not chain.table("churn_outcomes").days()
    assert days_told(labelled, KNOWN) == []
    assert record_outcomes(labelled, DAY, WORK) is None
    assert days_told(chain, KNOWN) == [DAY, KNOWN]


def test_of_a_large_day_some_row_groups_are_followed(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the bound, whole row groups spread over the day; within it, everybody."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 4)
    publish_scores(chain.scores, SOMEBODY, MODELS)
    bounded = dataclasses.replace(chain, bounds=MonitoringBounds(max_outcomes=12))

    outcomes = record_outcomes(bounded, DAY, WORK)

    ids = chain.table("churn_outcomes").version(DAY).read().column("customer_id").to_pylist()
    assert outcomes is not None
    assert (outcomes.rows, outcomes.scored) == (12, 12)
    assert ids == [f"c{number:05d}" for number in (0, 1, 2, 3, 16, 17, 18, 19, 36, 37, 38, 39)]


def test_a_label_that_fails_publishes_nothing(chain: Chain) -> None:
    """The sentence names the profile, and the outcomes before stay."""
    publish_scores(chain.scores, SOMEBODY, MODELS)
    record_outcomes(chain, DAY, WORK)
    before = chain.table("churn_outcomes").current(DAY)
    broken = LabelRule(horizon_days=30, churned=lambda then, _: then["nowhere"].isna())

    with pytest.raises(ProfileError, match="profile members"):
        record_outcomes(dataclasses.replace(chain, profile=dataclasses.replace(MEMBERS, label=broken)), DAY, WORK)

    assert chain.table("churn_outcomes").current(DAY) == before
