"""The leaderboard of IBM's Telco export: every estimator, calibrated, on the same customers.

    python benchmarks/telco.py telco_customer_churn.csv WORK_FOLDER [--calibration isotonic] [--libraries]

Trains the candidates with `churn-assets train` in WORK_FOLDER and prints its leaderboard: means over
three folds by customer, which choose, and the fifth of the customers that was held out, which judges.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

CANDIDATES = [
    {
        "estimator": "hist_gradient_boosting",
        "search": {"learning_rate": [0.03, 0.1], "max_leaf_nodes": [7, 31]},
    },
    {"estimator": "gradient_boosting"},
    {"estimator": "random_forest"},
    {"estimator": "logistic_regression"},
    {"estimator": "ada_boost"},
    {"estimator": "soft_voting"},
]
GENTLE = [  # the default's gentle recipe, as each library calls it
    {
        "estimator": "hist_gradient_boosting",
        "parameters": {"learning_rate": 0.05, "max_leaf_nodes": 4, "min_samples_leaf": 50, "max_iter": 200},
    },
    {
        "estimator": "lightgbm",
        "parameters": {"learning_rate": 0.05, "num_leaves": 4, "min_child_samples": 50, "n_estimators": 200},
    },
    {
        "estimator": "xgboost",
        "parameters": {"learning_rate": 0.05, "max_depth": 2, "min_child_weight": 10, "n_estimators": 200},
    },
]
LIBRARIES = [{"estimator": "lightgbm"}, {"estimator": "xgboost"}, *GENTLE]


def main() -> None:
    """Train the candidates, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--libraries", action="store_true", help="LightGBM and XGBoost beside them, which are extras")
    parser.add_argument("--calibration", choices=("none", "sigmoid", "isotonic"), default="isotonic")
    given = parser.parse_args()
    candidates = CANDIDATES + LIBRARIES if given.libraries else CANDIDATES
    training = {"candidates": candidates, "metric": "brier", "calibration": given.calibration}
    environment = os.environ | {
        "CHURN_DATA_DIR": str(given.work.absolute()),
        "CHURN_PROFILE": "churn_assets.profiles.telco",
        "CHURN_SOURCE__PATH": str(given.export.absolute()),
        "CHURN_TRAINING": json.dumps(training),
    }
    command = [Path(sys.executable).parent / "churn-assets", "train", "--as-of", "2026-11-01", "--json"]
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    trained = json.loads(done.stdout)
    print("| | candidate | folds: ROC-AUC | AP | Brier | held out: ROC-AUC | AP | Brier |")
    print("|---|---|---|---|---|---|---|---|")
    for each in trained["leaderboard"]:
        parameters = ", ".join(f"{name} {value}" for name, value in each["parameters"].items()) or "defaults"
        figures = [each["roc_auc"], each["average_precision"], each["brier"]]
        held = each["backtest"]
        judged = [f"{held[name]:.4f}" for name in ("roc_auc", "average_precision", "brier")] if held else ["", "", ""]
        cells = [f"{figure:.4f}" for figure in figures] + judged
        print(f"| {'chosen' if each['chosen'] else ''} | `{each['estimator']}`, {parameters} | {' | '.join(cells)} |")
    print(f"\n{trained['model_version']}: Brier {trained['brier']:.4f} on {trained['holdout_rows']} held-out customers")


if __name__ == "__main__":
    main()
