"""The rows of several Parquet files, one after the other, cut into slices that can be read side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.core.batches import BATCH_ROWS

__all__ = ["Piece", "cut", "read_piece"]


@dataclass(frozen=True)
class Piece:
    """Rows of one file: of its `groups`, `rows` of them after the first `skipped`."""

    path: Path
    groups: tuple[int, ...]
    skipped: int
    rows: int


def cut(paths: Sequence[Path], rows: int) -> list[list[Piece]]:
    """Slices of `rows` rows each, the last of what is left; each slice as the pieces of the files it spans.

    A row group is read from its start, for each slice anew: where one is longer than two slices, the
    files are one slice.
    """
    groups = [(path, number, size) for path in paths for number, size in enumerate(_row_groups(path))]
    if any(size > 2 * rows for _, _, size in groups):
        rows = sum(size for _, _, size in groups)
    slices: list[list[Piece]] = [[]]
    room = rows
    for path, number, size in groups:
        skipped = 0
        while skipped < size:
            if not room:
                slices.append([])
                room = rows
            taken = min(room, size - skipped)
            _append(slices[-1], Piece(path, (number,), skipped, taken))
            skipped += taken
            room -= taken
    return slices


def _append(pieces: list[Piece], more: Piece) -> None:
    """Add rows to a slice; those of a file that follow on each other are one piece."""
    last = pieces[-1] if pieces else None
    if last is not None and last.path == more.path and more.skipped == 0:
        pieces[-1] = Piece(last.path, (*last.groups, *more.groups), last.skipped, last.rows + more.rows)
    else:
        pieces.append(more)


def read_piece(piece: Piece) -> Iterator[pa.RecordBatch]:
    """The rows of a piece, in order, in batches of at most 262,144."""
    skipped, left = piece.skipped, piece.rows
    with pq.ParquetFile(piece.path, pre_buffer=False) as file:
        for batch in file.iter_batches(BATCH_ROWS, row_groups=list(piece.groups), use_threads=False):
            kept = batch.slice(min(skipped, batch.num_rows), left)
            skipped -= min(skipped, batch.num_rows)
            left -= kept.num_rows
            if kept.num_rows:
                yield kept
            if not left:
                return


def _row_groups(path: Path) -> list[int]:
    footer = pq.read_metadata(path)
    return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
