"""Whatever bytes a source's file holds: landed or quarantined row by row, or refused in one sentence."""

import datetime as dt
import gzip
import io
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from churn_assets.core.errors import ChurnError, SourceFault
from churn_assets.core.options import Validation
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.storage.source.files import FileSource
from churn_assets_tests.chains import chain_over
from churn_assets_tests.factories import member_columns
from churn_assets_tests.fault_tally import Tally

pytestmark = pytest.mark.fault("a source file holds anything")

DAY = dt.date(2026, 3, 31)
LOOKING = """
import sys, pyarrow.parquet
footer = pyarrow.parquet.read_metadata(sys.argv[1])
for group in range(footer.num_row_groups):
    [footer.row_group(group).column(each) for each in range(footer.num_columns)]
"""
ROWS = 77  # two bytes of a footer, which no other number of it is
WORK = RunContext("tester")
PIECES = [
    b",",
    b'"',
    b'""',
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"c1",
    b"1e999",
    b"nan",
    b";",
    b"\t",
    b"PAR1",
]


def written(kind: str) -> bytes:
    """A sound export."""
    table = pa.table(member_columns(ROWS))
    buffer = io.BytesIO()
    if kind == "csv":
        pacsv.write_csv(table, buffer)
    else:
        pq.write_table(table, buffer, write_page_checksum=kind == "checked")
    return gzip.compress(buffer.getvalue(), mtime=0) if kind == "gz" else buffer.getvalue()


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Some of its bytes changed, lost, doubled or put in; or its end cut off."""
    for _ in range(random.integers(1, 6)):
        at, end = sorted(int(each) for each in random.integers(0, len(content) + 1, 2))
        end = min(end, at + int(random.integers(1, 40)))
        match random.integers(6):
            case 0:
                content = content[:at]
            case 1:
                content = content[:at] + random.bytes(end - at) + content[end:]
            case 2:
                content = content[:at] + content[end:]
            case 3:
                content = content[:end] + content[at:]
            case 4:
                flipped = bytearray(content[:-1] or b"x")
                flipped[at % len(flipped)] ^= 1 << int(random.integers(8))
                content = bytes(flipped) + content[-1:]
            case _:
                content = content[:at] + PIECES[random.integers(len(PIECES))] + content[at:]
    return content


def attempt(chain: Chain, path: Path, content: bytes, tally: Tally) -> None:
    """Land and validate what the file holds; count rows that are neither, and failures that are none of ours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    tally.tried()
    try:
        landed = land_customers(chain, DAY, WORK)
    except ChurnError as error:
        tally.found(words="\n" in str(error) or not str(error).strip())
        return
    raw = chain.raw.version(DAY)
    tally.found(lost=raw.rows != landed.rows)
    if path.suffix == ".parquet":
        tally.found(wrong=pq.ParquetFile(path).metadata.num_rows != landed.rows)
    try:
        validate_customers(chain, DAY, WORK)
    except ChurnError as error:
        tally.found(words="\n" in str(error))
        return
    kept = chain.customers.version(DAY).rows + chain.quarantined.version(DAY).rows
    tally.found(lost=kept < landed.rows, doubled=kept > landed.rows)


@pytest.mark.parametrize("kind", ["csv", "gz", "parquet", "checked"])
@pytest.mark.parametrize("examples", [10, pytest.param(1000, marks=pytest.mark.campaign)])
def test_any_bytes_are_landed_quarantined_or_refused(tmp_path: Path, tally: Tally, kind: str, examples: int) -> None:
    """Rows are conserved, and nothing but a sentence of ours comes out."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    random = np.random.default_rng(seed)
    sound = written(kind)
    suffix = {"csv": "csv", "gz": "csv.gz"}.get(kind, "parquet")
    source = FileSource(f"source/{{snapshot_date}}.{suffix}", tmp_path)
    chain = chain_over(tmp_path, source=source, validation=Validation(max_quarantined_share=1.0))

    for at in range(examples):
        content = mutated(sound, random)
        try:
            attempt(chain, tmp_path / f"source/{DAY}.{suffix}", content, tally)
        except Exception:
            (tmp_path / f"failing-{at}").write_bytes(content)
            tally.found(words=1)
            raise

    assert not tally.faults


@pytest.mark.parametrize("column", ["customer_id", "plan"])
def test_text_that_is_no_text_is_refused(tmp_path: Path, column: str) -> None:
    """Bytes of a Parquet file that are called text and are not UTF-8: the file is named, and nothing is landed."""
    table = pa.table(member_columns(ROWS))
    texts = table.column(column).to_pylist()
    broken = pa.array([b"4\xff5", *(text and text.encode() for text in texts[1:])], pa.binary()).view(pa.string())
    path = tmp_path / f"source/{DAY}.parquet"
    path.parent.mkdir()
    pq.write_table(table.set_column(table.schema.names.index(column), column, broken), path)
    chain = chain_over(tmp_path, source=FileSource("source/{snapshot_date}.parquet", tmp_path))

    with pytest.raises(SourceFault, match=r"2026-03-31\.parquet cannot be read"):
        land_customers(chain, DAY, WORK)

    assert chain.raw.days() == []


def varint(number: int) -> bytes:
    """A number as a Parquet footer holds it."""
    number <<= 1
    content = b""
    while number > 127:
        content += bytes([number & 127 | 128])
        number >>= 7
    return content + bytes([number])


@pytest.mark.parametrize("claimed", [2**20, 2**40, 2**60])
def test_a_footer_that_claims_more_rows_than_there_are_is_refused(tmp_path: Path, claimed: int) -> None:
    """No memory is asked for what is not there: both numbers are told, and nothing is landed."""
    sound = written("parquet")
    length = int.from_bytes(sound[-8:-4], "little")
    footer = sound[-8 - length : -8].replace(varint(ROWS), varint(claimed))
    path = tmp_path / f"source/{DAY}.parquet"
    path.parent.mkdir()
    path.write_bytes(sound[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    chain = chain_over(tmp_path, source=FileSource("source/{snapshot_date}.parquet", tmp_path))

    with pytest.raises(SourceFault, match=f"holds {ROWS} rows and its footer says {claimed}"):
        land_customers(chain, DAY, WORK)

    assert chain.raw.days() == []


def test_a_small_file_that_unpacks_to_gigabytes_is_refused(tmp_path: Path, tally: Tally) -> None:
    """Texts of which little but their length is in the file: a sentence before one is unpacked; nothing is landed."""
    text = pa.array(["a" * (1 << 24)])
    path = tmp_path / f"source/{DAY}.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({f"c{at}": text for at in range(33)}), path, compression="zstd", use_dictionary=False)
    chain = chain_over(tmp_path, source=FileSource("source/{snapshot_date}.parquet", tmp_path))

    with pytest.raises(SourceFault, match=r"has [\d,]+ bytes, and a row group of it would unpack to 528 MiB"):
        land_customers(chain, DAY, WORK)

    tally.tried()
    assert path.stat().st_size < 100_000
    assert chain.raw.days() == []


def test_a_damaged_column_of_a_footer_ends_no_process(tmp_path: Path, tally: Tally) -> None:
    """Arrow aborts whoever looks at its figures, and raises nothing: nobody looks at them before the rows are read."""
    random, sound = np.random.default_rng(260), written("checked")
    content = [mutated(sound, random) for _ in range(2)][1]  # tells of a histogram of other levels than the column has
    path = tmp_path / f"source/{DAY}.parquet"
    chain = chain_over(tmp_path, source=FileSource("source/{snapshot_date}.parquet", tmp_path))

    attempt(chain, path, content, tally)
    looking = subprocess.run([sys.executable, "-c", LOOKING, str(path)], capture_output=True, check=False)

    assert not tally.faults
    assert looking.returncode == -signal.SIGABRT  # else this file shows nothing


@pytest.mark.campaign
@pytest.mark.parametrize("size", [100_000_000, 1_000_000_000])
def test_a_line_without_an_end_is_refused(tmp_path: Path, size: int) -> None:
    """A gigabyte that four megabytes unpack to, or a tenth of it, on one line: a sentence, and nothing is landed."""
    path = tmp_path / f"source/{DAY}.csv.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(written("csv") + b"c9999," + b"a" * size, 1))
    chain = chain_over(tmp_path, source=FileSource("source/{snapshot_date}.csv.gz", tmp_path))

    with pytest.raises(SourceFault, match=r"a row has 2 columns|a line is longer than 64 MiB"):
        land_customers(chain, DAY, WORK)

    assert chain.raw.days() == []
