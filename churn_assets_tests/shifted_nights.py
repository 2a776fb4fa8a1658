"""Nights of a small chain, on which a feature may be scaled; for tests only."""

import datetime as dt
from pathlib import Path

from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.scoring.score import ScoreOptions, ScoreResult, score_customers
from churn_assets_tests.chains import AS_OF, HORIZON, export, with_champion

__all__ = ["CUSTOMERS", "LAST", "RUN", "champion_at_work", "night"]

RUN = RunContext("tester", reason="a test")
LAST = AS_OF + dt.timedelta(days=7)
CUSTOMERS = 600


def champion_at_work(folder: Path) -> Chain:
    """A champion that has scored its first night, and the same weekday a week later, `LAST`."""
    for leavers, day in ((0, AS_OF), (100, AS_OF - HORIZON), (200, AS_OF - 2 * HORIZON)):
        export(folder, day, customers=CUSTOMERS + leavers, spend=_spend(customers=CUSTOMERS + leavers))
    chain = with_champion(folder, RUN)
    _score(chain, AS_OF)
    night(chain, LAST)
    return chain


def night(chain: Chain, day: dt.date, factor: float = 1.0) -> ScoreResult:
    """A scored day, whose `spend` is multiplied; a shift is accepted."""
    export(chain.layout.data_dir, day, customers=CUSTOMERS, spend=_spend(factor))
    return _score(chain, day)


def _score(chain: Chain, day: dt.date) -> ScoreResult:
    land_customers(chain, day, RUN)
    validate_customers(chain, day, RUN)
    featurize_customers(chain, day, RUN)
    return score_customers(chain, day, ScoreOptions(accept_shift=True), RUN)


def _spend(factor: float = 1.0, customers: int = CUSTOMERS) -> list[object]:
    return [f"{number % 50 * factor + 0.5}" for number in range(customers)]
