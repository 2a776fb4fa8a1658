"""The picture of a model's card: everything that is drawn, and how it looks, and nothing else.

What is drawn is computed by scikit-learn and here only thinned to what a screen can show. Numbers,
gates and words belong to the card; files, to the storage layer. The drawing library is imported
when a picture is made, so that a night, which makes none, does not wait for it; and it is used
without its global state, so that threads may draw at the same time.
"""

import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import auc, precision_recall_curve, roc_curve

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.calibration import calibration_bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["card_figure"]

CURVE_POINTS = 2_000
SCORE_BINS = 40
LISTED_FEATURES = 12
LEAST_BARS = 6  # fewer are drawn as thick as so many
NAME_LENGTH = 22
NAME_SHARE = 0.43  # of its panel's width
LEAST_LOSS_SCALE = 0.005  # so that losses of nothing look like nothing
SMALLEST_SCALE = 1e-6  # scores that are all smaller are drawn on a scale up to 1

MODEL = "#0072B2"  # blue and vermilion of Okabe and Ito, told apart by every kind of eye
CHURNED = "#D55E00"
INK = "#333333"
GREY = "#8C8C8C"
PALE = "#E6E6E6"
FAINT = 0.12
FONT = "DejaVu Sans"  # comes with the library
SMALL = 8.5
UNIT = (-0.01, 1.02)  # from 0 to 1, and a line on the edge in its whole width


def card_figure(churned: NDArray[np.bool_], probability: NDArray[np.float64], importance: Mapping[str, float]) -> bytes:
    """How a model did in its backtest, as one PNG of 1080 x 630 pixels; the same input gives the same bytes.

    Five panels: ROC, precision and recall, calibration in bins of equally many customers, the scores
    of those who churned and those who stayed, and the features that matter most.

    Args:
        churned: what became of each customer (n).
        probability: what the model had said, from 0 to 1 (n).
        importance: for each feature, the ROC-AUC that is lost when its values are shuffled, by chance
            also below 0; empty for a model of rules, of which the picture then says so.

    Raises:
        TrainingImpossible: everybody churned or nobody did.
        ValueError: a probability is not a number from 0 to 1, or there is not one for each outcome.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  # a night draws nothing
    from matplotlib.figure import Figure  # noqa: PLC0415  # as above

    _check(churned, probability)
    figure = Figure(figsize=(12, 7), dpi=90, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, left=0.055, right=0.985, bottom=0.08, top=0.9, wspace=0.22, hspace=0.5)
    _draw_roc(figure.add_subplot(grid[0, 0]), churned, probability)
    _draw_precision(figure.add_subplot(grid[0, 1]), churned, probability)
    _draw_calibration(figure.add_subplot(grid[0, 2]), churned, probability)
    _draw_scores(figure.add_subplot(grid[1, 0]), churned, probability)
    names_and_bars = grid[1, 1].subgridspec(1, 2, width_ratios=(NAME_SHARE, 1 - NAME_SHARE), wspace=0)
    _draw_importance(figure.add_subplot(names_and_bars[1]), importance)
    png = BytesIO()
    # without the library's version in it; this strategy of compression gives the smallest file
    canvas.print_figure(
        png, format="png", metadata={"Software": None}, pil_kwargs={"compress_type": zlib.Z_DEFAULT_STRATEGY}
    )
    return png.getvalue()


def _check(churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> None:
    if churned.all() or not churned.any():
        raise TrainingImpossible("everybody churned, or nobody did: there is nothing to tell apart, and to draw")
    if churned.shape != probability.shape or not ((probability >= 0) & (probability <= 1)).all():
        raise ValueError("card_figure needs one probability from 0 to 1 for each outcome")


def _draw_roc(axes: "Axes", churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> None:
    false_positives, true_positives, _ = roc_curve(churned, probability)
    shown = _thinned(false_positives)
    area = auc(false_positives, true_positives)
    axes.plot((0, 1), (0, 1), color=GREY, linestyle="--", linewidth=1, label="chance, AUC 0.500")
    axes.plot(false_positives[shown], true_positives[shown], color=MODEL, linewidth=1.8, label=f"model, AUC {area:.3f}")
    axes.set(xlim=UNIT, ylim=UNIT)
    _finish(axes, "False positive rate", "True positive rate")
    _explain(axes, "ROC curve")


def _draw_precision(axes: "Axes", churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> None:
    precision, recall, _ = precision_recall_curve(churned, probability)
    average = float(precision[:-1] @ -np.diff(recall))
    found = np.flatnonzero(recall)[::-1]  # ascending in recall, from the threshold that finds a first churner
    precision, recall = precision[found], recall[found]
    shown = _thinned(recall)
    base_rate = float(churned.mean())
    axes.axhline(base_rate, color=GREY, linestyle="--", linewidth=1, label=f"base rate {base_rate:.3f}")
    axes.plot(
        np.append(0, recall[shown]),
        np.append(precision[0], precision[shown]),
        color=MODEL,
        drawstyle="steps-pre",
        linewidth=1.8,
        label=f"model, AP {average:.3f}",
    )
    axes.set(xlim=UNIT, ylim=UNIT)
    _finish(axes, "Recall (share of churners found)", "Precision")
    _explain(axes, "Precision and recall")


def _draw_calibration(axes: "Axes", churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> None:
    bins = calibration_bins(churned, probability)
    top = 1.05 * float(max(bins.rates.max(), bins.means.max()))
    axes.plot((0, top), (0, top), color=GREY, linestyle="--", linewidth=1, label="perfect")
    axes.plot(
        bins.means,
        bins.rates,
        color=MODEL,
        linewidth=1.8,
        marker="o",
        markersize=5,
        clip_on=False,
        label="model, quantile bins",
    )
    axes.set(xlim=(0, top), ylim=(0, top))
    _finish(axes, "Mean predicted probability", "Share who churned")
    _explain(axes, "Calibration")


def _draw_scores(axes: "Axes", churned: NDArray[np.bool_], probability: NDArray[np.float64]) -> None:
    largest = float(probability.max())
    edges = np.linspace(0, largest if largest > SMALLEST_SCALE else 1, SCORE_BINS + 1)
    for name, colour, rows in (("stayed", MODEL, ~churned), ("churned", CHURNED, churned)):
        density, _ = np.histogram(probability[rows], edges, density=True)
        axes.stairs(density, edges, color=colour, linewidth=1.8, label=f"{name} ({np.count_nonzero(rows):,})")
        axes.stairs(density, edges, color=colour, fill=True, alpha=FAINT)
    axes.set_xlim(0, edges[-1])
    _finish(axes, "Predicted probability", "Density within the group")
    _explain(axes, "Scores")


def _draw_importance(axes: "Axes", importance: Mapping[str, float]) -> None:
    _entitle(axes, "Permutation importance", -NAME_SHARE / (1 - NAME_SHARE))
    subtitle = "ROC-AUC lost when a feature is shuffled" if importance else "Not measured for a model of rules"
    axes.text(
        -NAME_SHARE / (1 - NAME_SHARE),
        1.035,
        subtitle,
        transform=axes.transAxes,
        fontsize=SMALL,
        color=INK,
        va="baseline",
    )
    if not importance:
        axes.set_axis_off()
        return
    largest = sorted(importance.items(), key=lambda entry: (-entry[1], entry[0]))[:LISTED_FEATURES]
    losses = [loss for _, loss in largest]
    axes.barh(range(len(losses)), losses, height=0.62, color=MODEL)
    axes.axvline(0, color=GREY, linewidth=1)
    axes.set_xlim(1.05 * min(*losses, 0), 1.05 * max(*losses, LEAST_LOSS_SCALE))
    axes.set_ylim(max(len(losses), LEAST_BARS) - 0.5, -0.5)
    _finish(axes, "Loss of ROC-AUC", "", ticks=4)
    axes.set_yticks(
        range(len(losses)), _drawable([name for name, _ in largest]), parse_math=False, fontsize=SMALL - 0.5
    )
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _thinned(ascending: NDArray[np.float64]) -> NDArray[np.intp]:
    """Indices of at most `CURVE_POINTS` places, even along `ascending` (n), the first and the last among them."""
    if len(ascending) <= CURVE_POINTS:
        return np.arange(len(ascending))
    even = np.linspace(ascending[0], ascending[-1], CURVE_POINTS - 1)
    return np.unique(np.append(np.searchsorted(ascending, even), len(ascending) - 1))


def _drawable(names: list[str]) -> list[str]:
    """The names in letters that the font has, and not longer than there is room for."""
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415  # a night draws nothing

    letters = get_font(findfont(FONT)).get_charmap()
    known = ["".join(c if c.isprintable() and ord(c) in letters else ascii(c)[1:-1] for c in name) for name in names]
    half = NAME_LENGTH // 2
    return [name if len(name) <= NAME_LENGTH else f"{name[: half - 1]}…{name[-half:]}" for name in known]


def _entitle(axes: "Axes", title: str, left: float = 0) -> None:
    axes.set_title(title, loc="left", x=left, y=1.13, pad=0, fontsize=11.5, color=INK)


def _finish(axes: "Axes", x_label: str, y_label: str, ticks: int = 5) -> None:
    axes.set_xlabel(x_label, fontsize=9, color=INK, labelpad=6)
    axes.set_ylabel(y_label, fontsize=9, color=INK, labelpad=6)
    axes.locator_params(nbins=ticks)
    axes.tick_params(colors=INK, labelsize=SMALL, length=0, pad=5)
    axes.grid(color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def _explain(axes: "Axes", title: str) -> None:
    """The title, and below it what the lines are: above the panel, where no line can run into it."""
    _entitle(axes, title)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.005),
        ncols=2,
        reverse=True,
        frameon=False,
        fontsize=SMALL,
        labelcolor=INK,
        handlelength=1.6,
        columnspacing=1.6,
        borderpad=0.2,
        borderaxespad=0,
    )
