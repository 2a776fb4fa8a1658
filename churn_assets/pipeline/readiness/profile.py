"""Points about the profile: that the tables have its columns, and that its features depend on their row alone."""

from collections.abc import Sequence

import pyarrow as pa

from churn_assets.core.arrow.batches import BATCH_ROWS
from churn_assets.core.arrow.dictionaries import as_stored
from churn_assets.core.features import compute_features
from churn_assets.core.profile_schemas import categorical_columns, customers_schema
from churn_assets.core.readiness import Point
from churn_assets.pipeline.chain import Chain
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["features_point", "schema_point"]

SAMPLE = 500
NO_DAY = "no customers have landed"
RUN = "`churn-assets run` lands a day"


def schema_point(chain: Chain) -> Point:
    """Whether the newest valid customers have the columns and types of the profile in force."""
    newest = _newest(chain)
    if newest is None:
        return Point("schema contract", NO_DAY, RUN)
    there = {field.name: field.type for field in next(newest.batches()).schema}
    wanted = {field.name: field.type for field in customers_schema(chain.profile)}
    other = sorted(name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name))
    if other:
        advice = "undo the profile's change, or move the tables to it with `churn-assets migrate --reason TEXT`"
        return Point("schema contract", f"customers {newest.day} and the profile differ in {', '.join(other)}", advice)
    return Point("schema contract", f"{len(wanted)} columns of customers {newest.day} are those of the profile")


def features_point(chain: Chain) -> Point:
    """Whether a sample of real customers gets the same features again, in another order and in other batches."""
    newest = _newest(chain)
    if newest is None:
        return Point("features", NO_DAY, RUN)
    sample = next(newest.batches(categories=categorical_columns(chain.profile))).slice(0, min(SAMPLE, BATCH_ROWS))
    half = sample.num_rows // 2
    backwards = list(range(sample.num_rows))[::-1]
    whole = _features(chain, newest, [sample])
    trials = {
        "a second time": _features(chain, newest, [sample]),
        "in the opposite order": _features(chain, newest, [sample.take(backwards)]).take(backwards),
        "in two batches": _features(chain, newest, [sample.slice(0, half), sample.slice(half)]),
        "each row alone": _features(chain, newest, [sample.slice(at, 1) for at in range(0, sample.num_rows, 25)]),
    }
    expected = dict.fromkeys(trials, whole) | {"each row alone": whole.take(list(range(0, sample.num_rows, 25)))}
    for how, given in trials.items():
        if other := [name for name in whole.column_names if _differ(given.column(name), expected[how].column(name))]:
            return Point(
                "features",
                f"{', '.join(other)} of {sample.num_rows} customers come out otherwise {how}",
                "make add_features depend on its row alone: no clock, no random number, nothing of other rows",
            )
    return Point("features", f"{sample.num_rows} customers of {newest.day} get theirs row by row, each time the same")


def _newest(chain: Chain) -> PartitionVersion | None:
    days = chain.customers.days()
    return chain.customers.version(days[-1]) if days else None


def _features(chain: Chain, customers: PartitionVersion, batches: Sequence[pa.Table]) -> pa.Table:
    given = [compute_features(batch, chain.profile, chain.parameters, customers.day) for batch in batches if len(batch)]
    return pa.concat_tables([rows.cast(as_stored(rows.schema)) for rows in given]).combine_chunks()


def _differ(first: pa.ChunkedArray, second: pa.ChunkedArray) -> bool:
    """Nulls, which stand for NaN too, are equal."""
    return bool(first.to_pylist() != second.to_pylist())
