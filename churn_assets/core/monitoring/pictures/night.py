"""The small picture of a night's report: its scores beside the last day's, and the share at high risk over days."""

import datetime as dt
from collections.abc import Iterable, Mapping
from math import log10

from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.core.monitoring.pictures.svg import GREY, NOW, THEN, line, picture, rectangle, text

__all__ = ["night_picture"]

WIDTH, HEIGHT = 660, 200  # pixels
LEFT, RIGHT = (40, 310), (370, 640)  # where the two panels begin and end
TOP, BOTTOM = 34, 168


def night_picture(night: NightFacts, before: NightFacts | None, trend: Mapping[dt.date, float]) -> str:
    """The picture, 660 x 200 pixels; the same facts give the same text.

    Args:
        night: what the night came to.
        before: likewise the last scored day, None where there is none.
        trend: the share at high risk of the last days, in order.
    """
    parts = [*_scores(night, before), *_shares(trend)]
    return picture(WIDTH, HEIGHT, parts)


def _scores(night: NightFacts, before: NightFacts | None) -> Iterable[str]:
    """Bars of the night, and a line of the last day over them; logarithmic, as few score high."""
    start, end = LEFT
    top = log10(1 + max(*night.twentieths, *(before.twentieths if before else ())))
    width = (end - start) / len(night.twentieths)

    def height(rows: int) -> float:
        return BOTTOM - (BOTTOM - TOP) * (log10(1 + rows) / top if top else 0)

    yield text(start, 14, "Customers by probability (log scale)", weight="bold")
    for at, rows in enumerate(night.twentieths):
        y = height(rows)
        yield rectangle(start + at * width + 1, y, width - 2, BOTTOM - y, NOW, opacity=0.55)
    yield text(start, 28, str(night.snapshot_date), NOW)
    if before:
        corners = [
            (start + (at + right) * width, height(rows))
            for at, rows in enumerate(before.twentieths)
            for right in (0, 1)
        ]
        yield line(corners, THEN)
        yield text(start + 80, 28, str(before.snapshot_date), THEN)
    yield from _axis(LEFT, "0", "1")


def _shares(trend: Mapping[dt.date, float]) -> Iterable[str]:
    start, end = RIGHT
    yield text(start, 14, "Share at high risk", weight="bold")
    if not trend:
        return
    days = list(trend)
    span = max((days[-1] - days[0]).days, 1)
    top = max(max(trend.values()) * 1.1, 0.001)
    points = [
        (start + (end - start) * (day - days[0]).days / span, BOTTOM - (BOTTOM - TOP) * share / top)
        for day, share in trend.items()
    ]
    yield line(points, NOW)
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{NOW}"/>'
    yield text(start, 28, f"{trend[days[-1]]:.1%} on {days[-1]}", NOW)
    yield text(start - 4, TOP + 4, f"{top:.1%}", GREY, anchor="end")
    yield from _axis(RIGHT, str(days[0]), str(days[-1]) if len(days) > 1 else "")


def _axis(panel: tuple[int, int], first: str, last: str) -> Iterable[str]:
    start, end = panel
    yield line([(start, BOTTOM), (end, BOTTOM)], GREY)
    yield text(start, BOTTOM + 16, first, GREY)
    yield text(end, BOTTOM + 16, last, GREY, anchor="end")
