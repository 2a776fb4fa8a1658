"""The columns that are the same for every business."""

import pyarrow as pa
import pytest

from churn_assets.core.table_schemas import (
    CANARIES,
    COMPARISONS,
    EVALUATIONS,
    PROMOTIONS,
    SCORES,
    SNAPSHOT_DATE,
    described,
    description_of,
)

RECORDS = [PROMOTIONS, EVALUATIONS, CANARIES, COMPARISONS]
FIRST_COLUMNS = {
    "promotions": {
        "promoted_at": "timestamp[us, tz=UTC]",
        "from_version": "string",
        "to_version": "string",
        "actor": "string",
        "reason": "string",
        "forced": "bool",
    },
    "evaluations": {
        "evaluated_at": "timestamp[us, tz=UTC]",
        "model_version": "string",
        "backtest_date": "date32[day]",
        "rows": "int64",
        "base_rate": "double",
        "roc_auc": "double",
        "average_precision": "double",
        "brier": "double",
        "published_version": "string",
        "published_roc_auc": "double",
        "passed": "bool",
        "missed": "string",
    },
}
NAMES = ["promotions", "evaluations", "canaries", "challenger_comparisons"]


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


def test_every_score_is_complete() -> None:
    """A row of `churn_scores` that lacks one of its values cannot be written."""
    optional = [field.name for field in SCORES if field.nullable]

    assert optional == []


@pytest.mark.parametrize("schema", [SCORES, *RECORDS], ids=["scores", *NAMES])
def test_every_column_is_described(schema: pa.Schema) -> None:
    """Each column of a fixed table says what it holds, and stands in it once."""
    undescribed = [field.name for field in schema if not description_of(field)]

    assert undescribed == []
    assert len(set(schema.names)) == len(schema.names)


@pytest.mark.parametrize("schema", [SCORES, PROMOTIONS, EVALUATIONS, CANARIES], ids=["scores", *NAMES[:3]])
def test_partition_column_is_no_column_of_a_file(schema: pa.Schema) -> None:
    """The partition column stands in the path; only records about a scored day name that day in a column."""
    assert SNAPSHOT_DATE not in schema.names


@pytest.mark.parametrize(("schema", "name"), [(PROMOTIONS, "promotions"), (EVALUATIONS, "evaluations")])
def test_records_keep_the_columns_of_earlier_releases(schema: pa.Schema, name: str) -> None:
    """Tables that are only ever added to lose no column and change no type: their older records must stay readable."""
    first = FIRST_COLUMNS[name].items()

    assert first <= {field.name: str(field.type) for field in schema}.items()


@pytest.mark.parametrize("text", ["", "Spend, in €, of the last 30 days"])
def test_description_travels_with_its_field(text: str) -> None:
    """What `described` was given is what `description_of` gives back, also beyond ASCII."""
    field = described("spend", pa.float64(), text)

    assert description_of(field) == text


def test_plain_field_has_no_description() -> None:
    """A field that nobody described has the empty description."""
    assert description_of(pa.field("spend", pa.float64())) == ""
