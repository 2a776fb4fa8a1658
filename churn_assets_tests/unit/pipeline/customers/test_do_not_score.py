"""The do-not-score list is read as the source is, and stops the work where it cannot be."""

import dataclasses
from pathlib import Path

import pandera.pandas as pandera
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.errors import SourceFault
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.customers.do_not_score import read_do_not_score
from churn_assets.storage.source.files import FileSource
from churn_assets_tests.chains import chain_over
from churn_assets_tests.factories import MEMBERS, profile_of


class Numbered(pandera.DataFrameModel):
    """Members whose key is a number."""

    customer_id: int
    visits: int


def chain_with(folder: Path, content: bytes, name: str = "list.csv", **changes: object) -> Chain:
    """A chain whose list holds `content`."""
    (folder / name).write_bytes(content)
    return chain_over(folder, do_not_score=folder / name, **changes)


def read(chain: Chain) -> list[str]:
    """Who is on the list."""
    found = read_do_not_score(chain)
    assert found is not None
    ids: list[str] = found.ids.to_pylist()
    return ids


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"customer_id\nc2\nc1\nc2\n", ["c1", "c2"]),
        (b"c2\nc1\n", ["c1", "c2"]),
        (b"c1\n", ["c1"]),
        (b"c1", ["c1"]),
        (b"customer_id\n", []),
        (b'\xef\xbb\xbfcustomer_id\r\n c1 \r\n\r\n"c,2"\r\n', ["c,2", "c1"]),
        (b'\xef\xbb\xbfc1\n"c""2"\n', ['c"2', "c1"]),
        ("since,customer_id\n2026-01-01,ä1\n,007\n".encode(), ["007", "ä1"]),
        (b"a;b\nc1\n", ["a;b", "c1"]),
    ],
    ids=["heading", "no_heading", "one", "no_newline", "nobody", "messy", "bom", "columns", "marks"],
)
def test_csv_lists_are_read_cell_by_cell(tmp_path: Path, content: bytes, ids: list[str]) -> None:
    """With a heading or an id a line, with spaces, quotes and a byte order mark: the ids as they would land."""
    chain = chain_with(tmp_path, content)

    listed = read(chain)

    assert listed == ids


def test_a_list_has_the_names_and_the_dialect_of_the_source(tmp_path: Path) -> None:
    """The source's name of the key, its delimiter and its encoding serve for the list too."""
    source = FileSource("none.csv", tmp_path, csv=CsvDialect(delimiter=";", encoding="cp1252", skip_rows=3))
    profile = dataclasses.replace(MEMBERS, columns={"Kunde": "customer_id"})
    chain = chain_with(tmp_path, "Kunde;Name\nm\xfc1;Bob\n".encode("cp1252"), source=source, profile=profile)

    listed = read(chain)

    assert listed == ["mü1"]


def test_numbers_are_listed_as_they_land(tmp_path: Path) -> None:
    """Of a key that is a number each spelling of it that would land is listed; Parquet brings its own type."""
    profile = profile_of(Numbered)
    chain = chain_with(tmp_path, b"customer_id\n7\n 12 \n", profile=profile)
    pq.write_table(pa.table({"customer_id": pa.array([7.0, 12.0, 12.0])}), tmp_path / "list.parquet")
    parquet = dataclasses.replace(chain, do_not_score=tmp_path / "list.parquet")

    listed = read(chain), read(parquet)

    assert listed == (["12", "7"], ["12", "7"])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("list.csv", b"", "is empty (0 bytes)"),
        ("list.csv", b"customer_id;name\nc1;Bob\n", "its delimiter is not that of source.csv.delimiter"),
        ("list.csv", b"email,name\na@b.c,Bob\n", "holds 0 columns customer_id"),
        (
            "list.csv",
            b'since,customer_id\n2026-01-01,""\n',
            "holds 1 cells that are no customer_id, the first in row 1",
        ),
        ("list.csv", b"customer_id,name\nc1\n", "a row has 1 columns, not the 2 of the heading"),
        ("list.csv", b"customer_id\n\xff\xfe\n", "holds text that is not UTF-8"),
        ("list.parquet", b"PAR1 cut short", "it is no Parquet file, or was cut short"),
        ("list.xlsx", b"PK", "is neither .parquet nor .csv"),
    ],
)
def test_a_list_that_cannot_be_read_stops_the_work(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    """One sentence names the key, the file and what is wrong, and no id."""
    chain = chain_with(tmp_path, content, name)

    with pytest.raises(SourceFault) as refused:
        read(chain)

    assert str(refused.value).startswith(f"do_not_score.path: {tmp_path / name}")
    assert words in str(refused.value)
    assert "nobody is scored without it" in str(refused.value)
    assert "Bob" not in str(refused.value)


def test_a_missing_list_stops_the_work_and_none_does_not(tmp_path: Path) -> None:
    """A configured list that is not there is no empty list; where none is configured there is none."""
    chain = chain_over(tmp_path, do_not_score=tmp_path / "gone.csv")

    nothing = read_do_not_score(chain_over(tmp_path))

    assert nothing is None
    with pytest.raises(SourceFault, match="is not there; nobody is scored without the list"):
        read_do_not_score(chain)
