"""The history that training needs, landed on the way: only what is missing or stale is made."""

import datetime as dt
from collections.abc import Iterable

from churn_assets.core.profile_schemas import customers_schema
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import is_validated, validate_customers, validation_inputs
from churn_assets.pipeline.features import featurize_customers, is_fresh

__all__ = ["available_days", "land_history"]

LOGGED_EVERY = 10


def available_days(chain: Chain, days: Iterable[dt.date]) -> set[dt.date]:
    """Those of `days` that are landed already or that the source can give; none before the first partition.

    None that was landed before the profile had a column which may not be missing: its rows would be no valid ones.
    """
    landed = set(chain.raw.days())
    there = {day for day in days if day >= chain.start_date and (day in landed or chain.source.has(day))}
    unlike = _validated_otherwise(chain, there & landed)
    lacking = {day: names for day in unlike if (names := _lacking(chain, day))}
    if lacking:
        columns = ", ".join(sorted({name for names in lacking.values() for name in names}))
        logger.warning(
            "%d days from %s to %s are left out of training: they were landed without %s, which may not be missing; "
            "`churn-assets run --from %s --to %s` lands what the source holds of them again",
            *(len(lacking), min(lacking), max(lacking), columns, min(lacking), max(lacking)),
        )
    return there - lacking.keys()


def _validated_otherwise(chain: Chain, days: set[dt.date]) -> list[dt.date]:
    """Those of `days` whose landed rows the profile of today has not judged yet, in order."""
    newest = chain.customers.newest(days)
    digest = chain.profile.source_digest
    return [
        day for day in sorted(days) if day not in newest or newest[day].commit.details.get("profile_digest") != digest
    ]


def _lacking(chain: Chain, day: dt.date) -> list[str]:
    """The columns that every valid customer has, and the landed rows of a day have not."""
    stored = chain.raw.version(day).schema.names
    return [each.name for each in customers_schema(chain.profile) if not each.nullable and each.name not in stored]


def land_history(chain: Chain, days: set[dt.date], with_features: set[dt.date], run: RunContext) -> None:
    """See that every one of `days` has valid customers, and those of `with_features` fresh features.

    What is made is kept in `run.landed`.
    """
    landed, validated = chain.raw.newest(days), chain.customers.newest(days)
    featurized = chain.features.newest(with_features)
    for count, day in enumerate(sorted(days), start=1):
        if day in landed:
            raw_version = landed[day].version
        else:
            raw = land_customers(chain, day, run)
            run.landed.append(raw)
            raw_version = raw.published.version
        if day in validated and is_validated(validated[day].commit.details, validation_inputs(chain, raw_version)):
            version = validated[day].version
        else:
            valid, quarantined = validate_customers(chain, day, run)
            run.landed.extend([valid, quarantined])
            version = valid.published.version
        if day in with_features and not is_fresh(featurized.get(day), version, chain.feature_digest):
            run.landed.append(featurize_customers(chain, day, run))
        if count % LOGGED_EVERY == 0 or count == len(days):
            logger.info("history: %d of the %d days that training looks at are there", count, len(days))
