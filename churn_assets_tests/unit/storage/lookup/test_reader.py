"""The key lookup against a plain filter of the rows it was written from, whatever the ids and the parts are."""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from churn_assets.core.errors import InputError
from churn_assets.core.table_schemas import SCORES
from churn_assets.storage.layout import lookup_folder
from churn_assets.storage.lookup import format as lookup_files
from churn_assets.storage.lookup import writer
from churn_assets.storage.lookup.format import ScoreLabels
from churn_assets.storage.lookup.reader import Cursor, Lookup, _Part, open_lookup
from churn_assets.storage.lookup.writer import READ, write_lookup, write_segment, write_staged_lookup
from churn_assets.storage.tables.parquet import read_batches, write_part
from churn_assets.storage.tables.versions import Staged

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
CUTS = st.lists(st.integers(0, 80), max_size=4)
Row = tuple[float, str, str, str]


def table_of(rows: dict[str, Row]) -> pa.Table:
    """Rows of `churn_scores`, sorted as its partitions are."""
    ordered = sorted(rows.items(), key=lambda row: row[0].encode())
    return pa.Table.from_pylist([dict(zip(SCORES.names, (key, *told), strict=True)) for key, told in ordered], SCORES)


def lookup_of(folder: Path, *parts: pa.Table) -> Lookup:
    """A lookup of these parts, written and opened anew."""
    target = folder / uuid.uuid4().hex
    write_lookup(target, DAY, VERSION, [[part] for part in parts])
    return open_lookup(target, DAY, VERSION)


def cut_at(table: pa.Table, cuts: Sequence[int]) -> list[pa.Table]:
    """The rows of a table in parts, some of which may be empty."""
    bounds = [0, *sorted(min(cut, table.num_rows) for cut in cuts), table.num_rows]
    return [table.slice(start, end - start) for start, end in pairwise(bounds)]


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def told(lookup: Lookup, customer: str) -> Row | None:
    """What a lookup says of a customer."""
    found = lookup.find(customer)
    return None if found is None else (found.probability, *lookup.kinds[found.kind])


def coded(part: pa.Table) -> pa.Table:
    """The same rows, whose words come as codes."""
    words = ("risk_tier", "action", "model_version")
    columns = zip(part.column_names, part.columns, strict=True)
    return pa.table({name: values.dictionary_encode() if name in words else values for name, values in columns})


def named(count: int, prefix: str) -> dict[str, Row]:
    """As many rows whose ids begin alike."""
    return {f"{prefix}{number:06d}": (number % 997 / 997, "low", "none", "m1") for number in range(count)}


@pytest.fixture
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows fill several record batches."""
    monkeypatch.setattr("churn_assets.storage.lookup.reader.CHUNK_ROWS", 64)
    monkeypatch.setattr(writer, "CHUNK_ROWS", 64)


@pytest.mark.usefixtures("_small_chunks")
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, others=st.lists(IDS, max_size=20), cuts=CUTS)
def test_a_lookup_says_what_a_filter_of_the_table_says(
    tmp_path: Path, rows: dict[str, Row], others: list[str], cuts: list[int]
) -> None:
    """Every customer has the row's probability, tier, action and model, to the bit, and nobody else has any."""
    lookup = lookup_of(tmp_path, *cut_at(table_of(rows), cuts))

    found = {customer: told(lookup, customer) for customer in [*rows, *others]}

    assert found == {customer: rows.get(customer) for customer in [*rows, *others]}
    assert lookup.card.rows == len(rows)


@pytest.mark.usefixtures("_small_chunks")
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, page=st.integers(1, 7), cuts=CUTS)
def test_pages_of_the_customers_at_risk_are_the_sorted_table(
    tmp_path: Path, rows: dict[str, Row], page: int, cuts: list[int]
) -> None:
    """Page after page gives each medium and high customer once, the highest first, equal ones by id."""
    lookup = lookup_of(tmp_path, *cut_at(table_of(rows), cuts))
    seen: list[tuple[str, float]] = []
    after: Cursor | None = None

    while listed := [(customer, found.probability) for customer, found in lookup.at_risk(after, page)]:
        seen += listed
        after = Cursor.of(Cursor.after(seen[-1][1], seen[-1][0]).token())

    wanted = [(customer, row[0]) for customer, row in rows.items() if row[1] != "low"]
    assert seen == sorted(wanted, key=lambda each: (-each[1], each[0].encode()))


@pytest.mark.parametrize("prefix", ["c", ALIKE, "x" * 10_000])
def test_ids_longer_than_a_key_are_found_in_few_steps(
    tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all ids begin alike, a search reads the logarithm of the rows and no more."""
    rows = named(2000, prefix)
    lookup = lookup_of(tmp_path, table_of(rows))
    read: list[int] = []
    real = _Part.id

    def counted(self: _Part, row: int) -> bytes:
        read.append(row)
        return real(self, row)

    monkeypatch.setattr(_Part, "id", counted)

    found = [told(lookup, f"{prefix}{number:06d}") for number in (0, 31, 32, 1000, 1999)]

    assert found == [rows[f"{prefix}{number:06d}"] for number in (0, 31, 32, 1000, 1999)]
    assert told(lookup, f"{prefix}000031\0") is None
    assert len(read) <= 6 * 13


@pytest.mark.parametrize("customer", ["", "\0", "a", "a\0\0", "\ud800", "\U0010ffff", "é", "e\u0301", "z" * 10_000])
def test_an_id_is_found_to_the_letter(tmp_path: Path, customer: str) -> None:
    """Neighbours in the order, other spellings and half a surrogate pair are nobody."""
    lookup = lookup_of(tmp_path, table_of(named(40, "c") | {"a\0": (0.5, "low", "none", "m1")}))

    found = lookup.find(customer)

    assert found is None
    assert told(lookup, "a\0") == (0.5, "low", "none", "m1")


@pytest.mark.parametrize("parts", [0, 1, 2])
def test_a_day_of_nobody_has_a_lookup(tmp_path: Path, parts: int) -> None:
    """Without rows nobody is found, nobody is at risk, and the day says so."""
    lookup = lookup_of(tmp_path, *[table_of({})] * parts)

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

    card = lookup_of(tmp_path, table_of(rows)).card

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
        write_lookup(tmp_path / name, DAY, VERSION, [batches, [table]])

    assert contents(tmp_path / "one") == contents(tmp_path / "many")
    assert len(contents(tmp_path / "one")) == 5


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_who_made_the_segments_and_when_leaves_no_trace(tmp_path: Path, order: list[int]) -> None:
    """Segments made while the parts were written, in any order and of codes, give the bytes that the files give."""
    mixed: dict[str, Row] = {f"c0001{at}x": (at / 9, "high", "offer", f"m{at % 3}") for at in range(9)}
    parts = cut_at(table_of(named(200, "c") | mixed | named(30, "d")), [50, 130])
    staged = [Staged(DAY, VERSION, tmp_path / name, SCORES) for name in ("read", "given")]
    for each in staged:
        each.folder.mkdir()
        for number, part in enumerate(parts):
            write_part(each.folder, number, SCORES, "customer_id", [part])
    made = {}
    for number in order:
        rows = read_batches([staged[1].folder / f"part-{number}.parquet"], READ, ScoreLabels._fields, rows=7)
        made[number] = write_segment(staged[1].folder / "lookup", number, rows)

    write_staged_lookup(tmp_path / "one", staged[0])
    write_staged_lookup(tmp_path / "other", staged[1], [made[number] for number in range(len(parts))])

    lookups = [tmp_path / name / lookup_folder(DAY, VERSION) for name in ("one", "other")]
    assert contents(lookups[0]) == contents(lookups[1])
    assert open_lookup(lookups[1], DAY, VERSION).card.rows == 239


def test_a_lookup_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Where a part cannot be read, pieces of the others are gone as well."""

    def broken() -> Iterator[pa.Table]:
        yield table_of(named(3, "d"))
        raise pa.ArrowInvalid("damaged")

    with pytest.raises(pa.ArrowInvalid, match="damaged"):
        write_lookup(tmp_path / "lookup", DAY, VERSION, [[table_of(named(3, "c"))], broken()])

    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_small_chunks")
@pytest.mark.parametrize("cuts", [[], [1], [130, 131, 300]])
def test_no_more_than_the_highest_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuts: list[int]) -> None:
    """Where more are at risk than the limit, those with the highest probability stand, the first of equal ones."""
    monkeypatch.setattr(writer, "AT_RISK_LIMIT", 10)
    rows: dict[str, Row] = {f"c{at:04d}": (at * 37 % 101 // 5 / 20, "high", "offer", "m") for at in range(500)}

    lookup = lookup_of(tmp_path, *cut_at(table_of(rows), cuts))

    wanted = sorted(rows, key=lambda customer: (-rows[customer][0], customer))[:10]
    assert [customer for customer, _ in lookup.at_risk(None, 99)] == wanted


def test_pages_of_very_long_ids_go_on(tmp_path: Path) -> None:
    """A hundred kilobytes of id, also where many begin alike, make a cursor that a URL can carry, and no page stops."""
    rows: dict[str, Row] = {f"{'x' * 100_000}{at}": (0.9, "high", "offer", "m1") for at in range(5)}
    lookup = lookup_of(tmp_path, table_of(rows))
    seen: list[str] = []
    tokens: list[str] = []
    after: Cursor | None = None

    while page := list(lookup.at_risk(after, 1)):
        seen.append(page[0][0])
        tokens.append(Cursor.after(page[0][1].probability, page[0][0]).token())
        after = Cursor.of(tokens[-1])

    assert seen == sorted(rows)
    assert max(map(len, tokens)) < 1_000


BAD_TOKENS = ["", "a", ".", ".P-AAAAAAAAA", "!!!!", "AAAA", "f_gAAAAAAAA", "f_AAAAAAAABj", "P-AAAAAAAAD_", "é", "a b"]


@pytest.mark.parametrize("token", BAD_TOKENS)
def test_a_place_that_no_page_gave_is_refused(token: str) -> None:
    """Text that is no place, of no probability or no id, is an error in words."""
    with pytest.raises(InputError, match="it is not the `next` of a page"):
        Cursor.of(token)


def test_a_card_is_what_was_written(tmp_path: Path) -> None:
    """Reading a card gives its fields again."""
    lookup = lookup_of(tmp_path, table_of(named(3, "c")))

    card: Any = lookup.card

    assert (card.snapshot_date, card.score_version, card.rows) == (DAY, VERSION, 3)
    assert card.files.keys() == {lookup_files.KEYS, "scores-0.arrow", lookup_files.AT_RISK}
