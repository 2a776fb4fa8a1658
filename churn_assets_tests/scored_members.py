"""Members of a day, of whom some are gone a horizon later, and scores that a test publishes; for tests only."""

import datetime as dt

import pyarrow as pa

from churn_assets.core.table_schemas import SCORES
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.storage.tables.table import Table
from churn_assets_tests.factories import member_columns

__all__ = ["CUSTOMERS", "DAY", "KNOWN", "STAYED", "WORK", "land", "publish_scores"]

DAY = dt.date(2026, 3, 31)
KNOWN = DAY + dt.timedelta(days=30)
CUSTOMERS = 40
STAYED = 25
WORK = RunContext("tester")


def land(made: Chain, day: dt.date) -> None:
    """Land and validate a day that was exported."""
    land_customers(made, day, WORK)
    validate_customers(made, day, WORK)


def publish_scores(  # what a version of scores is made of
    table: Table,
    probability: list[float],
    models: list[str],
    *,
    day: dt.date = DAY,
    actions: list[str] | None = None,
    **details: object,
) -> str:
    """Make these the scores of a day, by the first of `models`; their version."""
    count = len(probability)
    rows = pa.table(
        {
            "customer_id": member_columns(count)["customer_id"],
            "churn_probability": probability,
            "risk_tier": ["high" if each > 0.6 else "medium" if each > 0.3 else "low" for each in probability],
            "action": actions or ["none"] * count,
            "model_version": models,
        },
        schema=SCORES,
    )
    staged = table.write(day, SCORES, "customer_id", [rows])
    commit = WORK.commit("score", models[0], **{"hindsight": False, **details})
    return table.publish(staged, table.current(day), commit).version
