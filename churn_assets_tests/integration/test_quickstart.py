"""What `make run` does, on two nights."""

import datetime as dt

import pytest

from churn_assets.launch.launcher import Launcher
from churn_assets.launch.quickstart import FirstNights, run_first_nights
from churn_assets.settings import load_settings
from churn_assets_tests.integration.installation import LAST_DAY, Installation

pytestmark = pytest.mark.integration


def test_a_second_model_scores_unseen_and_then_takes_over(installation: Installation) -> None:
    """Nights without scores are run in order; the second model is trained on its day, and promoted on a later one."""
    told: list[str] = []
    ran: list[dt.date] = []
    with installation.entered():
        launcher = Launcher(load_settings(), "a newcomer")
        first = launcher.chain.registry.champion()

        def run_night(day: dt.date) -> None:
            launcher.night(day)
            ran.append(day)

        run_first_nights(launcher, run_night, told.append, FirstNights(nights=2, trained_before=1, promoted_before=0))
        registry = launcher.chain.registry
        promotion = registry.promotions.rows()[-1]
        card = registry.models.card(registry.champion())

    before_last = LAST_DAY - dt.timedelta(days=1)
    assert ran == [before_last, LAST_DAY]
    assert (promotion["from_version"], promotion["forced"]) == (first, False)
    assert promotion["reason"].startswith(f"fresher, trained as of {before_last}; ROC-AUC 0.")
    assert card.trained_as_of == before_last
    assert (
        installation.rows("challenger_scores", LAST_DAY).num_rows
        == installation.rows("churn_scores", LAST_DAY).num_rows
    )
    assert set(installation.rows("churn_scores", LAST_DAY)["model_version"].to_pylist()) == {first}
    assert told[-1].startswith(f"model {card.model_version} is champion: fresher")
