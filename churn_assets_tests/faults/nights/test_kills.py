"""A night that is killed leaves all or nothing of each table, and the next run of the day makes it whole."""

import shutil
import time
from pathlib import Path

import pytest

from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.faults.nights.conftest import Night, spread
from churn_assets_tests.faults.nights.night_state import audit_disturbed, audit_recovered, unfinished_runs
from churn_assets_tests.faults.nights.warm import Warm
from churn_assets_tests.integration.installation import Installation

pytestmark = [pytest.mark.integration, pytest.mark.campaign]

SLICES, KILLS_OF_A_SLICE = 8, 25
STATUS_EVERY = 5  # kills: what `status` says of the run that died


@pytest.mark.fault("a night is killed at any instant")
@pytest.mark.parametrize("part", range(SLICES))
def test_a_killed_night_is_whole_after_a_plain_run(
    watched_night: Night, warm: Warm, tmp_path: Path, tally: Tally, part: int
) -> None:
    """Two hundred instants over a whole night with its watching: the very bytes of an undisturbed one, each once."""
    seconds, reached = watched_night.seconds, []

    for at, share in enumerate(spread(part, SLICES, KILLS_OF_A_SLICE)):
        installation = watched_night.installation.copy_to(tmp_path / f"killed-{at}")
        night = warm.start(installation, *watched_night.words)
        time.sleep(share * 1.02 * seconds)
        night.kill()
        killed = night.wait() != 0
        tally.tried()
        before, after = watched_night.before, watched_night.after
        found = audit_disturbed(installation, before, after, watched_night.told_first, tally)
        reached.append(len(found.current) - len(watched_night.before.current))
        if at % STATUS_EVERY == 0:
            audit_words(warm, installation, killed=killed, tally=tally)
        started = time.monotonic()
        code, said = warm.run(installation, *watched_night.words)
        seconds = (seconds + time.monotonic() - started) / 2  # the machine may be busier than it was
        tally.found(not_recovered=code != 0, words="Traceback" in said)
        audit_recovered(installation, watched_night.after, tally)
        shutil.rmtree(installation.root)

    print("tables that had the day:", reached)  # noqa: T201  # how the instants were spread
    assert not tally.faults


def audit_words(warm: Warm, installation: Installation, *, killed: bool, tally: Tally) -> None:
    """Count where `status` does not tell of a run whose process is gone."""
    left = unfinished_runs(installation) if killed else 0
    code, said = warm.run(installation, "status", "--json")
    tally.found(words=code != 0 or "Traceback" in said or said.count("is gone: it was killed") < left)
