"""Figures that are kept with a model or a record."""

import pytest
from pydantic import BaseModel, ValidationError

from churn_assets.core.evaluation.results import FeatureSummary, Histogram, Interval, Reference
from churn_assets_tests.factories import made_up_metrics, made_up_slice

COUNTED = Histogram(edges=(0.1, 0.2), counts=(3, 4, 5), missing=2)
GROUP = made_up_slice()


def test_base_rate_and_its_brier_score() -> None:
    """The base rate is the share of churners; giving it to everybody costs p(1 - p)."""
    metrics = made_up_metrics(rows=200, churners=20)

    assert metrics.base_rate == 0.1
    assert metrics.base_rate_brier == pytest.approx(0.09)


def test_interval_in_words() -> None:
    """An interval is told by its ends, to four places."""
    assert str(Interval(low=-0.03001, high=0.5)) == "[-0.0300, 0.5000]"


@pytest.mark.parametrize(("rows", "is_large"), [(99, False), (100, True)])
def test_hundred_customers_are_enough_for_a_bound(rows: int, is_large: bool) -> None:  # noqa: FBT001
    """A group of fewer than a hundred is not held to a bound."""
    assert GROUP.model_copy(update={"rows": rows}).is_large is is_large


def test_rows_of_a_histogram_include_those_without_a_value() -> None:
    """Every row that was looked at is counted."""
    assert COUNTED.rows == 14


@pytest.mark.parametrize(
    "figure",
    [
        made_up_metrics(roc_auc=0.1 + 0.2),
        Interval(low=1 / 3, high=2 / 3),
        GROUP,
        COUNTED,
        Histogram(categories=("a", "b"), counts=(1, 2, 3)),
        Reference(features={"spend": COUNTED}, scores=COUNTED, duplicate_share=0.1 + 0.2),
        FeatureSummary(rows=14, duplicate_share=None, features={"spend": COUNTED}),
    ],
    ids=lambda figure: type(figure).__name__,
)
def test_figure_survives_being_written(figure: BaseModel) -> None:
    """What is read back from JSON is the same to the last digit, and cannot be changed."""
    assert type(figure).model_validate_json(figure.model_dump_json()) == figure
    with pytest.raises(ValidationError, match="frozen"):
        setattr(figure, next(iter(type(figure).model_fields)), 0)


def test_reference_of_an_earlier_release_can_be_read() -> None:
    """Those that were kept before duplicates were counted lack their share, and are read as ever."""
    kept = Reference(features={"spend": COUNTED}, scores=COUNTED).model_dump(exclude={"duplicate_share"})

    read = Reference.model_validate(kept)

    assert read.features == {"spend": COUNTED}
    assert read.duplicate_share is None
