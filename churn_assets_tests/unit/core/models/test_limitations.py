"""What a model's reader should know before trusting it."""

import datetime as dt
from typing import Any

import pytest

from churn_assets.core.models.limitations import limitations_of
from churn_assets.core.options import Recipe
from churn_assets_tests.factories import made_up_card, made_up_slice

LAST = dt.date(2026, 1, 1)
YEAR = tuple(LAST - dt.timedelta(days=back) for back in range(0, 365, 7))
ONE_DAY = "It was judged on the outcomes of one day, 2026-01-01: other seasons may be harder or easier."


def _limitations(**changes: Any) -> tuple[str, ...]:
    return limitations_of(made_up_card(**({"training_dates": YEAR} | changes)))


def test_best_of_models_was_still_judged_on_one_day() -> None:
    """A whole year, every day there, every outcome known, large groups: one day's outcomes are what remains."""
    assert _limitations(slices=(made_up_slice("basic", rows=100),)) == (ONE_DAY,)


def test_rules_are_a_person_s() -> None:
    """Rules are not trained, and say so; before any outcome is known, that too."""
    sentences = _limitations(chosen=Recipe(estimator="rules"), training_dates=(), metrics=None, backtest_date=None)

    assert sentences == (
        "Rules are not trained: their probabilities are a person's, and only as calibrated as these.",
        "No outcome was known when it was made: nothing says yet how good it is.",
    )


def test_labelled_export_scores_whom_it_learnt_from() -> None:
    """A model of an export without time says that its scores are in-sample, and nothing of days or seasons."""
    sentences = _limitations(in_sample=True, training_dates=(LAST,))

    assert len(sentences) == 1
    assert "in-sample" in sentences[0]
    assert "four fifths" in sentences[0]


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [
        (YEAR[:1], "Its training days span 1 day: it has not seen a whole year."),
        (YEAR[:3], "Its training days span 15 days: it has not seen a whole year."),
        (YEAR[2::-1], "Its training days span 15 days: it has not seen a whole year."),
        ((LAST, LAST - dt.timedelta(days=363)), "Its training days span 364 days: it has not seen a whole year."),
        ((LAST, LAST - dt.timedelta(days=364)), None),
        (YEAR, None),
    ],
    ids=["a day", "weeks", "in another order", "a day less", "a year", "weeks of a year"],
)
def test_less_than_a_year_is_told(dates: tuple[dt.date, ...], sentence: str | None) -> None:
    """From the first training day to the last, less than 365 days have not seen every season."""
    assert _limitations(training_dates=dates) == ((ONE_DAY, sentence) if sentence else (ONE_DAY,))


def test_skipped_days_and_left_out_rows_are_counted() -> None:
    """Days without a source and customers without an outcome are told in numbers."""
    sentences = _limitations(skipped_dates=(LAST, dt.date(2025, 12, 25)), left_out_rows=12345)

    assert sentences[1:] == (
        "Of the days that a window of 365 days asks for, 2 had no source and were skipped.",
        "12,345 rows were left out: what became of those customers cannot be told.",
    )


def test_groups_that_are_rarely_selected_are_named() -> None:
    """A large group below four fifths of the highest rate of the high tier is named with its ratio, a small one not."""
    groups = {"basic": (500, 0.32), "standard": (500, 0.8), "premium": (99, 0.1)}
    slices = tuple(
        made_up_slice(value, rows=rows).model_copy(update={"disparate_impact": impact})
        for value, (rows, impact) in groups.items()
    )

    sentences = _limitations(slices=slices)

    assert "four-fifths rule" in sentences[1]
    assert sentences[1].endswith(": plan basic 0.32.")


def test_groups_too_small_to_be_judged_are_named() -> None:
    """Groups of fewer than a hundred are named, large ones are not."""
    sentences = _limitations(
        slices=(made_up_slice("basic", rows=99), made_up_slice("premium", rows=100), made_up_slice("(missing)", rows=3))
    )

    assert sentences[1:] == ("Groups too small to be judged: plan basic, plan (missing).",)


@pytest.mark.parametrize(
    ("small", "ending"), [(8, "plan g7."), (9, "plan g7 and 1 more."), (20, "plan g7 and 12 more.")]
)
def test_many_small_groups_are_cut_short(small: int, ending: str) -> None:
    """Eight small groups are named; how many more there are is told."""
    sentences = _limitations(slices=tuple(made_up_slice(f"g{number}", rows=5) for number in range(small)))

    assert sentences[1].startswith("Groups too small to be judged: plan g0, plan g1,")
    assert sentences[1].endswith(ending)
