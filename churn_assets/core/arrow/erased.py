"""Customers who were erased, known again by keyed hashes of their ids: no id is kept."""

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.hashing import stable_hash

__all__ = ["ErasedCustomers", "customer_hash", "customer_mark"]

HASH_DIGITS = 32
SALT_LENGTH = 16


def customer_hash(secret: bytes, customer: str) -> str:
    """HMAC-SHA-256 of an id: without the secret nobody can try ids, however short they are."""
    return hmac.new(secret, customer.encode(), hashlib.sha256).hexdigest()[:HASH_DIGITS]


def customer_mark(secret: bytes, customer: str) -> str:
    """SipHash of an id under a key from the secret: millions of ids are looked through by it in a second or two."""
    return f"{int(stable_hash(pa.array([customer]), _salt(secret))[0]):016x}"


@dataclass(frozen=True)
class ErasedCustomers:
    """Everybody who was erased from an installation, by marks and hashes under its secret."""

    secret: bytes = b""
    hashes: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()

    def without(self, rows: pa.Table, key: str) -> pa.Table:
        """The rows of those who were not erased, by the ids in column `key`; rows without an id stay."""
        if not self.marks or not rows.num_rows:
            return rows
        ids = pc.fill_null(id_texts(rows.column(key)), "")
        marks = np.array([int(mark, 16) for mark in sorted(self.marks)], np.uint64)
        marked = np.flatnonzero(np.isin(stable_hash(ids, _salt(self.secret)), marks))
        erased = [at for at in marked.tolist() if customer_hash(self.secret, ids[at].as_py()) in self.hashes]
        if not erased:
            return rows
        kept = np.ones(rows.num_rows, bool)
        kept[erased] = False
        return rows.filter(pa.array(kept))


def _salt(secret: bytes) -> str:
    return hmac.new(secret, b"mark", hashlib.sha256).hexdigest()[:SALT_LENGTH]
