"""Bars of a day's drift, a feature each: how far it lies from what the model learnt from, beside what chance gives."""

from collections.abc import Iterable, Sequence

from churn_assets.core.monitoring.feature_drift import SEVERITIES, FeatureDrift
from churn_assets.core.monitoring.pictures.svg import GREY, INK, line, picture, rectangle, text

__all__ = ["drift_picture", "drift_words", "worst_first"]

WIDTH, ROW = 660, 20  # pixels
START, END = 210, 600  # of the bars
TOP = 34
LETTERS = 32  # of a name, as many as fit beside the bars
MOST = 30  # bars; a profile may have hundreds of features
SCALE = 0.25, 1.0  # the index at the end of a bar lies between these: more than the latter is as bad
COLOURS = {"ok": "#999999", "warning": "#E69F00", "error": "#D55E00"}


def worst_first(drifts: Iterable[FeatureDrift]) -> list[FeatureDrift]:
    """By severity, then by index, then by name."""
    return sorted(drifts, key=lambda each: (-SEVERITIES.index(each.severity), -each.psi, each.feature))


def drift_picture(drifts: Sequence[FeatureDrift]) -> str:
    """The picture, the worst feature first; the same figures give the same text."""
    shown = worst_first(drifts)[:MOST]
    least, most = SCALE
    top = min(most, max([least, *(each.psi for each in shown)]))
    parts = [text(12, 16, "Population stability index by feature; the tick is what chance reaches", weight="bold")]
    for at, each in enumerate(shown):
        y = TOP + at * ROW
        length, chance = ((END - START) * min(index, top) / top for index in (each.psi, each.psi_chance))
        parts += [
            text(START - 8, y + 11, _fitting(each.feature), INK, anchor="end"),
            rectangle(START, y + 2, max(length, 1), ROW - 7, COLOURS[each.severity]),
            line([(START + chance, y), (START + chance, y + ROW - 3)], INK),
            text(END + 8, y + 11, f"{each.psi:.3f}", INK if each.severity == "ok" else COLOURS[each.severity]),
        ]
    bottom = TOP + len(shown) * ROW
    if rest := len(drifts) - len(shown):
        parts.append(text(START, bottom + 12, f"and {rest} more", GREY))
    return picture(WIDTH, bottom + 20, parts)


def drift_words(drifts: Sequence[FeatureDrift]) -> str:
    """What the picture shows, for who does not see it."""
    beyond = [each for each in worst_first(drifts) if each.severity != "ok"]
    told = ", ".join(f"{each.feature} {each.psi:.3f} ({each.severity})" for each in beyond[:MOST])
    return f"Drift of {len(drifts)} features, bars of their index: {told or 'all are in order'}"


def _fitting(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}\u2026"
