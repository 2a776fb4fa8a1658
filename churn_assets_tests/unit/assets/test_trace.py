"""Every score can be traced back to its data."""

import datetime as dt
import hashlib

import pytest

from churn_assets.assets.adapter import Made
from churn_assets.assets.features import featurize_customers
from churn_assets.assets.resources import Chain, Work
from churn_assets.assets.scoring import score_customers
from churn_assets.assets.training import train_model
from churn_assets.core.errors import UnknownVersion
from churn_assets.core.options import Decisions
from churn_assets.storage.scores import PublishedScores
from churn_assets.storage.trace import trace_score
from churn_assets_tests.chains import chain_over, export

AS_OF = dt.date(2026, 4, 30)
WORK = Work("tester", run_id="run-1")


def ignore(made: Made, day: dt.date) -> None:
    """Take note of nothing."""


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A day that was scored twice, with other thresholds the second time."""
    folder = tmp_path_factory.mktemp("scored")
    for back in range(91):
        export(folder, AS_OF - dt.timedelta(days=back), customers=60 + back // 5)
    chain = chain_over(folder)
    model = train_model(chain, AS_OF, WORK, ignore).card
    chain.registry.promote(model.model_version, actor="tester", reason="the first", force=True)
    featurize_customers(chain, AS_OF, WORK)
    score_customers(chain, AS_OF, None, WORK)
    score_customers(chain_over(folder, decisions=Decisions(medium_above=0, high_above=0)), AS_OF, None, WORK)
    return chain


def test_a_score_leads_to_its_model_its_rows_and_its_source_file(scored: Chain) -> None:
    """The trace names the model, the rows at every stage, and the digest of the very file they came from."""
    told = trace_score(scored.layout, "c00007", AS_OF)

    [file] = told["source"]["files"]
    assert hashlib.sha256((scored.layout.data_dir / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    assert told["score"]["row"]["model_version"] == told["model"]["model_version"] == scored.registry.champion()
    assert {told[stage]["row"]["customer_id"] for stage in ("score", "features", "customer", "raw")} == {"c00007"}
    assert told["score"]["run_id"] == "run-1"
    assert {entry["table"] for entry in told["model"]["inputs"]} >= {"customers", "customer_features"}


def test_a_version_that_was_rolled_back_can_be_traced(scored: Chain) -> None:
    """Naming a version that is no longer current traces that one."""
    published = PublishedScores(scored.layout)
    withdrawn = published.day(AS_OF).version
    before = trace_score(scored.layout, "c00007", AS_OF)
    published.rollback([AS_OF], None, "tester", "for a test")

    told = trace_score(scored.layout, "c00007", AS_OF, withdrawn)

    assert told == before
    assert trace_score(scored.layout, "c00007", AS_OF)["score"]["version"] != withdrawn


def test_who_has_no_score_cannot_be_traced(scored: Chain) -> None:
    """An unknown customer is told in a sentence."""
    with pytest.raises(UnknownVersion, match="'nobody' is not in version"):
        trace_score(scored.layout, "nobody", AS_OF)


def test_a_version_of_no_day_cannot_be_traced(scored: Chain) -> None:
    """An unknown score version is told in a sentence that says where the versions are listed."""
    with pytest.raises(UnknownVersion, match=r"no score version ffff.*scores history"):
        trace_score(scored.layout, "c00007", AS_OF, "ffff")
