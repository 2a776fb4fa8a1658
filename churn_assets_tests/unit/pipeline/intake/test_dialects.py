"""Twenty dialects of one export: what init makes of each lands the same values as of the plain one."""

import bz2
import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from churn_assets.pipeline.intake.proposal import Wishes, propose
from churn_assets_tests.intake import TODAY, customers, landed

ROWS = 80
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.Codec("zstd").compress(content, asbytes=True),
}


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    delimiter: str = ","
    marks: tuple[str, str] = (".", "")
    date: str = "%Y-%m-%d"
    truths: tuple[str, str] = ("true", "false")
    nothing: str = ""
    encoding: str = "utf-8"
    quotes_all: bool = False
    escape: bool = False
    sep_line: bool = False
    suffix: str = ".csv"
    compression: str = ""
    case: str = "same"
    blank: str = ""

    def write(self, frame: pd.DataFrame, folder: Path) -> Path:
        """The customers in this dialect."""
        text = io.StringIO()
        if self.sep_line:
            text.write(f"sep={self.delimiter}\n")
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_ALL if self.quotes_all else csv.QUOTE_MINIMAL,
            doublequote=not self.escape,
            escapechar="\\" if self.escape else None,
            lineterminator="\n",
        )
        writer.writerow([f"{name.upper() if self.case == 'upper' else name}{self.blank}" for name in frame.columns])
        for row in frame.itertuples(index=False):
            writer.writerow([self._cell(cell) for cell in row])
        path = folder / f"customers{self.suffix}{self.compression}"
        path.write_bytes(COMPRESS[self.compression](text.getvalue().encode(self.encoding)))
        return path

    def _cell(self, cell: object) -> str:
        if cell is None or cell != cell:  # noqa: PLR0124  # NaN
            return self.nothing
        if isinstance(cell, bool):
            return self.truths[not cell]
        if isinstance(cell, float):
            decimal, thousands = self.marks
            return f"{cell:,.2f}".replace(",", "_").replace(".", decimal).replace("_", thousands)
        if isinstance(cell, int):
            return f"{cell:,}".replace(",", self.marks[1])
        return f"{cell:{self.date}}" if hasattr(cell, "year") else str(cell)


PLAIN = Dialect()
DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    marks=st.sampled_from([(".", ""), (",", ""), (".", ","), (",", "."), (",", "\u00a0"), (".", "'")]),
    date=st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d 00:00:00 UTC", "%d-%b-%Y"]),
    truths=st.sampled_from([("true", "false"), ("t", "f"), ("Y", "N"), ("True.", "False.")]),
    nothing=st.sampled_from(["", "\\N", "NULL", "N/A"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    quotes_all=st.booleans(),
    escape=st.booleans(),
    sep_line=st.booleans(),
    suffix=st.sampled_from([".csv", ".tsv", ".txt"]),
    compression=st.sampled_from(["", ".gz", ".bz2", ".zst"]),
    case=st.sampled_from(["same", "upper"]),
    blank=st.sampled_from(["", " "]),
).filter(lambda dialect: not (dialect.escape and dialect.nothing == "\\N"))


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, pa.Table]:
    """The customers, and what lands of them in the plain dialect."""
    folder = tmp_path_factory.mktemp("plain")
    frame = customers(ROWS, 7)
    return frame, landed(propose(str(PLAIN.write(frame, folder)), Wishes(), folder, TODAY), folder)


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(dialect=DIALECTS)
def test_every_dialect_lands_the_same_values(
    plain: tuple[pd.DataFrame, pa.Table], tmp_path_factory: pytest.TempPathFactory, dialect: Dialect
) -> None:
    """Whatever the marks, words, forms, encoding and heading, the drafted profile lands the plain file's values."""
    frame, expected = plain
    folder = tmp_path_factory.mktemp("dialect")
    path = dialect.write(frame, folder)

    proposal = propose(str(path), Wishes(), folder, TODAY)

    table = landed(proposal, folder)
    assert table.column("rescued_data").null_count == len(table)
    assert table.select(expected.schema.names).to_pylist() == expected.to_pylist()
