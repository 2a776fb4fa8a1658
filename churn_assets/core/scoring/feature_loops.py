"""The compiled loops that count features, each over rows. Importing this module imports numba: import it late."""

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.compiling import compiled

__all__ = ["count_numbers", "mark_rows", "mix_words"]

ROWS = 2048  # of doubles stay in the first-level cache while they are held against one edge after the other
MINUS_ZERO = np.uint64(1 << 63)
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

    `bits` are the same values as whole numbers, all NaN alike; the first of `counts`, (k + 1 at least), counts NaN, the
    next ones those that reach each edge.
    """
    for start in range(0, values.size, ROWS):
        block = values[start : start + ROWS]
        for at in range(edges.size):
            edge = edges[at]
            reach = np.int64(0)
            for row in range(block.size):
                reach += np.int64(block[row] >= edge)
            counts[at + 1] += reach
        gaps = np.int64(0)
        for row in range(block.size):
            gaps += np.int64(block[row] != block[row])  # NaN alone
        counts[0] += gaps
        whole = bits[start : start + ROWS]  # slices, and each loop by itself: so they become vector instructions
        of_rows = hashes[start : start + ROWS]
        for row in range(whole.size):
            mixed = np.uint64(0) if whole[row] == MINUS_ZERO else whole[row]
            mixed = (of_rows[row] ^ mixed) * FACTOR
            of_rows[row] = mixed ^ (mixed >> HALF)


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
