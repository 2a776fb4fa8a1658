"""The watching as Dagster runs and shows it: after the scores, which no fault in it takes away."""

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.assets.build import build
from churn_assets.assets.monitoring.outcomes import calibration_result
from churn_assets.assets.results import RunResults
from churn_assets.core.monitoring.performance.calibration import calibration_by_month
from churn_assets.core.options import MonitoringBounds, Schedule
from churn_assets.core.profile import LabelRule
from churn_assets.pipeline.chain import Chain
from churn_assets_tests.chains import chain_over, export
from churn_assets_tests.factories import MEMBERS
from churn_assets_tests.scored_members import CUSTOMERS, DAY, KNOWN, STAYED, land, publish_scores

WATCHING = ["estimated_performance", "score_summary", "churn_outcomes", "realized_performance"]
BOUNDS = MonitoringBounds(min_outcomes=1)


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Both days landed and scored, the first at 0.2, where fifteen of forty left."""
    export(tmp_path, DAY, CUSTOMERS)
    export(tmp_path, KNOWN, STAYED)
    made = chain_over(tmp_path, bounds=BOUNDS)
    for day, customers in ((DAY, CUSTOMERS), (KNOWN, STAYED)):
        land(made, day)
        details: dict[str, Any] = {"customers_version": made.customers.current(day)}
        details["prior"] = {"kind": "seasonal", "rate": 0.2}
        publish_scores(made.scores, [0.2] * customers, ["champion"] * customers, day=day, **details)
    return made


def _watch(chain: Chain, night: dt.date) -> dg.ExecuteInProcessResult:
    """The assets of the watching, as the nightly job runs them after the scores."""
    job = build(chain, Schedule(), RunResults()).resolve_job_def("nightly")
    return job.execute_in_process(
        partition_key=night.isoformat(), asset_selection=[dg.AssetKey(name) for name in WATCHING]
    )


def _shown(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    [event] = [each for each in result.get_asset_materialization_events() if each.asset_key == dg.AssetKey(asset)]
    metadata = event.step_materialization_data.materialization.metadata
    return {name: value.value for name, value in metadata.items()}


def test_the_night_that_tells_outcomes_makes_every_table_and_checks_the_level(chain: Chain) -> None:
    """The metadata shows the figures; the check its number, bounds and the correction in force, under fixed keys."""
    result = _watch(chain, KNOWN)

    assert "champion" in _shown(result, "realized_performance")["performance"]
    assert "2026-03" in _shown(result, "realized_performance")["calibration_by_month"]
    over_time = _shown(result, "realized_performance")["over_time"]
    assert over_time.startswith(f"![Performance and calibration by scored day (1); last {DAY}: ")
    assert "](data:image/svg+xml;base64," in over_time
    drawn = [_shown(result, "realized_performance")[name] for name in ("mean_probability", "churn_rate", "roc_auc")]
    assert drawn == pytest.approx([0.2, 0.375, 0.5])
    assert str(DAY) in _shown(result, "churn_outcomes")["outcomes"]
    assert "champion keep none" in _shown(result, "estimated_performance")["without_offset"]
    assert _shown(result, "score_summary")["compared_with"] == str(DAY)
    assert {name: chain.table(name).days() for name in WATCHING} == {
        "estimated_performance": [KNOWN],
        "score_summary": [KNOWN],
        "churn_outcomes": [DAY],
        "realized_performance": [DAY],
    }
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.partition) == ("calibration_in_the_large", False, str(KNOWN))
    told = {name: value.value for name, value in check.metadata.items()}
    assert [told["mean_probability"], told["churn_rate"]] == pytest.approx([0.2, 0.375])
    assert told["bounds"] == {"gap_warning": 0.1, "gap_error": 0.25}
    assert (told["prior"], told["prior_rate"]) == ("seasonal", 0.2)
    assert told["runbook"] == "docs/runbook.md#calibration"


def test_a_day_without_data_and_a_fault_are_told_and_fail_nothing(chain: Chain) -> None:
    """A label that fails is the trouble of its asset; a day that was never scored says what is missing."""
    broken = LabelRule(horizon_days=30, churned=lambda then, _: then["nowhere"].isna())
    faulty = dataclasses.replace(chain, profile=dataclasses.replace(MEMBERS, label=broken))

    empty, failed = _watch(chain, DAY + dt.timedelta(days=1)), _watch(faulty, KNOWN)

    assert empty.success
    assert "no outcome became known" in _shown(empty, "churn_outcomes")["outcomes"]
    assert "has no partition 2026-04-01" in _shown(empty, "estimated_performance")["trouble"]
    assert "has no partition 2026-04-01" in _shown(empty, "score_summary")["trouble"]
    assert [check.passed for check in empty.get_asset_check_evaluations()] == [True]
    assert failed.success
    assert "churned" in _shown(failed, "churn_outcomes")["trouble"]
    assert chain.table("churn_outcomes").days() == []


def test_a_day_that_is_scored_after_its_outcomes_are_known_is_judged_that_night(chain: Chain) -> None:
    """Days may be backfilled in any order: the night of a day looks back, and at itself."""
    result = _watch(chain, DAY)

    assert chain.table("realized_performance").days() == [DAY]
    assert _shown(result, "realized_performance")["snapshot_dates"] == [str(DAY)]


@pytest.mark.parametrize(
    ("mean", "severity"), [(0.2, None), (0.235, dg.AssetCheckSeverity.WARN), (0.3, dg.AssetCheckSeverity.ERROR)]
)
def test_the_further_off_the_graver(mean: float, severity: dg.AssetCheckSeverity | None) -> None:
    """Within the bounds the check passes; beyond them it warns, and fails."""
    row = {"snapshot_date": DAY, "arm": "champion", "slice_column": "", "rows": 1_000, "churners": 200}
    row["model_version"] = "20261001-aaaaaaaa"
    months = calibration_by_month([row | {"mean_probability": mean, "calibration_error": 0.0}])

    result = calibration_result(months, [], BOUNDS)

    assert (None if result.passed else result.severity) == severity
    assert "gap" in result.metadata
