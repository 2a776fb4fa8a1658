"""The columns that are the same for every business, as Arrow schemas with a description for each.

Files hold no `snapshot_date`: it is the partition column of every table and stands in the path.
Nothing heavy is imported here: the command line and the app read scores by these alone.
"""

import pyarrow as pa

__all__ = [
    "EVALUATIONS",
    "FAULTS",
    "FAULT_TYPE",
    "PROMOTIONS",
    "RESCUED",
    "SCORES",
    "SNAPSHOT_DATE",
    "UTC_TIMESTAMP",
    "described",
    "description_of",
]

SNAPSHOT_DATE = "snapshot_date"
RESCUED = "rescued_data"
FAULTS = "faults"
FAULT_TYPE = pa.list_(
    pa.field(
        "element",
        pa.struct([("column", pa.string()), ("check", pa.string()), ("value", pa.string())]),
    )
)
UTC_TIMESTAMP = pa.timestamp("us", tz="UTC")


def described(name: str, kind: pa.DataType, description: str) -> pa.Field:
    """An Arrow field that carries its description with it."""
    return pa.field(name, kind, metadata={"description": description} if description else None)


def description_of(field: pa.Field) -> str:
    """The description of a field made by `described`, or an empty string."""
    return str((field.metadata or {}).get(b"description", b""), "utf-8")


SCORES = pa.schema(
    [
        described("customer_id", pa.string(), "The customer, in UTF-8 byte order within the partition"),
        described("churn_probability", pa.float64(), "Probability of churn within the horizon, 0 to 1"),
        described("risk_tier", pa.string(), "low, medium or high, by the configured thresholds"),
        described("action", pa.string(), "What the app should do: none, offer or review"),
        described("model_version", pa.string(), "The model version that gave the probability"),
    ]
)
PROMOTIONS = pa.schema(
    [
        described("promoted_at", UTC_TIMESTAMP, "When the promotion was recorded"),
        described("from_version", pa.string(), "The champion before, null for the first"),
        described("to_version", pa.string(), "The champion from then on"),
        described("actor", pa.string(), "Who promoted"),
        described("reason", pa.string(), "Why"),
        described("forced", pa.bool_(), "Whether failed gates were overridden"),
    ]
)
EVALUATIONS = pa.schema(
    [
        described("evaluated_at", UTC_TIMESTAMP, "When the evaluation was recorded"),
        described("model_version", pa.string(), "The model version that was judged"),
        described("backtest_date", pa.date32(), "The day whose outcomes judged it"),
        described("rows", pa.int64(), "Customers with a known outcome"),
        described("base_rate", pa.float64(), "Share of them who churned"),
        described("roc_auc", pa.float64(), "Area under the ROC curve"),
        described("average_precision", pa.float64(), "Average precision"),
        described("brier", pa.float64(), "Brier score"),
        described("published_version", pa.string(), "The scores that were published on that day, if any"),
        described("published_roc_auc", pa.float64(), "ROC-AUC of those scores on the same outcomes"),
        described("passed", pa.bool_(), "Whether every gate was passed"),
        described("missed", pa.string(), "The gates that were missed, in words"),
    ]
)
