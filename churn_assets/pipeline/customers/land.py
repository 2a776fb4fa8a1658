"""Land the source's snapshot of a day as it is, an immutable copy in the order of its ids: `raw_customers`.

How a source's cells become typed stands in `core.customers.landing`, how its files are read in `storage.source`.
"""

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain as chain_of
from pathlib import Path
from typing import Any

import pyarrow as pa

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.erased import ErasedCustomers
from churn_assets.core.customers.casting import truncated_times
from churn_assets.core.customers.landing import IdOrder, OutOfOrder, check_columns, land_batch, reading_of, renamed
from churn_assets.core.errors import AuditFailed, PartitionConflict, RunError, SourceFault
from churn_assets.core.profile_schemas import categorical_columns, raw_schema
from churn_assets.pipeline.chain import Chain, RunContext, StageResult, logger
from churn_assets.storage.source.files import SourceBatch, SourceFile, chunks
from churn_assets.storage.source.sorting import sorted_by_id
from churn_assets.storage.tables.parquet import PART_ROWS, as_filled, write_part, write_parts
from churn_assets.storage.tables.versions import Staged

__all__ = [
    "LandedCustomers",
    "LandedFile",
    "LandingCounts",
    "batch_id_of",
    "cast_rows",
    "land_customers",
    "source_categories",
]

LISTED = 10  # unknown columns that a warning names; the metadata has them all


@dataclass(frozen=True)
class LandedFile:
    """A file of the source as it was read; its path starts at the data folder where it lies below it.

    Of a database's answer `path` names the database, and `sha256` its rows as they were landed, in the order of their
    ids: the version of `raw_customers`, which is the beginning of a SHA-256 of its files.
    """

    path: str
    bytes: int | None
    sha256: str


@dataclass(frozen=True)
class LandedCustomers(StageResult):
    """A landed snapshot: `batch_id` names the content of its files, `unknown_columns` were not landed.

    `erased` counts rows of the source that belong to customers who were erased: they were left out.
    """

    batch_id: str
    files: tuple[LandedFile, ...]
    unknown_columns: tuple[str, ...]
    erased: int = 0


def land_customers(chain: Chain, day: dt.date, run: RunContext) -> LandedCustomers:
    """Land an immutable copy of the source's snapshot of `day`.

    Raises:
        SourceMissing, SourceFault: nothing was landed.
    """
    expected = chain.raw.current(day)
    sources = chain.source.files(day)
    erased = chain.erasures.erased()
    staged, landed = _stage(chain, day, sources, erased)
    try:
        _audit(chain, day, sources, landed, staged)
        if chain.erasures.erased() != erased:
            raise PartitionConflict(f"raw_customers {day}: a customer was erased meanwhile; run the day again")
    except RunError:
        chain.raw.discard(staged)
        raise
    unknown = tuple(sorted(landed.unknown))
    if unknown:
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        listed = ", ".join(unknown[:LISTED]) + more
        logger.warning("%s: columns the profile does not know were not landed: %s", day, listed)
    for (path, column), cells in sorted(landed.truncated.items()):
        logger.warning("%s: %d times of column %s were cut to microseconds; export it so", path, cells, column)
    data_dir = chain.layout.data_dir
    files = tuple(
        LandedFile(_below(each.path, data_dir), each.size, landed.digests.get(each.path, staged.version))
        for each in sources
    )
    batch_id = batch_id_of(file.sha256 for file in files)
    details: dict[str, Any] = {"batch_id": batch_id, "files": [asdict(file) for file in files]}
    if landed.erased:
        details["erased"] = landed.erased
        logger.warning("%s: rows of customers who were erased stand in the source: %d left out", day, landed.erased)
    published = chain.raw.publish(staged, expected, run.commit("land", **details, unknown_columns=list(unknown)))
    logger.debug("%s raw_customers: %d rows landed", day, landed.kept)
    return LandedCustomers(chain.raw, day, published, landed.kept, batch_id, files, unknown, landed.erased)


def _audit(chain: Chain, day: dt.date, files: list[SourceFile], landed: "LandingCounts", staged: Staged) -> None:
    named = ", ".join(str(file.path) for file in files)
    if chain.source.files(day) != files:
        raise SourceFault(f"{named} changed while it was read; run {day} again")
    if not landed.kept:
        raise SourceFault(f"{named} holds no rows; export {day} again")
    expected = chain.source.expected_rows(day)
    if expected is not None and expected != landed.rows:
        raise SourceFault(f"{named} holds {landed.rows} rows and its manifest says {expected}; export {day} again")
    if (written := staged.rows_by(chain.profile.id_column)) != landed.kept:
        raise AuditFailed(
            f"raw_customers {day}: {landed.rows} rows were read, {landed.erased} left out and {written} written; "
            "nothing was published"
        )


@dataclass
class LandingCounts:
    """What was seen of rows on their way, those left out as `erased` among them, and the digests of files."""

    rows: int = 0
    erased: int = 0
    unknown: set[str] = field(default_factory=set)
    truncated: Counter[tuple[Path, str]] = field(default_factory=Counter)
    ids: IdOrder = field(default_factory=IdOrder)
    digests: dict[Path, str] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """How many rows were written."""
        return self.rows - self.erased

    def add(self, more: "LandingCounts") -> None:
        """Count what was seen of later rows."""
        self.rows += more.rows
        self.erased += more.erased
        self.unknown |= more.unknown
        self.truncated.update(more.truncated)
        self.digests |= more.digests
        self.ids.follow(more.ids)


def _stage(
    chain: Chain, day: dt.date, files: list[SourceFile], erased: ErasedCustomers
) -> tuple[Staged, LandingCounts]:
    """The rows in the order of their ids: as they come where they are in order, else sorted.

    Who was erased is left out of parts that are cut already: so they are what an erasure left of them.
    """
    schema, key = raw_schema(chain.profile), chain.profile.id_column
    categories = source_categories(chain)
    landed = LandingCounts()

    def land(folder: Path, number: int, part: Sequence[SourceBatch]) -> LandingCounts:
        here = LandingCounts()
        rows = list(_without(_in_order(cast_rows(chain, day, part, here), key, here), erased, key, here))
        write_part(folder, number, as_filled(schema, rows), key, rows)
        return here

    def land_all(folder: Path) -> None:
        arriving = _looked_at(chain.source.batches(files, categories), chain)
        parts = enumerate(chunks(arriving, PART_ROWS))
        digests = (partial(_digest, chain, file) for file in files)
        jobs = chain_of(digests, (partial(land, folder, *part) for part in parts))
        for one in ordered_map(lambda job: job(), jobs):
            landed.add(one)

    try:
        return chain.raw.stage(day, schema, land_all), landed
    except OutOfOrder:
        landed = LandingCounts()
    for file in files:
        landed.add(_digest(chain, file))
    arrived = cast_rows(chain, day, chain.source.batches(files), landed)
    with chain.raw.scratch() as scratch:
        rows = sorted_by_id(arrived, schema, key, scratch)

        def write(folder: Path) -> None:
            write_parts(folder, schema, key, rows, lambda part: _without(part, erased, key, landed))

        return chain.raw.stage(day, schema, write), landed


def source_categories(chain: Chain) -> list[str]:
    """The profile's categoricals by the names that they have in the source."""
    names = {name: source for source, name in chain.profile.columns.items()}
    return [names.get(name, name) for name in categorical_columns(chain.profile)]


def cast_rows(chain: Chain, day: dt.date, arrived: Iterable[SourceBatch], landed: LandingCounts) -> Iterator[pa.Table]:
    """Rows of the source in the profile's types."""
    schema, categories = raw_schema(chain.profile), categorical_columns(chain.profile)
    checked: set[Path] = set()
    for path, each in arrived:
        batch = renamed(each, chain.profile.columns)
        if path not in checked:
            landed.unknown.update(check_columns(batch.schema.names, schema, str(path)))
            checked.add(path)
        landed.rows += batch.num_rows
        for column, cells in truncated_times(batch, schema).items():
            landed.truncated[path, column] += cells
        reading = reading_of(chain.profile, chain.source.dialect_of(path))
        yield land_batch(batch, schema, day, str(path), categories, chain.profile.id_column, reading)


def _looked_at(arriving: Iterable[SourceBatch], chain: Chain) -> Iterator[SourceBatch]:
    """What arrives; the first rows tell most exports that are in no order, before a whole part of them is read.

    Raises:
        OutOfOrder: they are in none.
    """
    names = {name: source for source, name in chain.profile.columns.items()}
    key = names.get(chain.profile.id_column, chain.profile.id_column)
    for number, (path, batch) in enumerate(arriving):
        if number == 0 and key in batch.schema.names and pa.types.is_string(batch.column(key).type):
            IdOrder().watch(batch.column(key))
        yield path, batch


def _in_order(batches: Iterable[pa.Table], key: str, landed: "LandingCounts") -> Iterator[pa.Table]:
    for batch in batches:
        landed.ids.watch(id_texts(batch.column(key)).combine_chunks())
        yield batch


def _without(
    batches: Iterable[pa.Table], erased: ErasedCustomers, key: str, landed: "LandingCounts"
) -> Iterator[pa.Table]:
    for batch in batches:
        kept = erased.without(batch, key)
        landed.erased += batch.num_rows - kept.num_rows
        yield kept


def batch_id_of(digests: Iterable[str]) -> str:
    """The name of a snapshot's content, from the SHA-256 of each of its files in order."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]


def _digest(chain: Chain, file: SourceFile) -> LandingCounts:
    digest = chain.source.digest(file)
    return LandingCounts(digests={} if digest is None else {file.path: digest})


def _below(path: Path, folder: Path) -> str:
    """The path from `folder`, where it lies below it: the record survives a move of the whole installation."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
