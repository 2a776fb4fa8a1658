"""Who is on the do-not-score list has no score anywhere, is counted, and everybody else is scored as ever."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from churn_assets.core.errors import SourceFault, UnknownVersion
from churn_assets.core.options import AuditBounds
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.monitoring.night_metrics import write_night_metrics
from churn_assets.pipeline.monitoring.night_report import report_scores
from churn_assets.pipeline.monitoring.summary import summarize_day
from churn_assets.pipeline.scoring.challenger import score_challenger
from churn_assets.pipeline.scoring.score import ScoreOptions, ScoreResult, score_customers
from churn_assets.pipeline.training.train import train_model
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.scores.trace import trace_score
from churn_assets.storage.tables.reading import rows_between
from churn_assets_tests.chains import AS_OF, HORIZON, copied, export, with_champion
from churn_assets_tests.factories import MEMBERS

RUN = RunContext("tester")
VALID = 60


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A day that was scored without a list; not to be changed."""
    folder = tmp_path_factory.mktemp("scored")
    for customers, day in ((VALID, AS_OF), (66, AS_OF - HORIZON), (72, AS_OF - 2 * HORIZON)):
        export(folder, day, customers=customers)
    chain = with_champion(folder, RUN)
    featurize_customers(chain, AS_OF, RUN)
    score_customers(chain, AS_OF, ScoreOptions(), RUN)
    return chain


@pytest.fixture
def scored(scored_once: Chain, tmp_path: Path) -> Chain:
    """A copy that the test may change; of so few customers every share is far from the last night's."""
    chain = copied(scored_once, tmp_path)
    bounds = AuditBounds(max_tier_change=None, max_mean_change=None, max_reference_psi=None, max_feature_psi=None)
    profile = dataclasses.replace(MEMBERS, slices=("plan",))
    return dataclasses.replace(chain, audit=bounds, recipe=scored_once.recipe, profile=profile)


def with_list(chain: Chain, *ids: str) -> Chain:
    """The same chain, whose list names `ids`."""
    path = chain.layout.data_dir / "do-not-score.csv"
    path.write_text("\n".join(["customer_id", *ids]) + "\n")
    return dataclasses.replace(chain, do_not_score=path)


def score(chain: Chain) -> ScoreResult:
    """Score the day."""
    return score_customers(chain, AS_OF, ScoreOptions(), RUN)


def test_listed_customers_are_left_out_counted_and_never_named(scored: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """Valid = scored + excluded; the others' rows are the same to the bit; tables, lookup and report know nobody."""
    before = scored.scores.version(AS_OF)
    chain = with_list(scored, "c00007", "c00007", " c00059 ", "c00000", "nobody")
    listed = {"c00000", "c00007", "c00059"}

    night = score(chain)
    summary = summarize_day(chain, AS_OF, RUN)
    shadow = score_challenger(chain, AS_OF, night.card.model_version, RUN)
    report = report_scores(chain, night)
    metrics = write_night_metrics(chain, AS_OF, {})

    old = {row["customer_id"]: row for row in before.read().to_pylist()}
    now = {row["customer_id"]: row for row in chain.scores.version(AS_OF).read().to_pylist()}
    assert now == {customer: row for customer, row in old.items() if customer not in listed}
    assert (night.valid_rows, night.rows, night.excluded, shadow.rows) == (VALID, VALID - 3, 3, VALID - 3)
    assert night.published.version != before.version
    assert night.previous["differs_from_previous"].keys() >= {"do_not_score"}
    everybody = sum(row["customers"] for row in summary.tiers if not row["slice_column"])
    by_plan = sum(row["customers"] for row in summary.tiers if row["slice_column"] == "plan")
    assert (everybody, by_plan) == (VALID - 3, VALID - 3)
    reasons = chain.churn_reasons.version(AS_OF).read().column("customer_id").to_pylist()
    assert not listed & set(reasons)
    lookup = b"".join(path.read_bytes() for path in chain.scores.root.glob(f"_lookup/*/{night.published.version}/*"))
    assert b"c00008" in lookup
    assert not any(customer.encode() in lookup for customer in listed)
    assert report is not None
    assert "- **Not scored**: 3 on the do-not-score list" in report.page
    assert f"none of {VALID} rows" in report.page
    assert metrics is not None
    assert "churn_night_excluded_customers 3.0" in metrics.read_text()
    told = json.dumps([night.details, [each.words for each in night.findings]], default=str) + caplog.text + report.page
    assert not any(customer in told for customer in listed)


def test_the_list_is_an_input_of_the_scores(scored: Chain) -> None:
    """The same list commits nothing; another one is another version; the trace tells the list and who was on it."""
    score(with_list(scored, "c00007", "c00008"))
    first = len(scored.scores.history(AS_OF))
    again = score(with_list(scored, "c00008", "c00007", "c00007"))
    same = len(scored.scores.history(AS_OF))
    changed = score(with_list(scored, "c00007"))
    published = PublishedScores(scored.layout)
    trace = trace_score(scored.layout, "c00008", AS_OF)

    assert (first, same, len(scored.scores.history(AS_OF))) == (2, 2, 3)
    assert not again.published.changed
    assert changed.published.version != again.published.version
    assert trace["score"]["do_not_score"] == changed.details["do_not_score"] != again.details["do_not_score"]
    assert trace["score"]["excluded"] == 1
    listed = "'c00007' was on the do-not-score list when 2026-04-30 was scored"
    with pytest.raises(UnknownVersion, match=listed):
        published.show("c00007", AS_OF)
    with pytest.raises(UnknownVersion, match=listed):
        trace_score(scored.layout, "c00007", AS_OF)
    with pytest.raises(UnknownVersion, match="has no score on 2026-04-30; was it quarantined"):
        published.show("c99999", AS_OF)
    back = published.rollback([AS_OF], None, "tester", "the list was right")
    assert back[0]["to"] == again.published.version


def test_nothing_is_scored_without_the_list_and_nothing_changes_where_there_is_none(scored: Chain) -> None:
    """A list that is gone keeps the day as it was; without one in the configuration the day's version stands."""
    missing = dataclasses.replace(scored, do_not_score=scored.layout.data_dir / "gone.csv")
    before = scored.scores.history(AS_OF)

    with pytest.raises(SourceFault, match="is not there; nobody is scored"):
        score(missing)
    with pytest.raises(SourceFault, match="is not there; nobody is scored"):
        score_challenger(missing, AS_OF, scored.registry.champion(), RUN)
    again = score(scored)

    assert not again.published.changed
    assert again.details.keys() & {"excluded", "do_not_score"} == set()
    assert scored.scores.history(AS_OF) == before
    assert not any(path.name for path in (scored.scores.root / "_staging").glob("*"))


def test_listed_customers_teach_nothing(scored: Chain) -> None:
    """They are no row that is learnt from or judged on, nor a golden row; the list is an input of the model."""
    unlisted = scored.registry.models.card(scored.registry.champion())
    chain = with_list(scored, *(f"c{number:05d}" for number in range(10)))

    model = train_model(chain, AS_OF, RUN).card
    again = train_model(chain, AS_OF, RUN)

    golden = chain.registry.models.golden(model).column("customer_id").to_pylist()
    assert model.train_rows == unlisted.train_rows - 10 * len(model.training_dates)
    assert model.metrics is not None
    assert unlisted.metrics is not None
    assert model.metrics.rows == unlisted.metrics.rows - 10
    assert not {f"c{number:05d}" for number in range(10)} & set(golden)
    assert [each.table for each in model.inputs].count("do_not_score") == 1
    assert model.model_version != unlisted.model_version
    assert not again.created


@pytest.mark.parametrize("seed", [1, 2])
def test_any_list_leaves_out_exactly_its_customers(scored: Chain, seed: int) -> None:
    """Of a random list, read from a file of any order: scored and listed make up the valid, and share nobody."""
    rng = np.random.default_rng(seed)
    ids = [f"c{number:05d}" for number in range(VALID)]
    listed = rng.choice([*ids, *(f"x{number}" for number in range(20))], rng.integers(1, 40)).tolist()

    night = score(
        dataclasses.replace(
            with_list(scored, *listed),
            audit=AuditBounds(
                max_rows_change=None,
                max_tier_change=None,
                max_mean_change=None,
                max_reference_psi=None,
                max_psi=None,
                max_feature_psi=None,
            ),
        )
    )

    there = {row["customer_id"] for row in rows_between(scored.scores, AS_OF, AS_OF)}
    assert there == set(ids) - set(listed)
    assert night.rows + (night.excluded or 0) == VALID
