"""A night whose disk fills up at any stage says so in a sentence; with room again, a plain run does the rest."""

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.faults.nights.conftest import Night
from churn_assets_tests.faults.nights.night_state import audit_disturbed, audit_recovered
from churn_assets_tests.faults.nights.warm import Warm

pytestmark = [pytest.mark.integration, pytest.mark.fault("a night's disk takes no more")]

DISK = "96m"
STAGES = (
    "raw_customers",
    "customers",
    "customer_features",
    "churn_scores",
    "challenger_scores",
    "drift",
    "watching",
    "night_metrics",
    "alerts",
)
# the command line that fills its disk once its run's event is stored, but for some bytes
FULL = """
import pathlib
from dagster import DagsterInstance

store, ballast = DagsterInstance.handle_new_event, pathlib.Path({ballast!r})

def store_and_fill(self, event, **options):
    store(self, event, **options)
    found = event.dagster_event
    if found and (found.event_type_value, found.step_key) == {event!r} and not ballast.exists():
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                file.truncate(max(file.tell() - {left}, 0))

DagsterInstance.handle_new_event = store_and_fill
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)],  # noqa: S607  # the system's own
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607  # as above


@pytest.mark.parametrize(
    ("night", "stage", "left"),
    [
        ("installed_night", "churn_scores", [0]),
        *(pytest.param("watched_night", each, [0, 40_000], marks=pytest.mark.campaign) for each in STAGES),
    ],
    indirect=["night"],
)
def test_a_full_disk_leaves_what_was_there(
    night: Night, warm: Warm, disk: Path, tally: Tally, stage: str, left: list[int]
) -> None:
    """Wherever the first write fails: of a stage, or of Dagster's storage, which is on the disk or has room."""
    for room, apart in itertools.product(left, (True, False)):
        installation = night.installation.copy_to(disk / "installation")
        dagster = disk.with_name("dagster")
        if apart:
            shutil.move(installation.data / "dagster", dagster)
            (installation.data / "dagster").symlink_to(dagster)
        ballast = disk / "ballast"
        full = FULL.format(ballast=str(ballast), left=room, event=("STEP_START", stage))

        code, said = warm.run(installation, *night.words, before=full)

        assert ballast.exists(), f"nothing was filled:\n{said}"
        ballast.unlink()
        tally.tried()
        tally.found(words="Traceback" in said or (code != 0 and said.count("error: ") != 1))
        audit_disturbed(installation, night.before, night.after, night.told_first, tally)
        again, _ = warm.run(installation, *night.words)
        tally.found(not_recovered=again != 0)
        audit_recovered(installation, night.after, tally)
        shutil.rmtree(installation.root)
        shutil.rmtree(dagster, ignore_errors=True)

    assert not tally.faults
