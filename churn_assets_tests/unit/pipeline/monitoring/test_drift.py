"""Drift over real nights of a small chain: what is compared with what, and what is said where nothing can be."""

import datetime as dt
import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from churn_assets.assets.monitoring.drift import drift_assets
from churn_assets.assets.partitions import snapshot_dates
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.drift import ScoreDriftResult, watch_features, watch_scores
from churn_assets.pipeline.monitoring.night_metrics import write_night_metrics
from churn_assets.storage.layout import feature_counts_file
from churn_assets_tests.chains import AS_OF, copied
from churn_assets_tests.shifted_nights import CUSTOMERS, LAST, RUN, champion_at_work, night

DAY, WEEK = dt.timedelta(days=1), dt.timedelta(days=7)


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A champion that has scored its first night, and the same weekday a week later; not to be changed."""
    return champion_at_work(tmp_path_factory.mktemp("scored"))


@pytest.fixture
def chain(scored_once: Chain, tmp_path: Path) -> Chain:
    """A copy of `scored_once` that the test may change."""
    return copied(scored_once, tmp_path)


def _against(found: ScoreDriftResult) -> dict[str, dt.date | None]:
    return {each.against: each.against_date for each in found.drifts}


def test_a_quiet_night_is_published_with_nothing_to_tell(chain: Chain) -> None:
    """Every feature of the model has a row, the scores have one for each comparison, and again commits nothing."""
    features, scores = watch_features(chain, LAST, RUN), watch_scores(chain, LAST, RUN)
    again = watch_features(chain, LAST, RUN)

    reference = chain.registry.models.reference(chain.registry.models.card(chain.registry.champion()))
    assert [each.feature for each in features.drifts] == sorted(reference.features)
    assert {each.severity for each in features.drifts} == {each.severity for each in scores.drifts} == {"ok"}
    assert _against(scores) == {"reference": None, "last_day": AS_OF, "last_week": LAST - WEEK}
    assert scores.drifts[0].mean_shift == pytest.approx(0.0, abs=0.01)
    assert (features.notes, scores.notes) == ((), ())
    assert (features.published.changed, again.published.changed) == (True, False)
    assert chain.table("feature_drift").version(LAST).read().num_rows == len(features.drifts)


def test_a_scaled_feature_is_found_on_its_first_day_and_is_usual_after_two_weeks(chain: Chain) -> None:
    """An error where the audit's stop was accepted; what has stayed so on two of three same weekdays is no news."""
    night(chain, LAST + DAY, factor=1.5)
    for back in (2, 3):
        night(chain, LAST + back * WEEK, factor=1.5)
    night(chain, LAST + 4 * WEEK, factor=1.5)

    first = {each.feature: each for each in watch_features(chain, LAST + DAY, RUN).drifts}
    later = {each.feature: each for each in watch_features(chain, LAST + 4 * WEEK, RUN).drifts}

    assert first["spend"].severity == "error"
    assert later["spend"].severity == "ok"
    assert later["spend"].psi == pytest.approx(first["spend"].psi, rel=0.2)


def test_what_cannot_be_compared_is_a_sentence_and_an_empty_day(chain: Chain) -> None:
    """No scores, no counts, no such model: a published day without rows, and why; nothing is raised."""
    unscored = LAST + DAY
    model = chain.layout.models / chain.registry.champion()

    absent = watch_features(chain, unscored, RUN), watch_scores(chain, unscored, RUN)
    (chain.scores.root / feature_counts_file(LAST, str(chain.scores.current(LAST)))).unlink()
    uncounted, counted_again = watch_features(chain, LAST, RUN), watch_scores(chain, LAST, RUN)
    shutil.rmtree(model)
    orphaned = watch_scores(chain, AS_OF, RUN)

    assert [each.rows for each in absent] == [0, 0]
    assert all(f"{unscored} has no scores" in each.notes[0] for each in absent)
    assert (uncounted.rows, "no counts are kept" in uncounted.notes[0]) == (0, True)
    assert [each.severity for each in counted_again.drifts] == ["ok"] * 3  # from the published files
    assert orphaned.rows == 0
    assert "is not compared with the reference" in orphaned.notes[0]


def test_days_without_data_another_model_and_a_day_out_of_order_are_named(chain: Chain) -> None:
    """The last scored day may be days ago; what another model scored is left out; a day made up for late says so."""
    other = LAST + 2 * DAY
    night(chain, other)
    watch_features(chain, other, RUN)
    first_night = watch_scores(chain, AS_OF, RUN)
    gap = watch_scores(chain, other, RUN)
    late = watch_features(chain, LAST, RUN)

    assert _against(first_night) == {"reference": None}
    assert first_night.notes[0] == "last_day is not compared: no earlier day has no scores"
    assert _against(gap) == {"reference": None, "last_day": LAST}
    assert gap.notes == (f"last_week is not compared: {other - WEEK} has no scores",)
    assert late.notes[0].startswith(f"1 later days, from {other} on, were watched before this one")


def test_the_counts_of_a_night_hold_its_scores(chain: Chain) -> None:
    """What was counted as the scores were written is what their published files give, in the same bins."""
    kept = json.loads((chain.scores.root / feature_counts_file(LAST, str(chain.scores.current(LAST)))).read_text())
    kept_drift = watch_scores(chain, LAST, RUN).drifts[0]

    probability = chain.scores.version(LAST).read(["churn_probability"]).column(0).to_pylist()

    assert sum(kept["scores"]["counts"]) == CUSTOMERS
    assert kept["mean_score"] == pytest.approx(sum(probability) / CUSTOMERS)
    assert kept_drift.psi == pytest.approx(0.0, abs=0.05)


def test_checks_warn_or_err_with_number_and_bound_and_never_fail_the_run(chain: Chain) -> None:
    """A drifted day's run succeeds; each check has a result of the day, its figures under stable keys, and advice."""
    day = LAST + DAY
    night(chain, day, factor=1.5)
    assets = drift_assets(chain, snapshot_dates(chain.start_date, "UTC"))

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(assets, partition_key=str(day), instance=instance)

    checks = {(each.asset_key.to_user_string(), each.check_name): each for each in result.get_asset_check_evaluations()}
    psi = checks["feature_drift", "psi"]
    assert result.success
    assert len(checks) == 7
    assert {each.partition for each in checks.values()} == {str(day)}
    assert (psi.passed, psi.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert {"number", "bounds", "beyond"} <= psi.metadata.keys()
    bounds: Any = psi.metadata["bounds"].value
    assert float(str(psi.metadata["number"].value)) > bounds["number"]
    assert psi.metadata["runbook"].value == "docs/runbook.md#feature_drift"
    assert "spend" in str(psi.description)
    assert checks["feature_drift", "unseen_share"].passed
    [event] = result.asset_materializations_for_node("drift")[:1]
    drawn = str(event.metadata["drift_by_feature"].value)
    assert drawn.startswith("![Drift of 6 features, bars of their index: ")
    assert "spend 0.5" in drawn.partition("](data:image/svg+xml;base64,")[0]


def test_trouble_is_a_warning_of_every_check_and_no_failure(chain: Chain) -> None:
    """Where the table cannot be written the night goes on, and each check says what kept it from looking."""
    root = chain.layout.table("feature_drift").path
    root.parent.mkdir(exist_ok=True)
    root.write_text("a file lies where a folder must be")
    assets = drift_assets(chain, snapshot_dates(chain.start_date, "UTC"))

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(assets, partition_key=str(LAST), instance=instance, selection=["feature_drift"])

    checks = result.get_asset_check_evaluations()
    assert result.success
    assert {each.asset_key.to_user_string() for each in checks} == {"feature_drift"}
    assert {(each.passed, each.severity) for each in checks} == {(False, dg.AssetCheckSeverity.WARN)}
    assert all("not looked at" in str(each.description) for each in checks)


def test_the_file_of_figures_is_the_newest_days(chain: Chain) -> None:
    """It holds the night as it stands in the tables, and a day that is made up for leaves it alone."""
    watch_features(chain, LAST, RUN)
    watch_scores(chain, LAST, RUN)

    path = write_night_metrics(chain, LAST, {"churn_scores": 1.5})
    written = chain.layout.metrics.read_text()
    old = write_night_metrics(chain, AS_OF, {"churn_scores": 9.0})

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(written)
        for sample in family.samples
    }
    assert path == chain.layout.metrics
    assert old is None
    assert chain.layout.metrics.read_text() == written
    assert samples["churn_night_rows", "churn_scores"] == CUSTOMERS
    assert samples["churn_night_stage_seconds", "churn_scores"] == 1.5
    assert samples["churn_night_drift_findings", "error"] == 0
    assert not [name for name, *_ in samples if name == "churn_night_roc_auc"]
    assert [each.name for each in path.parent.iterdir()] == [path.name]
