"""How the days of a rollback are named."""

import datetime as dt
from pathlib import Path

import pytest

from churn_assets.cli.scores import days_to_roll_back
from churn_assets.core.errors import InputError
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.published import PublishedScores
from churn_assets_tests.storage_factories import DAY, publish, score_rows

NEXT = DAY + dt.timedelta(days=1)


@pytest.fixture
def scores(tmp_path: Path) -> PublishedScores:
    """Scores of two days."""
    scores = PublishedScores(Layout(tmp_path))
    for day in (DAY, NEXT):
        publish(scores.table, score_rows(5), day)
    return scores


def test_one_day_or_a_range_is_named(scores: PublishedScores) -> None:
    """A day stands for itself, also one without scores, which the rollback refuses; a range for its scored days."""
    unscored = NEXT + dt.timedelta(days=1)

    days = [days_to_roll_back(scores, unscored, None, None), days_to_roll_back(scores, None, DAY, unscored)]

    assert days == [[unscored], [DAY, NEXT]]


@pytest.mark.parametrize(
    ("date", "first", "last"),
    [(None, None, None), (DAY, DAY, NEXT), (DAY, DAY, None), (None, DAY, None), (None, None, NEXT), (None, NEXT, DAY)],
    ids=["nothing", "both", "a day and half a range", "no last day", "no first day", "the wrong way round"],
)
def test_other_words_for_days_are_refused(
    scores: PublishedScores, date: dt.date | None, first: dt.date | None, last: dt.date | None
) -> None:
    """Neither, both or half of them is an error that says what to give."""
    with pytest.raises(InputError, match="give either --date D, or --from D --to-date D with the earlier day first"):
        days_to_roll_back(scores, date, first, last)
