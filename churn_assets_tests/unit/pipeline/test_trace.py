"""Every score can be traced back to its data."""

import dataclasses
import hashlib
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.errors import UnknownVersion
from churn_assets.core.options import Decisions, Recipe
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.execution.engine import LocalEngine
from churn_assets.pipeline.execution.parts import ScoringJob
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.training.train import train_model
from churn_assets.storage.expirations import Expirations
from churn_assets.storage.models.registry import Canary
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.scores.trace import trace_score
from churn_assets_tests.chains import AS_OF, HORIZON, chain_over, export
from churn_assets_tests.factories import MEMBERS
from churn_assets_tests.storage_factories import evaluation, let_expire, make_evidence, publish_reasons, recording

RUN = RunContext("tester", run_id="run-1", code_revision="0123abc")


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A day that was scored twice, with other thresholds the second time; not to be changed."""
    folder = tmp_path_factory.mktemp("scored")
    for customers, day in ((60, AS_OF), (66, AS_OF - HORIZON), (72, AS_OF - 2 * HORIZON)):
        visits: list[object] = ["-5" if number == 8 and day == AS_OF else "3" for number in range(customers)]
        export(folder, day, customers=customers, visits=visits)
    chain = chain_over(folder, recipe=Recipe(window_days=1, parameters={"max_iter": 5}))
    model = train_model(chain, AS_OF, RUN).card
    chain.registry.promote(model.model_version, actor="tester", reason="the first", force=True)
    featurize_customers(chain, AS_OF, RUN)
    score_customers(chain, AS_OF, ScoreOptions(), RUN)
    other = chain_over(folder, decisions=Decisions(medium_above=0, high_above=0))
    score_customers(other, AS_OF, ScoreOptions(), RUN)
    return chain


@pytest.fixture(scope="module")
def with_canary_once(scored_once: Chain, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The same with a canary of half of the customers, and nothing scored since; not to be changed."""
    folder = Path(shutil.copytree(scored_once.layout.data_dir, tmp_path_factory.mktemp("canary") / "data"))
    chain = chain_over(folder, recipe=Recipe(estimator="logistic_regression", window_days=1))
    canary = train_model(chain, AS_OF, RUN).card.model_version
    chain.registry.evaluations.append(recording(evaluation(canary, make_evidence().model_dump_json())))
    chain.registry.set_canary(Canary(canary, 0.5), actor="tester", reason="try it")
    return chain


@pytest.fixture
def scored(scored_once: Chain, tmp_path: Path) -> Chain:
    """A copy of `scored_once` that the test may change."""
    return _copied(scored_once, tmp_path)


@pytest.fixture
def with_canary(with_canary_once: Chain, tmp_path: Path) -> Chain:
    """A copy of `with_canary_once` that the test may change."""
    return _copied(with_canary_once, tmp_path)


def _copied(chain: Chain, folder: Path) -> Chain:
    return chain_over(Path(shutil.copytree(chain.layout.data_dir, folder / "data")))


def _canary_of(chain: Chain) -> str:
    canary = chain.registry.canary()
    assert canary is not None
    return canary.model_version


def test_a_score_leads_to_its_model_its_rows_and_its_source_file(scored: Chain) -> None:
    """The trace names the model, the rows at every stage, and the digest of the very file they came from."""
    trace = trace_score(scored.layout, "c00007", AS_OF)

    [file] = trace["source"]["files"]
    assert hashlib.sha256((scored.layout.data_dir / file["path"]).read_bytes()).hexdigest() == file["sha256"]
    assert trace["score"]["row"]["model_version"] == trace["model"]["model_version"] == scored.registry.champion()
    assert {trace[stage]["row"]["customer_id"] for stage in ("score", "features", "customer", "raw")} == {"c00007"}
    assert (trace["score"]["run_id"], trace["score"]["code_revision"]) == ("run-1", "0123abc")
    assert trace["score"]["hindsight"] is False
    assert {entry["table"] for entry in trace["model"]["inputs"]} >= {"customers", "customer_features"}


def test_a_version_that_was_rolled_back_can_be_traced(scored: Chain) -> None:
    """Naming a version that is no longer current traces that one."""
    published = PublishedScores(scored.layout)
    withdrawn = published.day(AS_OF).version
    before = trace_score(scored.layout, "c00007", AS_OF)
    published.rollback([AS_OF], None, "tester", "for a test")

    trace = trace_score(scored.layout, "c00007", AS_OF, withdrawn)

    assert trace == before
    assert trace_score(scored.layout, "c00007", AS_OF)["score"]["version"] != withdrawn


def test_a_version_whose_reasons_expired_can_be_traced(scored: Chain) -> None:
    """All else is told, and when the reasons expired."""
    version = PublishedScores(scored.layout).day(AS_OF).version
    data_dir = scored.layout.data_dir
    reasons = publish_reasons(data_dir, version, {"c00007": {"visits": 1.0}}, AS_OF).version
    publish_reasons(data_dir, "other", {"c00007": {"visits": 2.0}}, AS_OF)
    whole = trace_score(scored.layout, "c00007", AS_OF, version)
    let_expire(scored.churn_reasons, reasons, AS_OF)

    trace = trace_score(scored.layout, "c00007", AS_OF, version)

    expired = Expirations(data_dir / "tables").versions("churn_reasons")
    assert whole["reasons"]
    assert trace.pop("reasons") is None
    assert [trace.pop("reasons_expired")] == list(expired.values())
    assert trace.items() <= whole.items()


def test_a_score_of_the_canary_leads_to_the_canary(with_canary: Chain) -> None:
    """Beside the champion's customers, those of the canary's share are traced to the model that scored them."""
    chain = with_canary
    score_customers(chain, AS_OF, ScoreOptions(accept_shift=True), RunContext("tester", reason="uniform customers"))
    rows = PublishedScores(chain.layout).day(AS_OF).read(["customer_id", "model_version"]).to_pylist()
    model_of = {row["customer_id"]: row["model_version"] for row in rows[:10]}

    traced = {name: trace_score(chain.layout, name, AS_OF)["model"]["model_version"] for name in model_of}

    assert set(traced.values()) == {_canary_of(chain), chain.registry.champion()}
    assert traced == model_of


class FeaturizingEngine(LocalEngine):
    """An engine during whose work somebody else makes the day's features anew, with other parameters."""

    def __init__(self, other: Chain) -> None:
        self.other = other

    def score(self, job: ScoringJob, folder: Path, parts: Sequence[int]) -> Generator[Any, None, None]:
        """As ever, after the features were replaced."""
        featurize_customers(self.other, AS_OF, RunContext("somebody else"))
        yield from super().score(job, folder, parts)


def test_features_that_are_replaced_meanwhile_are_not_the_ones_that_were_read(with_canary: Chain) -> None:
    """The commit names the features that the scores were computed from, for the champion and for the canary alike."""
    chain = with_canary
    read = chain.features.current(AS_OF)
    other = chain_over(chain.layout.data_dir, parameters={"few_visits": 7})
    busy = dataclasses.replace(chain, engine=FeaturizingEngine(other))

    score_customers(busy, AS_OF, ScoreOptions(accept_shift=True), RunContext("tester", reason="uniform customers"))

    details = next(chain.scores.backwards(AS_OF)).commit.details
    assert chain.features.current(AS_OF) != read
    assert details["features_version"] == read
    assert details["features_versions"] == {chain.registry.champion(): read, _canary_of(chain): read}


def test_a_score_of_rules_leads_to_the_customer_s_row(tmp_path: Path) -> None:
    """Rules read no features: their score is traced to the rules and to the rows that they looked at."""
    export(tmp_path, AS_OF)
    profile = dataclasses.replace(MEMBERS, rules=lambda members: members["visits"] / 10)
    chain = chain_over(tmp_path, profile=profile, recipe=Recipe(estimator="rules"))
    rules = train_model(chain, AS_OF, RUN).card.model_version
    chain.registry.promote(rules, actor="tester", reason="the first")
    score_customers(chain, AS_OF, ScoreOptions(accept_shift=True), dataclasses.replace(RUN, reason="uniform customers"))

    trace = trace_score(chain.layout, "c00003", AS_OF)

    assert trace["score"]["row"]["churn_probability"] == 0.3
    assert (trace["model"]["model_version"], trace["model"]["chosen"]["estimator"]) == (rules, "rules")
    assert trace["features"] == {"version": None, "row": None}
    assert (trace["customer"]["row"]["visits"], trace["raw"]["row"]["customer_id"]) == (3, "c00003")


def test_a_version_of_no_day_cannot_be_traced(scored: Chain) -> None:
    """An unknown score version is told in a sentence that says where the versions are listed."""
    with pytest.raises(UnknownVersion, match=r"no score version ffff.*scores history"):
        trace_score(scored.layout, "c00007", AS_OF, "ffff")


def test_a_quarantined_customer_is_told_with_its_fault(scored: Chain) -> None:
    """Whoever was quarantined has no score: day, column, check and value say why."""
    with pytest.raises(UnknownVersion) as refusal:
        trace_score(scored.layout, "c00008", AS_OF)

    assert str(refusal.value) == (
        f"customer 'c00008' was quarantined on {AS_OF}: column visits: greater_than_or_equal_to(0) (value -5)"
    )


@pytest.mark.parametrize("customer", ["nobody", "", "C00007", "c00007 "])
def test_a_customer_who_was_not_in_the_source_is_told_so(scored: Chain, customer: str) -> None:
    """An id that no row of the source had is said to have been absent, with the day and the version that was landed."""
    with pytest.raises(UnknownVersion) as refusal:
        trace_score(scored.layout, customer, AS_OF)

    assert str(refusal.value).startswith(f"customer {customer!r} was not in the source of {AS_OF}, as it was landed")
    assert str(scored.raw.current(AS_OF)) in str(refusal.value)
