"""The rows of one file of a source, batch by batch; what cannot be read is said in one sentence."""

import os
import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from churn_assets.core.arrow.batches import BATCH_ROWS
from churn_assets.core.arrow.dictionaries import check_codes
from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.errors import SourceFault
from churn_assets.core.intake.sniffing import HEAD_BYTES, differences
from churn_assets.storage.source.quotes import QuoteCheckedStream, QuoteFault

__all__ = ["check_file", "head_of", "is_csv", "is_parquet", "read_file"]

BLOCK_BYTES = 1 << 20
LONGEST_LINE = 1 << 26
SWOLLEN = 200  # times smaller in the file: it says the same over and over, without a dictionary
MOST_SWOLLEN_BYTES = 1 << 29  # of a row group
CSV = re.compile(r"\.(csv|tsv|txt)(\.(?P<compression>gz|bz2|zst))?$", re.IGNORECASE)
COMPRESSIONS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd"}
UTF8 = {"utf-8", "utf8", "utf_8", "utf-8-sig", "ascii"}
UNREADABLE = (pa.ArrowException, OSError, UnicodeError, QuoteFault)
RAGGED = re.compile(r"Expected (\d+) columns, got (\d+)")
NOT_UTF8 = re.compile(r"In CSV column #(\d+): .*invalid UTF8")
TOO_LONG = "straddling object"
REASONS = {  # words of Arrow's, and what they mean
    TOO_LONG: f"a line is longer than {LONGEST_LINE >> 20} MiB, or a quote is left open",
    "Empty CSV": "it has no heading",
    "CRC checksum": "a page is not what its checksum says",
    "magic bytes": "it is no Parquet file, or was cut short",
    "smaller than the minimum": "it is no Parquet file, or was cut short",
    "Truncated compressed stream": "it was cut short",
    "zlib": "it is not compressed by gzip, or damaged",
}


def is_parquet(path: Path) -> bool:
    """Whether its name says that it is Parquet."""
    return path.name.lower().endswith((".parquet", ".pq"))


def is_csv(path: Path) -> bool:
    """Whether its name says that it is text in columns, compressed perhaps."""
    return CSV.search(path.name) is not None


def check_file(path: Path, size: int) -> None:
    """Refuse, before anything is read, a file of which that can be told.

    Raises:
        SourceFault: it is empty, of another kind, its footer cannot be read, or tells of more than is to be unpacked.
    """
    if size == 0:
        raise SourceFault(
            f"{path} is empty (0 bytes); export it again (empty parts are passed over beside Spark's _SUCCESS)"
        )
    if not is_parquet(path) and not is_csv(path):
        raise SourceFault(
            f"{path} is neither .parquet nor .csv; correct source.path (.tsv and .txt are read as .csv, each also as "
            ".gz, .bz2 or .zst)"
        )
    if is_parquet(path):
        try:
            unpacked = _largest_row_group(pq.read_metadata(path))
        except UNREADABLE as error:
            message = f"{path} cannot be read ({_reason(error)}); export it again"
            raise SourceFault(message) from None  # what Arrow says may quote a row
        if unpacked > max(MOST_SWOLLEN_BYTES, SWOLLEN * size):
            raise SourceFault(
                f"{path} has {size:,} bytes, and a row group of it would unpack to {unpacked >> 20:,} MiB, more than "
                f"{SWOLLEN} times as much; none of it was read: look where it comes from, or export it again with "
                "dictionaries or smaller row groups"
            )


def read_file(path: Path, dialect: CsvDialect, categories: Collection[str] = ()) -> Iterator[pa.RecordBatch]:
    """The rows of a file: of CSV as text, of Parquet in its own types, the columns `categories` dictionary-encoded.

    Raises:
        SourceFault: it cannot be read, or no further.
    """
    rows = 0
    try:
        for batch in _parquet(path, categories) if is_parquet(path) else _csv(path, dialect):
            rows += batch.num_rows
            yield batch
    except UNREADABLE as error:
        where = f", below row {rows}" if rows else ""
        hint = "" if is_parquet(path) else _hint(path, dialect, error)
        message = f"{path} cannot be read ({_reason(error)}{where}); export it again{hint}"
        raise SourceFault(message) from None  # as above


def _largest_row_group(footer: pq.FileMetaData) -> int:
    """What its largest row group unpacks to, in bytes.

    Its columns say it more exactly, but of a damaged one Arrow ends the process instead of raising.
    """
    return max((footer.row_group(each).total_byte_size for each in range(footer.num_row_groups)), default=0)


def head_of(path: Path) -> bytes:
    """The first bytes of a CSV file's text."""
    with _opened(path) as file:
        head: bytes = file.read(HEAD_BYTES)
    return head


def _hint(path: Path, dialect: CsvDialect, error: Exception) -> str:
    """Which keys to set, where the file looks like text of another dialect."""
    try:
        found = differences(dialect, head_of(path))
    except UNREADABLE:  # it cannot be decompressed: nothing is known of its text
        return ""
    if not found and (NOT_UTF8.search(str(error)) or isinstance(error, UnicodeError)):
        found = ["source.csv.encoding to the one it is written in, such as 'cp1252'"]
    return f", or set {', '.join(found)}" if found else ""


def _reason(error: Exception) -> str:  # noqa: PLR0911  # a line for each kind
    """What is wrong with a file, without a word of its content: a link may lead to a file that is no customer's."""
    message = str(error)
    if isinstance(error, QuoteFault):
        return message
    if found := RAGGED.search(message):
        return f"a row has {found[2]} columns, not the {found[1]} of the heading"
    if found := NOT_UTF8.search(message):
        return f"column {int(found[1]) + 1} holds text that is not UTF-8"
    for mark, reason in REASONS.items():
        if mark in message:
            return reason
    if isinstance(error, UnicodeDecodeError) and error.encoding in UTF8:
        return "its heading is not UTF-8"
    if isinstance(error, UnicodeError):
        return "it holds bytes that source.csv.encoding does not know"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return os.strerror(error.errno)
    return "its content is damaged, or of another kind than its name says"


def _check_texts(batch: pa.RecordBatch) -> None:
    """Raise Arrow's error where bytes that are called text are none in UTF-8: it reads them, and fails later."""
    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column.validate(full=True)


def _parquet(path: Path, categories: Collection[str]) -> Iterator[pa.RecordBatch]:
    footer = pq.read_metadata(path)
    there = footer.schema.to_arrow_schema().names
    encoded = [name for name in categories if name in there]
    rows = 0
    with pq.ParquetFile(
        path,
        metadata=footer,
        pre_buffer=False,
        read_dictionary=encoded,
        coerce_int96_timestamp_unit="us",  # nanoseconds end in 2262, and an open end is often 9999
        page_checksum_verification=True,
    ) as file:
        for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
            rows += batch.num_rows
            _check_texts(batch)
            check_codes(batch.columns)
            yield batch
    if rows != footer.num_rows:
        raise SourceFault(f"{path} holds {rows} rows and its footer says {footer.num_rows}; export it again")


def _csv(path: Path, dialect: CsvDialect) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file; where a line is longer than a block, again with room for it, from that line on."""
    rows = 0
    try:
        for batch in _csv_blocks(path, dialect, BLOCK_BYTES):
            rows += batch.num_rows
            yield batch
    except pa.ArrowInvalid as error:
        if TOO_LONG not in str(error):
            raise
    else:
        return
    for batch in _csv_blocks(path, dialect, LONGEST_LINE):
        known = min(rows, batch.num_rows)
        rows -= known
        yield batch.slice(known)


def _csv_blocks(path: Path, dialect: CsvDialect, block: int) -> Iterator[pa.RecordBatch]:
    parsing = pacsv.ParseOptions(
        delimiter=dialect.delimiter,
        quote_char=dialect.quote or False,
        escape_char=dialect.escape or False,
        newlines_in_values=True,
    )
    reading = pacsv.ReadOptions(
        block_size=block, skip_rows=dialect.skip_rows, column_names=list(dialect.column_names) or None
    )
    with _text(path, dialect) as file, pacsv.open_csv(file, parse_options=parsing, read_options=reading) as peek:
        names = peek.schema.names
    converting = pacsv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=["", *dialect.null_values],
        strings_can_be_null=True,
        quoted_strings_can_be_null="" in dialect.null_values,
    )
    with ExitStack() as opened:
        file = opened.enter_context(_text(path, dialect))
        if dialect.quote:
            checked = QuoteCheckedStream(file, dialect.delimiter, dialect.quote, dialect.escape)
            file = opened.enter_context(pa.PythonFile(checked, mode="r"))
        yield from opened.enter_context(
            pacsv.open_csv(file, parse_options=parsing, read_options=reading, convert_options=converting)
        )


def _text(path: Path, dialect: CsvDialect) -> Any:
    """The file's text in UTF-8, as a stream of Arrow's."""
    file = _opened(path)
    if dialect.encoding.lower() in UTF8:
        return file
    return pa.transcoding_input_stream(file, dialect.encoding, "utf-8")


def _opened(path: Path) -> Any:
    named = CSV.search(path.name)
    compression = COMPRESSIONS.get((named["compression"] or "").lower()) if named else None
    return pa.input_stream(str(path), compression=compression)
