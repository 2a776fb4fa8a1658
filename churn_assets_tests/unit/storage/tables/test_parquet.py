"""The same rows give the same bytes, in the encodings that the design promises."""

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn_assets.core.errors import AuditFailed, DamagedVersion
from churn_assets.core.table_schemas import FAULT_TYPE, SCORES
from churn_assets.storage.tables import parquet
from churn_assets.storage.tables.parquet import (
    count_rows,
    digest_files,
    end_ids,
    find_rows,
    read_batches,
    read_key,
    write_parts,
)
from churn_assets.storage.tables.versions import PartitionVersion
from churn_assets_tests.storage_factories import DAY, KEY, score_rows, without_words

MANY_ROWS = 600_000
PART_ROWS = 524_288
GROUP_ROWS = 131_072
PROMISED = pa.schema([pa.field(KEY, pa.string(), nullable=False), pa.field("plan", pa.string(), nullable=False)])


@pytest.fixture(scope="module")
def many_rows(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of 600,000 narrow rows."""
    ids = pa.array([f"c{number:07d}" for number in range(MANY_ROWS)])
    probability = pa.array([number / MANY_ROWS for number in range(MANY_ROWS)])
    tier = pa.DictionaryArray.from_arrays(pa.array([0] * MANY_ROWS, pa.int8()), ["low"]).cast(pa.string())
    schema = pa.schema([("customer_id", pa.string()), ("churn_probability", pa.float64()), ("tier", pa.string())])
    rows = pa.table([ids, probability, tier], schema=schema)
    folder = tmp_path_factory.mktemp("many")
    return write_parts(folder, schema, KEY, (pa.Table.from_batches([batch]) for batch in rows.to_batches(50_000)))


@pytest.fixture
def small_parts() -> Iterator[None]:
    """Row groups of 7 rows and files of 14, so that a few rows already cross every border."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_ROWS", 7)
        patch.setattr(parquet, "PART_ROWS", 14)
        yield


def columns_of(path: Path) -> dict[str, Any]:
    """What the footer of a file says of each column of its first row group."""
    group = pq.read_metadata(path).row_group(0)
    return {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}


def as_codes(rows: pa.Table, words: list[str]) -> pa.Table:
    """`rows` with their plans as codes of a dictionary of `words`."""
    codes = pc.index_in(rows.column("plan").combine_chunks(), pa.array(words))
    return rows.set_column(1, "plan", pa.DictionaryArray.from_arrays(codes, words))


def cut(rows: pa.Table, places: list[int]) -> list[pa.Table]:
    """`rows` in pieces that end at `places`."""
    borders = [0, *sorted(min(place, rows.num_rows) for place in places), rows.num_rows]
    return [rows.slice(start, end - start) for start, end in pairwise(borders)]


def test_a_new_part_begins_every_524_288_rows(many_rows: list[Path]) -> None:
    """A file holds 524,288 rows, the last one what is left."""
    rows = [count_rows(path) for path in many_rows]

    assert rows == [PART_ROWS, MANY_ROWS - PART_ROWS]
    assert [path.name for path in many_rows] == ["part-0.parquet", "part-1.parquet"]


def test_row_groups_hold_131_072_rows(many_rows: list[Path]) -> None:
    """A row group holds 131,072 rows, only the last one of all fewer."""
    footers = [pq.read_metadata(path) for path in many_rows]

    groups = [footer.row_group(at).num_rows for footer in footers for at in range(footer.num_row_groups)]

    assert groups == [GROUP_ROWS] * 4 + [MANY_ROWS - PART_ROWS]


def test_rows_come_back_in_order_and_none_is_lost(many_rows: list[Path]) -> None:
    """Files read one after the other give every row once, in the order of the id, in bounded batches."""
    batches = list(read_batches(many_rows, [KEY]))

    ids = pa.concat_tables(batches).column(KEY)
    assert max(batch.num_rows for batch in batches) <= 131_072
    assert ids.to_pylist() == [f"c{number:07d}" for number in range(MANY_ROWS)]


def test_files_are_lz4_with_a_page_index(many_rows: list[Path]) -> None:
    """Every column is compressed with lz4 and found by page; the key, in whose order rows lie, tells its bounds."""
    columns = columns_of(many_rows[0]).values()

    told = [(column.compression, column.has_offset_index, column.has_column_index) for column in columns]

    assert told == [("LZ4", True, True), ("LZ4", True, False), ("LZ4", True, False)]


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_text_is_stored_the_same_as_such_and_dictionary_encoded(data: st.DataObject) -> None:
    """Categories that come as codes, by any dictionaries, give the same bytes as their text."""
    texts = data.draw(st.lists(st.none() | st.sampled_from(["", "a", "b", "ü"]), min_size=1, max_size=40), "texts")
    places = data.draw(st.sets(st.integers(1, len(texts)), max_size=3), "cuts")
    schema = pa.schema([("customer_id", pa.string()), ("plan", pa.string())])
    plain = pa.table([[f"c{number:02d}" for number in range(len(texts))], texts], schema=schema)
    encoded = [
        as_codes(piece, data.draw(st.permutations(["", "a", "b", "never", "ü"]), "dictionary"))
        for piece in cut(plain, sorted(places))
    ]

    with TemporaryDirectory() as one, TemporaryDirectory() as other, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_ROWS", 7)
        as_text = write_parts(Path(one), schema, KEY, [plain])
        as_coded = write_parts(Path(other), schema, KEY, encoded)

        assert digest_files(as_text) == digest_files(as_coded)
        assert pa.concat_tables(read_batches(as_coded)).cast(schema).equals(plain)


def test_each_kind_of_column_has_its_encoding(many_rows: list[Path]) -> None:
    """Ids are front-coded, doubles split by byte, other text kept in dictionaries."""
    columns = columns_of(many_rows[0])

    encodings = {name: set(column.encodings) for name, column in columns.items()}

    assert "DELTA_BYTE_ARRAY" in encodings["customer_id"]
    assert "BYTE_STREAM_SPLIT" in encodings["churn_probability"]
    assert "RLE_DICTIONARY" in encodings["tier"]
    assert not columns["customer_id"].has_dictionary_page
    assert not columns["churn_probability"].has_dictionary_page


def test_numbers_that_repeat_are_kept_once(tmp_path: Path) -> None:
    """A part's first rows decide by column whether its doubles stand in a dictionary; the rows after them do not."""
    rows = 5000
    few = pa.array([at % 100 / 4 for at in range(rows)])
    many = pa.array([at / 4 for at in range(rows)])
    later = pa.concat_arrays([few[:4096], many[4096:]])
    table = pa.table({KEY: [f"c{at:05d}" for at in range(rows)], "few": few, "many": many, "later": later})

    [path] = write_parts(tmp_path, table.schema, KEY, [table])

    told = {name: columns_of(path)[name].has_dictionary_page for name in ("few", "many", "later")}
    assert told == {"few": True, "many": False, "later": True}
    assert pa.concat_tables(read_batches([path])).equals(table)


def test_an_id_that_repeats_is_front_coded(tmp_path: Path) -> None:
    """The key has its own encoding, whatever stands in it: quarantined rows may share one."""
    table = pa.table({KEY: ["c1"] * 50, "number": [1.0] * 50})

    columns = columns_of(write_parts(tmp_path, table.schema, KEY, [table])[0])

    assert not columns[KEY].has_dictionary_page
    assert columns["number"].has_dictionary_page


def test_an_id_that_is_a_number_can_be_stored_too(tmp_path: Path) -> None:
    """Front coding is for text: an integer key, as any whole number, is packed, and read as it was."""
    schema = pa.schema([("customer_id", pa.int64()), ("spend", pa.float64()), ("age", pa.uint8())])
    ends = [-(2**63), 0, 2**63 - 1]
    rows = pa.table({"customer_id": ends, "spend": [1.0, None, 3.0], "age": [None, 0, 255]}, schema=schema)

    paths = write_parts(tmp_path, schema, KEY, [rows])

    assert pa.concat_tables(read_batches(paths)).equals(rows)
    assert "DELTA_BINARY_PACKED" in columns_of(paths[0])["customer_id"].encodings


def test_files_hold_only_the_columns_they_were_given(tmp_path: Path) -> None:
    """The partition's day stands in the path alone, and descriptions in the code alone."""
    paths = write_parts(tmp_path, SCORES, KEY, [score_rows(5)])

    schema = pq.read_schema(paths[0])
    assert schema.names == SCORES.names
    assert schema.metadata is None
    assert all(not field.metadata or b"description" not in field.metadata for field in schema)


def test_no_rows_give_one_file_without_rows(tmp_path: Path) -> None:
    """A partition of nobody is a file all the same, with its columns."""
    paths = write_parts(tmp_path, SCORES, KEY, [])

    assert [(path.name, count_rows(path)) for path in paths] == [("part-0.parquet", 0)]
    assert pq.read_schema(paths[0]).names == SCORES.names


def test_only_the_columns_asked_for_are_read(tmp_path: Path) -> None:
    """A reader that wants two columns gets two, in the order asked."""
    paths = write_parts(tmp_path, SCORES, KEY, [score_rows(5)])

    batches = list(read_batches(paths, ["customer_id", "churn_probability"]))

    assert [batch.schema.names for batch in batches] == [["customer_id", "churn_probability"]]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_column_without_nulls_is_stored_without_marks(tmp_path: Path, as_text: bool) -> None:  # noqa: FBT001
    """What is declared to be always there is so in the file; rows read back make no promise, as older files do not."""
    plain = pa.table({KEY: ["a", "b"], "plan": ["x", "y"]})
    rows = plain if as_text else as_codes(plain, ["y", "x"])

    paths = write_parts(tmp_path, PROMISED, KEY, [rows])

    columns = pq.ParquetFile(paths[0]).schema
    assert [columns.column(at).max_definition_level for at in range(2)] == [0, 0]
    (back,) = read_batches(paths)
    assert back.equals(plain)
    assert PartitionVersion(DAY, "v", tuple(paths)).read().equals(plain)


@pytest.mark.parametrize(
    "ids",
    [
        [f"c{number:02d}" for number in range(14)],
        ["a" * 10_000, *["b" * 10_000] * 8],
        [10, 11, 2, 30, 4, 5, 6, 7, 8, 9],
        ["a", None, None],
        ["a"],
    ],
    ids=["text", "long text", "numbers", "no ids", "one row"],
)
def test_the_ends_of_a_file_are_its_first_and_last_id(tmp_path: Path, small_parts: None, ids: list[Any]) -> None:
    """The ids at both ends are told as they stand there, of whatever type and length, over several row groups."""
    del small_parts
    rows = pa.table({KEY: ids})

    [path] = write_parts(tmp_path, rows.schema, KEY, [rows])

    assert end_ids(path, KEY).to_pylist() == [ids[0], ids[-1]]
    assert end_ids(path, KEY).type == rows.schema.field(KEY).type


def test_a_file_without_rows_has_no_ends(tmp_path: Path) -> None:
    """Of no rows, there is no first and no last id."""
    [path] = write_parts(tmp_path, SCORES, KEY, [])

    assert end_ids(path, KEY).to_pylist() == []


@pytest.mark.parametrize("places", [[], [3, 15], [13, 14, 20]])
def test_marks_are_stored_in_the_parts_that_need_them(tmp_path: Path, small_parts: None, places: list[int]) -> None:
    """A column that may hold nulls has marks in the parts where it does, however the rows are cut, and nowhere else."""
    del small_parts
    schema = pa.schema([(KEY, pa.string()), ("spend", pa.float64()), ("faults", FAULT_TYPE)])
    spend = [None if number == 20 else number / 2 for number in range(30)]
    told = [[{"column": "spend", "check": "ge", "value": None}], []] * 15
    rows = pa.table([[f"c{number:02d}" for number in range(30)], spend, told], schema=schema)

    paths = write_parts(tmp_path, schema, KEY, cut(rows, places))

    marked = [[field.name for field in pq.read_schema(path) if field.nullable] for path in paths]
    assert marked == [[], ["spend"], []]
    assert PartitionVersion(DAY, "v", tuple(paths)).read().equals(rows)


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("column", [KEY, "plan"])
def test_a_null_in_a_column_without_nulls_is_refused(tmp_path: Path, column: str, as_text: bool) -> None:  # noqa: FBT001
    """A null where none may be is told with file, rows and column, and never written as some value."""
    plain = pa.table({KEY: ["a", "b", "c"], "plan": ["x", "y", "x"]} | {column: pa.array(["x", None, None])})
    rows = plain if as_text else as_codes(plain, ["y", "x"])

    with pytest.raises(AuditFailed, match=rf"part-0.parquet: 2 rows have no {column}; nothing was published"):
        write_parts(tmp_path, PROMISED, KEY, [rows])


def test_a_null_among_the_words_is_refused(tmp_path: Path) -> None:
    """A code that stands for null is one as well, though the column counts none: it is not written."""
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), pa.array(["x", None]))

    with pytest.raises(pa.ArrowException, match="null"):
        write_parts(tmp_path, PROMISED, KEY, [pa.table({KEY: ["a", "b"], "plan": words})])


@pytest.mark.parametrize("rows", [7, 14, 15, 28])
def test_borders_leave_neither_gaps_nor_empty_files(tmp_path: Path, small_parts: None, rows: int) -> None:
    """A number of rows that fills groups and files exactly starts no empty one after them."""
    del small_parts

    paths = write_parts(tmp_path, SCORES, KEY, [score_rows(rows)])

    assert [count_rows(path) for path in paths] == [14] * (rows // 14) + ([rows % 14] if rows % 14 else [])
    assert pa.concat_tables(read_batches(paths)).cast(pq.read_schema(paths[0])).equals(score_rows(rows))


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 40), places=st.lists(st.integers(0, 40), max_size=8))
def test_how_the_rows_are_cut_leaves_no_trace(
    tmp_path_factory: pytest.TempPathFactory, rows: int, places: list[int]
) -> None:
    """However rows are split into batches, empty ones included, files and digest are the same to the byte."""
    table = score_rows(rows)
    whole, pieces = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("pieces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP_ROWS", 7)
        patch.setattr(parquet, "PART_ROWS", 14)

        once = write_parts(whole, SCORES, KEY, [table])
        again = write_parts(pieces, SCORES, KEY, cut(table, places))

    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]
    assert digest_files(once) == digest_files(again)


def test_a_dictionary_in_memory_leaves_no_trace(tmp_path: Path) -> None:
    """Text that comes as dictionaries, another one in each batch, is written as text that comes plain."""
    schema = pa.schema([("customer_id", pa.string()), ("plan", pa.string())])
    plain = pa.table({"customer_id": ["a", "b", "c", "d"], "plan": ["x", "y", "y", "z"]}, schema=schema)
    encoded = plain.set_column(1, "plan", plain.column("plan").dictionary_encode())
    other = pa.concat_tables(
        [encoded.slice(0, 2), pa.table({"customer_id": ["c", "d"], "plan": ["y", "z"]}).cast(encoded.schema)]
    )
    (tmp_path / "plain").mkdir()
    (tmp_path / "other").mkdir()

    once = write_parts(tmp_path / "plain", schema, KEY, [plain])
    again = write_parts(tmp_path / "other", schema, KEY, [other])

    assert digest_files(once) == digest_files(again)


def test_a_page_that_lacks_words_is_damage(tmp_path: Path) -> None:
    """No checksum covers how many words a page says it has; codes that point at none are not read."""
    folder = tmp_path / f"churn_scores/snapshot_date={DAY}/v"
    folder.mkdir(parents=True)
    rows = pa.table({"customer_id": ["a", "b", "c"], "plan": ["x", "y", "x"]})
    [part] = write_parts(folder, rows.schema, KEY, [rows])
    part.write_bytes(without_words(part.read_bytes(), 2))

    with pytest.raises(DamagedVersion, match=r"part-0\.parquet of version v is damaged \(.*out of bounds"):
        list(read_batches([part], categories=["plan"]))


def test_the_digest_tells_contents_and_order_apart(tmp_path: Path) -> None:
    """Other bytes, or the same files in another order, have another digest."""
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_bytes(b"one")
    second.write_bytes(b"two")

    digests = [
        digest_files([first]),
        digest_files([second]),
        digest_files([first, second]),
        digest_files([second, first]),
    ]

    assert len(set(digests)) == len(digests)


def test_nested_and_dated_columns_survive(tmp_path: Path) -> None:
    """Lists of records, days, times and missing cells come back as they were."""
    element = pa.field("element", pa.struct([("column", pa.string()), ("check", pa.string())]))
    schema = pa.schema(
        [
            ("customer_id", pa.string()),
            ("day", pa.date32()),
            ("at", pa.timestamp("us", tz="UTC")),
            ("faults", pa.list_(element)),
        ]
    )
    rows = pa.Table.from_pylist(
        [
            {
                "customer_id": "a",
                "day": dt.date(2026, 1, 1),
                "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
                "faults": [{"column": "spend", "check": "ge"}],
            },
            {"customer_id": "b", "day": None, "at": None, "faults": []},
            {"customer_id": "c", "day": None, "at": None, "faults": None},
        ],
        schema,
    )

    paths = write_parts(tmp_path, schema, KEY, [rows])

    assert pa.concat_tables(read_batches(paths)).to_pylist() == rows.to_pylist()


def test_a_row_is_found_by_its_key(tmp_path: Path) -> None:
    """Only the rows with that key come back, in any of the files, with timestamps as Python has them."""
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    rows = pa.table({"id": [f"c{number:03d}" for number in range(300)], "at": pa.array([at, None, at] * 100)})
    paths = [tmp_path / "part-0.parquet", tmp_path / "part-1.parquet"]
    for path, part in zip(paths, (rows.slice(0, 200), rows.slice(200)), strict=True):
        pq.write_table(part, path, row_group_size=50)

    found = [find_rows(paths, "id", key) for key in ("c000", "c001", "c299", "c300", "")]

    assert found == [[{"id": "c000", "at": at}], [{"id": "c001", "at": None}], [{"id": "c299", "at": at}], [], []]


def test_a_row_is_found_by_a_number(tmp_path: Path) -> None:
    """Keys may be numbers, which the order of their texts scatters over the row groups."""
    path = tmp_path / "part-0.parquet"
    pq.write_table(pa.table({"id": sorted(range(1000), key=str), "n": range(1000)}), path, row_group_size=64)

    found = [find_rows([path], "id", key) for key in ("0", "10", "999", "1000")]

    assert [[row["id"] for row in rows] for rows in found] == [[0], [10], [999], []]


@pytest.mark.parametrize("text", ["nobody", "", "010", "+10", " 10", "1_0", "10.0", "\u0661\u0660", "-0", "9" * 5000])
def test_a_text_that_no_number_is_written_as_finds_no_row(tmp_path: Path, text: str) -> None:
    """Where keys are whole numbers, other words for one, and words that are none, are keys of nobody."""
    path = tmp_path / "part-0.parquet"
    pq.write_table(pa.table({"id": [-10, 0, 10]}), path)

    found = find_rows([path], "id", text)

    assert found == []


def test_ids_are_read_back_with_their_span(many_rows: list[Path]) -> None:
    """Of each file its rows, and its first and last id, which its footer tells too."""
    spans = [read_key(path, KEY) for path in many_rows]

    assert [(span.rows, span.first, span.last) for span in spans] == [
        (PART_ROWS, b"c0000000", f"c{PART_ROWS - 1:07d}".encode()),
        (MANY_ROWS - PART_ROWS, f"c{PART_ROWS:07d}".encode(), f"c{MANY_ROWS - 1:07d}".encode()),
    ]


@pytest.mark.parametrize(
    "ids", [[], ["", "a", "a", "ü", "\U0001f600"], ["b", None, "a"], ["x" * 5000, "y"], [3, 20, 100]]
)
def test_any_ids_in_their_order_are_read_back(tmp_path: Path, ids: list[object]) -> None:
    """No rows, equal ids, a raw row without one, ids longer than a footer tells, numbers in the order of their text."""
    kind = pa.int64() if ids and isinstance(ids[0], int) else pa.string()
    rows = pa.table({KEY: pa.array(ids, kind)})
    [path] = write_parts(tmp_path, rows.schema, KEY, [rows])

    assert read_key(path, KEY).rows == len(ids)


def test_ids_that_are_not_in_order_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row group that begins below the one before it, or whose ends are not those of its footer, is damage."""
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", 2)
    back = pa.table({KEY: ["c", "d", "a", "b"]})
    mixed = pa.table({KEY: ["b", "a", "c", "d"]})
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    [falling] = write_parts(tmp_path / "1", back.schema, KEY, [back])
    [unsorted] = write_parts(tmp_path / "2", mixed.schema, KEY, [mixed])

    with pytest.raises(DamagedVersion, match="row group 1 begins with an id below the one before it"):
        read_key(falling, KEY)
    with pytest.raises(DamagedVersion, match="row group 0 holds other ids than its footer says"):
        read_key(unsorted, KEY)
