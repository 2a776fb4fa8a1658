"""How good the published scores of a real shop were, once it was known who came back.

    python benchmarks/retail.py SNAPSHOT_SCRIPT WORK_FOLDER [--as-of 2011-08-31]

Builds the shop's daily snapshots with SNAPSHOT_SCRIPT (it writes `snapshot_date=D/customers.parquet`
below a folder), runs `churn-assets run` for the day with profile `retail`, and holds the published
scores against the snapshot of 90 days later, beside recency alone. The run itself learns only from
what was known on the day.
"""

import argparse
import datetime as dt
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable
from numpy.typing import NDArray

from churn_assets.core.customers.landing import land_batch
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.profile import LabelRule
from churn_assets.core.profile_schemas import customers_schema, raw_schema
from churn_assets.core.training.labels import label_from_later
from churn_assets.profiles.loading import load_profile

PROFILE = "churn_assets.profiles.retail"


def main() -> None:
    """Run the day, then judge it by what came true."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path, help="build_snapshots.py of the data set")
    parser.add_argument("work", type=Path, help="an empty folder, or one this was run in before")
    parser.add_argument("--as-of", type=dt.date.fromisoformat, default=dt.date(2011, 8, 31))
    given = parser.parse_args()
    build_source(given.script, given.work)
    command = [Path(sys.executable).parent / "churn-assets", "run", "--date", given.as_of.isoformat()]
    subprocess.run(command, check=True, env=environment(given.work))
    judge(given.work, given.as_of)


def build_source(script: Path, work: Path) -> None:
    """Write the shop's daily snapshots to the source below `work`, where they are not there yet."""
    source = work / "source"
    if not source.is_dir():
        days = ["--start", "2010-05-31", "--end", "2011-12-01"]
        subprocess.run([sys.executable, script, source, *days], check=True)


def environment(work: Path) -> dict[str, str]:
    """The variables under which the product runs on the shop."""
    told = {"CHURN_DATA_DIR": str(work.absolute()), "CHURN_PROFILE": PROFILE, "CHURN_START_DATE": "2010-05-31"}
    return os.environ | told


def judge(work: Path, day: dt.date) -> None:
    """Print ROC-AUC, average precision and Brier score of the day's published scores, and of recency alone."""
    published, churned = published_and_outcomes(work, day)
    recency = (
        pd.Timestamp(day) - snapshot(work, day).column("last_order_date").to_pandas().dt.tz_localize(None)
    ).dt.days
    print(f"{day}: {len(churned):,} customers, {churned.mean():.1%} did not come back in the next days")
    for name, probability in {"published scores": published, "recency alone": recency / 180}.items():
        told = measure(churned, pd.Series(probability).clip(0, 1).to_numpy())
        print(f"{name:<18} ROC-AUC {told.roc_auc:.3f}  AP {told.average_precision:.3f}  Brier {told.brier:.3f}")


def published_and_outcomes(work: Path, day: dt.date) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The day's published probabilities, (n), and what became of these customers, (n)."""
    profile = load_profile(PROFILE)
    rule = profile.label
    if not isinstance(rule, LabelRule):
        raise TypeError(f"{PROFILE} has no outcome to wait for")
    then, later = snapshot(work, day), snapshot(work, day + dt.timedelta(days=rule.horizon_days))
    outcomes = label_from_later(profile, rule, day, then, later, then.column("customer_id")[:0])
    scores = DeltaTable(work / "tables" / "churn_scores").to_pyarrow_dataset()
    published = scores.to_table(filter=ds.field("snapshot_date") == day).sort_by("customer_id")
    if published.column("customer_id").to_pylist() != then.column("customer_id").to_pylist():
        raise SystemExit("some customers of the day have no score: look at quarantined_customers")
    return published.column("churn_probability").to_numpy(), outcomes.churned


def snapshot(work: Path, day: dt.date) -> pa.Table:
    """The customers of a day as the product reads them, in the order of their ids."""
    profile = load_profile(PROFILE)
    file = work / "source" / f"snapshot_date={day}" / "customers.parquet"
    [batch] = pq.read_table(file, partitioning=None).combine_chunks().to_batches()
    ordered = land_batch(batch, raw_schema(profile), day, str(file)).sort_by("customer_id")
    return ordered.select(customers_schema(profile).names)


if __name__ == "__main__":
    main()
