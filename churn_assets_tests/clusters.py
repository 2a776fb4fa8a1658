"""A day in several parts, and a profile whose rules can be made to wait, for tests of engines only."""

import dataclasses
import datetime as dt
import importlib
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.evaluation.results import Histogram, Reference
from churn_assets.core.features import compute_features, to_model_frame
from churn_assets.core.models.card import EXACT
from churn_assets.core.models.golden import freeze_golden
from churn_assets.core.models.model import Model
from churn_assets.core.options import ReasonOptions, Recipe
from churn_assets.core.reasons.explainer import Explainer, Unexplainable, build_explainer
from churn_assets.core.scoring.drift import feature_histograms
from churn_assets.core.scoring.feature_counts import FeatureCounts
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.execution.engine import Engine
from churn_assets.pipeline.execution.parts import ModelInput, ScoringJob
from churn_assets.pipeline.execution.reasons import ReasonPlan
from churn_assets.pipeline.scoring.serving_models import resolve_input
from churn_assets.pipeline.scoring.stage import StagedScores, stage_scores
from churn_assets.profiles.loading import load_profile
from churn_assets.storage.tables import parquet
from churn_assets_tests.chains import chain_over
from churn_assets_tests.factories import customers_of, member_columns
from churn_assets_tests.storage_factories import make_card, make_kept

__all__ = ["DAY", "PARTS", "PART_ROWS", "Evening", "an_evening", "serve_cluster"]

DAY = dt.date(2026, 1, 31)
PARTS = 8
PART_ROWS = 60
GOLDEN_ROWS = 10
PATIENCE = 60

PROFILE = '''
"""Members whose rules wait as long as a file beside this one says so, and tell each time that they work."""
import dataclasses
import os
import time
import uuid
from pathlib import Path

from churn_assets_tests.factories import MEMBERS

HERE = Path(__file__).parent


def rules(members):
    if len(members) > 10:  # not for golden rows
        first = members["customer_id"].iloc[0]
        (HERE / "calls" / f"{first} {os.getpid()} {uuid.uuid4().hex}").touch()
        while (HERE / "hold").exists():
            time.sleep(0.01)
    return 0.05 + 0.1 * members["visits"]


PROFILE = dataclasses.replace(MEMBERS, rules=rules, name="", source_digest="")
'''


@dataclasses.dataclass(frozen=True)
class Evening:
    """A chain whose day has `PARTS` parts of customers, and two models: rules, and a regression."""

    folder: Path
    chain: Chain
    rules: Model
    fitted: Model
    bins: dict[str, Histogram]

    @property
    def hold(self) -> Path:
        """While this file is there, the rules wait."""
        return self.folder / "profiles" / "hold"

    def calls(self) -> list[tuple[str, int]]:
        """Every time the rules were asked about a part: the first of its customers, and the process."""
        names = [path.name.split() for path in (self.folder / "profiles" / "calls").iterdir()]
        return sorted((customer, int(process)) for customer, process, _ in names)

    def wait_for_calls(self, least: int) -> list[tuple[str, int]]:
        """The calls, as soon as there are `least` of them."""
        limit = time.monotonic() + PATIENCE
        while len(seen := self.calls()) < least:
            assert time.monotonic() < limit, f"only {seen}"
            time.sleep(0.01)
        return seen

    def forget_calls(self) -> None:
        """Begin to count anew, with nobody waiting."""
        self.hold.unlink(missing_ok=True)
        for path in (self.folder / "profiles" / "calls").iterdir():
            path.unlink()

    def stage(self, engine: Engine, *models: Model, for_app: bool = False) -> StagedScores:
        """Score the day by the first model, or by both, a quarter of the customers by the second."""
        chain = dataclasses.replace(self.chain, engine=engine)
        customers = chain.customers.version(DAY)
        inputs = [resolve_input(chain, customers, model) for model in models]
        reference = Reference(
            features={} if models[0] is self.rules else self.bins, scores=Histogram(edges=(0.2, 0.4), counts=(0, 0, 0))
        )
        return stage_scores(
            chain, chain.scores, inputs, (0.2, 0.4), reference=reference, canary_share=0.25, for_app=for_app
        )

    def scoring(self, *models: Model) -> ScoringJob:
        """The day as it is given to an engine."""
        files = self.chain.customers.version(DAY).files
        return ScoringJob(
            day=DAY,
            profile=self.chain.profile,
            inputs=tuple(ModelInput(model, files, is_customers=True) for model in models),
            canary_share=0.25,
            decisions=self.chain.decisions,
            audit=ScoreAudit(f"churn_scores {DAY}"),
            features=FeatureCounts({} if models[0] is self.rules else self.bins, PARTS * PART_ROWS),
            reasons=ReasonPlan(
                tuple(None if model is self.rules else self.explainer() for model in models),
                self.chain.profile,
                self.chain.decisions,
                ReasonOptions(customers="all"),
            ),
        )

    def explainer(self) -> Explainer:
        """What explains the regression."""
        found = self.chain.registry.models.explainer(self.fitted.card)
        assert not isinstance(found, Unexplainable)
        return found

    def left_behind(self) -> list[str]:
        """What lies where versions are made."""
        return sorted(path.name for path in (self.chain.scores.root / "_staging").glob("*"))


def an_evening(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Evening:
    """Customers, models and the profile below `folder`; other processes of this user can load the profile too."""
    monkeypatch.setattr(parquet, "PART_ROWS", PART_ROWS)
    monkeypatch.setattr(parquet, "ROW_GROUP_ROWS", PART_ROWS)
    name = f"members_{folder.name.replace('-', '_')}"
    (folder / "profiles" / "calls").mkdir(parents=True)
    (folder / "profiles" / f"{name}.py").write_text(PROFILE)
    monkeypatch.syspath_prepend(folder / "profiles")
    monkeypatch.delitem(sys.modules, name, raising=False)
    importlib.invalidate_caches()
    chain = chain_over(folder, profile=load_profile(name))
    customers = customers_of(chain.profile, member_columns(PARTS * PART_ROWS))
    _publish_customers(chain, customers)
    features = compute_features(customers, chain.profile, chain.parameters, DAY)
    bins = feature_histograms(to_model_frame(features, chain.profile.feature_columns))
    fitted = _kept(chain, _pipeline(chain, customers), customers)
    return Evening(folder, chain, _kept(chain, None, customers), fitted, bins)


def _publish_customers(chain: Chain, customers: pa.Table) -> None:
    staged = chain.customers.write(DAY, customers.schema, "customer_id", [customers])
    chain.customers.publish(staged, chain.customers.current(DAY), RunContext("tester").commit("validate"))


def _pipeline(chain: Chain, customers: pa.Table) -> object:
    features = compute_features(customers, chain.profile, chain.parameters, DAY)
    churned = np.random.default_rng(1).random(customers.num_rows) < 0.3
    days = np.full(customers.num_rows, np.datetime64(DAY))
    recipe = Recipe(estimator="logistic_regression")
    return fit(LabelledRows(features, churned, days), recipe, chain.profile.feature_columns)


def _kept(chain: Chain, pipeline: object, customers: pa.Table) -> Model:
    chosen = Recipe(estimator="rules" if pipeline is None else "logistic_regression")
    card = make_card(
        profile=chain.profile.name,
        profile_digest=chain.profile.source_digest,
        recipe=chosen,
        chosen=chosen,
        feature_columns=chain.profile.feature_columns,
        feature_parameters=dict(chain.parameters),
        feature_digest=chain.feature_digest,
    )
    golden = freeze_golden(Model(pipeline, card), chain.profile, customers.slice(0, GOLDEN_ROWS), DAY)
    kept = dataclasses.replace(make_kept(), golden=golden)
    if pipeline is not None:
        background = compute_features(customers.slice(0, GOLDEN_ROWS), chain.profile, chain.parameters, DAY)
        explainer = build_explainer(pipeline, card.feature_columns, background)
        assert not isinstance(explainer, Unexplainable)
        kept, card = dataclasses.replace(kept, explainer=explainer), card.model_copy(update={"reasons": EXACT})
    return Model(pipeline, chain.registry.models.save(pipeline, card, kept))


def serve_cluster(port: int) -> None:
    """A scheduler and a worker of one thread, both in this process, until it is killed."""
    from distributed import LocalCluster  # noqa: PLC0415  # seconds to load: only in the process that serves

    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        scheduler_port=port,
        dashboard_address=":0",
        silence_logs=50,
    ):
        time.sleep(3600)
