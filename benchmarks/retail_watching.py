"""What the watching sees of a real shop, before and after its outcomes are known: half a year, night by night.

    python benchmarks/retail_watching.py SNAPSHOT_SCRIPT WORK_FOLDER PLOT [--step 1]

Trains a model as of the first night, 2011-06-01, scores every night (or each `step`-th) up to 2011-11-30, and prints
what the tables of the watching hold by day, the calibration month by month, and what the check of it says. The model
learnt from days before; the outcomes of the autumn are orders of the season before Christmas.
"""

import argparse
import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from retail import build_source, environment

from churn_assets.core.monitoring.performance.calibration import calibration_by_month
from churn_assets.core.options import MonitoringBounds
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.reading import rows_between
from churn_assets.storage.tables.table import Table

mpl.use("agg")
from matplotlib import pyplot as plt  # after the backend is chosen

FIRST, LAST = dt.date(2011, 6, 1), dt.date(2011, 11, 30)
WEEK = 7
HORIZON = dt.timedelta(days=90)


def main() -> None:
    """Run the nights that are not there yet, then print the tables and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("script", type=Path, help="build_snapshots.py of the data set")
    parser.add_argument("work", type=Path, help="an empty folder, or one this was run in before")
    parser.add_argument("plot", type=Path, help="the PNG to write")
    parser.add_argument("--step", type=int, default=1, help="days from one scored night to the next")
    given = parser.parse_args()
    build_source(given.script, given.work)
    score(given.work, given.step)
    days = by_day(given.work)
    print_days(days)
    print_months(given.work)
    draw(days, given.plot)


def score(work: Path, step: int) -> None:
    """Score the nights that are not there yet, and those that tell their outcomes, one after another as they came."""
    done = set(Table(Layout(work).table("churn_scores")).days())
    steps = {FIRST + dt.timedelta(days=more) for more in range(0, (LAST - FIRST).days + 1, step)}
    telling = {night + HORIZON for night in steps if night + HORIZON <= LAST}
    program = Path(sys.executable).parent / "churn-assets"
    for night in sorted((steps | telling) - done):
        words = ["run", "--date", str(night), "--accept-shift", "--reason", "a benchmark"]
        subprocess.run([program, *words], check=True, env=environment(work), stdout=subprocess.DEVNULL)


def by_day(work: Path) -> dict[dt.date, dict[str, Any]]:
    """What the tables say of each scored day: estimated, realized, and the largest drift where it is recorded."""
    days: dict[dt.date, dict[str, Any]] = {}
    for row in rows_of(work, "estimated_performance"):
        days[row["snapshot_date"]] = {"estimated": row["roc_auc"], "estimated_brier": row["brier"]}
    for row in rows_of(work, "realized_performance"):
        if row["arm"] == "champion" and not row["slice_column"]:
            days[row["snapshot_date"]] |= row
    for row in rows_of(work, "feature_drift"):
        day = days.get(row["snapshot_date"])
        if day is not None and row["psi"] is not None and row["psi"] > day.get("psi", 0.0):
            day |= {"psi": row["psi"], "feature": row["feature"]}
    for row in rows_of(work, "score_summary"):
        if not row["slice_column"] and row["snapshot_date"] in days:
            day = days[row["snapshot_date"]]
            day["mean"] = day.get("mean", 0.0) + row["share"] * (row["mean_probability"] or 0.0)
    return days


def rows_of(work: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table of the watching; none where it was never made."""
    return rows_between(Table(Layout(work).table(table)), FIRST, LAST)


def print_days(days: dict[dt.date, dict[str, Any]]) -> None:
    """A line for each week's first night; the drift where it is recorded."""
    names = ["night", "ROC-AUC estimated", "realized", "95 % interval", "Brier estimated", "realized"]
    names += ["mean probability", "churned"] + (["largest PSI"] if has_drift(days) else [])
    print(f"| {' | '.join(names)} |")
    print("|" + "---|" * len(names))
    for day, told in days.items():
        if (day - FIRST).days % WEEK == 0:
            interval = f"{told['roc_auc_low']:.3f} to {told['roc_auc_high']:.3f}" if told.get("roc_auc") else ""
            churned = f"{told['churners'] / told['rows']:.3f}" if told.get("rows") else ""
            figures = [_figure(told, name) for name in ("estimated", "roc_auc")]
            briers = [_figure(told, name) for name in ("estimated_brier", "brier")]
            psi = f"{told['psi']:.3f} ({told['feature']})" if "psi" in told else ""
            cells = [str(day), *figures, interval, *briers, _figure(told, "mean"), churned, psi]
            print(f"| {' | '.join(cells[: len(names)])} |")


def has_drift(days: dict[dt.date, dict[str, Any]]) -> bool:
    """Whether the drift of any night is recorded."""
    return any("psi" in told for told in days.values())


def _figure(told: dict[str, Any], name: str) -> str:
    return f"{told[name]:.3f}" if told.get(name) is not None else ""


def print_months(work: Path) -> None:
    """A line a month: the calibration, and what the check says of it."""
    bounds = MonitoringBounds()
    print("\n| month | days | mean probability | churn rate | 95 % interval | gap | calibration error | check |")
    print("|---|---|---|---|---|---|---|---|")
    for month in calibration_by_month(rows_of(work, "realized_performance")):
        rate = f"{month.mean_probability:.3f} | {month.churn_rate:.3f} | {month.low:.3f} to {month.high:.3f}"
        told = f"{month.gap:+.1%} | {month.calibration_error:.3f} | {month.severity(bounds)}"
        print(f"| {month.month:%Y-%m} | {month.days} | {rate} | {told} |")


def draw(days: dict[dt.date, dict[str, Any]], path: Path) -> None:
    """Estimated and realized ROC-AUC, level, and drift where it is recorded, one above the other."""
    count = 3 if has_drift(days) else 2
    figure, (ranks, level, *rest) = plt.subplots(count, 1, sharex=True, figsize=(9, 2.7 * count), layout="constrained")
    all_days = list(days)
    known = [day for day in all_days if days[day].get("roc_auc") is not None]

    def values(of: list[dt.date], name: str) -> list[float]:
        return [days[day].get(name, float("nan")) for day in of]

    ranks.plot(all_days, values(all_days, "estimated"), label="estimated that night")
    ranks.plot(known, values(known, "roc_auc"), label="realized 90 days later")
    ranks.fill_between(known, values(known, "roc_auc_low"), values(known, "roc_auc_high"), alpha=0.2)
    ranks.set_ylabel("ROC-AUC")
    ranks.legend()
    level.plot(all_days, values(all_days, "mean"), label="mean probability")
    level.plot(known, [days[day]["churners"] / days[day]["rows"] for day in known], label="churned within 90 days")
    level.set_ylabel("level")
    level.legend()
    for drift in rest:
        drift.plot(all_days, values(all_days, "psi"), label="largest PSI of a feature")
        drift.set_ylabel("drift")
        drift.legend()
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
