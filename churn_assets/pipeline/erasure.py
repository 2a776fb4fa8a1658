"""Erase one customer from everything that is stored, and keep a record of it that names nobody.

For each version that holds them: the version without them is written, recorded as what the old one became, made
current where the old one was, and the old one is removed. A reader sees the one or the other, whole, and whoever
kills this at any instant loses nothing: the next attempt goes on where it stopped.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from churn_assets.core.errors import ChurnError, DamagedVersion, ModelFault, RunError, SinkFault, UnknownVersion
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.pipeline.chain import Chain, RunContext, logger
from churn_assets.pipeline.maintenance.expire import finish_expiry
from churn_assets.storage.erasure.golden import erase_golden, golden_rows_of
from churn_assets.storage.erasure.rewritten import Rewritten, RewrittenVersions
from churn_assets.storage.erasure.versions import Standing, StoredTable, remove_abandoned
from churn_assets.storage.layout import stored_versions
from churn_assets.storage.models.store import ModelStore
from churn_assets.storage.tables.commits import Commit

__all__ = ["Erasure", "Whereabouts", "forget_customer", "locate_customer"]

UPSTREAM = ("raw_customers", "quarantined_customers", "customers", "customer_features")
AT_ONCE = 64  # versions that are recorded together
PASSES = 5
GOLDEN_ROWS, SINK = "golden_rows", "score_sink"


@dataclass(frozen=True)
class Whereabouts:
    """Where a customer stands: versions of tables, models by their golden rows, and the sink, each with their rows.

    Nobody can tell who is in what is `unreadable`.
    """

    standings: tuple[Standing, ...]
    models: dict[str, int]
    sunk: int = 0
    unreadable: tuple[ChurnError, ...] = ()

    @property
    def tables(self) -> dict[str, int]:
        """How many rows are the customer's, by table."""
        rows = Counter({each.table: 0 for each in self.standings})
        for each in self.standings:
            rows[each.table] += sum(each.rows)
        elsewhere = {GOLDEN_ROWS: sum(self.models.values()), SINK: self.sunk}
        return {**rows, **{name: count for name, count in elsewhere.items() if count}}


@dataclass(frozen=True)
class Erasure:
    """What was done: rows removed by table, and the versions that were rewritten, each with its table.

    `unfinished` says how many staging folders are too young to tell whether somebody is at work in them.
    """

    customer_hash: str
    tables: dict[str, int]
    versions: tuple[tuple[str, Rewritten], ...]
    unfinished: int

    def row(self) -> dict[str, Any]:
        """What the command line prints."""
        versions = [
            {"table": table, SNAPSHOT_DATE: each.day, "from": each.old, "to": each.new, "rows": each.removed}
            for table, each in self.versions
        ]
        return {"customer_hash": self.customer_hash, "tables": self.tables, "versions": versions}


def locate_customer(chain: Chain, customer: str) -> Whereabouts:
    """Where a customer stands; changes nothing."""
    standings: list[Standing] = []
    unreadable: list[ChurnError] = []
    for table in _tables(chain):
        logger.info("looking through %s", table.table.name)
        for each in table.standings(customer):
            if isinstance(each, Standing):
                standings += [each] if each.rows else []
            else:
                unreadable.append(each)
    models, faults = _golden_rows(chain, customer, golden_rows_of)
    unreadable += faults
    sunk = 0
    try:
        sunk = chain.sink.rows_of(customer) if chain.sink else 0
    except SinkFault as fault:
        unreadable.append(fault)
    return Whereabouts(tuple(standings), models, sunk, tuple(unreadable))


def forget_customer(chain: Chain, customer: str, run: RunContext) -> Erasure:
    """Erase a customer from every version of every table, from lookups, golden rows and the score sink.

    Raises:
        UnknownVersion: they stand nowhere; nothing was changed or recorded.
        RunError: something could not be done; what was done stands, and the next attempt goes on.
    """
    finish_expiry(chain, run.actor)  # what a killed one had set aside lies where nobody would look for the customer
    record = chain.erasures
    if not record.is_under_way(customer):
        found = locate_customer(chain, customer)
        if not found.tables:
            raise (
                _unreadable(found.unreadable, "they stand nowhere else")
                if found.unreadable
                else UnknownVersion(_nowhere(chain, customer))
            )
    since = record.begin(customer, run.actor, run.reason)
    customer_hash = record.hash_of(customer)
    damaged = _erase_from_tables(chain, customer, customer_hash, run)
    versions = RewrittenVersions(chain.raw.folder).of(customer_hash, since)
    tables = Counter({table: 0 for table, _ in versions})
    for table, each in versions:
        tables[table] += each.removed
    models, faults = _golden_rows(chain, customer, erase_golden)
    if models:
        tables[GOLDEN_ROWS] = sum(models.values())
    if chain.sink is not None:
        tables[SINK] = chain.sink.delete_customer(customer)
    unfinished = sum(remove_abandoned(root) for root in (chain.layout.models, *chain.layout.tables()))
    if damaged or faults:
        raise _unreadable([*damaged, *faults], "all else is done")
    record.finish(customer_hash, tables, len(versions))
    return Erasure(customer_hash, dict(tables), tuple(versions), unfinished)


def _golden_rows(
    chain: Chain, customer: str, do: Callable[[ModelStore, str, str, str], int]
) -> tuple[dict[str, int], list[ModelFault]]:
    """What `do` finds of a customer among the golden rows of each model, and the models that cannot be read."""
    store = chain.registry.models
    rows: dict[str, int] = {}
    faults: list[ModelFault] = []
    for version in store.versions():
        try:
            rows[version] = do(store, version, chain.profile.id_column, customer)
        except ModelFault as fault:
            faults.append(fault)
    return {version: found for version, found in rows.items() if found}, faults


def _unreadable(faults: Sequence[ChurnError], otherwise: str) -> RunError:
    named = "one place" if len(faults) == 1 else f"{len(faults)} places"
    return RunError(f"the customer may still be in {named}; {otherwise}: mend that, and erase again: {faults[0]}")


def _erase_from_tables(chain: Chain, customer: str, customer_hash: str, run: RunContext) -> list[DamagedVersion]:
    """Erase until nothing is found any more: a run may publish meanwhile what it had read before; what is damaged."""
    commit = run.commit("erasure", customer_hash=customer_hash)
    for _ in range(PASSES):
        damaged: list[DamagedVersion] = []
        found = False
        for table in _tables(chain):
            there = list(table.standings(customer))
            damaged += [each for each in there if isinstance(each, DamagedVersion)]
            standing = [each for each in there if isinstance(each, Standing)]
            found = found or bool(standing)
            _erase_from(table, standing, customer, commit)
        if not found:
            return damaged
    raise RunError("the tables are written faster than they are erased from: erase again once no run is under way")


def _erase_from(table: StoredTable, standings: Sequence[Standing], customer: str, commit: Commit) -> None:
    customer_hash = commit.details["customer_hash"]
    for start in range(0, len(standings), AT_ONCE):
        together = standings[start : start + AT_ONCE]
        if rewritten := [table.rewrite(each, customer) for each in together if each.rows]:
            table.names.record(customer_hash, rewritten)
        table.settle(together, commit)
        logger.info("%s: %d of %d versions are rewritten", table.table.name, start + len(together), len(standings))
    table.remove_lookups()


def _tables(chain: Chain) -> list[StoredTable]:
    """Every table that has versions, what others are made of first."""
    keys = (chain.profile.id_column, "customer_id")
    roots = [root for root in chain.layout.tables() if stored_versions(root)]
    first = [root for name in UPSTREAM for root in roots if root.name == name]
    return [StoredTable(root, keys) for root in dict.fromkeys([*first, *roots])]


def _nowhere(chain: Chain, customer: str) -> str:
    last = chain.erasures.last(customer)
    before = f": they were erased on {last['recorded_at']:%Y-%m-%d}" if last else ", in no version, lookup or model"
    sink = f" and not in {chain.sink.label}" if chain.sink else ""
    return f"customer {customer!r} is in no table below {chain.layout.folder}{sink}{before}; nothing was changed"
