"""What reasons cost a night: without them, for customers at risk, for one in ten and for all, whole processes in turn.

    python benchmarks/night_reasons.py WORK_FOLDER [--customers 1000000] [--rounds 3] [--estimator auto]

The night is that of `night.py`. For one in ten the bound of the medium tier is set where a tenth of the customers lie
above it. Ratios are of processor seconds, pair by pair, to the night without reasons of the same round.
"""

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
from measuring import CHURN_ASSETS, machine, run
from preparing import ESTIMATOR, prepare, without_day

from churn_assets.storage.layout import Layout
from churn_assets.storage.reasons.published import PublishedReasons
from churn_assets.storage.scores.published import PublishedScores


def main() -> None:
    """Prepare once, then time each kind of night in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--estimator", default=ESTIMATOR, help="`auto` is the default recipe of the product")
    given = parser.parse_args()
    print(machine())
    day = prepare(given.work, given.customers, estimator=given.estimator)
    night = [CHURN_ASSETS, "run", "--date", str(day), "--accept-shift", "--reason", "a benchmark", "--json"]
    run(night, CHURN_REASONS__CUSTOMERS="none")
    scores = PublishedScores(Layout(given.work))
    bound = f"{np.quantile(scores.day(day).read(['churn_probability']).column(0), 0.9):.6f}"
    one_in_ten = {"CHURN_DECISIONS__MEDIUM_ABOVE": bound, "CHURN_DECISIONS__HIGH_ABOVE": f"{max(0.6, float(bound))}"}
    kinds = {
        "none": {"CHURN_REASONS__CUSTOMERS": "none"},
        "one in ten": {"CHURN_REASONS__CUSTOMERS": "medium", **one_in_ten},
        "all": {"CHURN_REASONS__CUSTOMERS": "all"},
    }
    ratios: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(given.rounds):
        without = 0.0
        for name, environment in kinds.items():
            without_day(given.work, day)
            one = run(night, **environment)
            without = without or one.cpu
            ratios[name].append(one.cpu / without)
            found = PublishedReasons(Layout(given.work)).day(day, scores.day(day).version)
            explained = found.details["explained"] if found else 0
            told = f"{one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB"
            print(f"{name:<11} {explained:>10,} explained {told}   {one.cpu / without:.3f}", flush=True)
    for name, each in ratios.items():
        print(
            f"{given.customers:,} customers, reasons for {name}: {statistics.median(each):.3f} times the night without"
        )


if __name__ == "__main__":
    sys.exit(main())
