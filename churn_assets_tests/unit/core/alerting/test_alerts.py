"""What is worth an alert, at which severity, and in which words."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.alerting.alerts import (
    CONDITIONS,
    Alert,
    FailedRun,
    NightFacts,
    StandingFacts,
    night_alerts,
    standing_alerts,
)
from churn_assets.core.monitoring.performance.calibration import MonthCalibration

DAY = dt.date(2026, 4, 30)


def feature(name: str, severity: str, psi: float | None = 0.3) -> dict[str, Any]:
    """A row of `feature_drift`."""
    return {"feature": name, "psi": psi, "severity": severity}


def scores(against: str, severity: str, shift: float) -> dict[str, Any]:
    """A row of `score_drift`."""
    return {"against": against, "psi": 0.3, "mean_shift": shift, "severity": severity}


def realized(**changes: Any) -> dict[str, Any]:
    """A row of `realized_performance` of a sound model."""
    given = {"model_version": "20260101-0a", "rows": 10_000, "churners": 500}
    return given | {"roc_auc": 0.8, "roc_auc_high": 0.82} | changes


def month(mean_probability: float) -> MonthCalibration:
    """A month of which one in twenty left."""
    return MonthCalibration(DAY.replace(day=1), 30, 10_000, mean_probability, 0.05, 0.046, 0.054, 0.01)


SOUND = NightFacts(
    DAY,
    feature_drift=[feature("spend", "ok")],
    score_drift=[scores("reference", "ok", 0.0)],
    performance=[realized(), realized(roc_auc=None, roc_auc_high=None, rows=10, churners=0)],
    calibration=month(0.05),
    raw_rows=1000,
    quarantined_rows=39,
    max_quarantined_share=0.05,
    challenger="20260201-0b",
    min_roc_auc=0.6,
)


def changed(**changes: Any) -> NightFacts:
    """The facts of a sound night with some replaced."""
    return NightFacts(**(SOUND.__dict__ | changes))


def test_a_sound_night_and_an_empty_installation_are_worth_nothing() -> None:
    """Neither what is within its bounds nor what is not there yet calls anybody."""
    found = night_alerts(SOUND) + night_alerts(NightFacts(DAY))
    found += standing_alerts(StandingFacts(DAY, "08:00 UTC"))
    found += standing_alerts(StandingFacts(DAY, "08:00 UTC", DAY, (), "20260101-0a", 90, 90))

    assert found == []


@pytest.mark.parametrize(
    ("facts", "condition", "severity", "words"),
    [
        (
            changed(feature_drift=[feature("plan", "warning"), feature("spend", "ok")]),
            "feature_drift",
            "warning",
            "plan",
        ),
        (
            changed(feature_drift=[feature(f"f{at}", "error", at / 10) for at in range(7)] + [feature("g", "warning")]),
            "feature_drift",
            "error",
            "7 of 8 features have drifted on 2026-04-30: f6 (PSI 0.600), f5",
        ),
        (changed(feature_drift=[feature("plan", "error", None)]), "feature_drift", "error", "plan (PSI 0.000)"),
        (
            changed(score_drift=[scores("last_day", "error", 0.02), scores("reference", "warning", 0.5)]),
            "score_drift",
            "error",
            "against the last day: PSI 0.300, mean probability +0.0200",
        ),
        (changed(calibration=month(0.07)), "calibration", "error", "predictions run high by 40.0% of the rate"),
        (changed(calibration=month(0.043)), "calibration", "warning", "predictions run low by 14.0%"),
        (changed(performance=[realized(roc_auc=0.55, roc_auc_high=0.65)]), "realized_roc_auc", "warning", "0.5500"),
        (
            changed(performance=[realized(roc_auc=0.55, roc_auc_high=0.58)]),
            "realized_roc_auc",
            "error",
            "0.6 is wanted",
        ),
        (changed(quarantined_rows=41), "quarantine_near_bound", "warning", "4.10% of the rows"),
        (changed(challenger_scored=False), "challenger_trouble", "warning", "20260201-0b did not score"),
    ],
)
def test_each_condition_has_its_name_severity_and_sentence(
    facts: NightFacts, condition: str, severity: str, words: str
) -> None:
    """One thing that is not as it should be is one alert of the day, which says what and how much."""
    [alert] = night_alerts(facts)

    assert (alert.condition, alert.severity, alert.day) == (condition, severity, DAY)
    assert words in alert.sentence


def test_a_level_that_chance_explains_is_no_finding() -> None:
    """Of few customers the mean may lie a fifth of the rate away, and nobody is called."""
    few = realized(rows=200, churners=10, mean_probability=0.065)

    assert night_alerts(changed(performance=[few])) == []


def test_how_things_stand_is_told_by_day() -> None:
    """Stale scores are of the day that is missing, an old champion of the newest scored one, runs of their own."""
    failed = [FailedRun("r1", "nightly", DAY, "source: nothing"), FailedRun("r2", "training", DAY)]

    found = standing_alerts(StandingFacts(DAY, "08:00 UTC", DAY - dt.timedelta(days=1), failed, "20260101-0a", 91, 90))

    assert found == [
        Alert(
            "stale_scores",
            "error",
            DAY,
            "the newest scores are of 2026-04-29, those of 2026-04-30 were wanted by 08:00 UTC",
        ),
        Alert("old_champion", "warning", DAY - dt.timedelta(days=1), found[1].sentence),
        Alert("run_failed", "error", DAY, "the nightly run of 2026-04-30 failed: source: nothing (run r1)"),
    ]


def test_every_condition_stands_in_the_runbook_and_in_the_table() -> None:
    """The link of an alert leads to a section, and `docs/monitoring.md` says when each is raised."""
    docs = Path(__file__).parents[4] / "docs"

    sections = [line for line in (docs / "runbook.md").read_text().splitlines() if line.startswith("### ")]
    listed = [line for line in (docs / "monitoring.md").read_text().splitlines() if line.startswith("| `")]

    missing = [name for name in CONDITIONS if f"### {name}" not in sections]
    missing += [name for name in CONDITIONS if not any(line.startswith(f"| `{name}`") for line in listed)]
    assert missing == []
