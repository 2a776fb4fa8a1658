"""The report of a night: kept beside its version, and told again from the tables."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.monitoring.table_schemas import FEATURE_DRIFT, REALIZED_PERFORMANCE
from churn_assets.core.scoring.shift import Finding
from churn_assets.core.table_schemas import SCORES
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.monitoring.night_report import night_report, report_scores, retell_night
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets.pipeline.scoring.score import ScoreResult
from churn_assets.pipeline.scoring.scored_days import count_published
from churn_assets.storage.layout import report_file
from churn_assets_tests.chains import chain_over, export
from churn_assets_tests.storage_factories import make_card

DAY = dt.date(2026, 3, 31)
BEFORE = DAY - dt.timedelta(days=1)
WORK = RunContext("tester")
TIERS = ["low", "low", "low", "medium", "high"]


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Five customers of two days, validated."""
    made = chain_over(tmp_path)
    for day in (BEFORE, DAY):
        export(tmp_path, day, len(TIERS))
        land_customers(made, day, WORK)
        validate_customers(made, day, WORK)
    return made


def scored(chain: Chain, day: dt.date, *, high: str = "high") -> ScoreResult:
    """A day's published scores, whose riskiest customer is in the tier `high`."""
    customers = chain.customers.version(day)
    rows = pa.table(
        {
            "customer_id": customers.read([chain.profile.id_column]).column(0),
            "churn_probability": [0.0, 0.1, 0.2, 0.4, 0.9],
            "risk_tier": [*TIERS[:-1], high],
            "action": ["none"] * 4 + ["offer"],
            "model_version": [make_card().model_version] * 5,
        },
        schema=SCORES,
    )
    details = {"hindsight": False, "customers_version": customers.version}
    staged = chain.scores.write(day, SCORES, "customer_id", [rows])
    published = chain.scores.publish(staged, chain.scores.current(day), WORK.commit("score", "m1", **details))
    return ScoreResult(
        chain.scores,
        day,
        published,
        5,
        card=make_card(),
        audit=count_published(chain.scores.version(day)),
        valid_rows=5,
        findings=(Finding("max_psi", 0.1, 0.25, "index", figure="psi_last_day"),),
        details=details,
        is_published=True,
        is_fallback=False,
    )


def test_a_report_is_kept_and_told_again_to_the_byte(chain: Chain) -> None:
    """The file beside the version is what the command tells as long as nothing more is known; no id is in either."""
    report_scores(chain, scored(chain, BEFORE, high="medium"))
    report = report_scores(chain, scored(chain, DAY))

    told = night_report(chain, DAY)

    assert report is not None
    version = chain.scores.current(DAY) or ""
    kept = {suffix: chain.scores.root / report_file(DAY, version, suffix) for suffix in ("md", "svg")}
    assert kept["md"].read_text() == report.page == told.page
    assert kept["svg"].read_text() == told.picture
    assert "1 at high risk (20.0%), 1 more than on 2026-03-30" in told.page
    assert "all 1 figures" in told.page
    assert "▁█ from 0.00% to 20.00%" in told.page
    ids = chain.customers.version(DAY).read([chain.profile.id_column]).column(0).to_pylist()
    assert not [each for each in ids if str(each) in told.page]


def test_a_version_of_an_earlier_release_is_counted(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing was kept, or it is damaged, the rows are counted; what their audit found is left out."""
    report_scores(chain, scored(chain, DAY))
    kept = night_report(chain, DAY)
    chain.scores.root.joinpath(report_file(DAY, kept.facts.score_version, "json")).write_text("{")

    counted = night_report(chain, DAY)

    assert "cannot be read" in caplog.text
    assert counted.facts.tiers == kept.facts.tiers
    assert counted.facts.actions == {"none": 4, "offer": 1, "review": 0}
    assert (kept.facts.audited, counted.facts.audited) == (1, None)
    assert "**Audit**" not in counted.page


def test_drift_is_told_once_it_was_looked_for(chain: Chain) -> None:
    """The worst severity, and the features that are not in order, worst first; in what is kept too, once retold.

    A night that is run again publishes the page that it published first.
    """
    first = report_scores(chain, scored(chain, DAY))
    before = night_report(chain, DAY).drift
    found = {"visits": ("warning", 0.3), "plan": ("error", 0.5), "spend": ("ok", 0.0), "age": ("warning", 0.4)}
    empty = dict.fromkeys(FEATURE_DRIFT.names)
    rows = [{**empty, "feature": name, "psi": psi, "severity": severity} for name, (severity, psi) in found.items()]

    publish_rows(chain.table("feature_drift"), DAY, FEATURE_DRIFT, rows, WORK)
    told = night_report(chain, DAY)
    kept = chain.scores.root / report_file(DAY, told.facts.score_version, "md")
    published = kept.read_text()
    retell_night(chain, DAY)
    retold = kept.read_text()
    again = report_scores(chain, scored(chain, DAY))

    assert before is None
    assert "Drift" not in published
    assert retold == told.page
    assert [path.name for path in kept.parent.iterdir() if path.name.startswith(".")] == []
    assert "- **Drift**: error, most in plan, age, visits" in told.page
    assert again == first


def test_a_report_speaks_of_what_was_known_before_its_night(chain: Chain) -> None:
    """Outcomes that the night itself tells are not in it: a night that is run again tells the same."""
    scored(chain, DAY)
    row = dict.fromkeys(REALIZED_PERFORMANCE.names) | {"model_version": "m0", "arm": "champion", "slice_column": ""}
    known = {"roc_auc": 0.8, "rows": 5, "churners": 2, "slice_value": ""}
    told = []

    for day in (BEFORE, DAY):
        rows = [row | known | {"known_on": day}]
        publish_rows(
            chain.table("realized_performance"), day - chain.profile.label.horizon, REALIZED_PERFORMANCE, rows, WORK
        )
        told.append(night_report(chain, DAY).verdict.sentence)

    assert f"ROC-AUC 0.800 on {BEFORE - chain.profile.label.horizon}" in told[0]
    assert told[0] == told[1]


def test_a_model_that_came_back_is_judged_by_outcomes_of_before(chain: Chain) -> None:
    """Its own are older than those of the model between; a kept report looks at the newest day alone."""
    scored(chain, DAY)
    model = night_report(chain, DAY).facts.model_version
    row = dict.fromkeys(REALIZED_PERFORMANCE.names) | {"arm": "champion", "slice_column": "", "slice_value": ""}
    for back, version in ((2, model), (1, "m0")):
        rows = [row | {"roc_auc": 0.8, "rows": 5, "churners": 2, "model_version": version}]
        known_on = DAY - back * dt.timedelta(days=1)
        day = known_on - chain.profile.label.horizon
        publish_rows(chain.table("realized_performance"), day, REALIZED_PERFORMANCE, rows, WORK)

    told, kept = night_report(chain, DAY), retell_night(chain, DAY)

    assert told.verdict.sentence.startswith(f"yes, the model {model}: ROC-AUC 0.800")
    assert kept is not None
    assert kept.verdict.answer == "not known yet"


def test_a_report_that_cannot_be_kept_takes_nothing_from_the_night(
    chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    """The scores are published by then: a warning says what was in the way."""
    scores = scored(chain, DAY)
    (chain.scores.root / "_report").write_text("a file where the folder belongs")

    report = report_scores(chain, scores)

    assert report is None
    assert "the night's report could not be made" in caplog.text
