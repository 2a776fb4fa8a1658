"""Made-up customers and rows, for tests only."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.evaluation.results import Metrics, Slice
from churn_assets.core.models.card import CARD_FORM, InputVersion, ModelCard
from churn_assets.core.options import Recipe
from churn_assets.core.profile import LabelRule, Profile
from churn_assets.core.profile_schemas import customers_schema, raw_schema
from churn_assets.core.training.dataset import LabelledRows

__all__ = [
    "MEMBERS",
    "SNAPSHOT",
    "customers_of",
    "kkbox_sample",
    "labelled_rows",
    "made_up_card",
    "made_up_customers",
    "made_up_metrics",
    "member_columns",
    "member_features",
    "member_has_gone",
    "profile_of",
    "raw_of",
]

SNAPSHOT = date(2026, 1, 31)

KKBOX_DAYS = pd.date_range("2017-01-01", "2017-02-28", unit="us")


def kkbox_sample(rows: int, seed: int) -> pd.DataFrame:
    """Labelled KKBox members: about 6 % churn, mostly without automatic renewal or on unusual plans."""
    rng = np.random.default_rng(seed)
    auto_renew = rng.random(rows) < 0.9
    plan_days = rng.choice([7, 30, 90, 195, 410], rows, p=[0.02, 0.92, 0.02, 0.02, 0.02])
    paid = np.where(rng.random(rows) < 0.03, 0.0, plan_days * rng.choice([3.3, 4.97, 6.0], rows))
    cancelled = rng.random(rows) < 0.01
    risk = -3.6 + 2.4 * ~auto_renew + 1.6 * (plan_days > 30) + 1.2 * (paid == 0) + 2.5 * cancelled
    transaction = pd.Series(KKBOX_DAYS[rng.integers(0, len(KKBOX_DAYS), rows)])
    lasts = np.where(cancelled, -rng.integers(1, 60, rows), plan_days + rng.integers(0, 3, rows))
    return pd.DataFrame(
        {
            "customer_id": pd.array([f"m{number:07d}" for number in range(rows)], dtype="str"),
            "city": rng.choice([1, 4, 5, 13, 15, 22], rows, p=[0.5, 0.1, 0.1, 0.15, 0.1, 0.05]),
            "gender": pd.Categorical.from_codes(
                rng.choice([-1, 0, 1], rows, p=[0.55, 0.21, 0.24]), dtype=pd.CategoricalDtype(["female", "male"])
            ),
            "registered_via": rng.choice([3, 4, 7, 9], rows, p=[0.15, 0.05, 0.5, 0.3]),
            "payment_method_id": rng.choice([32, 38, 39, 40, 41], rows, p=[0.05, 0.1, 0.1, 0.1, 0.65]),
            "payment_plan_days": plan_days,
            "actual_amount_paid": np.round(paid, 0),
            "is_auto_renew": auto_renew.astype(np.int64),
            "transaction_date": transaction,
            "membership_expire_date": transaction + pd.to_timedelta(lasts, unit="D").as_unit("us"),
            "is_churn": (rng.random(rows) < 1 / (1 + np.exp(-risk))).astype(np.int64),
        }
    )


def made_up_customers(profile: Profile, rows: int, seed: int, day: date = date(2026, 10, 31)) -> pd.DataFrame:
    """Rows as `add_features` gets them: of the schema's types and allowed values, with `snapshot_date`.

    Dates lie up to three years before `day`, later columns never before earlier ones; about a tenth
    of the cells of nullable columns are missing.
    """
    rng = np.random.default_rng(seed)
    days_ago = np.full(rows, 1095)
    columns: dict[str, Any] = {}
    for name, column in profile.checks.columns.items():
        kind = str(column.dtype)
        allowed: list[Any] = []
        least, most = 0, 100
        for check in column.checks:
            allowed = check.statistics.get("allowed_values", allowed)
            least = check.statistics.get("min_value", least)
            most = check.statistics.get("max_value", most)
        if name == profile.id_column:
            columns[name] = pd.array([f"c{number:07d}" for number in range(rows)], dtype="str")
        elif kind == "category":
            missing = rng.random(rows) < (0.1 if column.nullable else 0.0)
            codes = np.where(missing, -1, rng.integers(0, len(allowed), rows))
            columns[name] = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(allowed))
        elif kind.startswith("datetime"):
            days_ago = rng.integers(0, days_ago + 1)
            columns[name] = pd.Timestamp(day).as_unit("us") - pd.to_timedelta(days_ago, unit="D").as_unit("us")
        elif kind == "int64":
            values = allowed or range(int(least), int(most) + 1)
            columns[name] = rng.choice(np.array(list(values), dtype=np.int64), rows)
        elif kind == "float64":
            missing = rng.random(rows) < (0.1 if column.nullable else 0.0)
            columns[name] = np.where(missing, np.nan, np.round(rng.uniform(least, most, rows), 2))
        elif kind == "bool":
            columns[name] = rng.random(rows) < 0.5
        else:
            columns[name] = pd.array(rng.choice(["here", "there"], rows), dtype="str")
    return pd.DataFrame(columns).assign(snapshot_date=pd.Timestamp(day).as_unit("us"))


class Members(pandera.DataFrameModel):
    """A small schema with a column of every kind, and a check across columns."""

    customer_id: str
    plan: pd.CategoricalDtype = pandera.Field(isin=["basic", "premium"], nullable=True)
    since: pd.Timestamp
    last_visit: pd.Timestamp = pandera.Field(nullable=True)
    visits: int = pandera.Field(ge=0)
    spend: float = pandera.Field(ge=0, nullable=True)
    active: bool

    @pandera.dataframe_check
    @classmethod
    def visit_after_start(cls, members: pd.DataFrame) -> "pd.Series[bool]":
        """Nobody visits before they are a member."""
        return ~(members["last_visit"] < members["since"])


def member_features(customers: pd.DataFrame, *, few_visits: int = 3) -> pd.DataFrame:
    """A categorical, a duration, numbers with gaps and a boolean."""
    return customers.assign(
        plan=customers["plan"].astype(pd.CategoricalDtype(["basic", "premium"])),
        tenure_days=(customers["snapshot_date"] - customers["since"]).dt.days,
        seldom=customers["visits"] < few_visits,
    )


def member_has_gone(then: pd.DataFrame, later: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a member of then is no longer there."""
    return then["since"].notna() & later["since"].isna()


MEMBERS = Profile(
    schema=Members,
    add_features=member_features,
    feature_columns=("plan", "tenure_days", "visits", "spend", "active", "seldom"),
    label=LabelRule(horizon_days=30, churned=member_has_gone),
    past_columns=("since", "last_visit"),
    name="members",
    source_digest="0" * 64,
)


def profile_of(schema: type[pandera.DataFrameModel], **changes: Any) -> Profile:
    """A profile around `schema`; without `changes`, its features are its columns but the id."""
    columns = [name for name in schema.to_schema().columns if name != "customer_id"]
    given: dict[str, Any] = {
        "add_features": lambda customers: customers,
        "feature_columns": tuple(columns),
        "label": LabelRule(horizon_days=30, churned=lambda _, later: later[columns[0]].isna()),
        "name": "made_up",
    }
    return Profile(schema=schema, **(given | changes))


def member_columns(rows: int, **changes: list[Any]) -> dict[str, list[Any]]:
    """Valid cells of `Members`, as text; `changes` replace whole columns."""
    columns: dict[str, list[Any]] = {
        "customer_id": [f"c{number:05d}" for number in range(rows)],
        "plan": [("basic", "premium", None)[number % 3] for number in range(rows)],
        "since": ["2025-06-01"] * rows,
        "last_visit": ["2026-01-30"] * rows,
        "visits": [str(number % 7) for number in range(rows)],
        "spend": [f"{number % 5}.5" for number in range(rows)],
        "active": ["true"] * rows,
    }
    return columns | changes


def raw_of(profile: Profile, columns: dict[str, Any]) -> pa.Table:
    """`columns` as rows of the profile's `raw_customers`."""
    return cast_batch(pa.table(columns), raw_schema(profile))


def customers_of(profile: Profile, columns: dict[str, Any]) -> pa.Table:
    """`columns` as rows of the profile's `customers`; the caller vouches that they are valid."""
    return raw_of(profile, columns).select(customers_schema(profile).names).cast(customers_schema(profile))


def labelled_rows(rows: int, seed: int, plans: tuple[str | None, ...] = ("a", "b", None)) -> LabelledRows:
    """Feature rows with missing numbers, booleans and categories; `spend` drives the churn of about a quarter."""
    rng = np.random.default_rng(seed)
    spend = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
    active = [(True, False, None)[at] for at in rng.choice(3, rows, p=[0.45, 0.45, 0.1])]
    features = pa.table(
        {
            "customer_id": [f"c{number:06d}" for number in range(rows)],
            "spend": pa.array(spend, from_pandas=True),
            "active": pa.array(active, pa.bool_()),
            "plan": pa.array([plans[at] for at in rng.integers(0, len(plans), rows)], pa.string()),
        }
    )
    churned = rng.random(rows) < 1 / (1 + np.exp(1.5 - 1.5 * np.nan_to_num(spend)))
    return LabelledRows(features, churned, np.full(rows, np.datetime64(SNAPSHOT)))


def made_up_metrics(**changes: Any) -> Metrics:
    """The metrics of a good model: a tenth of 1,000 customers churned, so the base rate alone costs 0.09."""
    given: dict[str, Any] = {
        "rows": 1000,
        "churners": 100,
        "roc_auc": 0.8,
        "average_precision": 0.3,
        "brier": 0.08,
        "calibration_error": 0.01,
        "calibration_chance": 0.005,
    }
    return Metrics(**(given | changes))


def made_up_slice(value: str = "basic", **changes: Any) -> Slice:
    """How a model does on the customers of one plan; `changes` replace figures."""
    given: dict[str, Any] = {
        "column": "plan",
        "value": value,
        "rows": 100,
        "base_rate": 0.1,
        "mean_score": 0.1,
        "roc_auc": None,
        "selection_rate": 0.2,
        "disparate_impact": None,
    }
    return Slice(**given | changes)


def made_up_card(**changes: Any) -> ModelCard:
    """The card of a model that was never trained; its name is not made of its content."""
    given: dict[str, Any] = {
        "model_version": "20260131-0123abcd",
        "trained_as_of": SNAPSHOT,
        "profile": "members",
        "profile_digest": "0" * 64,
        "recipe": Recipe(estimator="hist_gradient_boosting"),
        "chosen": Recipe(estimator="hist_gradient_boosting"),
        "selection": "one recipe was configured",
        "leaderboard": (),
        "feature_columns": ("spend", "active", "plan"),
        "feature_parameters": {},
        "feature_digest": "0123456789ab",
        "label": "rule over 30 days",
        "training_dates": (date(2026, 1, 1),),
        "backtest_date": date(2026, 1, 1),
        "backtest_training_dates": (date(2025, 12, 2),),
        "skipped_dates": (),
        "inputs": (InputVersion(table="customers", snapshot_date=SNAPSHOT, version="abc"),),
        "libraries": {"numpy": "2"},
        "code_revision": "unknown",
        "train_rows": 10,
        "train_churners": 2,
        "left_out_rows": 0,
        "metrics": made_up_metrics(),
        "intervals": {},
        "slices": (),
        "importance": {},
        "in_sample": False,
        "limitations": (),
        "files": {},
        "form": CARD_FORM,
    }
    return ModelCard(**(given | changes))
