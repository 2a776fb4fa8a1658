"""Customers of one day met again on another: both in the order of their ids, which one compiled pass compares.

Importing this module is cheap; the first call imports numba.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["places_of"]


def places_of(ids: pa.Array | pa.ChunkedArray, others: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """Where each of `ids` (n) stands among `others`, -1 where it does not.

    Args:
        ids: text without nulls, ascending in UTF-8 byte order.
        others: likewise.
    """
    from churn_assets.core.arrow.matching_loop import match_sorted  # noqa: PLC0415  # imports numba

    places = np.full(len(ids), -1, np.int64)
    if len(ids) and len(others):
        match_sorted(*_bytes_of(ids), *_bytes_of(others), places)
    return places


def _bytes_of(ids: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Where each text ends in the bytes of all: offsets (n + 1), and those bytes."""
    texts = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
    _, offsets, content = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return ends, np.frombuffer(content or b"", np.uint8)
