"""How far single probabilities of a real shop move with the customers and the seed a model happens to have.

    python benchmarks/stability.py SNAPSHOT_SCRIPT WORK_FOLDER [--as-of 2011-08-31]

Fits recipes on the training days of the backtest as of a day, and looks at what they give its customers: learnt from
one half of the customers and from the other, and by two seeds. The first recipe stops early, as the default did once.
The order of rows moves nothing: every fit puts them into one order.
"""

import argparse
import datetime as dt
import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from retail import build_source, environment

from churn_assets.composition import build_chain
from churn_assets.core.arrow.hashing import stable_hash
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.models.model import predict
from churn_assets.core.options import Candidate, Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.training.training_data import load_training_data, plan_training
from churn_assets.settings import load_settings

ONCE = Candidate(estimator="hist_gradient_boosting", parameters={"early_stopping": "auto"})
OTHER_SEED = 7


def main() -> None:
    """Print a line for each recipe."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path)
    parser.add_argument("work", type=Path, help="an empty folder, or one in which the source was built before")
    parser.add_argument("--as-of", type=dt.date.fromisoformat, default=dt.date(2011, 8, 31))
    given = parser.parse_args()
    build_source(given.script, given.work)
    os.environ.update(environment(given.work))
    chain = build_chain(load_settings())
    data = load_training_data(chain, plan_training(chain, given.as_of, RunContext("a benchmark")))
    columns = chain.profile.feature_columns
    half = stable_hash(data.judged.ids, "stability halves") % 2 == 0
    print("| recipe | fit, s | ROC-AUC | Brier | halves: 99th percentile | most | seeds: 99th percentile | most |")
    print("|---|---|---|---|---|---|---|---|")
    for candidate in (ONCE, *Recipe().competing):
        recipe = Recipe(estimator=candidate.estimator, parameters=candidate.parameters)

        def given_by(rows: LabelledRows, recipe: Recipe = recipe) -> NDArray[np.float64]:
            return predict(fit(rows, recipe, columns), data.holdout.rows.features, columns)

        started = time.process_time()
        whole = given_by(data.judged)
        seconds = time.process_time() - started
        halves = np.abs(given_by(data.judged.keep(half)) - given_by(data.judged.keep(~half)))
        seeds = np.abs(whole - given_by(data.judged, recipe.model_copy(update={"seed": OTHER_SEED})))
        told = measure(data.holdout.rows.churned, whole)
        figures = (
            told.roc_auc,
            told.brier,
            np.quantile(halves, 0.99),
            halves.max(),
            np.quantile(seeds, 0.99),
            seeds.max(),
        )
        cells = " | ".join(f"{figure:.3f}" for figure in figures)
        print(f"| {candidate.estimator} {candidate.parameters or ''} | {seconds:.1f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
