"""Feature code that has changed since a model was trained: judged by a whole stored day, once."""

import dataclasses
import datetime as dt
import hashlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from churn_assets.core.errors import AuditFailed
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.scoring import skew
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.training.history import land_history
from churn_assets_tests.chains import AS_OF, HORIZON, copied, export, with_champion
from churn_assets_tests.factories import MEMBERS, member_features

RUN = RunContext("tester", reason="a price list was corrected")
NIGHTS = [AS_OF + dt.timedelta(days=more) for more in (1, 2, 3)]
MOVED = ["c00003", "c00017"]

Features = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A day was scored by a model that gives everybody the same, and more days are exported; not to be changed."""
    folder = tmp_path_factory.mktemp("scored")
    for customers, day in ((66, AS_OF - HORIZON), (72, AS_OF - 2 * HORIZON), *((60, day) for day in (AS_OF, *NIGHTS))):
        export(folder, day, customers=customers)
    chain = with_champion(folder, RUN)
    _score(chain, AS_OF)
    return chain


@pytest.fixture
def scored(scored_once: Chain, tmp_path: Path) -> Chain:
    """A copy of `scored_once` that the test may change."""
    return copied(scored_once, tmp_path)


def _score(chain: Chain, day: dt.date, **options: Any) -> dict[str, Any]:
    """The night of a day, and what its commit tells."""
    land_history(chain, {day}, {day}, RUN)
    return score_customers(chain, day, ScoreOptions(**options), RUN).details


def _edited(chain: Chain, features: Features) -> Chain:
    """The same chain after somebody changed the profile's feature code."""
    return dataclasses.replace(
        chain, profile=dataclasses.replace(MEMBERS, add_features=features, source_digest="1" * 64)
    )


def refactored(customers: pd.DataFrame, *, few_visits: int = 3) -> pd.DataFrame:
    """The same features, written otherwise."""
    features = member_features(customers, few_visits=few_visits)
    return features.assign(seldom=~(customers["visits"] >= few_visits), spend=customers["spend"] * 3 / 3)


def slipped(customers: pd.DataFrame, *, few_visits: int = 3) -> pd.DataFrame:
    """Other features for two customers, by which no golden score moves."""
    features = member_features(customers, few_visits=few_visits)
    return features.assign(spend=features["spend"] + customers["customer_id"].isin(MOVED))


def test_unchanged_code_is_not_judged(scored: Chain) -> None:
    """A night by the code of the training has nothing to tell of skew."""
    details = _score(scored, NIGHTS[0])

    assert not details["feature_code_changed"]
    assert "feature_skew" not in details


def test_a_harmless_change_is_recorded(scored: Chain) -> None:
    """Code that gives every row of the last scored day its features again is scored with, and the commit says so."""
    features = scored.features.version(AS_OF)

    details = _score(_edited(scored, refactored), NIGHTS[0])

    [verdict] = details["feature_skew"]
    assert (verdict["day"], verdict["features_version"]) == (str(AS_OF), features.version)
    assert (verdict["rows"], verdict["differing"], verdict["accepted"]) == (60, 0, False)
    assert details["feature_code_changed"]


def test_a_verdict_is_not_reached_twice(scored: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next night, and a repetition of this one, take the verdict from the record."""
    edited = _edited(scored, refactored)
    first = _score(edited, NIGHTS[0])

    monkeypatch.setattr(skew, "compare_features", None)
    again, second = _score(edited, NIGHTS[0]), _score(edited, NIGHTS[1])

    assert first["feature_skew"] == again["feature_skew"] == second["feature_skew"]


def test_moved_rows_stop_the_night(scored: Chain) -> None:
    """The sentence counts rows, names the feature, and tells customers by a hash; nothing is published."""
    with pytest.raises(AuditFailed, match=f"2 of 60 rows of customer_features {AS_OF} come out otherwise") as stopped:
        _score(_edited(scored, slipped), NIGHTS[0])

    told = str(stopped.value)
    assert "spend (2)" in told
    assert "--accept-shift" in told
    assert all(hashlib.sha256(name.encode()).hexdigest()[:12] in told for name in MOVED)
    assert not any(name in told for name in MOVED)
    assert scored.scores.days() == [AS_OF]


def test_moved_rows_are_accepted_once(scored: Chain) -> None:
    """A person's word stands in the commit, and holds for the nights that follow by the same code."""
    edited = _edited(scored, slipped)

    accepted = _score(edited, NIGHTS[0], accept_shift=True)
    following = _score(edited, NIGHTS[1])

    assert "2 of 60 rows" in accepted["accepted_shift"][0]
    assert [each["feature_skew"][0]["accepted"] for each in (accepted, following)] == [True, True]
    assert "accepted_shift" not in following


def test_another_change_is_judged_anew(scored: Chain) -> None:
    """What was accepted of one edit is not accepted of the next."""
    edited = _edited(scored, slipped)
    _score(edited, NIGHTS[0], accept_shift=True)
    other = dataclasses.replace(edited, profile=dataclasses.replace(edited.profile, source_digest="2" * 64))

    with pytest.raises(AuditFailed, match="2 of 60 rows"):
        _score(other, NIGHTS[1])


def test_scores_that_stay_accept_nothing(scored: Chain) -> None:
    """A day whose published scores come out again is not stopped, which accepts nothing for the next."""
    edited = _edited(scored, slipped)
    repeated = _score(edited, AS_OF)

    with pytest.raises(AuditFailed, match="2 of 66 rows"):
        _score(edited, NIGHTS[0])

    assert [each["accepted"] for each in repeated["feature_skew"]] == [False]


def test_days_of_the_training_stand_in(scored: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the days nearby were made by other code, a day that the model learnt from is compared."""
    monkeypatch.setattr(skew, "LOOKED_BACK", 0)

    details = _score(_edited(scored, refactored), NIGHTS[0])

    assert [each["day"] for each in details["feature_skew"]] == [str(AS_OF - HORIZON)]


def test_a_damaged_day_is_passed_over(scored: Chain) -> None:
    """Yesterday's damage takes nothing from tonight: another day is compared."""
    [path] = scored.features.version(AS_OF).files
    damaged = bytearray(path.read_bytes())
    damaged[4:200] = bytes(196)
    path.write_bytes(bytes(damaged))

    details = _score(_edited(scored, refactored), NIGHTS[0])

    assert [each["day"] for each in details["feature_skew"]] == [str(AS_OF - HORIZON)]


def test_nothing_to_compare_with_is_a_warning(scored: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """Where no stored features are left the night goes on, and says that nothing was judged."""
    shutil.rmtree(scored.customers.root / f"snapshot_date={AS_OF}")
    shutil.rmtree(scored.customers.root / f"snapshot_date={AS_OF - HORIZON}")
    shutil.rmtree(scored.customers.root / f"snapshot_date={AS_OF - 2 * HORIZON}")

    with caplog.at_level(logging.WARNING, logger="churn_assets"):
        details = _score(_edited(scored, slipped), NIGHTS[0])

    assert "feature_skew" not in details
    assert "no stored features are left" in caplog.text
