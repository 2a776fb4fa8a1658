"""Scoring a day on this machine's cores against a Dask cluster of two worker processes on the same machine, in turn.

    python benchmarks/cluster.py WORK_FOLDER [--customers 2000000] [--rounds 3]

Both score the same partition of the simulated subscription business by the same model and write the
same bytes, which is checked. A first round, in which the workers load libraries and model, is told
and not counted. Core-seconds are the CPU time of all processes, so that other work on the machine
counts for less than in seconds. The steps before scoring, which no cluster does, are told beside it.
"""

import argparse
import dataclasses
import datetime as dt
import os
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from distributed import LocalCluster
from measuring import machine
from preparing import LAST
from preparing import prepare as prepare_export

from churn_assets.composition import build_chain
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.execution.dask_engine import DaskEngine
from churn_assets.pipeline.execution.engine import Engine, LocalEngine
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.libraries import installed_libraries
from churn_assets.pipeline.scoring.serving_models import champion_and_canary, resolve_input
from churn_assets.pipeline.scoring.stage import stage_scores
from churn_assets.settings import load_settings

DAY = LAST + dt.timedelta(days=1)
WORKERS = 2


def main() -> None:
    """Prepare once, then time both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    os.environ["CHURN_DATA_DIR"] = str(given.work.absolute())
    chain = prepare(given.work, given.customers)
    rows = chain.customers.version(DAY).rows
    print(f"{machine()}, distributed {version('distributed')}")
    print(f"{rows:,} customers in {len(chain.customers.version(DAY).parts)} parts")
    with LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        names = sorted(installed_libraries().keys() - {"python"})
        engines: dict[str, Engine] = {
            "local": LocalEngine(),
            "cluster": DaskEngine(cluster.scheduler_address, chain.layout.models, names),
        }
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
        for at in range(given.rounds + 1):
            versions = set()
            for name, engine in engines.items():
                made, seconds, cores = scored(chain, engine)
                versions.add(made)
                figures[name] += [(seconds, cores)] if at else []
                told = f"{seconds:6.1f} s {cores:6.1f} core-seconds {rows / cores:9,.0f} rows per core-second"
                print(f"round {at or 'that warms up'}: {name:8} {told}")
            if len(versions) != 1:
                raise SystemExit(f"the bytes differ: {versions}")
    ratios = [there[0] / here[0] for here, there in zip(figures["local"], figures["cluster"], strict=True)]
    print(f"the cluster takes {statistics.median(ratios):.2f} times the seconds of the local run; the same bytes")
    for name, each in figures.items():
        print(f"{name}: {rows / statistics.median(cores for _, cores in each):,.0f} rows per core-second")


def prepare(work: Path, customers: int) -> Chain:
    """A small history with a champion, and the next day with `customers` of them, ready to be scored."""
    prepare_export(work, customers)
    chain = build_chain(load_settings())
    if chain.features.current(DAY) is None:
        for step in (land_customers, validate_customers, featurize_customers):
            _, seconds, cores = timed(lambda step=step: step(chain, DAY, RunContext("benchmark")))
            told = f"{customers / cores:,.0f} rows per core-second"
            print(f"{step.__name__}: {seconds:.1f} s, {cores:.1f} core-seconds, {told}")
    return chain


def scored(chain: Chain, engine: Engine) -> tuple[str, float, float]:
    """The version that `engine` makes of the day, in how many seconds and core-seconds."""
    customers = chain.customers.version(DAY)
    inputs = [resolve_input(chain, customers, champion_and_canary(chain, DAY, None, []).model)]
    there = dataclasses.replace(chain, engine=engine)
    staged, seconds, cores = timed(lambda: stage_scores(there, chain.scores, inputs, ()).staged)
    chain.scores.discard(staged)
    return staged.version, seconds, cores


def timed(do: Callable[[], Any]) -> tuple[Any, float, float]:
    """What `do` gives, the seconds and the core-seconds of this process and those that it started."""
    began, before = time.perf_counter(), core_seconds()
    given = do()
    return given, time.perf_counter() - began, core_seconds() - before


def core_seconds() -> float:
    """CPU time of this process and all below it."""
    this = psutil.Process()
    return sum(sum(each.cpu_times()[:2]) for each in (this, *this.children(recursive=True)))


if __name__ == "__main__":
    main()
