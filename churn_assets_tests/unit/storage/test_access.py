"""A closed folder is found before what lies in it is missed."""

import glob
import subprocess
import sys
from pathlib import Path

import pytest

CLOSED_TO_A_PLAIN_USER = """
import ctypes, sys
from churn_assets.storage.access import closed_folder

libc = ctypes.CDLL(None)
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc.capget(header, sets)
for at in range(3):
    sets[at] &= ~0b110  # what lets root pass over permissions
libc.capset(header, sets)
for pattern in sys.argv[1:]:
    print(closed_folder(pattern))
"""


@pytest.mark.fault("a folder may not be written or read")
def test_a_folder_that_a_glob_would_pass_over_is_found(tmp_path: Path) -> None:
    """Among wildcards and at any depth; not what no pattern looks into, and not where only names are followed."""
    for region in ("north", "south", ".hidden"):
        (tmp_path / "source/day" / region).mkdir(parents=True)
    for name, mode in (("source/day/south", 0o000), ("source/day/.hidden", 0o000), ("source", 0o111)):
        (tmp_path / name).chmod(mode)
    base = glob.escape(str(tmp_path))
    patterns = ("source/day/*/*.csv", "source/day/**/*.csv", "source/day/north/*.csv", "source/*/a.csv", "absent/*.csv")

    done = subprocess.run(
        [sys.executable, "-c", CLOSED_TO_A_PLAIN_USER, *(f"{base}/{each}" for each in patterns)],
        capture_output=True,
        text=True,
        check=True,
    )

    south, source = str(tmp_path / "source/day/south"), str(tmp_path / "source")
    assert done.stdout.split() == [south, south, "None", source, "None"]
    (tmp_path / "source").chmod(0o755)
    (tmp_path / "source/day/south").chmod(0o755)
