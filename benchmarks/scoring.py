"""The scoring step, features to published scores, beside its rivals, in turn, each a process of its own.

    python benchmarks/scoring.py WORK_FOLDER [--customers 10000000] [--rounds 3]

    scoring    what a night does: read, kernel, tiers and actions, write, audit, the app's lookup, publish
    audited    the same up to the audit, without the lookup, as a night with `publish: false` does
    floor      read, kernel, write, on the same cores: what no scoring can do without
    streamed   as `scoring`, by scikit-learn's own prediction instead of the kernel
    script     the cron script a user would write: it checks and computes features on its way, and writes scores

Seconds are of the work alone, without the start of Python and the loading of code; peaks are of the processes.
"""

import argparse
import datetime as dt
import shutil
import statistics
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
from measuring import ARROWS_OWN, CHURN_ASSETS, Run, machine, run, self_told
from preparing import prepare

from churn_assets.composition import build_chain
from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.models.model import Model
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.scoring.serving_models import champion_and_canary, resolve_input
from churn_assets.pipeline.scoring.stage import stage_scores
from churn_assets.settings import load_settings
from churn_assets.storage.layout import version_folder
from churn_assets.storage.tables.parquet import write_part

STEPS = ("scoring", "audited", "floor", "streamed")
FLOOR = pa.schema([("customer_id", pa.string()), ("churn_probability", pa.float64())])


def main() -> None:
    """Time them in turn, or do one step and tell of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--day", type=dt.date.fromisoformat, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        do(given.step, given.day)
        return
    print(machine())
    day = prepare(given.work, given.customers)
    run([CHURN_ASSETS, "run", "--date", str(day), "--accept-shift", "--reason", "a benchmark"])
    here = Path(__file__)
    commands = {step: [sys.executable, str(here), str(given.work), "--step", step, "--day", str(day)] for step in STEPS}
    commands["script"] = [sys.executable, str(here.with_name("cron_script.py")), str(given.work), str(day)]
    taken: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, command in commands.items():
            taken[name].append(run(command, **(ARROWS_OWN if name == "script" else {})))
            print(f"{name:9} {taken[name][-1].told['seconds']:7.2f} s {taken[name][-1].peak:6.0f} MiB", flush=True)
    for ours, theirs in product(("scoring", "audited"), ("floor", "streamed", "script")):
        pairs = list(zip(taken[ours], taken[theirs], strict=True))
        slower = statistics.median(their.told["seconds"] / our.told["seconds"] for our, their in pairs)
        larger = statistics.median(their.peak / our.peak for our, their in pairs)
        print(f"{theirs}: {slower:.2f} times the time of {ours}, {larger:.1f} times its memory")


def do(step: str, day: dt.date) -> None:
    """Do one step, and print what it took."""
    chain = build_chain(load_settings())
    champion_and_canary(chain, day, None, [])  # libraries and compiled code are loaded
    made = chain.scores.root / version_folder(day, str(chain.scores.current(day)))
    shutil.rmtree(made, ignore_errors=True)  # as in a night: nobody has made them before
    started = time.perf_counter()
    if step in ("scoring", "audited"):
        options = ScoreOptions(accept_shift=True, publish=step == "scoring")
        rows = score_customers(chain, day, options, RunContext("benchmark", reason="it")).rows
    elif step == "floor":
        rows = floor(chain, day)
    else:
        model = Model(*chain.registry.models.load(chain.registry.champion()))
        scores = stage_scores(chain, chain.scores, [resolve_input(chain, chain.customers.version(day), model)], ())
        chain.scores.discard(scores.staged)
        rows = scores.audit.rows
    print(self_told(started, rows))


def floor(chain: Chain, day: dt.date) -> int:
    """Read the features, ask the kernel, write what it says."""
    model = champion_and_canary(chain, day, None, []).model
    features = chain.features.version(day)
    categories = [name for name in model.card.feature_columns if name in ("plan", "country", "channel")]

    def one(folder: Path, part: int) -> int:
        scored = (
            pa.Table.from_arrays([batch.column("customer_id"), pa.array(_probability(batch))], schema=FLOOR)
            for batch in features.batches(part=part, categories=categories)
        )
        write_part(folder, part, FLOOR, "customer_id", scored)
        return part

    def _probability(batch: pa.Table) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return model.score(chain.profile, batch, day)

    with chain.scores.scratch() as folder:
        list(ordered_map(partial(one, folder), features.parts))
    return features.rows


if __name__ == "__main__":
    main()
