"""A small installation whose next night uses every stage, and a process that has loaded everything."""

import datetime as dt
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from churn_assets_tests.faults.nights.night_state import Files, NightState, digests, state_of
from churn_assets_tests.faults.nights.warm import Warm, warm_process
from churn_assets_tests.integration.installation import LAST_DAY, NIGHTS, BuildOnce, Installation

CONFIG = """
training: {window_days: 14, parameters: {max_iter: 10}}
gates: {min_roc_auc: 0.5, brier_below_base_rate: false}
"""
KNOWN_THEN = LAST_DAY - dt.timedelta(days=30)  # whose outcomes the night of the last day tells
# the command line that keeps the reports as they are before they are told again
KEEPING_REPORTS = """
import shutil
from churn_assets.assets.monitoring import drift

def retell(chain, day, tell=drift.retell_night):
    shutil.copytree(chain.scores.root / "_report", {folder!r} + "/_report")
    return tell(chain, day)

drift.retell_night = retell
"""
BROKEN_ROWS = 13  # of some 300: enough for an alert, and too few to stop the night


@dataclass(frozen=True)
class Night:
    """A night that may be disturbed: where, of which day, the data before it and after it if nobody does.

    `told_first` are the digests of its report before it is told again with drift.
    """

    installation: Installation
    day: dt.date
    before: NightState
    after: NightState
    told_first: Files
    seconds: float

    @property
    def words(self) -> tuple[str, ...]:
        """Its command."""
        return ("run", "--date", str(self.day))


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """Starts commands at once."""
    with warm_process() as process:
        yield process


@pytest.fixture(scope="session")
def watched_night(warm: Warm, build_once: BuildOnce, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night with a challenger, quarantined rows, an alert, and outcomes of a month before."""

    def build(new: Installation) -> None:
        new.configure(CONFIG)
        for words in (
            ("sample", "--customers", "300", "--days", "100", "--until", str(LAST_DAY)),
            ("run", "--date", str(KNOWN_THEN)),
            ("train", "--as-of", str(KNOWN_THEN + dt.timedelta(days=15))),
            ("run", "--date", str(LAST_DAY - dt.timedelta(days=1))),
        ):
            code, said = warm.run(new, *words)
            assert code == 0, said
        export = new.source(LAST_DAY)
        customers = pd.read_parquet(export)
        customers.loc[: BROKEN_ROWS - 1, "spend"] = -1.0
        customers.to_parquet(export, index=False)

    installation = build_once("watched", build)
    return _undisturbed(warm, installation, LAST_DAY, tmp_path_factory.mktemp("calm"))


@pytest.fixture(scope="session")
def installed_night(warm: Warm, installed: Installation, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The next night of the installation that every test shares."""
    return _undisturbed(warm, installed, NIGHTS[-1] + dt.timedelta(days=1), tmp_path_factory.mktemp("calm"))


@pytest.fixture
def night(request: pytest.FixtureRequest) -> Night:
    """The one of these two that a test names."""
    named: Night = request.getfixturevalue(request.param)
    return named


def spread(part: int, parts: int, count: int) -> Iterator[float]:
    """Random shares of a whole, one in each of `parts * count` equal pieces; those that are this part's."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # noqa: T201  # what a failure is repeated with
    random = np.random.default_rng(seed)
    for piece in range(part, parts * count, parts):
        yield (piece + random.random()) / (parts * count)


def _undisturbed(warm: Warm, installation: Installation, day: dt.date, folder: Path) -> Night:
    calm = installation.copy_to(folder / "installation")
    first = folder / "told-first"
    started = time.monotonic()
    code, said = warm.run(calm, "run", "--date", str(day), before=KEEPING_REPORTS.format(folder=str(first)))
    assert code == 0, said
    seconds = time.monotonic() - started
    told_first = dict(digests(first, "_report"))
    return Night(installation, day, state_of(installation), state_of(calm), told_first, seconds)
