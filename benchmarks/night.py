"""A whole night, source to published, against the cron script a user would write, in turn, as whole processes.

    python benchmarks/night.py WORK_FOLDER [--customers 10000000] [--rounds 3] [--shuffled]

Both read the same Parquet export of the simulated subscription business, hold it against the same pandera schema,
compute the same features, and score with the same model. The script writes one Parquet file of scores. The chain
also keeps raw, valid, quarantined and feature partitions as immutable versions, audits its files, writes the app's
key lookup and records the run in Dagster. Then one customer's score is traced to its source.
"""

import argparse
import statistics
import sys
from pathlib import Path

from measuring import ARROWS_OWN, CHURN_ASSETS, Run, machine, run
from preparing import prepare, without_day

from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.published import PublishedScores


def main() -> None:
    """Prepare once, then time both in turn and print the ratio pair by pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shuffled", action="store_true", help="an export that is not in the order of its ids")
    parser.add_argument("--alone", action="store_true", help="without the script, which needs a GiB for each million")
    given = parser.parse_args()
    print(machine())
    day = prepare(given.work, given.customers, ordered=not given.shuffled)
    night = [CHURN_ASSETS, "run", "--date", str(day), "--accept-shift", "--reason", "a benchmark", "--json"]
    script = [sys.executable, str(Path(__file__).with_name("cron_script.py")), str(given.work), str(day)]
    ratios = []
    for _ in range(given.rounds):
        without_day(given.work, day)
        ours = run(night)
        told = [_told("night", ours)]
        if not given.alone:
            theirs = run(script, **ARROWS_OWN)
            ratios.append(theirs.seconds / ours.seconds)
            told += [_told("cron script", theirs), f"{ratios[-1]:.2f} times the night's time"]
        print(*told, sep="   ", flush=True)
    customer = PublishedScores(Layout(given.work)).riskiest(day)
    traced = [run([CHURN_ASSETS, "trace", customer, "--date", str(day), "--json"]).seconds for _ in range(5)]
    print(f"churn-assets trace: {min(traced):.2f} to {max(traced):.2f} s")
    if ratios:
        print(f"{given.customers:,} customers: the cron script takes {statistics.median(ratios):.2f} times as long")


def _told(name: str, one: Run) -> str:
    return f"{name} {one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB"


if __name__ == "__main__":
    main()
