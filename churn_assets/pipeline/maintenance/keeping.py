"""Which versions and models may go, and which stay: what is current, young, or named by what stays."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from churn_assets.pipeline.chain import Chain
from churn_assets.storage.inventory import Inventory, Stored
from churn_assets.storage.tables.commits import Event, replaced_at
from churn_assets.storage.tables.table import Table

__all__ = ["QUARANTINE", "Cutoffs", "StoredTable", "expired_versions", "models_in_use", "stored_tables"]

QUARANTINE = "quarantined_customers"
REASONS = "churn_reasons"
SCORED = frozenset({"churn_scores", "challenger_scores"})
Version = tuple[dt.date | None, str]


@dataclass(frozen=True)
class StoredTable:
    """A table: the versions that lie there, every commit by day, and what is current."""

    name: str
    versions: tuple[Stored, ...]
    events: Mapping[dt.date, list[Event]]
    current: Mapping[dt.date, str]

    def made_by(self, stored: Stored) -> Event | None:
        """The newest commit that made a version; None where none names it."""
        told = self.events.get(stored.day, []) if stored.day else []
        named = [event for event in told if event.version == stored.version]
        return next((each for each in reversed(named) if each.commit.kind not in {"rollback", "erasure"}), None)

    def replaced(self) -> dict[Version, dt.datetime]:
        """When each version that is no longer current was replaced."""
        told = ((day, version, at) for day, each in self.events.items() for version, at in replaced_at(each).items())
        return {(day, version): at for day, version, at in told if self.current.get(day) != version}


@dataclass(frozen=True)
class Cutoffs:
    """Until when something must have been replaced, or made, for it to go; none lies behind the start of a running run.

    What a run in progress found current when it began, it may still read.
    """

    versions: dt.datetime
    quarantine: dt.datetime
    lookups: dt.datetime
    models: dt.datetime
    unfinished: dt.datetime


def stored_tables(inventory: Inventory) -> dict[str, StoredTable]:
    """Every partitioned table, by its name."""
    found = {}
    for name in inventory.tables():
        table = Table(inventory.layout.table(name))
        versions = tuple(inventory.versions(name))  # before the log: what is published meanwhile is named in it
        found[name] = StoredTable(name, versions, table.events(), table.versions())
    return found


def expired_versions(tables: Mapping[str, StoredTable], cutoffs: Cutoffs) -> dict[str, list[Stored]]:
    """The versions of each table that may go.

    A version stays that is current, was replaced lately, holds the last scores of a day by a model that knew no more
    than the day (its outcomes judge those), or is what scores that stay were made of: each can be traced. So do the
    reasons of scores that stay, which a rollback brings back with them.
    """
    old = {name: set(_old(table, cutoffs)) for name, table in tables.items()}
    for name in SCORED & tables.keys():
        old[name].difference_update(_honest(tables[name]))
    _keep(tables, old, "churn_scores", _made_of)
    _keep_reasons(tables, old)
    _keep(tables, old, "customers", lambda details: [("raw_customers", str(details.get("raw_version")))])
    return {
        name: [each for each in table.versions if (each.day, each.version) in old[name]]
        for name, table in tables.items()
    }


def _old(table: StoredTable, cutoffs: Cutoffs) -> Iterator[Version]:
    for (day, version), at in table.replaced().items():
        if at < cutoffs.versions:
            yield day, version
        elif table.name == QUARANTINE and at < cutoffs.unfinished:  # what was set aside so long ago goes sooner
            made = [event.published_at for event in table.events[day or dt.date.min] if event.version == version]
            if max(made) < cutoffs.quarantine:
                yield day, version


def _honest(table: StoredTable) -> Iterator[Version]:
    for day, events in table.events.items():
        honest = [event.version for event in events if not event.commit.details.get("hindsight", True)]
        yield from ((day, version) for version in honest[-1:])


def _keep(tables: Mapping[str, StoredTable], old: dict[str, set[Version]], name: str, made_of: Any) -> None:
    """Take from `old` what the versions of a table that stay were made of."""
    for stored in tables[name].versions if name in tables else ():
        event = tables[name].made_by(stored)
        if event is not None and (stored.day, stored.version) not in old[name]:
            for table, version in made_of(event.commit.details):
                old.get(table, set()).discard((stored.day, version))


def _keep_reasons(tables: Mapping[str, StoredTable], old: dict[str, set[Version]]) -> None:
    """Take from `old` the newest reasons of each version of scores that stays."""
    if not {REASONS, "churn_scores"} <= tables.keys():
        return
    stay = {(stored.day, stored.version) for stored in tables["churn_scores"].versions} - old["churn_scores"]
    for day, events in tables[REASONS].events.items():
        newest = {event.commit.details.get("score_version"): event.version for event in events}
        kept = {(day, version) for explained, version in newest.items() if (day, explained) in stay}
        old[REASONS].difference_update(kept)


def _made_of(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "customers", str(details.get("customers_version"))
    yield from (("customer_features", str(each)) for each in details.get("features_versions", {}).values())
    yield "customer_features", str(details.get("features_version"))


def models_in_use(chain: Chain, tables: Mapping[str, StoredTable], gone: Mapping[str, list[Stored]]) -> set[str]:
    """The models that stay for ever: those of the records, the challenger, and whose scores are kept."""
    registry = chain.registry
    named = {row[column] for row in registry.promotions.rows() for column in ("from_version", "to_version")}
    named |= {row["model_version"] for row in registry.canaries.rows()} | {registry.challenger(chain.profile.name)}
    for table in (tables[name] for name in SCORED & tables.keys()):
        kept = set(table.versions) - set(gone.get(table.name, ()))
        events = [event for stored in kept if (event := table.made_by(stored))]
        named |= {event.commit.model_version for event in events}
        named |= {name for event in events for name in event.commit.details.get("features_versions", {})}
        named |= {name for event in events for name in event.commit.details.get("models", {})}
    return {str(name) for name in named if name}
