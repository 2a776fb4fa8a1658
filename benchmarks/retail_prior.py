"""The level of a real shop's probabilities at three month ends, by each correction of the prior.

    python benchmarks/retail_prior.py SNAPSHOT_SCRIPT WORK_FOLDER

At each month's end a model is trained as of that day by the default recipe, once for each `training.prior`, promoted,
and scores that night. What it published is held against the snapshot of 90 days later. Prints a line each.
"""

import argparse
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

from retail import build_source, environment, published_and_outcomes

from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.options import Prior

MONTH_ENDS = (dt.date(2011, 6, 30), dt.date(2011, 7, 31), dt.date(2011, 8, 31))


def main() -> None:
    """Score three nights four times, and judge each by what came true."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path)
    parser.add_argument("work", type=Path, help="an empty folder, or one in which the source was built before")
    given = parser.parse_args()
    build_source(given.script, given.work)
    print("| night | prior | taken | ROC-AUC | Brier | calibration error | mean | churned | moved, 99th percentile |")
    print("|---|---|---|---|---|---|---|---|---|")
    for day in MONTH_ENDS:
        for prior in get_args(Prior):
            taken, stability = _publish(given.work, day, prior)
            probability, churned = published_and_outcomes(given.work, day)
            told = measure(churned, probability)
            figures = (told.roc_auc, told.brier, told.calibration_error, probability.mean(), churned.mean(), stability)
            cells = " | ".join(f"{figure:.3f}" for figure in figures)
            print(f"| {day} | {prior} | {taken} | {cells} |", flush=True)


def _publish(work: Path, day: dt.date, prior: str) -> tuple[str, float]:
    """Train, promote and score; the correction that was taken, and the stability in the card."""
    trained = json.loads(_churn_assets(work, prior, "train", "--as-of", str(day), "--json"))
    version = trained["model_version"]
    _churn_assets(work, prior, "promote", version, "--reason", f"a benchmark of {prior}")
    _churn_assets(work, prior, "run", "--date", str(day), "--accept-shift", "--reason", "a benchmark")
    card = json.loads(_churn_assets(work, prior, "models", "--card", version, "--json"))
    return card["prior"]["kind"], card["stability"]


def _churn_assets(work: Path, prior: str, *words: str) -> str:
    program = Path(sys.executable).parent / "churn-assets"
    told = environment(work) | {"CHURN_TRAINING__PRIOR": prior}
    return subprocess.run([program, *words], check=True, env=told, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    main()
