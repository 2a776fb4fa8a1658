"""Where the seconds of a very small night go: 100 customers, so that all of it is overhead.

    python benchmarks/overhead.py WORK_FOLDER [--rounds 5]

One process each round: import, compose and open Dagster's storage, run the night; the same work without Dagster
stands beside it. Then `churn-assets run` as it is, which also ends at once.
"""

import argparse
import datetime as dt
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import CHURN_ASSETS, machine, run
from preparing import prepare, without_day

if TYPE_CHECKING:
    from churn_assets.launch.launcher import Launcher

CUSTOMERS = 100
REASON = "a benchmark"


def main() -> None:
    """Time the phases in fresh processes, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--day", type=dt.date.fromisoformat, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.day:
        phases(given.day)
        return
    print(machine())
    day = prepare(given.work, CUSTOMERS)
    told: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        without_day(given.work, day)
        one = run([sys.executable, __file__, str(given.work), "--day", str(day)])
        without_day(given.work, day)
        night = run([CHURN_ASSETS, "run", "--date", str(day), "--accept-shift", "--reason", REASON])
        whole = {
            "the whole process": one.seconds,
            "`churn-assets run`": night.seconds,
            "its processor seconds": night.cpu,
        }
        for phase, seconds in {**one.told, **whole}.items():
            told.setdefault(phase, []).append(seconds)
    for phase, taken in told.items():
        print(f"{phase:40} {statistics.median(taken):6.2f} s")


def phases(day: dt.date) -> None:
    """One night of `day`, in phases, and again without Dagster."""
    clock = [time.perf_counter()]
    from churn_assets.launch.launcher import Launcher
    from churn_assets.settings import load_settings

    clock.append(time.perf_counter())
    launcher = Launcher(load_settings(), "benchmark")
    clock.append(time.perf_counter())
    launcher.night(day, accept_shift=REASON)
    clock.append(time.perf_counter())
    bare(launcher, day)
    clock.append(time.perf_counter())
    names = ("import", "compose, open Dagster's storage", "the night through Dagster", "its work without Dagster")
    print(json.dumps({name: clock[at + 1] - clock[at] for at, name in enumerate(names)}))


def bare(launcher: "Launcher", day: dt.date) -> None:
    """What the assets of a night do, called directly; the tables are current, so that nothing is committed."""
    from churn_assets.pipeline.chain import RunContext
    from churn_assets.pipeline.customers.land import land_customers
    from churn_assets.pipeline.customers.validate import validate_customers
    from churn_assets.pipeline.features import featurize_customers
    from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers

    chain, run = launcher.chain, RunContext("benchmark", reason=REASON)
    land_customers(chain, day, run)
    validate_customers(chain, day, run)
    featurize_customers(chain, day, run)
    score_customers(chain, day, ScoreOptions(accept_shift=True), run)


if __name__ == "__main__":
    main()
