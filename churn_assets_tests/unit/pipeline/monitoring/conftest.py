"""Members of a day and of a horizon later, landed once."""

from pathlib import Path

import pytest

from churn_assets.pipeline.chain import Chain
from churn_assets_tests.chains import chain_over, copied, export
from churn_assets_tests.scored_members import CUSTOMERS, DAY, KNOWN, STAYED, land

__all__ = ["chain", "chain_once"]


@pytest.fixture(scope="module")
def chain_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Both days, landed; not to be changed."""
    folder = tmp_path_factory.mktemp("members")
    export(folder, DAY, CUSTOMERS)
    export(folder, KNOWN, STAYED)
    made = chain_over(folder)
    land(made, DAY)
    land(made, KNOWN)
    return made


@pytest.fixture
def chain(chain_once: Chain, tmp_path: Path) -> Chain:
    """A copy that the test may change."""
    return copied(chain_once, tmp_path)
