"""Files of other dialects are read with the values of the plain one, or refused with the key to set."""

import bz2
import datetime as dt
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.errors import SourceFault, SourceMissing
from churn_assets.core.intake.sniffing import sniff
from churn_assets.storage.source.files import FileSource
from churn_assets.storage.source.reading import head_of
from churn_assets_tests.storage_factories import DAY

ROWS = [
    {"customer_id": "c1", "note": "Zoë; or, Chloé", "spend": "1,5"},
    {"customer_id": "c2", "note": 'a "b"', "spend": None},
]
SEMICOLONS = 'customer_id;note;spend\nc1;"Zoë; or, Chloé";1,5\nc2;"a ""b""";\n'


def read(path: Path, **keys: Any) -> list[dict[str, Any]]:
    """The rows of a file by a dialect."""
    source = FileSource(path.name, path.parent, csv=CsvDialect(**keys))
    return [row for _, batch in source.batches(source.files(DAY)) for row in batch.to_pylist()]


def put(path: Path, content: bytes = b"customer_id\nc1\n") -> Path:
    """A file of the source."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "keys"),
    [
        ("a.csv", SEMICOLONS.encode(), {"delimiter": ";"}),
        ("a.txt", SEMICOLONS.encode("cp1252"), {"delimiter": ";", "encoding": "cp1252"}),
        ("a.csv", SEMICOLONS.encode("utf-16"), {"delimiter": ";", "encoding": "utf-16"}),
        ("a.tsv", SEMICOLONS.replace(";", "\t").replace("Zoë\t", "Zoë;").encode(), {"delimiter": "\t"}),
        ("a.csv", ("sep=;\n" + SEMICOLONS).encode(), {"delimiter": ";", "skip_rows": 1}),
        (
            "a.csv",
            SEMICOLONS.replace('""', '\\"').replace('\\";', '\\"";').encode(),
            {"delimiter": ";", "escape": "\\"},
        ),
        ("a.tsv.gz", gzip.compress(SEMICOLONS.encode()), {"delimiter": ";"}),
        ("a.csv.bz2", bz2.compress(SEMICOLONS.encode()), {"delimiter": ";"}),
        ("a.csv.zst", pa.Codec("zstd").compress(SEMICOLONS.encode(), asbytes=True), {"delimiter": ";"}),
    ],
    ids=["semicolon", "cp1252", "utf-16", "tab", "sep", "escape", "gz", "bz2", "zst"],
)
def test_a_dialect_is_found_and_gives_the_same_rows(
    tmp_path: Path, name: str, content: bytes, keys: dict[str, Any]
) -> None:
    """What the head of a file shows are the keys that read it, and its rows are those of the plain file."""
    path = put(tmp_path / name, content)

    found = sniff(head_of(path))

    assert {key: value for key, value in found if value != getattr(CsvDialect(), key)} == keys
    assert read(path, **keys) == ROWS


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (SEMICOLONS.encode(), "set source.csv.delimiter to ';'"),
        (SEMICOLONS.encode("utf-16"), "set source.csv.encoding to 'utf-16', source.csv.delimiter to ';'"),
        (b"a,b\nx,M\xfcller\n", "set source.csv.encoding to 'cp1252'"),
        (b"a,b\nx,y\n" * 70_000 + b"x,M\xfcller\n", "set source.csv.encoding to the one it is written in"),
        (b"sep=,\na,b,c\nx,y,z\n", "set source.csv.skip_rows to 1"),
        (b'a,b\nx,"say \\"no\\", or"\n', r"set source.csv.escape to '\\'"),
    ],
    ids=["semicolon", "utf-16", "cp1252", "far down", "sep", "escape"],
)
def test_a_refusal_names_the_key_to_set(tmp_path: Path, content: bytes, hint: str) -> None:
    """A file of another dialect is refused with what it looks like: the keys that would read it."""
    path = put(tmp_path / "a.csv", content)

    with pytest.raises(SourceFault) as refusal:
        read(path)

    assert hint in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_long_line_is_read(tmp_path: Path) -> None:
    """A cell of three million characters is no fault, and no row beside it is lost or doubled."""
    long = "x" * 3_000_000
    lines = [f"c{number},short" for number in range(200_000)]
    path = put(tmp_path / "a.csv", "\n".join(["customer_id,note", *lines, f'long,"{long}"', "last,one", ""]).encode())

    rows = read(path)

    assert [row["customer_id"] for row in rows] == [*(f"c{number}" for number in range(200_000)), "long", "last"]
    assert rows[-2]["note"] == long


def test_missing_words_are_missing_unless_quoted(tmp_path: Path) -> None:
    """Words for a missing cell are null; quoted they are text, unless an empty word says that quotes do not count."""
    path = put(tmp_path / "a.csv", b'a,b\n\\N,"NULL"\nNULL,""\nx,\n')

    plain = read(path, null_values=["NULL", "\\N"])
    quoted = read(path, null_values=["NULL", "\\N", ""])

    assert [list(row.values()) for row in plain] == [[None, "NULL"], [None, ""], ["x", None]]
    assert [list(row.values()) for row in quoted] == [[None, None], [None, None], ["x", None]]


def test_a_file_without_a_heading_is_named_by_the_dialect(tmp_path: Path) -> None:
    """Names that are configured are those of the columns, and the first line is a row."""
    path = put(tmp_path / "a.csv", b"1,2.5\n2,3\n")

    rows = read(path, column_names=["id", "spend"])

    assert sniff(path.read_bytes()).column_names == ("column_1", "column_2")
    assert rows == [{"id": "1", "spend": "2.5"}, {"id": "2", "spend": "3"}]


def test_folders_name_columns(tmp_path: Path) -> None:
    """A folder such as country=DE is a column of its files, a day's folder is none, and a file's own column stands."""
    put(tmp_path / "source/snapshot_date=2026-10-31/country=D%2FE/a.csv", b"customer_id\nc1\n")
    put(tmp_path / "source/snapshot_date=2026-10-31/country=FR/a.csv", b"customer_id,country\nc2,own\n")
    put(tmp_path / "source/snapshot_date=2026-10-31/country=__HIVE_DEFAULT_PARTITION__/a.csv", b"customer_id\nc3\n")
    source = FileSource("source/snapshot_date={snapshot_date}/*/*.csv", tmp_path)

    rows = [row for _, batch in source.batches(source.files(DAY)) for row in batch.to_pylist()]

    assert sorted(map(str, rows)) == sorted(
        map(
            str,
            [
                {"customer_id": "c1", "country": "D/E"},
                {"customer_id": "c2", "country": "own"},
                {"customer_id": "c3", "country": None},
            ],
        )
    )


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("source/{snapshot_date:%Y%m%d}/*.csv", "source/20261031/a.csv"),
        ("source/day_{snapshot_date:%Y%m%d}_*.csv", "source/day_20261031_12345678.csv"),
        (
            "source/year={snapshot_date:%Y}/month={snapshot_date:%m}/day={snapshot_date:%d}/*.csv",
            "source/year=2026/month=10/day=31/a.csv",
        ),
        ("source/{snapshot_date:%Y}/{snapshot_date:%Y-%m-%d}.csv", "source/2026/2026-10-31.csv"),
        ("source/**/{snapshot_date:%-d.%-m.%y}.csv", "source/x/y/31.10.26.csv"),
    ],
)
def test_a_day_may_be_written_in_other_forms(tmp_path: Path, template: str, name: str) -> None:
    """The form of a placeholder, or several with parts of a day, are found and had like the plain one."""
    path = put(tmp_path / name)
    source = FileSource(template, tmp_path)

    told = (source.dated, source.days(), source.has(DAY), source.has(DAY - dt.timedelta(days=1)))

    assert told == (True, [DAY], True, False)
    [(_, batch)] = source.batches(source.files(DAY))
    assert batch.schema.names == ["customer_id"]
    assert [file.path for file in source.files(DAY)] == [path]


def test_what_spark_leaves_beside_its_parts_is_passed_over(tmp_path: Path) -> None:
    """`_SUCCESS` is no file of customers; a part of no bytes is passed over beside it, and refused without it."""
    folder = tmp_path / "source/snapshot_date=2026-10-31"
    kept = put(folder / "part-1.csv")
    put(folder / "part-0.csv", b"")
    source = FileSource("source/snapshot_date={snapshot_date}/*", tmp_path)
    with pytest.raises(SourceFault, match=r"part-0\.csv is empty \(0 bytes\); export it again \(empty parts"):
        next(source.batches(source.files(DAY)))

    put(folder / "_SUCCESS", b"")

    assert [file.path for file in source.files(DAY)] == [kept]


def test_a_folder_where_a_file_was_expected_is_told(tmp_path: Path) -> None:
    """A template that ends at a folder is refused with the wildcard it lacks."""
    put(tmp_path / "source/2026-10-31/a.csv")
    source = FileSource("source/{snapshot_date}", tmp_path)

    with pytest.raises(
        SourceMissing, match=r"2026-10-31 is a folder; write .*/source/\{snapshot_date\}/\* in source\.path"
    ):
        source.files(DAY)


def test_rows_are_numbered_where_an_export_has_no_key(tmp_path: Path) -> None:
    """The numbers go through all files, in the order of their names, whatever their kind."""
    put(tmp_path / "b.csv", b"spend\n3\n4\n")
    pq.write_table(pa.table({"spend": [1, 2]}), tmp_path / "a.parquet")
    source = FileSource("*", tmp_path, row_number="row")

    numbers = [number for _, batch in source.batches(source.files(DAY)) for number in batch["row"].to_pylist()]

    assert numbers == [1, 2, 3, 4]


@pytest.mark.parametrize("kept", [6, 60])
def test_a_quote_behind_an_escape_may_stand_where_a_block_ends(tmp_path: Path, kept: int) -> None:
    """Escapes are followed over the ends of blocks, and a quote left open is still found."""
    row = 'c1,"' + "\\\\" * kept + '\\"x"\n'
    path = put(tmp_path / "a.csv", ("id,note\n" + row * 20_000).encode())

    rows = read(path, escape="\\")
    path.write_bytes(path.read_bytes() + b'c2,"open\\"\n')

    assert {row["note"] for row in rows} == {"\\" * kept + '"x'}
    with pytest.raises(SourceFault, match="a quote is left open"):
        read(path, escape="\\")
