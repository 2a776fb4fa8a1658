"""The reasons of a real shop's customers, drawn; and twenty of them beside what their orders say.

    python benchmarks/retail_reasons.py WORK_FOLDER CUSTOMER_DAYS PICTURE [--as-of 2011-08-31]

WORK_FOLDER is one that `retail.py` was run in, CUSTOMER_DAYS the shop's orders, a row for each customer and day. What
the sentences of twenty customers tell (every hundredth of those at risk) is computed anew from their orders alone.
"""

import argparse
import datetime as dt
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from deltalake import DeltaTable
from matplotlib.figure import Figure

SPOT_CHECKED = 20


def main() -> None:
    """Count first families, draw them, and check twenty customers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("orders", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--as-of", type=dt.date.fromisoformat, default=dt.date(2011, 8, 31))
    given = parser.parse_args()
    reasons, scores = (_day(given.work, name, given.as_of) for name in ("churn_reasons", "churn_scores"))
    reasons["told"] = [
        text.replace("{}", value) for text, value in zip(reasons["sentence"], reasons["value"], strict=True)
    ]
    with_tier = reasons.merge(scores[["customer_id", "risk_tier", "churn_probability"]], on="customer_id")
    first = with_tier[with_tier["rank"] == 1]
    shares = pd.crosstab(first["risk_tier"], first["family"], normalize="index")
    print(shares.round(3), f"{len(first)} explained of {len(scores)}", sep="\n")
    _draw(with_tier, shares).savefig(given.picture, dpi=110)
    orders = pd.read_parquet(given.orders)
    customers = first["customer_id"].to_list()[:: max(1, len(first) // SPOT_CHECKED)][:SPOT_CHECKED]
    for number, customer in enumerate(customers, 1):
        rows = with_tier[with_tier["customer_id"] == customer]
        print(
            f"\n{number}. {rows['churn_probability'].iloc[0]:.3f}  {json.dumps(_facts(orders, customer, given.as_of))}"
        )
        for row in rows.itertuples():
            print(f"   {row.contribution:+.2f} {row.family}: {row.told}")


def _day(work: Path, name: str, day: dt.date) -> pd.DataFrame:
    frame: pd.DataFrame = DeltaTable(work / "tables" / name).to_pandas(partitions=[("snapshot_date", "=", str(day))])
    return frame


def _facts(orders: pd.DataFrame, customer: str, day: dt.date) -> dict[str, Any]:
    """What the customer's orders say, by another way than the profile's features."""
    own = orders[orders["customer_id"].astype(str) == customer]
    age = (pd.Timestamp(day) - own["date"]).dt.days
    bought = own[(age >= 0) & (own["n_orders"] > 0)].assign(age=age)
    days = bought["age"].sort_values()
    year = days[days < 365]  # noqa: PLR2004  # days
    return {
        "ordered last": int(days.min()),
        "days with an order, 90": int((days < 90).sum()),  # noqa: PLR2004
        "days with an order, 365": len(year),
        "mean gap": round(float(np.diff(year).mean()), 1) if len(year) > 1 else None,
        "spent 90": round(float(bought.loc[bought["age"] < 90, "gross"].sum())),  # noqa: PLR2004
        "spent 365": round(float(bought.loc[bought["age"] < 365, "gross"].sum())),  # noqa: PLR2004
    }


def _draw(reasons: pd.DataFrame, shares: pd.DataFrame) -> Figure:
    mpl.rcParams["font.size"] = 10
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    order = shares.loc["high"].sort_values().index
    places = np.arange(len(order))
    for offset, tier, colour in ((0.2, "high", "#c2362f"), (-0.2, "medium", "#c98a10")):
        left.barh(places + offset, shares.loc[tier, order], 0.4, label=f"tier {tier}", color=colour)
    left.set(title="First reason, share of the customers", yticks=places, yticklabels=order)
    left.legend()
    families = [reasons.loc[reasons["family"] == family, "contribution"] for family in order]
    right.boxplot(families, orientation="horizontal", tick_labels=list(order), whis=(5, 95), showfliers=False)
    right.axvline(0, color="#566273", linewidth=0.8)
    right.set(title="Contribution where it is a reason, log-odds, 5 to 95 %")
    return figure


if __name__ == "__main__":
    main()
