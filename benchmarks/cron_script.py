"""The rival: the script that a careful user of pandas would let cron run every night.

    python benchmarks/cron_script.py DATA_DIR DAY

Reads the day's export, checks it with the same pandera schema and drops the rows that break it, computes the
same features, scores them with the same model, and writes one Parquet file of scores. Nothing else.
"""

import datetime as dt
import sys
import time
from pathlib import Path

import joblib
import pandas as pd
from measuring import self_told
from pandera.errors import SchemaErrors

from churn_assets.profiles.subscription import PROFILE

CATEGORIES = ("plan", "country", "channel", "age_band")


def main() -> None:
    """Score one day."""
    started = time.perf_counter()
    data, day = Path(sys.argv[1]), dt.date.fromisoformat(sys.argv[2])
    pipeline = joblib.load(next(data.glob("models/*/model.joblib")))
    customers = pd.read_parquet(data / "source" / f"snapshot_date={day}" / "customers.parquet")
    customers = customers.astype(dict.fromkeys(CATEGORIES, "category"))
    customers = customers[~customers["customer_id"].duplicated(keep=False)]
    try:
        PROFILE.checks.validate(customers, lazy=True)
    except SchemaErrors as errors:
        customers = customers.drop(index=errors.failure_cases["index"].dropna().astype(int))
    customers = customers[customers["signup_date"] <= pd.Timestamp(day)]
    features = PROFILE.add_features(customers.assign(snapshot_date=pd.Timestamp(day)))
    probability = pipeline.predict_proba(features[list(PROFILE.feature_columns)])[:, 1]
    scores = pd.DataFrame({"customer_id": customers["customer_id"], "churn_probability": probability})
    scores["risk_tier"] = pd.cut(probability, [-1, 0.3, 0.6, 1], labels=["low", "medium", "high"])
    scores.to_parquet(data / "cron_scores.parquet", index=False)
    print(self_told(started, len(scores)))


if __name__ == "__main__":
    main()
