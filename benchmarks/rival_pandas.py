"""A rival that does the same work: a Dagster project on pandas and pandera, as a competent user would write it.

    python benchmarks/rival_pandas.py DATA_DIR DAY

Keeps raw, valid, quarantined, features and scores, each partition a Parquet file below DATA_DIR/rival_pandas.
"""

from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
from pandera.errors import SchemaErrors
from rival_project import DAYS, HIGH_ABOVE, MEDIUM_ABOVE, REVIEW_BAND, Business, ParquetFolder, project, run_night

from churn_assets.profiles.subscription import PROFILE

CATEGORIES = ("plan", "country", "channel", "age_band")
ACTIONS = ("none", "offer", "review")


class PandasParquet(ParquetFolder):
    """Frames of pandas."""

    def write(self, frame: pd.DataFrame, path: Path) -> None:
        """Write `frame` as one file."""
        frame.to_parquet(path, index=False)

    def read(self, path: Path) -> pd.DataFrame:
        """Read what was written."""
        return pd.read_parquet(path)


@dg.asset(partitions_def=DAYS)
def raw_customers(context: dg.AssetExecutionContext, business: Business) -> pd.DataFrame:
    """The day's export as it came."""
    return pd.read_parquet(business.export(context.partition_key))


@dg.multi_asset(
    outs={"customers": dg.AssetOut(), "quarantined_customers": dg.AssetOut()},
    partitions_def=DAYS,
)
def validated_customers(
    context: dg.AssetExecutionContext, raw_customers: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Valid customers, and the others with what is wrong with them."""
    raw = raw_customers.astype(dict.fromkeys(CATEGORIES, "category"))
    faults = faults_of(raw, pd.Timestamp(context.partition_key))
    valid = np.ones(len(raw), dtype=bool)
    valid[faults.index] = False
    return raw[valid], raw.loc[faults.index].assign(faults=faults)


def faults_of(raw: pd.DataFrame, day: pd.Timestamp) -> "pd.Series[str]":
    """The faults of each broken row, by its number."""
    repeated = raw.index[raw["customer_id"].duplicated(keep=False)]
    later = raw.index[raw["signup_date"] >= day + pd.Timedelta(days=1)]
    cases = [
        pd.DataFrame({"index": repeated, "column": "customer_id", "check": "unique"}),
        pd.DataFrame({"index": later, "column": "signup_date", "check": "not_after_snapshot"}),
    ]
    try:
        PROFILE.checks.validate(raw, lazy=True)
    except SchemaErrors as errors:
        cases.append(errors.failure_cases[["index", "column", "check"]])
    found = pd.concat(cases)
    return (found["column"] + ": " + found["check"]).groupby(found["index"].astype(int)).agg("; ".join)


@dg.asset(partitions_def=DAYS)
def customer_features(context: dg.AssetExecutionContext, customers: pd.DataFrame) -> pd.DataFrame:
    """What the model sees of each customer."""
    features = PROFILE.add_features(customers.assign(snapshot_date=pd.Timestamp(context.partition_key)))
    return features[["customer_id", *PROFILE.feature_columns]]


@dg.asset(partitions_def=DAYS)
def churn_scores(customer_features: pd.DataFrame, business: Business) -> pd.DataFrame:
    """Probability, tier and action of each customer."""
    version, pipeline = business.model()
    probability = pipeline.predict_proba(customer_features[list(PROFILE.feature_columns)])[:, 1]
    is_review = (probability >= REVIEW_BAND[0]) & (probability <= REVIEW_BAND[1])
    action = np.select([is_review, probability > HIGH_ABOVE], [ACTIONS.index("review"), ACTIONS.index("offer")], 0)
    return pd.DataFrame(
        {
            "customer_id": customer_features["customer_id"],
            "churn_probability": probability,
            "risk_tier": pd.cut(probability, [-1, MEDIUM_ABOVE, HIGH_ABOVE, 1], labels=["low", "medium", "high"]),
            "action": pd.Categorical.from_codes(action, ACTIONS),
            "model_version": pd.Categorical.from_codes(np.zeros(len(probability), np.int8), [version]),
        }
    )


def nightly() -> dg.JobDefinition:
    """The job of a night."""
    return project("rival_pandas", [raw_customers, validated_customers, customer_features, churn_scores], PandasParquet)


if __name__ == "__main__":
    run_night(nightly)
