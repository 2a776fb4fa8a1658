"""The drawing of performance and calibration over days."""

import datetime as dt
from typing import Any
from xml.etree import ElementTree as ET

from churn_assets.core.monitoring.pictures.performance import performance_picture, performance_words

DAY = dt.date(2026, 11, 1)


def _judged(back: int, **changes: Any) -> dict[str, Any]:
    given = {"snapshot_date": DAY - dt.timedelta(days=back), "arm": "champion", "slice_column": ""}
    figures = {"roc_auc": 0.8, "roc_auc_low": 0.7, "roc_auc_high": 0.9, "mean_probability": 0.12}
    return given | figures | {"rows": 100, "churners": 10} | changes


def _drawn(svg: str) -> tuple[list[str], int]:
    """The words, and how many points are drawn."""
    root = ET.fromstring(svg)  # noqa: S314  # it is ours
    texts = [each.text or "" for each in root.iter() if each.tag.endswith("text")]
    return texts, len([each for each in root.iter() if each.tag.endswith("circle")])


def test_what_came_true_is_drawn_beside_what_was_promised() -> None:
    """A point for each figure of everybody; groups, other arms and days of too few outcomes are left out."""
    others = [_judged(1, slice_column="plan"), _judged(1, arm="challenger"), _judged(2, mean_probability=None)]
    realized = [_judged(0), _judged(1), _judged(3, roc_auc=None), *others]
    estimated = [{"snapshot_date": DAY + dt.timedelta(days=1), "roc_auc": 0.85}]

    texts, points = _drawn(performance_picture(realized, estimated))

    assert points == 2 + 1 + 3 + 3  # realized, estimated, mean probability, share who left
    assert [text for text in texts if text.startswith("2026")] == ["2026-10-31", "2026-11-02", "2026-10-29", str(DAY)]
    assert performance_words(realized) == (
        "Performance and calibration by scored day (3); last 2026-11-01: ROC-AUC 0.800, mean probability 12.0%, "
        "10.0% left"
    )


def test_nothing_known_is_said() -> None:
    """Without an outcome there are no lines, and words for it; one day alone is drawn."""
    nothing, none = _drawn(performance_picture([], []))
    _, one = _drawn(performance_picture([_judged(0)], []))

    assert (nothing.count("not known yet"), none, one) == (2, 0, 3)
    assert performance_words([]) == "Performance over time: no outcome is known"
    assert "too few outcomes" in performance_words([_judged(0, roc_auc=None)])
