"""Snapshots that came late or were delivered again: whose files are others than those that a day was made of."""

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from churn_assets.core.errors import ChurnError
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.customers.land import batch_id_of
from churn_assets.storage.source.files import SourceFile
from churn_assets.storage.tables.commits import Event

__all__ = ["Deliveries", "Delivery", "find_deliveries"]

WINDOW_DAYS = 35  # before the newest scored day: how old a day may be and still be corrected by itself
SETTLED = dt.timedelta(minutes=1)  # without a change, or an export may still be writing
DIGESTED_AT_ONCE = 3  # days whose files are read in one look


@dataclass(frozen=True)
class Delivery:
    """Files of a day that it was not made of: `batch_id` names their content.

    `model_version` is the model that scored the day, None where that is the champion, or nobody did.
    """

    day: dt.date
    batch_id: str
    model_version: str | None


@dataclass(frozen=True)
class Deliveries:
    """What a look at the source found; `seen` says how each day's files stood, for the next look."""

    new: list[Delivery] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)


def find_deliveries(
    chain: Chain, attempted: Collection[dt.date], seen: Mapping[str, str], now: dt.datetime
) -> Deliveries:
    """Look at the files of the days that were scored lately, or `attempted` in vain.

    A day that nobody ever tried to score is left alone. Files are read only where size or time say that they may be
    others than before; their digest decides.

    Args:
        chain: whose source.
        attempted: days whose night failed.
        seen: how the files stood at the last look, by day.
        now: the time, with its zone.
    """
    found = Deliveries()
    if not chain.source.dated:  # one export stands for every day
        return found
    scored = chain.scores.days()
    since = scored[-1] - dt.timedelta(days=WINDOW_DAYS) if scored else dt.date.max
    digested = 0
    for day in sorted({day for day in scored if day >= since} | set(attempted)):
        try:
            files = chain.source.files(day)
            stands = _signature(files)
            if stands == seen.get(str(day)):
                found.seen[str(day)] = stands
                continue
            landed = next(chain.raw.backwards(day), None)
            if landed is not None and _is_untouched(files, landed):
                found.seen[str(day)] = stands
                continue
            if digested == DIGESTED_AT_ONCE or not _is_settled(files, now):
                continue
            digested += 1
            batch_id = _batch_id(chain, files)
            if landed is None or landed.commit.details["batch_id"] != batch_id:
                found.new.append(Delivery(day, batch_id, _scored_by(chain, day)))
            found.seen[str(day)] = stands
        except (ChurnError, OSError) as error:  # not there, not complete, or being replaced: the next look finds it
            logger.debug("%s: the source cannot be looked at: %s", day, error)
    return found


def _batch_id(chain: Chain, files: Sequence[SourceFile]) -> str:
    """The name of their content; of a database's answer, which only the landing can name, that of how it stands."""
    digests = [chain.source.digest(file) for file in files]
    known = [digest for digest in digests if digest is not None]
    return batch_id_of(known if len(known) == len(digests) else [_signature(files)])


def _signature(files: Sequence[SourceFile]) -> str:
    named = [f"{file.path} {file.size} {file.modified_ns}" for file in files]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()[:16]


def _is_untouched(files: Sequence[SourceFile], landed: Event) -> bool:
    """Whether they have the sizes of those that were landed, and were written before."""
    sizes = [file["bytes"] for file in landed.commit.details["files"]]
    before = landed.published_at.timestamp() * 1e9
    return [file.size for file in files] == sizes and all(file.modified_ns < before for file in files)


def _is_settled(files: Sequence[SourceFile], now: dt.datetime) -> bool:
    latest = max(file.modified_ns for file in files) / 1e9
    return now.timestamp() - latest >= SETTLED.total_seconds()


def _scored_by(chain: Chain, day: dt.date) -> str | None:
    newest = next(chain.scores.backwards(day), None)
    model = newest.commit.model_version if newest else ""
    return None if not model or model == chain.registry.champion() else model
