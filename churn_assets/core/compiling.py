"""How a loop is compiled. Importing this module imports numba (half a second): import it late.

Every loop releases the interpreter's lock, and keeps IEEE arithmetic as it is written: no fast-math and no threads
of its own. The machine code is kept where numba finds a writable place: `NUMBA_CACHE_DIR`, the folder of the loop's
module, or the user's home; where there is none, each process compiles for itself.
"""

from collections.abc import Callable

from numba import njit

__all__ = ["compiled"]


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """`function` as machine code, compiled when it is first called."""
    try:
        kept: Callable[..., None] = njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba finds no place for its cache
        kept = njit(nogil=True)(function)
    return kept
