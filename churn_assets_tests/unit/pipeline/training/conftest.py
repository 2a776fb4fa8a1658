"""Members of ninety days, exported and landed once: landing a day takes longer than what most tests do with it."""

import datetime as dt
import shutil
from pathlib import Path

import pytest

from churn_assets.pipeline.chain import RunContext
from churn_assets.pipeline.training.training_data import plan_training
from churn_assets_tests.chains import AS_OF, chain_over, export

__all__ = ["daily", "daily_once", "landed", "landed_once"]


@pytest.fixture(scope="session")
def daily_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety days of members up to `AS_OF` in the source; not to be changed."""
    folder = tmp_path_factory.mktemp("daily")
    for back in range(91):
        export(folder, AS_OF - dt.timedelta(days=back))
    return folder


@pytest.fixture(scope="session")
def landed_once(daily_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, and the history of a training as of that day has landed; only to be read."""
    folder = Path(shutil.copytree(daily_once, tmp_path_factory.mktemp("landed") / "daily"))
    plan_training(chain_over(folder), AS_OF, RunContext("tester"))
    return folder


@pytest.fixture
def daily(daily_once: Path, tmp_path: Path) -> Path:
    """A copy of `daily_once` that the test may change."""
    return Path(shutil.copytree(daily_once, tmp_path / "daily"))


@pytest.fixture
def landed(landed_once: Path, tmp_path: Path) -> Path:
    """A copy of `landed_once` that the test may change."""
    return Path(shutil.copytree(landed_once, tmp_path / "landed"))
