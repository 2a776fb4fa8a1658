"""The same project on polars, checks and features as expressions; scikit-learn scores.

    python benchmarks/rival_polars.py DATA_DIR DAY

Keeps raw, valid, quarantined, features and scores, each partition a Parquet file below DATA_DIR/rival_polars.
"""

import datetime as dt
from pathlib import Path

import dagster as dg
import polars as pl
from rival_project import DAYS, HIGH_ABOVE, MEDIUM_ABOVE, REVIEW_BAND, Business, ParquetFolder, project, run_night

from churn_assets.profiles.subscription import AGE_BANDS, CHANNELS, COUNTRIES, PLANS, PROFILE

WORDS = {"plan": PLANS, "country": COUNTRIES, "channel": CHANNELS, "age_band": AGE_BANDS}
RANGES: dict[str, tuple[float, float | None]] = {
    "monthly_fee": (0, None),
    "discount": (0, 1),
    "spend": (0, None),
    "active_days": (0, 30),
    "days_since_login": (0, None),
    "support_tickets": (0, None),
    "payment_failures": (0, 6),
    "satisfaction": (1, 10),
}
MAY_BE_EMPTY = {"satisfaction"}


class PolarsParquet(ParquetFolder):
    """Frames of polars."""

    def write(self, frame: pl.DataFrame, path: Path) -> None:
        """Write `frame` as one file."""
        frame.write_parquet(path)

    def read(self, path: Path) -> pl.DataFrame:
        """Read what was written."""
        return pl.read_parquet(path)


@dg.asset(partitions_def=DAYS)
def raw_customers(context: dg.AssetExecutionContext, business: Business) -> pl.DataFrame:
    """The day's export as it came."""
    return pl.read_parquet(business.export(context.partition_key))


@dg.multi_asset(
    outs={"customers": dg.AssetOut(), "quarantined_customers": dg.AssetOut()},
    partitions_def=DAYS,
)
def validated_customers(
    context: dg.AssetExecutionContext, raw_customers: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Valid customers, and the others with what is wrong with them."""
    checks = checks_of(dt.date.fromisoformat(context.partition_key))
    judged = raw_customers.with_columns(holds.alias(f"_{name}") for name, holds in checks.items())
    is_valid = pl.all_horizontal(f"_{name}" for name in checks)
    told = [pl.when(~pl.col(f"_{name}")).then(pl.lit(name)) for name in checks]
    faults = pl.concat_list(told).list.drop_nulls().list.join("; ").alias("faults")
    valid = judged.filter(is_valid).select(raw_customers.columns)
    return valid, judged.filter(~is_valid).select(*raw_customers.columns, faults)


def checks_of(day: dt.date) -> dict[str, pl.Expr]:
    """What holds of a sound row."""
    checks = {
        "customer_id: unique": pl.col("customer_id").is_unique(),
        "customer_id: length": pl.col("customer_id").str.len_chars().fill_null(0) >= 1,
        "signup_date: not_after_snapshot": (pl.col("signup_date") < day + dt.timedelta(days=1)).fill_null(value=False),
        "auto_renew: not_null": pl.col("auto_renew").is_not_null(),
    }
    for name, words in WORDS.items():
        checks[f"{name}: isin"] = pl.col(name).cast(pl.String).is_in(words).fill_null(value=False)
    for name, (least, most) in RANGES.items():
        within = pl.col(name) >= least if most is None else pl.col(name).is_between(least, most)
        checks[f"{name}: range"] = within.fill_null(value=name in MAY_BE_EMPTY)
    return checks


@dg.asset(partitions_def=DAYS)
def customer_features(context: dg.AssetExecutionContext, customers: pl.DataFrame) -> pl.DataFrame:
    """What the model sees of each customer."""
    day = dt.datetime.fromisoformat(context.partition_key)
    active = pl.col("active_days")
    return customers.with_columns(
        (pl.lit(day) - pl.col("signup_date")).dt.total_days().alias("tenure_days"),
        (pl.col("days_since_login") < 30).alias("is_recent"),  # noqa: PLR2004  # the profile's default
        (pl.col("spend") / active.clip(lower_bound=1)).alias("spend_per_active_day"),
        (pl.col("days_since_login") * active / 30).alias("missed_visits"),
    ).select("customer_id", *PROFILE.feature_columns)


@dg.asset(partitions_def=DAYS)
def churn_scores(customer_features: pl.DataFrame, business: Business) -> pl.DataFrame:
    """Probability, tier and action of each customer."""
    version, pipeline = business.model()
    categories = [pl.col(name).cast(pl.Enum(words)) for name, words in WORDS.items() if name != "age_band"]
    given = customer_features.with_columns(categories).select(PROFILE.feature_columns).to_pandas()
    probability = pl.Series("churn_probability", pipeline.predict_proba(given)[:, 1])
    chance = pl.col("churn_probability")
    return (
        customer_features.select("customer_id")
        .with_columns(probability)
        .with_columns(
            pl.when(chance > HIGH_ABOVE)
            .then(pl.lit("high"))
            .when(chance > MEDIUM_ABOVE)
            .then(pl.lit("medium"))
            .otherwise(pl.lit("low"))
            .alias("risk_tier"),
            pl.when(chance.is_between(*REVIEW_BAND))
            .then(pl.lit("review"))
            .when(chance > HIGH_ABOVE)
            .then(pl.lit("offer"))
            .otherwise(pl.lit("none"))
            .alias("action"),
            pl.lit(version).alias("model_version"),
        )
    )


def nightly() -> dg.JobDefinition:
    """The job of a night."""
    return project("rival_polars", [raw_customers, validated_customers, customer_features, churn_scores], PolarsParquet)


if __name__ == "__main__":
    run_night(nightly)
