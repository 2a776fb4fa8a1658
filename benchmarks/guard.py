"""A guard against getting slower that is no clock: each stage of a night against a fixed piece of work in the same run.

    python benchmarks/guard.py

Reports, and never fails: a ratio that has doubled since docs/benchmarks.md was written is worth a look. All of it is
on one thread, so that it is the work that is compared and not the machine's other cores.
"""

import datetime as dt
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.customers.validation import validate
from churn_assets.core.features import compute_features
from churn_assets.core.options import Decisions, Recipe
from churn_assets.core.profile_schemas import customers_schema, raw_schema
from churn_assets.core.scoring.rows import score_rows
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.equivalence import exact_kernel
from churn_assets.profiles.subscription import PROFILE
from churn_assets.samples.simulation import simulate

DAY = dt.date(2026, 6, 30)
CUSTOMERS, COPIES, ROUNDS = 16_384, 8, 5
NUMBERS = 2_000_000


def main() -> None:
    """Print how many fixed pieces of work each stage costs."""
    pa.set_cpu_count(1)
    with threadpool_limits(1):
        stages = prepare()
        fixed = np.random.default_rng(0).random(NUMBERS)
        ratios: dict[str, list[float]] = {name: [] for name in stages}
        for _ in range(ROUNDS):
            unit = seconds(lambda: np.sort(fixed))
            for name, stage in stages.items():
                ratios[name].append(seconds(stage) / unit)
    told = ", ".join(f"{name} {statistics.median(each):.2f}" for name, each in ratios.items())
    print(f"{CUSTOMERS * COPIES:,} rows, in units of sorting {NUMBERS:,} numbers: {told}")


def prepare() -> dict[str, Callable[[], object]]:
    """The stages of a night as functions of nothing, each done once already."""
    [(_, frame)] = simulate(CUSTOMERS, 1, DAY, seed=1)
    export = pa.concat_tables([pa.Table.from_pandas(frame, preserve_index=False)] * COPIES).combine_chunks()
    raw = cast_batch(export, raw_schema(PROFILE))
    none_repeated = pa.nulls(0, pa.int64())
    customers = validate(raw, PROFILE, DAY, none_repeated).valid.cast(customers_schema(PROFILE))
    parameters = PROFILE.feature_parameters({})
    features = compute_features(customers, PROFILE, parameters, DAY)
    head = features.slice(0, CUSTOMERS)
    churned = np.random.default_rng(1).random(len(head)) < 0.1  # noqa: PLR2004  # any label: it is the speed that counts
    rows = LabelledRows(head, churned, np.full(len(head), np.datetime64(DAY)))
    proof = exact_kernel(
        fit(rows, Recipe(estimator="hist_gradient_boosting"), PROFILE.feature_columns), PROFILE.feature_columns, head
    )
    kernel = proof.kernel
    if kernel is None:
        raise SystemExit(f"no kernel: {proof.reason}")
    probability = kernel.predict(features)
    ids = features.column(0).combine_chunks()
    return {
        "cast": lambda: cast_batch(export, raw_schema(PROFILE)),
        "validate": lambda: validate(raw, PROFILE, DAY, none_repeated),
        "features": lambda: compute_features(customers, PROFILE, parameters, DAY),
        "kernel": lambda: kernel.predict(features),
        "score rows": lambda: score_rows(ids, probability, "20260630-00000000", Decisions()),
    }


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of `work`."""
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
