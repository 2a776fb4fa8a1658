"""The columns that are the same for every business, as Arrow schemas with a description for each.

Files hold no `snapshot_date`: it is the partition column of every table and stands in the path.
Nothing heavy is imported here: the command line and the app read scores by these alone.
"""

import pyarrow as pa

__all__ = [
    "ACTIONS",
    "ALERTS",
    "CANARIES",
    "COMPARISONS",
    "ERASURES",
    "EVALUATIONS",
    "EXPIRATIONS",
    "FAULTS",
    "FAULT_TYPE",
    "PROMOTIONS",
    "REASONS",
    "RESCUED",
    "REWRITTEN_VERSIONS",
    "SCORES",
    "SNAPSHOT_DATE",
    "TIERS",
    "TIERS_AT_RISK",
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
TIERS = ("low", "medium", "high")
TIERS_AT_RISK = TIERS[1:]  # who is listed for the retention team
ACTIONS = ("none", "offer", "review")


def described(name: str, kind: pa.DataType, description: str, *, nullable: bool = True) -> pa.Field:
    """An Arrow field that carries its description with it; one that is not nullable holds a value in every row."""
    return pa.field(name, kind, nullable, {"description": description} if description else None)


def description_of(field: pa.Field) -> str:
    """The description of a field made by `described`, or an empty string."""
    return str((field.metadata or {}).get(b"description", b""), "utf-8")


SCORES = pa.schema(
    [
        described(name, kind, description, nullable=False)
        for name, kind, description in (
            ("customer_id", pa.string(), "The customer, in UTF-8 byte order within the partition"),
            ("churn_probability", pa.float64(), "Probability of churn within the horizon, 0 to 1"),
            ("risk_tier", pa.string(), "low, medium or high, by the configured thresholds"),
            ("action", pa.string(), "What the app should do: none, offer or review"),
            ("model_version", pa.string(), "The model version that gave the probability"),
        )
    ]
)
REASONS = pa.schema(
    [
        described(name, kind, description, nullable=False)
        for name, kind, description in (
            ("customer_id", pa.string(), "A customer who is explained, in the order of churn_scores"),
            ("rank", pa.int32(), "1 for the strongest reason, then on"),
            ("family", pa.string(), "What it is about, by the profile; average where nothing stands out"),
            ("feature", pa.string(), "The strongest feature of the family; empty for average"),
            ("contribution", pa.float64(), "What the family adds to the base value, in log-odds"),
            ("direction", pa.string(), "up: it raises the risk; down: it lowers it"),
            ("value", pa.string(), "What fills the hole of the sentence; may be empty"),
            ("sentence", pa.string(), "The profile's words, with {} where the value stands"),
            (
                "base_value",
                pa.float64(),
                "From where contributions start: the model's mean log-odds over a sample",
            ),
            ("other", pa.float64(), "What all that is not among the customer's reasons adds"),
            ("hidden_share", pa.float64(), "Share of families that are never shown in all that moves the customer"),
        )
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
        described("calibration_error", pa.float64(), "Mean distance of probability and churn rate, over quantile bins"),
        described(
            "compared_with", pa.string(), "published, champion or null: beside whose probabilities it was judged"
        ),
        described("compared_version", pa.string(), "The score version or the model version of those"),
        described("roc_auc_difference", pa.float64(), "ROC-AUC less theirs, on the same customers"),
        described("difference_low", pa.float64(), "Lower end of the 95 % interval of that difference"),
        described("difference_high", pa.float64(), "Upper end of it"),
        described("evidence", pa.string(), "JSON of all that the gates look at"),
        described("first_reason_changed", pa.float64(), "Share of them whose first reason is not the champion's"),
    ]
)
CANARIES = pa.schema(
    [
        described("set_at", UTC_TIMESTAMP, "When it was recorded"),
        described("model_version", pa.string(), "The canary from then on, null for none"),
        described("share", pa.float64(), "Share of the customers that it scores"),
        described("actor", pa.string(), "Who set it"),
        described("reason", pa.string(), "Why"),
    ]
)
COMPARISONS = pa.schema(
    [
        described("compared_at", UTC_TIMESTAMP, "When it was recorded"),
        described(SNAPSHOT_DATE, pa.date32(), "The day that both scored"),
        described("published_version", pa.string(), "The version of churn_scores"),
        described("champion", pa.string(), "The model version that was champion"),
        described("challenger_version", pa.string(), "The version of challenger_scores"),
        described("challenger", pa.string(), "The model version that scored unseen"),
        described("customers", pa.int64(), "Customers that both scored"),
        described("rank_correlation", pa.float64(), "Spearman's correlation of the probabilities"),
        described("tier_changed", pa.float64(), "Share of customers whose tier would change"),
        described("action_changed", pa.float64(), "Share of customers whose action would change"),
        described("mean_shift", pa.float64(), "Mean probability of the challenger less that of the published scores"),
        described("histogram_published", pa.list_(pa.int64()), "Rows by twentieths of the probability"),
        described("histogram_challenger", pa.list_(pa.int64()), "Likewise of the challenger"),
    ]
)
ALERTS = pa.schema(
    [
        described("recorded_at", UTC_TIMESTAMP, "When it was recorded"),
        described("event", pa.string(), "raised or delivered"),
        described(SNAPSHOT_DATE, pa.date32(), "The day that it is about"),
        described("condition", pa.string(), "What holds, by its stable name"),
        described("severity", pa.string(), "warning or error"),
        described("sentence", pa.string(), "What, where and how much"),
        described("runbook", pa.string(), "The section of the runbook that says what to do"),
        described("channels", pa.list_(pa.string()), "Where it is to go beside the log, or was delivered"),
    ]
)
ERASURES = pa.schema(
    [
        described("recorded_at", UTC_TIMESTAMP, "When it was recorded"),
        described("event", pa.string(), "begun, or done once nothing of the customer is left"),
        described("customer_hash", pa.string(), "HMAC-SHA-256 of the id under the installation's secret, 32 digits"),
        described("customer_mark", pa.string(), "SipHash of the id under it, by which a landing finds them fast"),
        described("actor", pa.string(), "Who erased"),
        described("reason", pa.string(), "Why"),
        described("tables", pa.string(), "JSON of the rows removed, by table; empty where it begins"),
        described("versions", pa.int64(), "How many partition versions were rewritten"),
    ]
)
REWRITTEN_VERSIONS = pa.schema(
    [
        described("recorded_at", UTC_TIMESTAMP, "When it was recorded"),
        described("customer_hash", pa.string(), "Whose erasure rewrote them"),
        described("table", pa.string(), "The table whose versions they are"),
        described(
            "versions",
            pa.list_(
                pa.field(
                    "element",
                    pa.struct(
                        [
                            (SNAPSHOT_DATE, pa.date32()),
                            ("from_version", pa.string()),
                            ("to_version", pa.string()),
                            ("removed", pa.int64()),
                            ("rows", pa.list_(pa.field("element", pa.int64()))),
                        ]
                    ),
                )
            ),
            "Each with its day, its name before and now, the rows removed, and the rows left in each of its files",
        ),
    ]
)
EXPIRATIONS = pa.schema(
    [
        described("expired_at", UTC_TIMESTAMP, "When it was recorded, just before the files were removed"),
        described("table", pa.string(), "Whose they were; models for models"),
        described(
            "kind",
            pa.string(),
            "version, quarantine, orphan, lookup, feature_counts, report, record, model, unfinished",
        ),
        described("names", pa.list_(pa.string()), "Which: a version with its day, a model version, else a file"),
        described("bytes", pa.int64(), "How large they were"),
        described("kept_days", pa.int32(), "For how many days the configuration keeps such"),
        described("actor", pa.string(), "Who let them expire"),
    ]
)
