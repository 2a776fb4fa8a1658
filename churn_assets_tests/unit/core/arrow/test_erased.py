"""Erased customers are known again by keyed hashes, and nobody else is taken for one."""

import pyarrow as pa

from churn_assets.core.arrow.erased import ErasedCustomers, customer_hash, customer_mark

SECRET = bytes(range(32))


def erased_of(*customers: str, secret: bytes = SECRET) -> ErasedCustomers:
    """These customers, as a record names them."""
    hashes = frozenset(customer_hash(secret, each) for each in customers)
    return ErasedCustomers(secret, hashes, frozenset(customer_mark(secret, each) for each in customers))


def test_rows_of_the_erased_are_left_out() -> None:
    """Texts and numbers alike, twice where they stand twice; rows without an id stay, and so does the order."""
    texts = pa.table({"id": ["a", "b", None, "B", "b", "é"]})
    numbers = pa.table({"id": pa.array([7, 8, None, 77], pa.int64())})

    kept = erased_of("b", "é", "gone").without(texts, "id")
    left = erased_of("8").without(numbers, "id")

    assert kept.column("id").to_pylist() == ["a", None, "B"]
    assert left.column("id").to_pylist() == [7, None, 77]
    assert ErasedCustomers().without(texts, "id") is texts


def test_a_mark_alone_takes_nobody_out() -> None:
    """Of a customer whose mark is an erased one's, the hash decides."""
    told = erased_of("a")
    alike = ErasedCustomers(SECRET, frozenset({"0" * 32}), told.marks)

    assert alike.without(pa.table({"id": ["a", "b"]}), "id").num_rows == 2
    assert customer_mark(SECRET, "a") != customer_mark(SECRET[::-1], "a")
    assert customer_hash(SECRET, "a") != customer_hash(SECRET[::-1], "a")
