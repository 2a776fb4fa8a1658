"""A dry run of source and profile: what a night and a first training would meet, told before anything is published."""

import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.core.arrow.columns import column_changes
from churn_assets.core.errors import SourceFault, TrainingImpossible
from churn_assets.core.evaluation.leaks import strongest_features
from churn_assets.core.features import to_model_frame
from churn_assets.core.intake.feature_summary import summarize
from churn_assets.core.profile import LabelColumn
from churn_assets.core.profile_schemas import raw_schema
from churn_assets.core.table_schemas import FAULTS, RESCUED
from churn_assets.core.training.labels import Outcomes, held_out, label_from_column, label_from_later
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.customers.do_not_score import read_do_not_score
from churn_assets.pipeline.intake.snapshot import TriedDay, sampling_rate, try_day
from churn_assets.pipeline.training.training_data import usable_days

__all__ = ["DryRun", "dry_run"]

LONGEST_EXAMPLE = 60  # of its characters
LABEL_DAYS = 3
LEAST_OF_EACH_KIND = 30


@dataclass(frozen=True)
class DryRun:
    """What was found; `problems` are sentences, and none means that a night of this day would be published.

    `rows` are those of the day, `looked_at` those that were read for it: fewer of a very large one.
    """

    snapshot_date: dt.date
    rows: int
    looked_at: int
    quarantined: int
    columns: list[dict[str, Any]]
    faults: list[dict[str, Any]]
    label_rate: list[dict[str, Any]]
    features: list[dict[str, Any]]
    leaks: list[dict[str, Any]]
    history: dict[str, Any]
    night: dict[str, Any]
    problems: list[str]


@dataclass(frozen=True)
class _Labelled:
    tried: TriedDay
    known_on: dt.date
    outcomes: Outcomes


def dry_run(chain: Chain, day: dt.date) -> DryRun:
    """Try the night of `day` and the training that it asks for.

    Raises:
        SourceMissing, SourceFault, ProfileError: the source cannot be read, or the profile's code fails.
    """
    rate = sampling_rate(chain, day)
    began = time.perf_counter()
    tried = try_day(chain, day, rate)
    features = summarize(tried.features) if len(tried.valid) else []
    seconds = time.perf_counter() - began
    history = _history(chain, day)
    labelled = list(_labelled(chain, tried, rate, history)) if len(tried.valid) else []
    leaks = _leaks(chain, labelled[0]) if labelled else []
    return DryRun(
        snapshot_date=day,
        rows=tried.rows,
        looked_at=tried.looked_at,
        quarantined=tried.counts.quarantined,
        columns=_columns(chain, tried),
        faults=_faults(tried),
        label_rate=[_rate(each) for each in labelled],
        features=[asdict(each) for each in features],
        leaks=leaks,
        history=history,
        night=_night(tried, seconds),
        problems=list(_problems(chain, tried, history, labelled, leaks)),
    )


def _columns(chain: Chain, tried: TriedDay) -> list[dict[str, Any]]:
    """Each column as the source has it and as the profile declares it; those that it does not know declare nothing."""
    names = {name: source for source, name in chain.profile.columns.items()}
    found = {field.name: field.type for field in tried.found}
    told = []
    for declared in raw_schema(chain.profile):
        if declared.name != RESCUED:
            source = names.get(declared.name, declared.name)
            kind = found[source].value_type if pa.types.is_dictionary(found[source]) else found[source]
            told.append({"column": declared.name, "source": source, "found": str(kind), "declared": str(declared.type)})
    return told + [
        {"column": None, "source": name, "found": str(found.get(name, "")), "declared": None} for name in tried.unknown
    ]


def _faults(tried: TriedDay) -> list[dict[str, Any]]:
    """The broken checks, most rows first, each with a value that broke it: for whoever may read the export."""
    examples: dict[tuple[str, str], str] = {}
    for faults in tried.quarantined.column(FAULTS).to_pylist():
        for fault in faults:
            examples.setdefault((fault["column"], fault["check"]), str(fault["value"])[:LONGEST_EXAMPLE])
    return [asdict(each) | {"example": examples.get((each.column, each.check), "")} for each in tried.counts.worst]


def _history(chain: Chain, day: dt.date) -> dict[str, Any]:
    """Whether a model can be trained as of the day, from which days, and which of its window the source lacks."""
    label = chain.profile.label
    told: dict[str, Any] = {"as_of": day, "horizon_days": label.horizon.days, "reason": ""}
    if not label.is_dated:
        return told | {"enough": True, "usable": [day], "lacking": []}
    try:
        days, skipped = usable_days(chain, day)
    except TrainingImpossible as error:
        return told | {"enough": False, "usable": [], "lacking": [], "reason": str(error)}
    usable = sorted({days.backtest, *days.served, *days.judged}, reverse=True)
    return told | {"enough": True, "usable": usable, "lacking": list(skipped)}


def _labelled(chain: Chain, tried: TriedDay, rate: float, history: dict[str, Any]) -> Iterator[_Labelled]:
    """The day itself, where it carries its label, else the newest days whose outcomes are known."""
    label = chain.profile.label
    if isinstance(label, LabelColumn):
        yield _Labelled(tried, tried.day, label_from_column(chain.profile, label, tried.valid))
        return
    for day in history["usable"][:LABEL_DAYS]:
        known_on = day + label.horizon
        then = try_day(chain, day, rate)
        later = tried if known_on == tried.day else try_day(chain, known_on, rate)
        ids = later.quarantined.column(chain.profile.id_column).drop_null()
        yield _Labelled(then, known_on, label_from_later(chain.profile, label, day, then.valid, later.valid, ids))


def _rate(each: _Labelled) -> dict[str, Any]:
    known = int(each.outcomes.known.sum())
    churned = int(each.outcomes.churned[each.outcomes.known].sum())
    told = {"snapshot_date": each.tried.day, "known_on": each.known_on, "customers": known}
    return told | {"left_out": each.outcomes.left_out, "churned": churned, "rate": churned / known if known else None}


def _leaks(chain: Chain, labelled: _Labelled) -> list[dict[str, Any]]:
    """The feature and the pair that rank the outcome best, and whether they do too well."""
    outcomes, features = labelled.outcomes, labelled.tried.features
    held = held_out(features.column(0))
    sides = [outcomes.known & ~held, outcomes.known & held]
    churned = [outcomes.churned[side] for side in sides]
    if min(min(side.sum(), (~side).sum()) for side in churned) < LEAST_OF_EACH_KIND:
        return []
    frame = to_model_frame(features, chain.profile.feature_columns)
    taught, shown = (frame[side].reset_index(drop=True) for side in sides)
    strongest = strongest_features(taught, churned[0], shown, churned[1], {})
    bound = chain.gates.max_feature_roc_auc or 1.0
    told = [((strongest.feature,), strongest.roc_auc), (strongest.pair, strongest.pair_roc_auc)]
    return [
        {"features": list(names), "roc_auc": reached, "suspect": bool(reached > bound)}
        for names, reached in told
        if names
    ]


def _night(tried: TriedDay, seconds: float) -> dict[str, Any]:
    """What the tables of a night take, and how long until its features are there, by the rows that were looked at."""
    scale = tried.rows / max(tried.looked_at, 1)
    held = 2 * _bytes(tried.valid) + (_bytes(tried.features) if len(tried.valid) else 0)
    return {"seconds": round(seconds * scale, 2), "bytes": int(held * scale)}


def _bytes(table: pa.Table) -> int:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return int(sink.tell())


def _standing_in_the_way(chain: Chain) -> Iterator[str]:
    """What stops a night whatever the day's customers are."""
    landed = chain.raw.columns()
    if landed is not None and column_changes(landed, raw_schema(chain.profile)):
        yield "the tables have the columns of an earlier profile: see what `churn-assets migrate --dry-run` would move"
    try:
        read_do_not_score(chain)
    except SourceFault as error:
        yield str(error)


def _problems(
    chain: Chain,
    tried: TriedDay,
    history: dict[str, Any],
    labelled: list[_Labelled],
    leaks: list[dict[str, Any]],
) -> Iterator[str]:
    yield from _standing_in_the_way(chain)
    bound = chain.validation.max_quarantined_share
    if not tried.counts.valid or tried.counts.quarantined > bound * tried.looked_at:
        yield (
            f"{tried.counts.quarantined:,} of {tried.looked_at:,} rows would be quarantined, and "
            f"validation.max_quarantined_share is {bound:g}: mend the export, or the profile's schema"
        )
        return
    if chain.registry.has_champion():
        return
    if not history["enough"] and not chain.recipe.is_rules:
        yield history["reason"]
    for each in labelled[:1]:
        outcomes = each.outcomes.churned[each.outcomes.known]
        if not outcomes.any() or outcomes.all():
            yield f"of {len(outcomes):,} known outcomes of {each.tried.day} all are the same: nothing can be learnt"
    for leak in leaks:
        if leak["suspect"]:
            yield (
                f"{' and '.join(leak['features'])} rank the churners with ROC-AUC {leak['roc_auc']:.3f}: a leak, which "
                "gates.max_feature_roc_auc refuses; take out what is known only afterwards"
            )
