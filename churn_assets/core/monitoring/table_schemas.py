"""The columns of the tables that follow from the scores; `snapshot_date` is the partition and stands in the path."""

import pyarrow as pa

from churn_assets.core.table_schemas import described

__all__ = [
    "CHURN_OUTCOMES",
    "ESTIMATED_PERFORMANCE",
    "FEATURE_DRIFT",
    "REALIZED_PERFORMANCE",
    "SCORE_DRIFT",
    "SCORE_SUMMARY",
]

SEVERITY = "ok, warning or error"
SLICE = (
    described("slice_column", pa.string(), "The column by which customers are grouped; empty for everybody"),
    described("slice_value", pa.string(), "The group; empty for everybody"),
)

FEATURE_DRIFT = pa.schema(
    [
        described("feature", pa.string(), "A column that the model sees"),
        described("kind", pa.string(), "numeric or categorical"),
        described("rows", pa.int64(), "Customers that were counted"),
        described("psi", pa.float64(), "Population stability index against the champion's reference"),
        described("psi_chance", pa.float64(), "What that index stays below where nothing has changed"),
        described("ks", pa.float64(), "Kolmogorov-Smirnov distance to the reference; null for a category"),
        described("unseen_share", pa.float64(), "Share of the rows whose category training never saw"),
        described("null_share", pa.float64(), "Share of the rows without a value"),
        described("null_share_reference", pa.float64(), "Likewise in the reference"),
        described("severity", pa.string(), SEVERITY),
    ]
)
SCORE_DRIFT = pa.schema(
    [
        described("against", pa.string(), "reference, last_day or last_week"),
        described("against_date", pa.date32(), "The day that was compared with; null for the reference"),
        described("psi", pa.float64(), "Population stability index of the probabilities"),
        described("mean_shift", pa.float64(), "Mean probability less that of what was compared with"),
        described("severity", pa.string(), SEVERITY),
    ]
)
CHURN_OUTCOMES = pa.schema(
    [
        described("customer_id", pa.string(), "A customer that was scored on the day", nullable=False),
        described("churned", pa.bool_(), "Whether they had left by the end of the horizon", nullable=False),
        described("known_on", pa.date32(), "The day whose snapshot told it", nullable=False),
        described("is_held_out", pa.bool_(), "Whether they got no offer, to show its effect", nullable=False),
    ]
)
REALIZED_PERFORMANCE = pa.schema(
    [
        described("known_on", pa.date32(), "The day on which the outcomes were known"),
        described("model_version", pa.string(), "The model that gave the scores"),
        described("arm", pa.string(), "champion, canary or challenger"),
        *SLICE,
        described("rows", pa.int64(), "Scored customers with a known outcome"),
        described("churners", pa.int64(), "How many of them left"),
        described("roc_auc", pa.float64(), "Area under the ROC curve; null below the minimum of outcomes"),
        described("roc_auc_low", pa.float64(), "Lower end of its 95 % interval"),
        described("roc_auc_high", pa.float64(), "Upper end of it"),
        described("average_precision", pa.float64(), "Average precision"),
        described("brier", pa.float64(), "Brier score"),
        described("calibration_error", pa.float64(), "Mean distance of probability and churn rate, over quantile bins"),
        described("mean_probability", pa.float64(), "Mean of the probabilities"),
        described("lift_top_decile", pa.float64(), "Churn rate of the tenth with the highest scores, over everybody's"),
    ]
)
ESTIMATED_PERFORMANCE = pa.schema(
    [
        described("model_version", pa.string(), "The model that gave the scores"),
        described("rows", pa.int64(), "Customers that were scored"),
        described("roc_auc", pa.float64(), "Area under the ROC curve that the probabilities promise"),
        described("brier", pa.float64(), "Brier score that they promise"),
    ]
)
SCORE_SUMMARY = pa.schema(
    [
        *SLICE,
        described("risk_tier", pa.string(), "low, medium or high"),
        described("customers", pa.int64(), "Customers of the group in the tier"),
        described("share", pa.float64(), "Their share of the group"),
        described("mean_probability", pa.float64(), "Mean of their probabilities"),
        described("risen", pa.int64(), "How many came from a lower tier since the last scored day"),
        described("fallen", pa.int64(), "How many came from a higher one"),
    ]
)
