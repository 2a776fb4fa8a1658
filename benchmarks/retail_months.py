"""Half a year of a real shop, as a company would live it: every night scored, a new model at each month's end.

    python benchmarks/retail_months.py SNAPSHOT_SCRIPT WORK_FOLDER

Runs the chain for every night from 2011-05-31 on. At each month's end it trains a model as of that
day, lets it score the night in the shadow, and promotes it where its gates let it pass. Whoever was
champion, and whoever was challenger, is judged 90 days later by the product's own record of what
came true. Prints one line a month.
"""

import argparse
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from retail import build_source, environment

FIRST = dt.date(2011, 5, 31)
MONTH_ENDS = [FIRST, *(dt.date(2011, month + 1, 1) - dt.timedelta(days=1) for month in range(6, 12))]


def main() -> None:
    """Live the half year, then print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path, help="build_snapshots.py of the data set")
    parser.add_argument("work", type=Path, help="an empty folder, or one in which the source was built before")
    given = parser.parse_args()
    build_source(given.script, given.work)
    decisions = [month(given.work, day) for day in MONTH_ENDS]
    quality = {
        (row["snapshot_date"], row["arm"]): row
        for row in DeltaTable(given.work / "tables" / "realized_performance").to_pyarrow_table().to_pylist()
        if not row["slice_column"]
    }
    print("| trained as of | champion that night | its ROC-AUC came to | challenger | backtest | against | decision |")
    print("|---|---|---|---|---|---|---|")
    for told in decisions:
        came = [quality.get((told["day"], scores)) for scores in ("champion", "challenger")]
        reached = [f"{row['roc_auc']:.3f}" if row else "not known yet" for row in came]
        shadow = f"{told['challenger']}: {reached[1]}" if told["challenger"] else "none"
        print(
            f"| {told['day']} | {told['champion']} | {reached[0]} | {shadow} "
            f"| {told['backtest']} | {told['against']} | {told['decision']} |"
        )


def month(work: Path, day: dt.date) -> dict[str, Any]:
    """The nights up to a month's end, its training, and the decision of the gates."""
    before = MONTH_ENDS[MONTH_ENDS.index(day) - 1] if day > FIRST else None
    if before is not None and before + dt.timedelta(days=1) < day:
        nights = ["--from", str(before + dt.timedelta(days=1)), "--to", str(day - dt.timedelta(days=1))]
        churn_assets(work, "run", *nights)
    first = before is None
    if first:
        churn_assets(work, "run", "--date", str(day))
    trained = churn_assets(work, "train", "--as-of", str(day), "--json")
    champion = next(
        row["model_version"] for row in churn_assets(work, "models", "--json") if row["status"] == "champion"
    )
    if not first:
        churn_assets(work, "run", "--date", str(day))
    version = trained["model_version"]
    evaluations = DeltaTable(work / "tables" / "evaluations").to_pyarrow_table().sort_by("record").to_pylist()
    judged = [row for row in evaluations if row["model_version"] == version][-1]
    against = "nothing yet"
    if judged["compared_with"]:
        low, high = judged["difference_low"], judged["difference_high"]
        against = f"{judged['compared_with']} {judged['roc_auc_difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
    decision = "first champion" if first else f"rejected: {'; '.join(trained['missed'])}"
    if not first and not trained["missed"]:
        churn_assets(work, "promote", version, "--reason", f"passed its gates at the end of {day:%B}")
        decision = "promoted"
    return {
        "day": day,
        "champion": champion,
        "challenger": "" if first else version,
        "backtest": f"{trained['roc_auc']:.3f}",
        "against": against,
        "decision": decision,
    }


def churn_assets(work: Path, *words: str) -> Any:
    """One command of the product; its JSON, where it prints some."""
    program = Path(sys.executable).parent / "churn-assets"
    done = subprocess.run([program, *words], check=True, env=environment(work), stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if "--json" in words else None


if __name__ == "__main__":
    main()
