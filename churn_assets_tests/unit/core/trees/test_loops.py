"""The compiled loops: codes of numbers, and where their machine code is kept."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from churn_assets.core.trees import loops

EDGES = [0.0, -0.0, np.inf, -np.inf, 1e300, -1e300]


def test_without_a_place_for_its_cache_it_compiles_all_the_same(tmp_path: Path) -> None:
    """Where no folder can be written, the loops work, and are compiled by each process."""
    code = textwrap.dedent(
        """
        import numpy as np
        from numba.core import caching
        caching.CacheImpl._locator_classes = []
        from churn_assets.core.trees.loops import Grid, code_numbers
        assert type(code_numbers._cache) is caching.NullCache
        grid = Grid(np.r_[1.0, 2.0, [np.inf] * 4], np.zeros(1, dtype=np.uint16), 0.0, 0.0, 2, 3)
        codes = np.empty(4, dtype=np.uint16)
        code_numbers(np.array([0.5, 1.0, 2.5, np.nan]), grid, codes)
        assert codes.tolist() == [0, 0, 2, 3], codes
        """
    )

    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=tmp_path)

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("most", [3, 4])
def test_numbers_get_the_code_that_a_search_gives(most: int) -> None:
    """Either way of looking finds how many thresholds are less, on and beside each of them, and at the ends."""
    thresholds = np.arange(1.0, most + 1)
    values = np.concatenate([thresholds, np.nextafter(thresholds, -np.inf), np.nextafter(thresholds, np.inf), EDGES])
    grid = loops.Grid(np.r_[thresholds, [np.inf] * 4], np.zeros(1, dtype=np.uint16), 0.0, 0.0, most, 9)
    codes = np.empty(len(values) + 1, dtype=np.uint16)
    given = np.r_[values, np.nan]
    given.flags.writeable = False

    loops.code_numbers(given, grid, codes)

    assert codes.tolist() == [*np.searchsorted(thresholds, values).tolist(), 9]
