"""A whole night against projects that do the same work, and against the floor of that work, as whole processes.

    python benchmarks/same_work.py WORK_FOLDER [--customers 10000000] [--rounds 3]

The rivals are plain Dagster projects, on pandas with pandera and on polars, as a competent user writes them: they keep
raw, valid, quarantined, features and scores, a Parquet file each. They publish no versions, audit nothing and keep no
lookup. Their scores are held against ours once. The floor reads and writes the same bytes as the night, and does
nothing in between (`night_floor.py`). Everything runs in turn; processor seconds are steadier than wall time.
"""

import argparse
import datetime as dt
import statistics
import sys
from pathlib import Path

import polars as pl
from measuring import ARROWS_OWN, CHURN_ASSETS, Run, machine, run
from preparing import prepare, without_day

from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.table import Table

RIVALS = ("cron_script", "rival_pandas", "rival_polars", "night_floor")
COMPARED = ("customer_id", "churn_probability", "risk_tier", "action")


def main() -> None:
    """Prepare once, run all in turn, and print the ratios pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    day = prepare(given.work, given.customers)
    night = [CHURN_ASSETS, "run", "--date", str(day), "--accept-shift", "--reason", "a benchmark", "--json"]
    ratios: dict[str, list[tuple[float, float, float]]] = {name: [] for name in RIVALS}
    for _ in range(given.rounds):
        without_day(given.work, day)
        ours = run(night)
        _tell("the night", ours)
        for name in RIVALS:
            script = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), str(given.work), str(day)]
            theirs = run(script, **({} if name == "night_floor" else ARROWS_OWN))
            _tell(name, theirs)
            ratios[name].append((theirs.cpu / ours.cpu, theirs.seconds / ours.seconds, theirs.peak / ours.peak))
    for name in ("rival_pandas", "rival_polars"):
        _compare(given.work, name, day)
    for name, pairs in ratios.items():
        cpu, seconds, peak = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"{name}: {cpu:.2f} of the night's processor seconds, {seconds:.2f} of its time, {peak:.1f} of its peak")


def _tell(name: str, one: Run) -> None:
    print(f"{name:14} {one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB", flush=True)


def _compare(work: Path, name: str, day: dt.date) -> None:
    """Stop where a rival's scores are not ours."""
    version = Table(Layout(work).table("churn_scores")).version(day)
    ours = pl.concat(pl.read_parquet(path, columns=list(COMPARED)) for path in version.files)
    theirs = pl.read_parquet(work / name / "churn_scores" / f"{day}.parquet", columns=list(COMPARED))
    told = theirs.with_columns(pl.col("risk_tier", "action").cast(pl.String)).sort("customer_id")
    if not told.equals(ours.sort("customer_id")):
        raise SystemExit(f"{name} gives other scores")


if __name__ == "__main__":
    main()
