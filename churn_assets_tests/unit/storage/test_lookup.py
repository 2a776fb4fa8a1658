"""The key lookup against a plain filter of the rows it was written from, whatever the ids are."""

import datetime as dt
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.core.columns import SCORES
from churn_assets.core.errors import InputError
from churn_assets.storage import lookup_files, lookup_writing
from churn_assets.storage.lookup import Lookup, Place, open_lookup
from churn_assets.storage.lookup_writing import write_lookup

DAY = dt.date(2026, 10, 31)
VERSION = "0123456789abcdef"
ALIKE = "customer-of-the-shop/"  # longer than a key: what follows is told apart by the whole id alone
IDS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
    st.text("ab\0/é\U0001f600", max_size=3).map(lambda end: ALIKE + end),
    st.text("a\0", min_size=1, max_size=20),
)
ROWS = st.dictionaries(
    IDS,
    st.tuples(
        st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)),
        st.sampled_from(["low", "medium", "high"]),
        st.sampled_from(["none", "offer", "review"]),
        st.sampled_from(["m1", "m2", "ä/\0"]),
    ),
    max_size=80,
)
Row = tuple[float, str, str, str]


def table_of(rows: dict[str, Row]) -> pa.Table:
    """Rows of `churn_scores`, sorted as its partitions are."""
    ordered = sorted(rows.items(), key=lambda row: row[0].encode())
    return pa.Table.from_pylist([dict(zip(SCORES.names, (key, *told), strict=True)) for key, told in ordered], SCORES)


def lookup_of(folder: Path, batches: Sequence[pa.Table]) -> Lookup:
    """A lookup written and opened anew."""
    target = folder / uuid.uuid4().hex
    write_lookup(target, DAY, VERSION, batches)
    return open_lookup(target, DAY, VERSION)


def told(lookup: Lookup, customer: str) -> Row | None:
    """What a lookup says of a customer."""
    found = lookup.find(customer)
    return None if found is None else (found.probability, *lookup.kinds[found.kind])


def named(count: int, prefix: str) -> dict[str, Row]:
    """As many rows whose ids begin alike."""
    return {f"{prefix}{number:06d}": (number % 997 / 997, "low", "none", "m1") for number in range(count)}


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows fill several record batches."""
    monkeypatch.setattr("churn_assets.storage.lookup.CHUNK_ROWS", 64)
    monkeypatch.setattr(lookup_writing, "CHUNK_ROWS", 64)


@pytest.mark.usefixtures("_small_chunks")
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, others=st.lists(IDS, max_size=20))
def test_a_lookup_says_what_a_filter_of_the_table_says(tmp_path: Path, rows: dict[str, Row], others: list[str]) -> None:
    """Every customer has the row's probability, tier, action and model, to the bit, and nobody else has any."""
    lookup = lookup_of(tmp_path, [table_of(rows)])

    found = {customer: told(lookup, customer) for customer in [*rows, *others]}

    assert found == {customer: rows.get(customer) for customer in [*rows, *others]}
    assert [customer for customer, _ in lookup.rows()] == sorted(rows, key=str.encode)


@pytest.mark.usefixtures("_small_chunks")
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, page=st.integers(1, 7))
def test_pages_of_the_customers_at_risk_are_the_sorted_table(tmp_path: Path, rows: dict[str, Row], page: int) -> None:
    """Page after page gives each medium and high customer once, the highest first, equal ones by id."""
    lookup = lookup_of(tmp_path, [table_of(rows)])
    seen: list[tuple[str, float]] = []
    after: Place | None = None

    while listed := [(customer, found.probability) for customer, found in lookup.at_risk(after, page)]:
        seen += listed
        after = Place.of(Place(seen[-1][1], seen[-1][0]).token())

    wanted = [(customer, row[0]) for customer, row in rows.items() if row[1] != "low"]
    assert seen == sorted(wanted, key=lambda each: (-each[1], each[0].encode()))
    assert lookup.listed == len(wanted)


@pytest.mark.parametrize("prefix", ["c", ALIKE, "x" * 10_000])
def test_ids_longer_than_a_key_are_found_in_few_steps(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all ids begin alike, a search reads the logarithm of the rows and no more."""
    rows = named(2000, prefix)
    lookup = lookup_of(tmp_path, [table_of(rows)])
    read: list[int] = []
    real = Lookup._id

    def counted(self: Lookup, row: int) -> bytes:
        read.append(row)
        return real(self, row)

    monkeypatch.setattr(Lookup, "_id", counted)

    found = [told(lookup, f"{prefix}{number:06d}") for number in (0, 31, 32, 1000, 1999)]

    assert found == [rows[f"{prefix}{number:06d}"] for number in (0, 31, 32, 1000, 1999)]
    assert told(lookup, f"{prefix}000031\0") is None
    assert len(read) <= 6 * 13


@pytest.mark.parametrize("customer", ["", "\0", "a", "a\0\0", "\ud800", "\U0010ffff", "é", "e\u0301", "z" * 10_000])
def test_an_id_is_found_to_the_letter(tmp_path: Path, customer: str) -> None:
    """Neighbours in the order, other spellings and half a surrogate pair are nobody."""
    lookup = lookup_of(tmp_path, [table_of(named(40, "c") | {"a\0": (0.5, "low", "none", "m1")})])

    found = lookup.find(customer)

    assert found is None
    assert told(lookup, "a\0") == (0.5, "low", "none", "m1")


def test_a_day_of_nobody_has_a_lookup(tmp_path: Path) -> None:
    """Without rows nobody is found, nobody is at risk, and the day says so."""
    lookup = lookup_of(tmp_path, [])

    found = (lookup.find("c1"), list(lookup.at_risk(None, 10)), lookup.card.rows, lookup.card.summary.mean_probability)

    assert found == (None, [], 0, 0.0)


@pytest.mark.usefixtures("_small_chunks")
def test_the_card_tells_the_day_in_aggregates(tmp_path: Path) -> None:
    """Rows, mean, tiers, actions, models, and twentieths of the probability, of which the last holds 1."""
    rows: dict[str, Row] = {
        "a": (0.0, "low", "none", "m1"),
        "b": (1.0, "high", "offer", "m2"),
        "c": (0.5, "medium", "none", "m1"),
        "d": (0.95, "high", "review", "m1"),
    }

    card = lookup_of(tmp_path, [table_of(rows)]).card

    assert (card.rows, card.summary.mean_probability) == (4, 0.6125)
    assert card.summary.tiers == {"low": 1, "medium": 1, "high": 2}
    assert card.summary.actions == {"none": 2, "offer": 1, "review": 1}
    assert card.summary.models == {"m1": 3, "m2": 1}
    assert [at for at, count in enumerate(card.summary.histogram) if count] == [0, 10, 19]
    assert sum(card.summary.histogram) == 4


@pytest.mark.usefixtures("_small_chunks")
def test_how_the_rows_were_cut_leaves_no_trace(tmp_path: Path) -> None:
    """The same rows in other batches are the same bytes in every file."""
    table = table_of(named(200, "c") | named(30, "d"))
    cuts = {"one": [table], "many": [table.slice(at, 7) for at in range(0, table.num_rows, 7)]}

    for name, batches in cuts.items():
        write_lookup(tmp_path / name, DAY, VERSION, batches)

    contents = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in cuts]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4


@pytest.mark.usefixtures("_small_chunks")
def test_no_more_than_the_highest_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more are at risk than the limit, those with the highest probability stand, the first of equal ones."""
    monkeypatch.setattr(lookup_writing, "AT_RISK_LIMIT", 10)
    rows: dict[str, Row] = {f"c{at:04d}": (at * 37 % 101 // 5 / 20, "high", "offer", "m") for at in range(500)}

    lookup = lookup_of(tmp_path, [table_of(rows)])

    wanted = sorted(rows, key=lambda customer: (-rows[customer][0], customer))[:10]
    assert [customer for customer, _ in lookup.at_risk(None, 99)] == wanted


@pytest.mark.parametrize("token", ["", "a", "!!!!", "AAAA", "f_gAAAAAAAA", "f_AAAAAAAABj", "P-AAAAAAAAD_", "é", "a b"])
def test_a_place_that_no_page_gave_is_refused(token: str) -> None:
    """Text that is no place, of no probability or no id, is an error in words."""
    with pytest.raises(InputError, match="it is not the `next` of a page"):
        Place.of(token)


def test_a_card_is_what_was_written(tmp_path: Path) -> None:
    """Reading a card gives its fields again."""
    lookup = lookup_of(tmp_path, [table_of(named(3, "c"))])

    card: Any = lookup.card

    assert (card.snapshot_date, card.score_version, card.rows) == (DAY, VERSION, 3)
    assert card.files.keys() == {lookup_files.KEYS, lookup_files.SCORES_FILE, lookup_files.AT_RISK}
