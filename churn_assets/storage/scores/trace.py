"""From one published score back to everything it was made of."""

import datetime as dt
from typing import Any

from churn_assets.core.errors import UnknownVersion
from churn_assets.core.table_schemas import FAULTS, SNAPSHOT_DATE
from churn_assets.storage.layout import Layout
from churn_assets.storage.models.store import ModelStore
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.tables.commits import Event
from churn_assets.storage.tables.parquet import find_rows
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion

__all__ = ["trace_score"]

SHOWN = ("hindsight", "pinned", "out_of_fold", "prior", "do_not_score", "excluded")  # of a commit's details


def trace_score(layout: Layout, customer: str, day: dt.date | None, version: str | None = None) -> dict[str, Any]:
    """The score of `customer`, and the model, rows, versions and source files behind it.

    Args:
        layout: of the installation.
        customer: a customer id.
        day: a snapshot date, the newest scored one where None.
        version: a score version of that day, also one that was rolled back; the current one where None.

    Raises:
        UnknownVersion: no such score; the sentence says where the customer was lost.
    """
    scores = PublishedScores(layout)
    scored = scores.version(day, version)
    published = _event(scores.table, scored.day, scored.version)
    made_of = published.commit.details
    customers, raw = Table(layout.table("customers")), Table(layout.table("raw_customers"))
    validated = _event(customers, scored.day, made_of["customers_version"])
    key = validated.commit.details["id_column"]
    landed = _event(raw, scored.day, validated.commit.details["raw_version"])
    if not find_rows(scored.files, "customer_id", customer):
        scores.refuse_excluded(customer, scored)
        raise UnknownVersion(_reason_of_absence(layout, scored, landed, key, customer))
    row = _row(scored, "customer_id", customer)
    card = ModelStore(layout.models).card(row["model_version"])  # the canary's customers have its model
    seen = made_of.get("features_versions", {}).get(card.model_version, made_of["features_version"])
    return {
        "customer_id": customer,
        SNAPSHOT_DATE: scored.day,
        "score": _version(published) | {"hindsight": card.trained_as_of > scored.day, "row": row},
        **scores.reasons(customer, scored),
        "model": card.model_dump(mode="json"),
        "features": _features(layout, scored.day, seen, key, customer),
        "customer": _version(validated)
        | {"row": _row(customers.version(scored.day, validated.version), key, customer)},
        "raw": _version(landed) | {"row": _row(raw.version(scored.day, landed.version), key, customer)},
        "source": {name: landed.commit.details[name] for name in ("batch_id", "files")},
    }


def _event(table: Table, day: dt.date, version: str) -> Event:
    """The publish that made `version`."""
    events = [each for each in table.history(day) if each.version == version and each.commit.kind != "rollback"]
    if not events:
        raise UnknownVersion(f"{table.name} {day}: no version {version} was ever published")
    return events[-1]


def _version(event: Event) -> dict[str, Any]:
    commit = event.commit
    details = {
        "version": event.version,
        "published_at": event.published_at,
        "actor": commit.actor,
        "run_id": commit.run_id,
        "code_revision": commit.code_revision,
    }
    return details | {name: commit.details[name] for name in SHOWN if name in commit.details}


def _features(layout: Layout, day: dt.date, version: str, key: str, customer: str) -> dict[str, Any]:
    """The features that were read; nothing where the model's own were computed from the customer's row."""
    if not version:
        return {"version": None, "row": None}
    return {
        "version": version,
        "row": _row(Table(layout.table("customer_features")).version(day, version), key, customer),
    }


def _reason_of_absence(layout: Layout, scored: PartitionVersion, landed: Event, key: str, customer: str) -> str:
    """Why a customer has no score in a version, whose raw rows `landed` brought."""
    day = scored.day
    quarantined = Table(layout.table("quarantined_customers"))
    told = [event for event in quarantined.history(day) if event.commit.details.get("raw_version") == landed.version]
    broken = find_rows(quarantined.version(day, told[-1].version).files, key, customer) if told else []
    faults = [fault for row in broken for fault in row[FAULTS]]
    if faults:
        has_expired = told[-1].commit.kind == "expire"
        found = "; ".join(
            f"column {each['column']}: {each['check']}" + ("" if has_expired else f" (value {each['value']})")
            for each in faults
        )
        more = "; the values have expired" if has_expired else ""
        return f"customer {customer!r} was quarantined on {day}: {found}{more}"
    if not find_rows(Table(layout.table("raw_customers")).version(day, landed.version).files, key, customer):
        return f"customer {customer!r} was not in the source of {day}, as it was landed in version {landed.version}"
    return f"customer {customer!r} is not in version {scored.version} of {day}"


def _row(version: PartitionVersion, key: str, customer: str) -> dict[str, Any]:
    rows = find_rows(version.files, key, customer)
    if not rows:
        raise UnknownVersion(f"customer {customer!r} is not in version {version.version} of {version.day}")
    return rows[0]
