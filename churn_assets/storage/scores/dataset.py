"""The published scores as a data set, for whoever reads the table itself."""

import datetime as dt
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads

from churn_assets.core.errors import InputError
from churn_assets.core.object_store import ObjectStore, parse_object_store
from churn_assets.core.table_schemas import SCORES, SNAPSHOT_DATE
from churn_assets.storage.layout import Layout
from churn_assets.storage.scores.published import PublishedScores

__all__ = ["read_scores"]


def read_scores(data_dir: str | os.PathLike[str], snapshot_date: dt.date | str | None = None) -> pads.Dataset:
    """The current scores of a day: the files of the version that is current now, and of no other.

    A data set is read lazily, and keeps to its version when another one is published meanwhile.
    With pandas, `read_scores("data").to_table().to_pandas()`; DuckDB reads it by its variable's name.

    Args:
        data_dir: the data folder of an installation; also `s3://bucket/prefix`, which is read where it is, with what
            the environment tells AWS's libraries.
        snapshot_date: a day, also as text such as `2026-11-01`; the newest scored day where none is given.

    Returns:
        `snapshot_date` and the columns of `churn_scores`, in the order of the customer id.

    Raises:
        UnknownVersion: there are no scores, or none of that day.
        RunError: the object store cannot be reached.
        InputError: it is of another kind.
    """
    day = dt.date.fromisoformat(snapshot_date) if isinstance(snapshot_date, str) else snapshot_date
    store = _store_of(os.fspath(data_dir))
    scores = PublishedScores(Layout(Path(data_dir)) if store is None else Layout.of(store))
    if store is None:
        filesystem, base, paths = None, str(scores.table.root), [str(path) for path in scores.day(day).files]
    else:
        filesystem, base = scores.table.folder.stored()
        paths = [f"{base}/{name}" for name in scores.table.current_files(scores.scored_day(day))]
    schema = pa.schema([(SNAPSHOT_DATE, pa.date32()), *((each.name, each.type) for each in SCORES)])
    return pads.dataset(
        paths,
        filesystem=filesystem,
        schema=schema,
        format=pads.ParquetFileFormat(
            default_fragment_scan_options=pads.ParquetFragmentScanOptions(page_checksum_verification=True)
        ),
        partitioning=pads.partitioning(pa.schema([(SNAPSHOT_DATE, pa.date32())]), flavor="hive"),
        partition_base_dir=base,
    )


def _store_of(data_dir: str) -> ObjectStore | None:
    try:
        uri = parse_object_store(data_dir)
    except ValueError as error:
        raise InputError(str(error)) from error
    return None if uri is None else ObjectStore(uri, Path("/"), endpoint=None)  # nothing is mirrored
