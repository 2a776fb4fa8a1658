"""A data folder for the nights that are timed: a small history with a champion, and one large day."""

import datetime as dt
import os
import shutil
import sys
from pathlib import Path

from measuring import CHURN_ASSETS, run

__all__ = ["ESTIMATOR", "LAST", "prepare", "without_day"]

HISTORY_DAYS = 100
HISTORY_CUSTOMERS = 3_000
LAST = dt.date(2026, 6, 30)
ESTIMATOR = "hist_gradient_boosting"  # of a hundred trees, whichever recipe would win on this history
BESIDE = ("_lookup", "_feature_counts")
CHAIN = ("raw_customers", "customers", "quarantined_customers", "customer_features", "churn_scores")
TABLES = (*CHAIN, "churn_reasons", "feature_drift", "score_drift")


def prepare(work: Path, customers: int, *, ordered: bool = True, estimator: str = ESTIMATOR) -> dt.date:
    """Make `work` a data folder whose champion has scored the last small day; the large day is the next one."""
    os.environ["CHURN_DATA_DIR"] = str(work.absolute())
    day = LAST + dt.timedelta(days=1)
    export = work / "source" / f"snapshot_date={day}" / "customers.parquet"
    if not export.is_file():
        history = ["--customers", str(HISTORY_CUSTOMERS), "--days", str(HISTORY_DAYS), "--until", str(LAST)]
        run([CHURN_ASSETS, "sample", *history])
        run([CHURN_ASSETS, "run", "--date", str(LAST)], CHURN_TRAINING__ESTIMATOR=estimator)
        exports = [sys.executable, str(Path(__file__).with_name("exports.py")), str(export), str(customers), str(day)]
        run(exports if ordered else [*exports, "--shuffled"])
    return day


def without_day(work: Path, day: dt.date) -> None:
    """Forget what was made of the large day, and of the tables' logs, so that the next night does all of it."""
    for name in TABLES:
        for folder in (f"snapshot_date={day}", "_delta_log", *(f"{each}/snapshot_date={day}" for each in BESIDE)):
            shutil.rmtree(work / "tables" / name / folder, ignore_errors=True)
