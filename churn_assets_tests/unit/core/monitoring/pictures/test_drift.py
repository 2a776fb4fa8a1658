"""The bars of a day's drift."""

from typing import Any
from xml.etree import ElementTree as ET

from churn_assets.core.monitoring.feature_drift import DriftFinding, FeatureDrift, Severity
from churn_assets.core.monitoring.pictures.drift import drift_picture, drift_words


def _drift(feature: str, psi: float, severity: Severity = "ok") -> FeatureDrift:
    findings = () if severity == "ok" else (DriftFinding(feature, "psi", psi, 0.1, severity),)
    return FeatureDrift(feature, "numeric", 100, psi, 0.04, 0.1, 0.0, 0.0, 0.0, findings)


def _drawn(drifts: list[FeatureDrift]) -> tuple[list[str], list[dict[str, Any]]]:
    """The words and the bars of a picture."""
    root = ET.fromstring(drift_picture(drifts))  # noqa: S314  # it is ours
    texts = [each.text or "" for each in root.iter() if each.tag.endswith("text")]
    return texts, [each.attrib for each in root.iter() if each.tag.endswith("rect")][1:]


def test_the_worst_feature_comes_first_and_no_bar_leaves_the_picture() -> None:
    """An error before a larger index that is usual; an index beyond all bounds fills its row."""
    texts, bars = _drawn([_drift("plan", 0.0), _drift("tenure", 14.3), _drift("<b>spend", 0.5, "error")])

    assert texts[1::2] == ["<b>spend", "tenure", "plan"]
    assert texts[2::2] == ["0.500", "14.300", "0.000"]
    assert [float(bar["width"]) for bar in bars] == [195.0, 390.0, 1.0]
    assert bars[0]["fill"] != bars[1]["fill"] == bars[2]["fill"]


def test_words_tell_what_the_picture_shows() -> None:
    """What lies beyond its bound by name and number, or that nothing does; of hundreds the worst are drawn."""
    quiet = [_drift(f"f{number:03}", number / 10_000) for number in range(100)]

    texts, bars = _drawn(quiet)

    assert drift_words(quiet) == "Drift of 100 features, bars of their index: all are in order"
    assert drift_words([*quiet, _drift("spend", 0.5, "error")]).endswith("index: spend 0.500 (error)")
    assert (len(bars), texts[1], texts[-1]) == (30, "f099", "and 70 more")
