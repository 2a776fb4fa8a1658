"""The tree kernel against scikit-learn's own predict_proba, on one thread each, in turn.

    python benchmarks/kernel.py [--rows 500000] [--rounds 5] [--trees 100]

A model is fitted to 60,000 customers of the simulated subscription business, 16 features and
outcomes drawn from them, and proven against its kernel. Both then score the same Arrow table in
blocks of 16,384 rows, from columns to probabilities. What is told is processor time of the thread,
which other work on the machine does not lengthen as much as it does the clock's.
"""

import argparse
import datetime as dt
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
import sklearn
from numpy.typing import NDArray
from pandera.errors import SchemaErrors
from threadpoolctl import threadpool_limits

from churn_assets.core.arrow.batches import BLOCK_ROWS
from churn_assets.core.features import compute_features
from churn_assets.core.models.model import predict
from churn_assets.core.options import Recipe
from churn_assets.core.profile_schemas import customers_schema
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.equivalence import exact_kernel
from churn_assets.profiles.subscription import PROFILE
from churn_assets.samples.simulation import simulate

DAY = dt.date(2026, 6, 30)
CUSTOMERS = 60_000
CATEGORIES = ("plan", "country", "channel", "age_band")
COLUMNS = PROFILE.feature_columns


def main() -> None:
    """Fit, prove, and time both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trees", type=int, default=100)
    given = parser.parse_args()
    features = simulated_features()
    churned = drawn_outcomes(features)
    recipe = Recipe(parameters={"max_iter": given.trees, "early_stopping": False})
    fitted = fit(LabelledRows(features, churned, np.full(len(churned), np.datetime64(DAY))), recipe, COLUMNS)
    started = time.thread_time()
    proof = exact_kernel(fitted, COLUMNS, features.slice(0, BLOCK_ROWS))
    kernel = proof.kernel
    if kernel is None:
        raise SystemExit(proof.reason)
    print(f"{machine()}; numba {numba.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}")
    print(f"{given.trees} trees, {len(COLUMNS)} features; compiled and proven in {time.thread_time() - started:.1f} s")
    rows = features.take(np.arange(given.rows) % len(features)).combine_chunks()
    tables = {"text": rows, "dictionaries": with_dictionaries(rows)}
    with threadpool_limits(1):
        for name, table in tables.items():
            ratios = []
            for _ in range(given.rounds):
                ours, our_rate = rate(kernel.predict, table)
                theirs, their_rate = rate(lambda block: predict(fitted, block, COLUMNS), table)
                if not np.array_equal(ours.view(np.int64), theirs.view(np.int64)):
                    raise SystemExit("the probabilities differ")
                ratios.append(our_rate / their_rate)
                told = f"kernel {our_rate / 1e6:.2f}, scikit-learn {their_rate / 1e6:.3f} M rows a core-second"
                print(f"categories as {name}: {told}, {ratios[-1]:.1f} times")
            print(f"categories as {name}: {statistics.median(ratios):.1f} times, the same bits in {given.rows:,} rows")


def simulated_features() -> pa.Table:
    """Features of valid customers of one day."""
    [(day, customers)] = simulate(CUSTOMERS, 1, DAY, seed=1)
    customers = customers[~customers["customer_id"].duplicated(keep=False)]
    customers = customers.astype(dict.fromkeys(CATEGORIES, "category"))
    try:
        PROFILE.checks.validate(customers, lazy=True)
    except SchemaErrors as errors:
        customers = customers.drop(index=errors.failure_cases["index"].dropna().astype(int).unique())
    schema = customers_schema(PROFILE)
    table = pa.Table.from_pandas(customers[schema.names], preserve_index=False).cast(schema)
    return compute_features(table, PROFILE, {}, day)


def drawn_outcomes(features: pa.Table) -> NDArray[np.bool_]:
    """Who leaves, drawn by what the features say."""
    frame: pd.DataFrame = features.to_pandas()
    score = 0.08 * frame["days_since_login"] + 0.5 * frame["payment_failures"] - 0.05 * frame["active_days"]
    score += 0.3 * (frame["country"] == "DE") - 0.4 * (frame["channel"] == "ads") - 0.01 * frame["spend"]
    chance = 1 / (1 + np.exp(3 - score - 0.2 * frame["satisfaction"].fillna(5)))
    drawn: NDArray[np.bool_] = np.random.default_rng(0).random(len(frame)) < chance.to_numpy()
    return drawn


def with_dictionaries(rows: pa.Table) -> pa.Table:
    """The same rows, texts encoded as a reader of Parquet files gives them."""
    for name in rows.column_names[1:]:
        if pa.types.is_string(rows.schema.field(name).type):
            rows = rows.set_column(rows.column_names.index(name), name, rows.column(name).dictionary_encode())
    return rows


def rate(score: Callable[[pa.Table], NDArray[np.float64]], table: pa.Table) -> tuple[NDArray[np.float64], float]:
    """Scores of the blocks of a table, and rows a second of this thread's processor time."""
    started = time.thread_time()
    parts = [score(table.slice(at, BLOCK_ROWS)) for at in range(0, len(table), BLOCK_ROWS)]
    return np.concatenate(parts), len(table) / (time.thread_time() - started)


def machine() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
