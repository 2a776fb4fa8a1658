"""Who was erased, when, by whom and why, without an id: `erasures`, and the secret that its hashes are made with."""

import datetime as dt
import json
import os
import secrets
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from churn_assets.core.arrow.erased import ErasedCustomers, customer_hash, customer_mark
from churn_assets.core.errors import RunError
from churn_assets.core.table_schemas import ERASURES
from churn_assets.storage.files import fsync_folder
from churn_assets.storage.layout import ERASURE_KEY, Layout
from churn_assets.storage.remote import Folder
from churn_assets.storage.tables.ledger import Ledger, Row

__all__ = ["ErasureRecord"]

BEGUN, DONE = "begun", "done"
SECRET_BYTES = 32


class ErasureRecord:
    """The erasures of one installation."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._ledger = Ledger(layout.table("erasures"), ERASURES)

    def erased(self) -> ErasedCustomers:
        """Everybody who was erased, or is being erased now.

        Raises:
            RunError: the secret is gone: nobody could be known again.
        """
        rows = self._ledger.rows()
        if not rows:
            return ErasedCustomers()
        hashes, marks = (frozenset(row[name] for row in rows) for name in ("customer_hash", "customer_mark"))
        return ErasedCustomers(self._secret(), hashes, marks)

    def hash_of(self, customer: str) -> str:
        """How the record names a customer; nothing where nobody was ever erased."""
        return customer_hash(self._secret(), customer) if self._fetched().exists() else ""

    def last(self, customer: str) -> Row | None:
        """The newest record of a customer, None where there is none."""
        rows = self._ledger.rows()
        return _last(rows, customer_hash(self._secret(), customer)) if rows else None

    def is_under_way(self, customer: str) -> bool:
        """Whether an erasure of a customer was begun, and not done."""
        last = self.last(customer)
        return last is not None and last["event"] == BEGUN

    def begin(self, customer: str, actor: str, reason: str) -> dt.datetime:
        """Record that an erasure begins: from now on no landing lets the customer in; when the first attempt began.

        One that was begun and not done goes on.
        """
        if not self._fetched().exists():
            self._make_secret()
        secret = self._secret()
        now, named = dt.datetime.now(dt.UTC), customer_hash(secret, customer)
        row = {
            "recorded_at": now,
            "event": BEGUN,
            "customer_hash": named,
            "customer_mark": customer_mark(secret, customer),
            "actor": actor,
            "reason": reason,
            "tables": "",
            "versions": 0,
        }

        def unless_under_way(rows: list[Row]) -> Row | None:
            last = _last(rows, named)
            return None if last and last["event"] == BEGUN else row

        self._ledger.append(unless_under_way)
        begun = _last(self._ledger.rows(), named)
        return begun["recorded_at"] if begun else now

    def finish(self, customer_hash: str, tables: Mapping[str, int], versions: int) -> None:
        """Record that nothing of the customer is left."""

        def done(rows: list[Row]) -> Row | None:
            last = _last(rows, customer_hash)
            if last is None or last["event"] == DONE:
                return None
            now = dt.datetime.now(dt.UTC)
            told = {"recorded_at": now, "event": DONE, "tables": json.dumps(tables), "versions": versions}
            return {name: last[name] for name in ERASURES.names} | told

        self._ledger.append(done)

    @property
    def _key(self) -> Folder:
        """Where a person finds the secret."""
        return self._layout.folder.below(ERASURE_KEY)

    def _fetched(self) -> Path:
        return self._layout.folder.fetch(ERASURE_KEY)

    def _secret(self) -> bytes:
        try:
            return bytes.fromhex(self._fetched().read_text().strip())
        except (OSError, ValueError) as error:
            raise RunError(
                f"{self._key} cannot be read, and without it no erased customer is known again: restore it from a "
                f"backup, and give uid {os.getuid()} access to it"
            ) from error

    def _make_secret(self) -> None:
        path = self._layout.folder / ERASURE_KEY
        if self._ledger.rows():
            raise RunError(
                f"{self._key} is gone, and without it no erased customer is known again: restore it from a backup"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # somebody else made it just now
            os.link(written, path)
        written.unlink()
        fsync_folder(path.parent)
        self._layout.folder.push([path])
        self._layout.folder.fetch(ERASURE_KEY, anew=True)  # of two machines that made one, one was first


def _last(rows: list[Row], customer_hash: str) -> Row | None:
    return next((row for row in reversed(rows) if row["customer_hash"] == customer_hash), None)
