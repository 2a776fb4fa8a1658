"""How good scores were, over the days that gave them: the ROC-AUC, and probabilities beside what came true."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from churn_assets.core.monitoring.pictures.svg import GREY, NOW, THEN, line, picture, text

__all__ = ["performance_picture", "performance_words"]

WIDTH, HEIGHT = 660, 220  # pixels
LEFT, RIGHT = (48, 320), (388, 648)  # where the two panels begin and end
TOP, BOTTOM = 50, 186
Row = Mapping[str, Any]
Points = Sequence[tuple[dt.date, float]]


def performance_picture(realized: Iterable[Row], estimated: Iterable[Row]) -> str:
    """The picture, 660 x 220 pixels.

    Args:
        realized: rows of `realized_performance`, of which those of everybody whom the champion scored are drawn.
        estimated: rows of `estimated_performance`.
    """
    known = _of_everybody(realized)
    promised = [(row["snapshot_date"], row["roc_auc"]) for row in estimated if row["roc_auc"] is not None]
    judged = [row for row in known if row["roc_auc"] is not None]
    ends = [(row["snapshot_date"], row["roc_auc_low"], row["roc_auc_high"]) for row in judged]
    quality = {
        "realized, 95 % interval": (NOW, [(row["snapshot_date"], row["roc_auc"]) for row in judged]),
        "estimated": (THEN, promised),
    }
    level = {
        "mean probability": (NOW, [(row["snapshot_date"], row["mean_probability"]) for row in known]),
        "share who left": (THEN, [(row["snapshot_date"], row["churners"] / row["rows"]) for row in known]),
    }
    parts = [*_panel(LEFT, "ROC-AUC by scored day", quality, ends), *_panel(RIGHT, "Calibration", level, [])]
    return picture(WIDTH, HEIGHT, parts)


def performance_words(realized: Iterable[Row]) -> str:
    """What the picture shows last, for who does not see it."""
    known = _of_everybody(realized)
    if not known:
        return "Performance over time: no outcome is known"
    last = known[-1]
    quality = "too few outcomes" if last["roc_auc"] is None else f"ROC-AUC {last['roc_auc']:.3f}"
    level = f"mean probability {last['mean_probability']:.1%}, {last['churners'] / last['rows']:.1%} left"
    return f"Performance and calibration by scored day ({len(known)}); last {last['snapshot_date']}: {quality}, {level}"


def _of_everybody(rows: Iterable[Row]) -> list[Row]:
    kept = [
        row
        for row in rows
        if row["arm"] == "champion" and not row["slice_column"] and row["mean_probability"] is not None
    ]
    return sorted(kept, key=lambda row: row["snapshot_date"])


def _panel(
    ends: tuple[int, int],
    title: str,
    series: Mapping[str, tuple[str, Points]],
    intervals: Sequence[tuple[dt.date, float, float]],
) -> Iterable[str]:
    start, end = ends
    yield text(start, 14, title, weight="bold")
    days = sorted({day for _, points in series.values() for day, _ in points})
    values = [value for _, points in series.values() for _, value in points]
    values += [value for _, low, high in intervals for value in (low, high)]
    if not days:
        yield text(start, 32, "not known yet", GREY)
        return
    low, high = min(values) - 0.005, max(values) + 0.005
    span = max((days[-1] - days[0]).days, 1)

    def place(day: dt.date, value: float) -> tuple[float, float]:
        x = start + (end - start) * (day - days[0]).days / span
        return x, BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low)

    for day, least, most in intervals:
        yield line([place(day, least), place(day, most)], "#B3D3E6")
    for at, (name, (colour, points)) in enumerate(series.items()):
        yield text(start + at * 150, 32, name, colour)
        yield line([place(*point) for point in points], colour, dashes="5 3" if at else "")
        for x, y in (place(*point) for point in points):
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>'
    yield text(start - 4, TOP + 4, f"{high:.3f}", GREY, anchor="end")
    yield text(start - 4, BOTTOM, f"{low:.3f}", GREY, anchor="end")
    yield line([(start, BOTTOM), (end, BOTTOM)], GREY)
    yield text(start, BOTTOM + 16, str(days[0]), GREY)
    if len(days) > 1:
        yield text(end, BOTTOM + 16, str(days[-1]), GREY, anchor="end")
