"""Writing a key lookup: a piece for each part, side by side, and the pieces joined in order.

Joining looks at what was gathered of each part and at no row, so that it takes hardly any time; it
needs no more memory for more customers.
"""

import datetime as dt
import shutil
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa

from churn_assets.core.arrow.batches import ordered_map
from churn_assets.storage.layout import lookup_folder, segments_folder
from churn_assets.storage.lookup.format import (
    AT_RISK,
    KEY_WIDTH,
    KEYS,
    DaySummary,
    LookupCard,
    LookupPart,
    ScoreLabels,
    checksum,
    scores_name,
)
from churn_assets.storage.lookup.segments import BINS, AtRiskRows, LookupSegment, write_segment
from churn_assets.storage.tables.parquet import read_batches
from churn_assets.storage.tables.versions import Staged, parts_of

__all__ = ["READ", "lookup_beside", "place", "write_lookup"]

READ = ("customer_id", "churn_probability", *ScoreLabels._fields)


def lookup_beside(root: Path, staged: Staged) -> None:
    """Write the lookup of a staged score version below its table's `root`, before the version is published.

    Pieces that were made while the parts were written are taken as they are.
    """
    final = root / lookup_folder(staged.day, staged.version)
    final.parent.mkdir(parents=True, exist_ok=True)
    folder = segments_folder(staged.folder)
    parts = [read_batches([path], READ, ScoreLabels._fields) for path in parts_of(staged.folder)]
    write_lookup(folder, staged.day, staged.version, parts)
    place(folder, final)


def place(folder: Path, final: Path) -> None:
    """Move a written lookup to its name, over one that is there: what is open of that stays readable."""
    with suppress(OSError):
        final.rename(aside := folder.with_name(f"{folder.name}.old"))
        shutil.rmtree(aside, ignore_errors=True)
    try:
        folder.rename(final)
    except OSError:  # somebody else placed the same lookup just now
        if not final.is_dir():
            raise
        shutil.rmtree(folder, ignore_errors=True)


def write_lookup(folder: Path, day: dt.date, version: str, parts: Sequence[Iterable[pa.Table]]) -> None:
    """Write the lookup of a score version; how the rows of a part are cut leaves no trace.

    Args:
        folder: a new one, or one that holds pieces of these parts; gone where writing fails.
        day: the snapshot date of the scores.
        version: their score version.
        parts: of each the columns `READ`, in UTF-8 byte order of the customer id; not read where its piece is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        deque(ordered_map(lambda part: write_segment(folder, *part), enumerate(parts)), maxlen=0)
        _join(folder, day, version, len(parts))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _join(folder: Path, day: dt.date, version: str, count: int) -> None:
    """Make a lookup of the pieces of so many parts."""
    parts: list[LookupPart] = []
    kinds: dict[ScoreLabels, int] = {}
    files: dict[str, tuple[int, int]] = {}
    rows, total, histogram, at_risk = 0, 0.0, np.zeros(BINS, np.int64), AtRiskRows()
    keys = bytearray()
    for number in range(count):
        piece = LookupSegment.take(folder, number)
        keys += piece.keys
        at_risk.add(piece.at_risk.at + np.uint32(rows), piece.at_risk.probabilities)
        rows, total, histogram = rows + piece.rows, total + piece.total, histogram + piece.histogram
        for kind, of_kind in piece.kinds.items():
            kinds[kind] = kinds.get(kind, 0) + of_kind
        numbers = {kind: at for at, kind in enumerate(kinds)}
        parts.append(LookupPart(piece.rows, [numbers[kind] for kind in piece.kinds]))
        files[scores_name(number)] = piece.file
    np.save(folder / KEYS, np.ndarray(len(keys) // KEY_WIDTH, f"S{KEY_WIDTH}", keys))
    np.save(folder / AT_RISK, at_risk.ordered())
    files |= {name: ((folder / name).stat().st_size, checksum(folder / name)) for name in (KEYS, AT_RISK)}
    tiers, actions, models = _sums(kinds)
    summary = DaySummary(total / rows if rows else 0.0, tiers, actions, models, histogram.tolist())
    LookupCard(day, version, tuple(parts), tuple(kinds), summary, files).write(folder)


def _sums(kinds: dict[ScoreLabels, int]) -> list[dict[str, int]]:
    """The rows of each tier, of each action, and of each model."""
    sums: list[dict[str, int]] = [{} for _ in ScoreLabels._fields]
    for kind, rows in kinds.items():
        for told, value in zip(sums, kind, strict=True):
            told[value] = told.get(value, 0) + rows
    return sums
