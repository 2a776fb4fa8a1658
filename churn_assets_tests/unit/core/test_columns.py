"""The columns that are the same for every business."""

import pyarrow as pa
import pytest

from churn_assets.core.columns import EVALUATIONS, PROMOTIONS, SCORES, SNAPSHOT_DATE, described, description_of


def test_scores_are_the_contract_with_the_app() -> None:
    """`churn_scores` holds the promised columns in the promised types; the partition column is not in its files."""
    expected = {
        "customer_id": pa.string(),
        "churn_probability": pa.float64(),
        "risk_tier": pa.string(),
        "action": pa.string(),
        "model_version": pa.string(),
    }

    actual = {field.name: field.type for field in SCORES}

    assert actual == expected


@pytest.mark.parametrize("schema", [SCORES, PROMOTIONS, EVALUATIONS], ids=["scores", "promotions", "evaluations"])
def test_every_column_is_described(schema: pa.Schema) -> None:
    """Each column of a fixed table says what it holds, and none is the partition column."""
    undescribed = [field.name for field in schema if not description_of(field)]

    assert undescribed == []
    assert SNAPSHOT_DATE not in schema.names


@pytest.mark.parametrize("text", ["", "Spend, in €, of the last 30 days"])
def test_description_travels_with_its_field(text: str) -> None:
    """What `described` was given is what `description_of` gives back, also beyond ASCII."""
    field = described("spend", pa.float64(), text)

    assert description_of(field) == text


def test_plain_field_has_no_description() -> None:
    """A field that nobody described has the empty description."""
    assert description_of(pa.field("spend", pa.float64())) == ""
