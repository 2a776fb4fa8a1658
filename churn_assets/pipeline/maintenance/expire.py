"""Let expire what the configuration no longer keeps, and sweep what killed writers left.

A version or a model is first taken away from where readers look, then the log says whether it may go (of a model the
records of promotions and canaries, after a commit that lets whoever is adding one look again), then that is recorded,
and only then its files are removed: an expiry that is killed at any instant is finished by the next.

In an object store nothing can be taken away in one step. There it is recorded first what is to go, where whoever makes
a version current or promotes a model looks before the commit; then the log says whether it may go, and then its files
are removed.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from churn_assets.core.errors import ChurnError
from churn_assets.core.options import Retention
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.pipeline.maintenance.keeping import (
    QUARANTINE,
    Cutoffs,
    StoredTable,
    expired_versions,
    models_in_use,
    stored_tables,
)
from churn_assets.pipeline.maintenance.quarantine import redact
from churn_assets.storage.bucket_inventory import inventory_of
from churn_assets.storage.expirations import REMOVAL, Expirations
from churn_assets.storage.inventory import MODELS, Inventory, Stored
from churn_assets.storage.orphans import UNDER_WAY, abandoned, orphaned_beside, orphaned_versions
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.ledger import Ledger
from churn_assets.storage.tables.table import Table

__all__ = ["Expired", "expire", "finish_expiry", "plan_expiry"]

EVER = dt.datetime.min.replace(tzinfo=dt.UTC)


@dataclass(frozen=True)
class Expired:
    """Things of a kind and table whose time is up: kept for so many days by the configuration."""

    kind: str
    table: str
    things: tuple[Stored, ...]
    kept_days: int

    def row(self) -> dict[str, Any]:
        """What is shown and recorded of them."""
        return {
            "kind": self.kind,
            "table": self.table,
            "count": len(self.things),
            "bytes": sum(each.bytes for each in self.things),
            "kept_days": self.kept_days,
            "names": [each.name for each in self.things],
        }


def plan_expiry(chain: Chain, now: dt.datetime, running_since: dt.datetime | None = None) -> list[Expired]:
    """What may go at `now`; touches nothing.

    Args:
        chain: whose tables and models.
        now: a time with a zone.
        running_since: when the oldest run in progress began, None where there is none. Models and quarantined rows
            wait for the end of all runs.
    """
    inventory, kept = inventory_of(chain.layout), chain.retention
    cutoffs = _cutoffs(kept, now, running_since)
    tables = stored_tables(inventory)
    gone = expired_versions(tables, cutoffs)
    plan = [Expired("version", name, tuple(things), kept.versions_days) for name, things in gone.items()]
    for name, table in tables.items():
        orphans = orphaned_versions(table.versions, table.events, table.current, cutoffs.unfinished)
        plan.append(Expired("orphan", name, tuple(orphans), UNDER_WAY.days))
        plan += _beside(inventory, table, gone[name], cutoffs, kept)
    plan += _unnamed_records(inventory, cutoffs, kept)
    if running_since is None:
        stale = _stale_quarantine(tables[QUARANTINE], cutoffs) if QUARANTINE in tables else ()
        plan.append(Expired("quarantine", QUARANTINE, tuple(stale), kept.quarantine_days))
        used = models_in_use(chain, tables, gone)
        models = [each for each in inventory.models() if each.version not in used and each.modified < cutoffs.models]
        plan.append(Expired("model", MODELS, tuple(models), kept.models_days))
    left = abandoned(inventory, cutoffs.unfinished)
    plan += [
        Expired("unfinished", name, tuple(each for each in left if each.table == name), UNDER_WAY.days)
        for name in sorted({each.table for each in left})
    ]
    return [each for each in plan if each.things]


def expire(chain: Chain, actor: str, now: dt.datetime, running_since: dt.datetime | None = None) -> list[Expired]:
    """Let go what `plan_expiry` names, and finish what an earlier expiry began; what went."""
    inventory, since = inventory_of(chain.layout), dt.datetime.now(dt.UTC)
    if chain.layout.store is not None:  # what one that was killed just now has recorded stays so for long enough
        since -= REMOVAL / 2
    cleared = finish_expiry(chain, actor)
    for planned in plan_expiry(chain, now, running_since):
        going = replace(planned, things=tuple(_going(chain, inventory, planned, actor, since)))
        _record_and_remove(chain, inventory, going, actor, since)
        cleared.append(going)
    return [each for each in cleared if each.things]


def finish_expiry(chain: Chain, actor: str) -> list[Expired]:
    """Remove, or put back, what an expiry that was killed had set aside; what went."""
    inventory, cleared = inventory_of(chain.layout), []
    for name in [*inventory.tables(), MODELS]:
        if aside := inventory.expired(name):
            things = _released(chain, inventory, name, aside, actor)
            kept_days = chain.retention.models_days if name == MODELS else chain.retention.versions_days
            cleared.append(Expired("model" if name == MODELS else "version", name, tuple(things), kept_days))
            _record_and_remove(chain, inventory, cleared[-1], actor, EVER)
    return cleared


def _going(chain: Chain, inventory: Inventory, planned: Expired, actor: str, since: dt.datetime) -> Iterable[Stored]:
    """Those of what is planned that may be removed now, and that no reader can come upon any more."""
    if planned.kind in {"feature_counts", "report"}:  # their version may have been put back
        return [each for each in planned.things if not inventory.has_version(each)]
    if planned.kind in {"version", "orphan", "model", "quarantine"}:
        things = _redacted(chain, planned.things, actor) if planned.kind == "quarantine" else planned.things
        aside = [found for each in things if (found := inventory.set_aside(each))]
        if chain.layout.store is not None:  # nothing was moved: whoever makes one current finds it there
            _record(chain, replace(planned, things=tuple(aside)), actor, since)
        return _released(chain, inventory, planned.table, aside, actor)
    return planned.things


def _cutoffs(kept: Retention, now: dt.datetime, running_since: dt.datetime | None) -> Cutoffs:
    def before(days: int) -> dt.datetime:
        return min(now - dt.timedelta(days=days), running_since or now)

    return Cutoffs(
        versions=before(kept.versions_days),
        quarantine=before(kept.quarantine_days),
        lookups=before(kept.lookups_days),
        models=before(kept.models_days),
        unfinished=before(UNDER_WAY.days),
    )


def _beside(
    inventory: Inventory, table: StoredTable, gone: Sequence[Stored], cutoffs: Cutoffs, kept: Retention
) -> Iterator[Expired]:
    """Lookups of versions that were replaced long enough ago, and all that lies beside versions that are gone or go."""
    beside = list(inventory.beside(table.name))
    stay = [each for each in table.versions if each not in gone]
    orphans = set(orphaned_beside(beside, stay, cutoffs.unfinished))
    replaced = {version for version, at in table.replaced().items() if at < cutoffs.lookups}
    for kind, days in (
        ("lookup", kept.lookups_days),
        ("feature_counts", kept.versions_days),
        ("report", kept.versions_days),
    ):
        of_kind = [each for each in beside if each.kind == kind]
        going = [
            each for each in of_kind if each in orphans or (kind == "lookup" and (each.day, each.version) in replaced)
        ]
        yield Expired(kind, table.name, tuple(going), days)


def _unnamed_records(inventory: Inventory, cutoffs: Cutoffs, kept: Retention) -> Iterator[Expired]:
    """Files of records that were made one, or that a writer left who was not the first."""
    for name in inventory.ledgers():
        there = inventory.records(name)  # before the log: what is recorded meanwhile is not among them
        named = set(Ledger(inventory.layout.table(name), pa.schema([])).files())
        old = [each for each in there if each.path not in named and each.modified < cutoffs.versions]
        yield Expired("record", name, tuple(old), kept.versions_days)


def _stale_quarantine(table: StoredTable, cutoffs: Cutoffs) -> Iterator[Stored]:
    """The current versions that still hold values, of rows that were set aside long enough ago."""
    for stored in table.versions:
        event = table.made_by(stored)
        is_current = stored.day is not None and table.current.get(stored.day) == stored.version
        if (
            is_current
            and event
            and event.rows
            and event.commit.kind != "expire"
            and event.published_at < cutoffs.quarantine
        ):
            yield stored


def _redacted(chain: Chain, stale: Iterable[Stored], actor: str) -> Iterator[Stored]:
    """Publish each of these days without values; those whose version was replaced."""
    for stored in stale:
        day = stored.day or dt.date.min
        event = next(event for event in chain.quarantined.backwards(day) if event.version == stored.version)
        reason = f"older than {chain.retention.quarantine_days} days"
        commit = Commit("expire", actor, reason, code_revision=chain.code_revision, details=event.commit.details)
        try:
            if redact(chain.quarantined, day, event.commit.details["id_column"], commit):
                yield stored
        except ChurnError as error:  # one day keeps no other from its end
            logger.warning("the quarantined rows of %s stay for now: %s", day, error)


def _released(chain: Chain, inventory: Inventory, table: str, aside: Sequence[Stored], actor: str) -> list[Stored]:
    """Those of what is set aside that may go; the others are put back."""
    if not aside:
        return []
    if table == MODELS:
        chain.registry.let_decide_anew(actor)
        used = models_in_use(chain, stored_tables(inventory), {})
        free = [each for each in aside if each.version not in used]
    else:
        asked = [(each.day, each.version) for each in aside if each.day]
        released = set(Table(inventory.layout.table(table)).release(asked, actor))
        free = [each for each in aside if (each.day, each.version) in released]
    for each in aside:
        if each not in free:
            inventory.put_back(each)
    return free


def _record_and_remove(chain: Chain, inventory: Inventory, expired: Expired, actor: str, since: dt.datetime) -> None:
    """Record what goes, unless it was recorded at `since` or later, and remove it."""
    if not expired.things:
        return
    _record(chain, expired, actor, since)
    inventory.remove(expired.things)
    logger.info("%s: %d of kind %s have expired", expired.table, len(expired.things), expired.kind)


def _record(chain: Chain, expired: Expired, actor: str, since: dt.datetime) -> None:
    if expired.things:
        row = {name: value for name, value in expired.row().items() if name != "count"}
        row |= {"expired_at": dt.datetime.now(dt.UTC), "actor": actor}
        Expirations(chain.layout.folder.below("tables")).record(row, since)
