"""The do-not-score list, read anew by every scoring and training: without it nobody is scored.

Its cells are read as those of the source are, so that an id on the list is the id of the customer's rows. A cell that
is no id stops the work: it may be somebody who objected.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.customers.casting import cast_batch
from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.customers.landing import reading_of, renamed
from churn_assets.core.errors import SourceFault
from churn_assets.core.profile_schemas import customers_schema, raw_schema
from churn_assets.core.scoring.do_not_score import DoNotScoreList
from churn_assets.core.table_schemas import RESCUED
from churn_assets.pipeline.chain import Chain
from churn_assets.storage.source.reading import check_file, head_of, is_csv, read_file

__all__ = ["read_do_not_score"]

DELIMITERS = ";,\t|"


def read_do_not_score(chain: Chain) -> DoNotScoreList | None:
    """The list as it stands; None where none is configured.

    Raises:
        SourceFault: it is not there, cannot be read, or holds a cell that is no id; nobody may be scored.
    """
    path = chain.do_not_score
    if path is None:
        return None
    if not path.is_file():
        raise SourceFault(
            f"do_not_score.path: {path} is not there; nobody is scored without the list of those who objected: put it "
            "there, with its heading alone where it names nobody, or take the key out of the configuration"
        )
    try:
        check_file(path, path.stat().st_size)
        return DoNotScoreList(_ids(chain, path))
    except SourceFault as error:
        raise SourceFault(f"do_not_score.path: {error}; nobody is scored without it") from error


def _ids(chain: Chain, path: Path) -> Iterator[pa.Array]:
    key = chain.profile.id_column
    dialect = _dialect(chain, path)
    schema = pa.schema([customers_schema(chain.profile).field(key), raw_schema(chain.profile).field(RESCUED)])
    reading = reading_of(chain.profile, dialect)
    rows = 0
    for batch in read_file(path, dialect):
        named = renamed(batch, chain.profile.columns)
        _refuse_other_columns(path, named.schema.names, key)
        cast = cast_batch(named.select([key]), schema, key=key, reading=reading)
        ids = cast.column(key)
        if ids.null_count:
            at = rows + ids.is_null().to_pylist().index(True) + 1
            raise SourceFault(
                f"{path} holds {ids.null_count} cells that are no {key}, the first in row {at}; correct them"
            )
        rows += batch.num_rows
        yield id_texts(ids).combine_chunks()


def _dialect(chain: Chain, path: Path) -> CsvDialect:
    """How a CSV file is written: as the source's; one whose only column has no heading holds an id a line."""
    dialect = chain.source.dialect_of(path).model_copy(update={"column_names": (), "skip_rows": 0})
    if not is_csv(path):
        return dialect
    key = chain.profile.id_column
    names = [chain.profile.columns.get(name, name) for name in _first_line(path, dialect)]
    if len(names) > 1 or key in names:
        _refuse_other_columns(path, names, key)
        return dialect
    if any(key in name.split(mark) for name in names for mark in DELIMITERS):  # else each line would be nobody's id
        raise SourceFault(f"{path} has the heading {names[0]!r}: its delimiter is not that of source.csv.delimiter")
    return dialect.model_copy(update={"column_names": (key,)})


def _first_line(path: Path, dialect: CsvDialect) -> list[str]:
    """The cells of the first line that has any, a heading or not; none where the file cannot be read."""
    try:
        text = head_of(path).decode(dialect.encoding, errors="replace").removeprefix("\ufeff")
    except (pa.ArrowException, OSError):  # told by whoever reads the rows
        return []
    lines = csv.reader(io.StringIO(text), delimiter=dialect.delimiter, quotechar=dialect.quote or None)
    return next((cells for cells in lines if cells), [])


def _refuse_other_columns(path: Path, names: list[str], key: str) -> None:
    if names.count(key) != 1:
        raise SourceFault(
            f"{path} holds {names.count(key)} columns {key}; give it one, or an id a line and nothing else"
        )
