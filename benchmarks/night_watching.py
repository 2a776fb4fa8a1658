"""What the watching costs a night: the same night with and without it, in turn, as whole processes.

    python benchmarks/night_watching.py WORK_FOLDER [--customers 10000000] [--rounds 3]

The day before and the day a horizon before are as large as the night, and were scored: so there is somebody who may
have moved between tiers, and there are outcomes that have become known. Each night runs in a copy of the folder.
"""

import argparse
import datetime as dt
import os
import shutil
import statistics
import sys
from pathlib import Path

from measuring import CHURN_ASSETS, Run, machine, run

HISTORY = ["--customers", "3000", "--days", "100"]
DAY = dt.date(2026, 7, 1)
BEFORE = (DAY - dt.timedelta(days=30), DAY - dt.timedelta(days=1))
ESTIMATOR = {"CHURN_TRAINING__ESTIMATOR": "hist_gradient_boosting"}
ACCEPTED = ["--accept-shift", "--reason", "a benchmark"]


def main() -> None:
    """Prepare once, then time both in turn and print the ratios pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(machine())
    scored = given.work / "scored"
    if not scored.is_dir():
        _prepare(given.work / "preparing", given.customers)
        (given.work / "preparing").rename(scored)
    ratios = []
    for _ in range(given.rounds):
        watched, alone = _night(given.work), _night(given.work, "--without-watching")
        ratios.append((watched.cpu / alone.cpu, watched.seconds / alone.seconds))
        print(_told("watched", watched), _told("not watched", alone), sep="   ", flush=True)
    cpu, seconds = (statistics.median(each) - 1 for each in zip(*ratios, strict=True))
    print(f"watching costs {cpu:+.1%} of the processor's seconds and {seconds:+.1%} of the time")


def _prepare(folder: Path, customers: int) -> None:
    """A champion that was trained on a small history, and the large days, all but the last one scored."""
    shutil.rmtree(folder, ignore_errors=True)
    given = {"CHURN_DATA_DIR": str(folder.absolute())}
    run([CHURN_ASSETS, "sample", *HISTORY, "--until", str(BEFORE[1])], **given)
    run([CHURN_ASSETS, "train", "--as-of", str(BEFORE[0])], **given, **ESTIMATOR)
    for day in (*BEFORE, DAY):
        export = folder / "source" / f"snapshot_date={day}" / "customers.parquet"
        shutil.rmtree(export.parent, ignore_errors=True)
        run([sys.executable, str(Path(__file__).with_name("exports.py")), str(export), str(customers), str(day)])
    for day in BEFORE:
        run([CHURN_ASSETS, "run", "--date", str(day), *ACCEPTED], **given, **ESTIMATOR)


def _night(work: Path, *options: str) -> Run:
    """The night in a copy of what was prepared: files that never change are links, Dagster's own are copied."""
    copy = work / "night"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(work / "scored", copy, copy_function=os.link, ignore=shutil.ignore_patterns("dagster"))
    shutil.copytree(work / "scored" / "dagster", copy / "dagster")
    selection = str(Path(__file__).with_name("night_selection.py"))
    return run([sys.executable, selection, str(DAY), *options], CHURN_DATA_DIR=str(copy.absolute()))


def _told(name: str, one: Run) -> str:
    return f"{name} {one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB"


if __name__ == "__main__":
    main()
