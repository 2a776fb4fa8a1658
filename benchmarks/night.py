"""A night of many customers: the chain against the cron script a user would write, in turn, as whole processes.

    python benchmarks/night.py WORK_FOLDER [--customers 1000000] [--rounds 3]

Both read the same Parquet export of the simulated subscription business, hold it against the same
pandera schema, compute the same features, and score with the same model. The script writes one
Parquet file of scores. The chain also keeps raw, valid, quarantined and feature partitions as
immutable versions, audits its files and records the run in Dagster. Then one customer's score is
traced to its source, as a whole process too.
"""

import argparse
import datetime as dt
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
from pandera.errors import SchemaErrors

from churn_assets.core.options import GateBounds
from churn_assets.profiles.simulation import simulate
from churn_assets.profiles.subscription import PROFILE
from churn_assets.storage.layout import Layout
from churn_assets.storage.registry import Registry
from churn_assets.storage.scores import PublishedScores

HISTORY_DAYS = 100
HISTORY_CUSTOMERS = 3_000
LAST = dt.date(2026, 6, 30)


def main() -> None:
    """Prepare once, then time both in turn and print the ratio pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--script", type=dt.date.fromisoformat, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.script:
        cron_script(given.work, given.script)
        return
    os.environ["CHURN_DATA_DIR"] = str(given.work.absolute())
    day = prepare(given.work, given.customers)
    churn_assets = str(Path(sys.executable).parent / "churn-assets")
    chain = [churn_assets, "run", "--date", str(day), "--json"]
    script = [sys.executable, __file__, str(given.work), "--script", str(day)]
    ratios = []
    for _ in range(given.rounds):
        for name in ("raw_customers", "customers", "quarantined_customers", "customer_features", "churn_scores"):
            shutil.rmtree(given.work / "tables" / name / f"snapshot_date={day}", ignore_errors=True)
            shutil.rmtree(given.work / "tables" / name / "_delta_log", ignore_errors=True)
        ours, theirs = timed(chain), timed(script)
        ratios.append(ours[0] / theirs[0])
        pair = {"chain": ours, "script": theirs}
        told = [f"{name} {seconds:6.1f} s {peak:6.0f} MiB" for name, (seconds, peak) in pair.items()]
        print(*told, f"ratio {ratios[-1]:.2f}", sep="   ")
    customer = PublishedScores(Layout(given.work)).riskiest(day)
    traced = [timed([churn_assets, "trace", customer, "--date", str(day), "--json"])[0] for _ in range(5)]
    print(f"churn-assets trace: {min(traced):.2f} to {max(traced):.2f} s")
    print(f"{given.customers:,} customers: the chain takes {statistics.median(ratios):.2f} times the script's time")


def prepare(work: Path, customers: int) -> dt.date:
    """A small history with a champion, and the next day with `customers` of them."""
    day = LAST + dt.timedelta(days=1)
    big = work / "source" / f"snapshot_date={day}" / "customers.parquet"
    if big.is_file():
        return day
    churn_assets = str(Path(sys.executable).parent / "churn-assets")
    history = ["--customers", str(HISTORY_CUSTOMERS), "--days", str(HISTORY_DAYS), "--until", str(LAST)]
    subprocess.run([churn_assets, "sample", *history], check=True)
    subprocess.run([churn_assets, "run", "--date", str(LAST)], check=True)
    [(_, frame)] = simulate(customers, 1, day, seed=1)
    big.parent.mkdir(parents=True)
    frame.to_parquet(big, index=False)
    return day


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MiB of a command as a whole process."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def cron_script(work: Path, day: dt.date) -> None:
    """What a user would write: pandas, pandera, predict_proba, to_parquet."""
    registry = Registry(Layout(work), GateBounds())
    pipeline, card = registry.models.load(registry.champion())
    customers = pd.read_parquet(work / "source" / f"snapshot_date={day}" / "customers.parquet")
    customers = customers.astype(dict.fromkeys(("plan", "country", "channel", "age_band"), "category"))
    customers = customers[~customers["customer_id"].duplicated(keep=False)]
    try:
        PROFILE.checks.validate(customers, lazy=True)
    except SchemaErrors as errors:
        customers = customers.drop(index=errors.failure_cases["index"].dropna().astype(int))
    features = PROFILE.add_features(customers.assign(snapshot_date=pd.Timestamp(day)), **card.feature_parameters)
    probability = pipeline.predict_proba(features[list(card.feature_columns)])[:, 1]
    scores = pd.DataFrame({"customer_id": customers["customer_id"], "churn_probability": probability})
    scores["risk_tier"] = pd.cut(probability, [-1, 0.3, 0.6, 1], labels=["low", "medium", "high"])
    scores.to_parquet(work / "scores.parquet", index=False)


if __name__ == "__main__":
    main()
