"""What changed between two versions of a day's scores, and which two are meant."""

from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.errors import UnknownVersion
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.diff import difference
from churn_assets.storage.scores.published import PublishedScores
from churn_assets_tests.storage_factories import DAY, publish, score_rows

BEFORE = {"a": 0.1, "b": 0.2, "c": 0.4, "d": 0.7}
AFTER = {"b": 0.2, "c": 0.65, "d": 0.6, "e": 0.3, "f": 0.8}


@pytest.fixture
def scores(tmp_path: Path) -> PublishedScores:
    """Scores of an installation that has published none."""
    return PublishedScores(Layout(tmp_path / "data"))


def scored(probabilities: dict[str, float], model: str = "m") -> pa.Table:
    """Rows of `churn_scores` for customers with these probabilities: high above 0.6, else low."""
    high = [probability > 0.6 for probability in probabilities.values()]
    columns = {
        "customer_id": list(probabilities),
        "churn_probability": list(probabilities.values()),
        "risk_tier": ["high" if each else "low" for each in high],
        "action": ["offer" if each else "none" for each in high],
        "model_version": [model] * len(high),
    }
    return pa.table(columns, schema=SCORES)


def published(scores: PublishedScores, rows: pa.Table, model: str = "m") -> str:
    """Make rows the current scores of the day; their version."""
    return publish(scores.table, rows, model_version=model).version


def roll_back(scores: PublishedScores) -> None:
    """Make the version before the current one current again."""
    scores.rollback([DAY], None, "tester", "for a test")


def test_two_versions_stand_side_by_side(scores: PublishedScores) -> None:
    """Models, rows, who came and went, and what moved of those that are in both, as worked out by hand."""
    old = published(scores, scored(BEFORE, "m1"), "m1")
    new = published(scores, scored(AFTER, "m2"), "m2")

    told = difference(scores, DAY, None, None)

    assert told.pop("psi") > 0
    assert told == {
        "snapshot_date": DAY,
        "from": old,
        "to": new,
        "model_from": "m1",
        "model_to": "m2",
        "models_from": {"m1": 4},
        "models_to": {"m2": 5},
        "rows_from": 4,
        "rows_to": 5,
        "added": 2,
        "removed": 1,
        "changed": 2,
        "mean_from": pytest.approx((0.1 + 0.2 + 0.4 + 0.7) / 4),
        "mean_to": pytest.approx((0.2 + 0.65 + 0.6 + 0.3 + 0.8) / 5),
        "mean_shift": pytest.approx((0.25 - 0.1) / 3),
        "tiers_from": {"low": 3, "medium": 0, "high": 1},
        "tiers_to": {"low": 3, "medium": 0, "high": 2},
        "tier_changed": pytest.approx(2 / 3),
        "action_changed": pytest.approx(2 / 3),
        "rank_correlation": pytest.approx(0.5),
        "largest_changes": [
            {
                "customer_id": "c",
                "probability_from": 0.4,
                "probability_to": 0.65,
                "tier_from": "low",
                "tier_to": "high",
            },
            {
                "customer_id": "d",
                "probability_from": 0.7,
                "probability_to": 0.6,
                "tier_from": "high",
                "tier_to": "low",
            },
        ],
    }


def test_ten_customers_that_moved_most_are_listed(scores: PublishedScores) -> None:
    """Of many that moved, the ten largest moves stand in order, up or down, and nobody who stayed."""
    names = [f"c{number:02d}" for number in range(20)]
    published(scores, scored(dict.fromkeys(names, 0.5)))
    moves = {name: 0.5 + (-1) ** at * at / 100 for at, name in enumerate(names)}
    published(scores, scored(moves))

    told = difference(scores, DAY, None, None)

    assert [each["customer_id"] for each in told["largest_changes"]] == names[:9:-1]
    assert told["changed"] == 19


def test_the_same_scores_by_another_model_changed_for_nobody(scores: PublishedScores) -> None:
    """Where only the model's name is another, no customer has changed, and both models are told."""
    published(scores, score_rows(200, "m1"), "m1")
    published(scores, score_rows(200, "m2"), "m2")

    told = difference(scores, DAY, None, None)

    assert (told["model_from"], told["model_to"]) == ("m1", "m2")
    assert (told["changed"], told["added"], told["removed"], told["largest_changes"]) == (0, 0, 0, [])
    assert (told["psi"], told["mean_shift"], told["tier_changed"]) == (0, 0, 0)
    assert told["rank_correlation"] == pytest.approx(1)


def test_versions_without_a_common_customer_are_told(scores: PublishedScores) -> None:
    """Where nobody is in both, everybody came or went, and there is no correlation to tell."""
    published(scores, scored({"a": 0.1, "b": 0.2}))
    published(scores, scored({"c": 0.3}))

    told = difference(scores, DAY, None, None)

    assert (told["added"], told["removed"], told["changed"]) == (1, 2, 0)
    assert (told["rank_correlation"], told["mean_shift"], told["largest_changes"]) == (None, 0, [])


def test_versions_can_be_named(scores: PublishedScores) -> None:
    """Any two versions of the day can be held side by side, in either direction."""
    versions = [published(scores, scored({"a": probability})) for probability in (0.1, 0.2, 0.3)]

    told = difference(scores, DAY, versions[2], versions[0])

    assert (told["from"], told["to"]) == (versions[2], versions[0])
    assert told["mean_shift"] == pytest.approx(-0.2)


def test_by_default_the_current_version_stands_beside_the_one_before_it(scores: PublishedScores) -> None:
    """Of three versions the last two are told."""
    versions = [published(scores, scored({"a": probability})) for probability in (0.1, 0.2, 0.3)]

    told = difference(scores, DAY, None, None)

    assert (told["from"], told["to"]) == (versions[1], versions[2])


def test_after_a_rollback_the_version_before_is_the_next_one_back(scores: PublishedScores) -> None:
    """What was withdrawn is not taken for the version before; it can still be named."""
    versions = [published(scores, scored({"a": probability}), f"m{probability}") for probability in (0.1, 0.2, 0.3)]
    roll_back(scores)

    told = difference(scores, DAY, None, None)
    withdrawn = difference(scores, DAY, versions[2], None)

    assert (told["from"], told["to"]) == (versions[0], versions[1])
    assert (told["model_from"], told["model_to"]) == ("m0.1", "m0.2")
    assert (withdrawn["from"], withdrawn["to"]) == (versions[2], versions[1])
    assert withdrawn["model_from"] == "m0.3"


def test_a_single_version_has_none_to_stand_beside(scores: PublishedScores) -> None:
    """A day that was published once has no earlier version, in words that name the day."""
    published(scores, scored(BEFORE))

    with pytest.raises(UnknownVersion, match="churn_scores 2026-10-31: no earlier version"):
        difference(scores, DAY, None, None)


def test_an_unknown_version_is_told(scores: PublishedScores) -> None:
    """A version that was never published on that day, on either side, is named."""
    version = published(scores, scored(BEFORE))

    with pytest.raises(UnknownVersion, match="no score version ffff on 2026-10-31"):
        difference(scores, DAY, "ffff", None)
    with pytest.raises(UnknownVersion, match="no score version ffff on 2026-10-31"):
        difference(scores, DAY, version, "ffff")


def test_a_day_without_scores_is_told(scores: PublishedScores) -> None:
    """Before the first scores there is nothing to compare."""
    with pytest.raises(UnknownVersion, match="no scores have been published yet"):
        difference(scores, DAY, None, None)
