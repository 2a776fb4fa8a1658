"""A night as Prometheus reads it."""

import re
from pathlib import Path

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from churn_assets.core.monitoring.night_metrics import NightFigures, registry_of

DOCUMENTED = Path(__file__).parents[4] / "docs" / "monitoring.md"
FIGURES = NightFigures(
    snapshot_end=1000.0,
    published_at=4000.0,
    finished_at=4600.0,
    model_version="20261101-3f9a1c2b",
    rows={"churn_scores": 99},
    stage_seconds={"churn_scores": 1.5},
    quarantined_share=0.01,
    excluded=3,
    feature_psi_max=0.3,
    score_psi={"last_day": 0.02},
    findings={"ok": 18, "warning": 1, "error": 0},
    roc_auc={"realized": 0.71},
)


def test_figures_can_be_read_back_and_each_is_documented() -> None:
    """The text is Prometheus's own format; every metric stands in `docs/monitoring.md`."""
    text = generate_latest(registry_of(FIGURES)).decode()

    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }

    assert samples["churn_night_score_age_seconds",] == 3600.0
    assert samples["churn_night_rows", "churn_scores"] == 99
    assert samples["churn_night_drift_findings", "warning"] == 1
    assert samples["churn_night_roc_auc", "realized"] == 0.71
    assert samples["churn_night_model_info", "20261101-3f9a1c2b"] == 1
    documented = set(re.findall(r"`(churn_night_\w+)", DOCUMENTED.read_text()))
    assert documented == {name for name, *_ in samples}


def test_what_is_not_known_is_left_out() -> None:
    """No zero stands for a figure that nobody has: an alert on it would be false."""
    bare = NightFigures(1.0, 2.0, 3.0, "m", rows={}, stage_seconds={})

    text = generate_latest(registry_of(bare)).decode()

    assert "quarantined_share" not in text
    assert "feature_drift_psi_max" not in text
    assert "roc_auc" not in text
