"""The compiled loops that count features, each over rows. Importing this module imports numba: import it late."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled

__all__ = ["count_numbers", "mark_rows", "mix_words"]

ROWS = 2048  # of doubles stay in the first-level cache while they are held against one edge after the other
MINUS_ZERO = np.uint64(1 << 63)
NO_NUMBER = np.uint64(0x7FF8000000000000)
FACTOR = np.uint64(0x9E3779B97F4A7C15)
HALF = np.uint64(32)
SIX = np.uint64(6)
LOW_SIX = np.uint64(63)
ONE = np.uint64(1)


@compiled
def count_numbers(
    values: NDArray[np.float64],
    bits: NDArray[np.uint64],
    edges: NDArray[np.float64],
    counts: NDArray[np.int64],
    hashes: NDArray[np.uint64],
) -> None:
    """Count how many of `values`, (n), reach each of `edges`, (k), and mix each into the hash of its row, (n).

    `bits` are the same values as whole numbers; the first of `counts`, (k + 1 at least), counts NaN, the next ones
    those that reach each edge.
    """
    for start in range(0, values.size, ROWS):
        stop = min(start + ROWS, values.size)
        for at in range(edges.size):
            edge = edges[at]
            reach = 0
            for row in range(start, stop):
                reach += values[row] >= edge
            counts[at + 1] += reach
        gaps = 0
        for row in range(start, stop):
            value = values[row]
            gap = value != value  # noqa: PLR0124  # NaN
            gaps += gap
            mixed = bits[row]
            mixed = np.uint64(0) if mixed == MINUS_ZERO else mixed
            mixed = NO_NUMBER if gap else mixed
            mixed = (hashes[row] ^ mixed) * FACTOR
            hashes[row] = mixed ^ (mixed >> HALF)
        counts[0] += gaps


@compiled
def mix_words(codes: NDArray[np.int32], words: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> None:
    """Mix the hash of each row's word, `words` (w) at `codes` (n), into the hash of the row, (n)."""
    for row in range(codes.size):
        mixed = (hashes[row] ^ words[codes[row]]) * FACTOR
        hashes[row] = mixed ^ (mixed >> HALF)


@compiled
def mark_rows(hashes: NDArray[np.uint64], shift: np.uint64, marks: NDArray[np.uint64]) -> None:
    """Set the bit of `marks`, 64 a number, that the upper bits of each of `hashes`, (n), name: all but `shift`."""
    for row in range(hashes.size):
        place = (hashes[row] * FACTOR) >> shift
        marks[place >> SIX] |= ONE << (place & LOW_SIX)
