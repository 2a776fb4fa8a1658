"""Parquet files of a partition version: written the same way every time, fsynced, read in batches."""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from churn_assets.core.arrow.batches import BATCH_ROWS, ordered_map, rechunk
from churn_assets.core.arrow.columns import completed
from churn_assets.core.arrow.dictionaries import as_coded, check_codes
from churn_assets.core.errors import AuditFailed, DamagedVersion
from churn_assets.core.table_schemas import SNAPSHOT_DATE
from churn_assets.storage.files import fsync_file, sha256_of
from churn_assets.storage.layout import part_name

__all__ = [
    "PART_ROWS",
    "as_filled",
    "as_key",
    "as_today",
    "count_rows",
    "damaged",
    "digest_files",
    "end_ids",
    "find_fault",
    "find_rows",
    "open_part",
    "read_batches",
    "read_key",
    "row_groups",
    "text_bounds",
    "ways_back",
    "write_part",
    "write_parts",
]

ROW_GROUP_ROWS = 131_072
PART_ROWS = 524_288  # a part is what one core works on: a million customers keep two busy
DIGEST_LENGTH = 16
REASON_LENGTH = 200
HEAD = 4_096  # rows among which the few words of a category are usually all met, and that tell how often values repeat
FEW = 0.6  # of the values of those rows are distinct, at most, where a dictionary is smaller and faster
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)  # every stored timestamp counts microseconds from it


def write_parts(
    folder: Path,
    schema: pa.Schema,
    key: str,
    batches: Iterable[pa.Table],
    choose: Callable[[Iterable[pa.Table]], Iterable[pa.Table]] = iter,
) -> list[Path]:
    """Write `batches` as `part-N.parquet` below `folder`, fsynced; how they are cut leaves no trace.

    Args:
        folder: an empty folder.
        schema: of every batch.
        key: the id column, which is stored front-coded.
        batches: in the order of the key.
        choose: gives the rows of a part that are written, all where none is given.
    """
    groups = rechunk(batches, ROW_GROUP_ROWS)
    paths: list[Path] = []
    while (cut := list(islice(groups, PART_ROWS // ROW_GROUP_ROWS))) or not paths:
        rows = list(choose(cut))
        part = write_part(folder, len(paths), as_filled(schema, rows), key, rows, group_rows=ROW_GROUP_ROWS)
        paths.append(part)
    return paths


def as_filled(schema: pa.Schema, rows: Sequence[pa.Table]) -> pa.Schema:
    """The columns of `schema`; those in which no row of a part has a null are stored without a mark for each cell."""
    nulls = {name for batch in rows for name in schema.names if batch.column(name).null_count}
    return pa.schema([field.with_nullable(field.nullable and field.name in nulls) for field in schema])


def write_part(  # what a file is, and how it is cut
    folder: Path,
    number: int,
    schema: pa.Schema,
    key: str,
    batches: Iterable[pa.Table],
    *,
    group_rows: int | None = None,
) -> Path:
    """Write `batches` as one file, `part-<number>.parquet`, in groups of `group_rows` where given; as `write_parts`.

    Raises:
        AuditFailed: a column that may hold no null by `schema` holds one.
    """
    path = folder / part_name(number)
    group_rows = group_rows or ROW_GROUP_ROWS
    groups = rechunk(batches, group_rows)
    first = next(groups, None)
    arrived = schema if first is None else first.schema
    stored = as_coded(schema, arrived.remove(arrived.get_field_index(key)))
    options = _options(schema, key, None if first is None else first.slice(0, HEAD))
    with pq.ParquetWriter(path, stored, store_schema=False, **options) as writer:
        for group in chain([] if first is None else [first], groups):
            _refuse_nulls(stored, group, path)
            writer.write_table(_by_first_seen(group.cast(stored)), row_group_size=group_rows)
    fsync_file(path)
    return path


def _refuse_nulls(schema: pa.Schema, rows: pa.Table, path: Path) -> None:
    for field in schema:
        if not field.nullable and (nulls := rows.column(field.name).null_count):
            raise AuditFailed(f"{path}: {nulls} rows have no {field.name}; nothing was published")


def _by_first_seen(group: pa.Table) -> pa.Table:
    """Each dictionary in the order in which its values first occur, as a writer that is given text makes it."""
    columns = [_reordered(each.chunk(0)) if pa.types.is_dictionary(each.type) else each for each in group.columns]
    return pa.Table.from_arrays(columns, schema=group.schema)


def _reordered(values: pa.DictionaryArray) -> pa.DictionaryArray:
    codes = values.indices.drop_null().to_numpy()
    first = _first_rows(codes[:HEAD], len(values.dictionary))
    if len(codes) > HEAD and (first == HEAD).any():  # few words are met so late, or never
        first = _first_rows(codes, len(values.dictionary))
    used = np.flatnonzero(first < len(codes))
    order = used[np.argsort(first[used])]
    if np.array_equal(order, np.arange(len(first))):
        return values
    place = np.zeros(len(first), np.int32)
    place[order] = np.arange(len(order))
    return pa.DictionaryArray.from_arrays(pa.array(place).take(values.indices), values.dictionary.take(pa.array(order)))


def _first_rows(codes: NDArray[np.int32], words: int) -> NDArray[np.int64]:
    """Where each of so many words comes first, (words); the number of rows where it does not come."""
    first = np.full(words, len(codes))
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # what is written last stays
    return first


def read_batches(
    paths: Iterable[Path],
    columns: Sequence[str] | None = None,
    categories: Sequence[str] = (),
    rows: int = BATCH_ROWS,
    groups: Sequence[int] | None = None,
    schema: pa.Schema | None = None,
) -> Iterator[pa.Table]:
    """Rows of the files in order, in tables of at most so many `rows`; memory does not grow with the files.

    Where row `groups` are named, only theirs. A file that was written when its table had other columns is read as the
    table stands today, by its `schema`: what it lacks is null, what the table dropped is not shown unless it is named.

    Every column may hold nulls by the tables' schema, whatever a file promises: rows of files of several releases meet.
    Text columns named in `categories` come dictionary-encoded, as they are stored.
    """
    for path in paths:
        with open_part(path, read_dictionary=list(categories)) as file:
            seen = 0
            numbers = range(file.num_row_groups) if groups is None else groups
            for batch in file.iter_batches(rows, row_groups=list(numbers), columns=columns, use_threads=False):
                seen += batch.num_rows
                check_codes(batch.columns)
                yield as_today(pa.Table.from_arrays(batch.columns, names=batch.schema.names), columns, schema)
            expected = sum(file.metadata.row_group(number).num_rows for number in numbers)
            if seen != expected:
                raise damaged(path, f"its footer tells of {expected} rows and it holds {seen}")


def as_today(rows: pa.Table, columns: Sequence[str] | None, schema: pa.Schema | None) -> pa.Table:
    """Rows of a file with the `columns` that were asked for, all of its table's `schema` where that is None."""
    wanted = columns if schema is None or columns is not None else schema.names
    if schema is None or wanted is None or set(wanted) == set(rows.column_names):
        return rows
    return completed(rows, schema, [name for name in wanted if name in rows.column_names or name in schema.names])


class KeySpan(NamedTuple):
    """How many rows a file holds, and the first and last of its ids as bytes; None where ids are no text."""

    path: Path
    rows: int
    first: bytes | None
    last: bytes | None


def read_key(path: Path, key: str) -> KeySpan:
    """Read the ids of a file, and hold them against its footer.

    Raises:
        DamagedVersion: the footer tells of other rows, or of other bounds of the ids than a row group begins and ends
            with; or a row group begins before the one above it ends.
    """
    rows, first, last = 0, None, None
    with open_part(path) as file:
        column = file.schema_arrow.get_field_index(key)
        is_text = pa.types.is_string(file.schema_arrow.field(column).type)
        for number in range(file.num_row_groups):
            ids = file.read_row_group(number, [key], use_threads=False).column(key)
            rows += len(ids)
            if not (is_text and len(ids)) or ids.null_count:  # a row without an id lies anywhere
                continue
            begins, ends = (ids[at].as_py().encode() for at in (0, -1))
            told = file.metadata.row_group(number).column(column).statistics
            if told is not None and told.has_min_max and (told.min.encode(), told.max.encode()) != (begins, ends):
                raise damaged(path, f"row group {number} holds other ids than its footer says")
            if last is not None and begins < last:
                raise damaged(path, f"row group {number} begins with an id below the one before it")
            first, last = begins if first is None else first, ends
        if rows != file.metadata.num_rows:
            raise damaged(path, f"its footer tells of {file.metadata.num_rows} rows and it holds {rows}")
    return KeySpan(path, rows, first, last)


def end_ids(path: Path, key: str) -> pa.Array:
    """The first and the last `key` of a file; nothing of one without rows.

    They are read: a footer's bounds are in the order of the type, which is not that of the rows where ids are numbers.
    """
    with open_part(path) as file:
        if not file.metadata.num_rows:
            return file.schema_arrow.empty_table().column(key).combine_chunks()
        first = next(file.iter_batches(1, row_groups=[0], columns=[key], use_threads=False))
        last = file.read_row_group(file.num_row_groups - 1, [key], use_threads=False)
        return pa.concat_arrays([first.column(key), *last.column(key)[-1:].chunks])


def text_bounds(path: Path, key: str) -> tuple[bytes, bytes] | None:
    """The first and the last `key` of a file in the order of its text, by the footer; None of one without rows."""
    with open_part(path) as file:
        column = file.schema_arrow.get_field_index(key)
        told = [file.metadata.row_group(group).column(column).statistics for group in range(file.num_row_groups)]
    bounds = [(each.min.encode(), each.max.encode()) for each in told if each is not None and each.has_min_max]
    return (bounds[0][0], bounds[-1][1]) if bounds else None


def find_rows(paths: Iterable[Path], key: str, text: str) -> list[dict[str, Any]]:
    """The rows whose `key`, text or a whole number, is written as `text`; none where no key could be.

    Only row groups that can hold it are read, and nothing heavy is loaded.
    """
    found: list[dict[str, Any]] = []
    for path in paths:
        with open_part(path) as file:
            column = file.schema_arrow.get_field_index(key)
            wanted = as_key(text, file.schema_arrow.field(column).type)
            if wanted is None:
                continue
            for number in range(file.num_row_groups):
                bounds = file.metadata.row_group(number).column(column).statistics
                if bounds is None or not bounds.has_min_max or bounds.min <= wanted <= bounds.max:
                    group = file.read_row_group(number)
                    keys = group.column(key).to_pylist()  # comparing in Arrow would load pandas, for one row
                    found += [_row(group, at) for at, each in enumerate(keys) if each == wanted]
    return found


def as_key(text: str, stored: pa.DataType) -> str | int | None:
    """The key that is written as `text`, None where there is none: 7 is written "7", and not "07" or "+7"."""
    if not pa.types.is_integer(stored):
        return text
    try:
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text else None


def _row(table: pa.Table, at: int) -> dict[str, Any]:
    return {name: _value(table.column(name)[at]) for name in table.column_names}


def _value(cell: pa.Scalar) -> Any:
    """A cell as Python has it; Arrow's own way loads pandas for a timestamp."""
    if pa.types.is_timestamp(cell.type) and cell.is_valid:
        return EPOCH + dt.timedelta(microseconds=cell.value)
    return cell.as_py()


def count_rows(path: Path) -> int:
    """How many rows a file holds, by its footer.

    Raises:
        DamagedVersion: it has none.
    """
    with open_part(path) as file:
        return int(file.metadata.num_rows)


def row_groups(path: Path) -> int:
    """How many row groups a file holds, by its footer.

    Raises:
        DamagedVersion: it has none.
    """
    with open_part(path) as file:
        return int(file.num_row_groups)


def find_fault(path: Path) -> str:
    """Where a file cannot be read back, by its pages' checksums: row group and column; empty where every page can be.

    A column of a row group is read at a time, so that memory does not grow with the file.
    """
    try:
        with open_part(path) as file:
            names = file.schema_arrow.names
            for group in range(file.num_row_groups):
                for name in names:
                    try:
                        file.read_row_group(group, [name], use_threads=False)
                    except (pa.ArrowException, OSError) as error:
                        return f"column {name}, row group {group}: {str(error).splitlines()[0][:REASON_LENGTH]}"
    except DamagedVersion as error:
        return str(error.__cause__).splitlines()[0][:REASON_LENGTH]
    return ""


def digest_files(paths: Iterable[Path]) -> str:
    """A digest of the files' bytes, in order: the name of a partition version."""
    digest = hashlib.sha256()
    for one in ordered_map(sha256_of, paths):
        digest.update(one)
    return digest.hexdigest()[:DIGEST_LENGTH]


@contextmanager
def open_part(path: Path, **options: Any) -> Iterator[pq.ParquetFile]:
    """A file of a version, every page of which is held against its checksum as it is read.

    Raises:
        DamagedVersion: it is missing, or is not what was written.
    """
    try:
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True, **options) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, fault: object) -> DamagedVersion:
    """The sentence for a file of a version that cannot be read: where it lies, what is wrong, and the way back."""
    reason = "it is missing" if isinstance(fault, FileNotFoundError) else str(fault).splitlines()[0][:REASON_LENGTH]
    table, partition, version = (each.name for each in (path.parents[2], path.parents[1], path.parents[0]))
    day = partition.removeprefix(f"{SNAPSHOT_DATE}=")
    if partition == day:
        return DamagedVersion(f"{path} cannot be read back ({reason}); nothing was published: look at the disk")
    return DamagedVersion(
        f"{table} {day}: {path.name} of version {version} is damaged ({reason}): {ways_back(table, day)}"
    )


def ways_back(table: str, day: dt.date | str) -> str:
    """What to do where files of the current version of a day are damaged, as a clause."""
    ways = [f"`churn-assets run --date {day}` makes it again", "or restore the file from a backup"]
    if table == "churn_scores":
        ways.insert(0, f"`churn-assets rollback --date {day} --reason TEXT` makes the version before it current")
    return ", ".join(ways)


def _options(schema: pa.Schema, key: str, head: pa.Table | None) -> dict[str, object]:
    """How a part is written; its columns' encodings are told by the rows it begins with, which its content decides."""
    dictionary: list[str] = []
    encoding: dict[str, str] = {}
    for field in schema:
        if field.name == key and pa.types.is_string(field.type):
            encoding[field.name] = "DELTA_BYTE_ARRAY"
        elif pa.types.is_integer(field.type):  # packed they are as small as in a dictionary, and sooner
            encoding[field.name] = "DELTA_BINARY_PACKED"
        elif pa.types.is_string(field.type) or (pa.types.is_floating(field.type) and _repeats(field.name, head)):
            dictionary.append(field.name)
        elif pa.types.is_floating(field.type):
            encoding[field.name] = "BYTE_STREAM_SPLIT"
    return {
        "compression": "lz4",
        "use_dictionary": dictionary or False,
        "column_encoding": encoding or None,
        "write_statistics": [key],  # rows lie in its order: the bounds of any other column would exclude no group
        "write_page_index": True,
        "write_page_checksum": True,
    }


def _repeats(name: str, head: pa.Table | None) -> bool:
    """Whether a column has few values for its rows."""
    return head is not None and bool(len(head.column(name).unique()) <= FEW * head.num_rows)
