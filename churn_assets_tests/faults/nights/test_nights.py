"""A night that is killed, raced or out of disk: the day has its scores before or after it, whole, and no others."""

import datetime as dt
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.integration.installation import CHAIN, NIGHTS, Installation

pytestmark = pytest.mark.integration

PROGRAM = Path(sys.executable).with_name("churn-assets")
DAY = NIGHTS[-1] + dt.timedelta(days=1)
NIGHT = (PROGRAM, "run", "--date", str(DAY))
SMALLEST_FILE, LARGEST_FILE = 2**10, 2**18
PATIENCE = 120


def seeded() -> np.random.Generator:
    """Random numbers whose seed is printed."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    return np.random.default_rng(seed)


def state(installation: Installation) -> dict[str, list[bytes]]:
    """The bytes of the day's current version in every table of the chain; none where it has none."""
    return {
        name: [Path(uri.removeprefix("file://")).read_bytes() for uri in installation.current(name, DAY)]
        for name in CHAIN
    }


@pytest.fixture(scope="module")
def undisturbed(installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[bytes]]:
    """What a night gives that nobody disturbs."""
    calm = installed.copy_to(tmp_path_factory.mktemp("calm") / "installation")
    assert calm.run("run", "--date", str(DAY)).exit_code == 0
    return state(calm)


def audit(installation: Installation, whole: dict[str, list[bytes]], tally: Tally) -> None:
    """Count, after a disturbed night, tables that hold anything but nothing or the very night."""
    for name, files in state(installation).items():
        tally.found(
            doubled=len(files) > len(whole[name]),
            lost=0 < len(files) < len(whole[name]),
            wrong=len(files) == len(whole[name]) and files != whole[name],
        )


def audit_again(installation: Installation, whole: dict[str, list[bytes]], tally: Tally) -> None:
    """Count what a night lacks that is run again when nobody disturbs it, and days before it that changed."""
    again = installation.run("run", "--date", str(DAY))
    tally.found(lost=again.exit_code != 0, wrong=state(installation) != whole)
    shown = installation.run("scores", "history", "--date", str(DAY), "--json").json
    tally.found(doubled=len(shown) > 1)


@pytest.mark.fault("a night is killed at any instant")
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.campaign)])
def test_a_killed_night_leaves_all_or_nothing(
    installed: Installation, undisturbed: dict[str, list[bytes]], tmp_path: Path, tally: Tally, kills: int
) -> None:
    """After each SIGKILL a table has the day whole or not at all; the next night gives the very same bytes."""
    random, at = seeded(), 0
    started = time.monotonic()
    assert installed.copy_to(tmp_path / "timed").shell(*map(str, NIGHT[1:])).exit_code == 0
    length = time.monotonic() - started

    while at < kills:
        installation = installed.copy_to(tmp_path / f"killed-{at}")
        for _ in range(min(3, kills - at)):  # what was killed is killed again
            with installation.started(*NIGHT) as night:
                time.sleep(random.uniform(0.3, 1) * length)
                night.send_signal(signal.SIGKILL)
                night.wait(PATIENCE)
            audit(installation, undisturbed, tally)
            tally.tried()
            at += 1
        audit_again(installation, undisturbed, tally)
        shutil.rmtree(installation.root)

    assert not tally.faults


@pytest.mark.fault("two nights of a day race")
@pytest.mark.parametrize(
    ("races", "homes"),
    [
        (1, ["one", "other"]),
        pytest.param(15, ["one", "other"], marks=pytest.mark.campaign),
        pytest.param(20, ["", ""], marks=pytest.mark.campaign),
    ],
)
def test_of_two_nights_of_a_day_both_end_well_or_one_in_words(
    installed: Installation,
    undisturbed: dict[str, list[bytes]],
    tmp_path: Path,
    tally: Tally,
    races: int,
    homes: list[str],
) -> None:
    """Two that are started within a second: the day is published once, and who failed says why in a sentence.

    They share Dagster's storage, or each has its own and only the tables are common: the commit is the lock.
    """
    random = seeded()

    for at in range(races):
        installation = installed.copy_to(tmp_path / f"race-{at}")
        first, second = (with_home(installation, home) for home in homes)
        with first.started(*NIGHT) as one:
            time.sleep(random.uniform(0, 1))
            with second.started(*NIGHT) as other:
                outcomes = [(night.communicate(timeout=PATIENCE)[0], night.returncode) for night in (one, other)]
        tally.tried()
        print(*(said for said, code in outcomes if code != 0))  # noqa: T201  # what a failure is understood with
        tally.found(
            lost=all(code != 0 for _, code in outcomes),
            words=sum(code != 0 and (said.count("error: ") != 1 or "Traceback" in said) for said, code in outcomes),
        )
        audit(installation, undisturbed, tally)
        audit_again(installation, undisturbed, tally)
        shutil.rmtree(installation.root)

    assert not tally.faults


def with_home(installation: Installation, name: str) -> Installation:
    """The same data with a Dagster storage of its own by that name; without a name the usual one."""
    if not name:
        return installation
    home = installation.root / name
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")  # SQLite below this folder
    return installation.having(DAGSTER_HOME=str(home))


def limited(size: int) -> Callable[[], None]:
    """No file of the process may grow beyond `size` bytes: a write fails as on a disk without room."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.fault("a night's disk takes no more")
@pytest.mark.parametrize("sizes", [1, pytest.param(25, marks=pytest.mark.campaign)])
def test_a_night_without_room_leaves_what_was_there(
    installed: Installation, undisturbed: dict[str, list[bytes]], tmp_path: Path, tally: Tally, sizes: int
) -> None:
    """Wherever a write fails, the night ends in a sentence, tables hold whole days, and with room it is done."""
    installation = installed.copy_to(tmp_path / "installation")

    for size in np.geomspace(SMALLEST_FILE, LARGEST_FILE, sizes).astype(int):
        night = subprocess.run(
            NIGHT,
            cwd=installation.root,
            env=installation.variables(),
            preexec_fn=limited(int(size)),  # no threads are at work here
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        tally.tried()
        tally.found(words=(night.returncode != 0 and night.stderr.count("error: ") != 1) or "Traceback" in night.stderr)
        audit(installation, undisturbed, tally)

    audit_again(installation, undisturbed, tally)
    assert not tally.faults
