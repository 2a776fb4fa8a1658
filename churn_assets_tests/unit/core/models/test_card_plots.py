"""The picture of a model's card."""

import runpy
import struct
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from numpy.typing import NDArray

from churn_assets.core.errors import TrainingImpossible
from churn_assets.core.evaluation.metrics import measure
from churn_assets.core.models import card_plots as plots
from churn_assets.core.models.card_plots import card_figure

IMPORTANCE = {f"feature_{place}": 0.08 / place for place in range(1, 13)}
UPPER, LOWER = slice(0, 315), slice(324, 630)
LEFT, MIDDLE, RIGHT = slice(0, 355), slice(396, 715), slice(720, 1080)


def _outcomes(rows: int = 400) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    rng = np.random.default_rng(1)
    probability = rng.beta(1, 6, rows)
    return rng.random(rows) < probability, probability


def _size(png: bytes) -> tuple[int, int]:
    """Width and height, by the header of a PNG."""
    signature, width, height = struct.unpack(">16sII", png[:24])
    assert signature == b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    return width, height


def _ink(png: bytes) -> NDArray[np.bool_]:
    """Where the picture is not white."""
    return np.asarray((imread(BytesIO(png))[:, :, :3] < 1).any(axis=2))


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A model that ranks well, with twelve features."""
    return card_figure(*_outcomes(), IMPORTANCE)


@pytest.fixture(scope="module")
def picture_of_rules() -> bytes:
    """Few rules, that is few different scores, for the same customers."""
    churned, probability = _outcomes()
    return card_figure(churned, np.where(probability > 0.2, 0.4, 0.05), {})


def test_picture_is_a_small_png(picture: bytes) -> None:
    """A PNG of 1080 x 630 pixels, below 150 kB, that does not tell the library's version."""
    assert _size(picture) == (1080, 630)
    assert len(picture) < 150_000
    assert b"Software" not in picture


def test_five_panels_and_an_empty_cell(picture: bytes) -> None:
    """Five cells of the grid are drawn in; the sixth is white."""
    ink = _ink(picture)

    for panel in ((UPPER, LEFT), (UPPER, MIDDLE), (UPPER, RIGHT), (LOWER, LEFT), (LOWER, MIDDLE)):
        assert ink[panel].any()
    assert not ink[LOWER, RIGHT].any()


def test_same_input_gives_the_same_bytes(picture: bytes) -> None:
    """Neither the thread, nor the order of the features, nor one beyond the twelve largest makes another picture."""
    importance = dict(reversed([*IMPORTANCE.items(), ("feature_13", -0.01)]))

    with ThreadPoolExecutor(1) as thread:
        again = thread.submit(card_figure, *_outcomes(), importance).result()

    assert again == picture


def test_other_scores_change_their_panels(picture: bytes, picture_of_rules: bytes) -> None:
    """Other scores change the curves, the calibration and the histogram."""
    before, after = _ink(picture), _ink(picture_of_rules)

    for panel in ((UPPER, LEFT), (UPPER, MIDDLE), (UPPER, RIGHT), (LOWER, LEFT)):
        assert (before[panel] != after[panel]).any()


def test_rules_have_a_line_of_text_in_place_of_bars(picture: bytes, picture_of_rules: bytes) -> None:
    """Without importance its panel holds a title and a line, and nothing where bars would be."""
    with_bars, without = _ink(picture)[LOWER, MIDDLE], _ink(picture_of_rules)[LOWER, MIDDLE]

    assert without[:50].any()
    assert with_bars[50:].any()
    assert not without[50:].any()


@pytest.mark.parametrize(
    ("churned", "probability", "importance"),
    [
        ([True, False], [0.8, 0.3], {"a": 0.0}),
        ([True] * 3 + [False] * 30, [0.0] * 33, {}),
    ],
    ids=["two rows", "all equal, and 0"],
)
def test_least_input_is_drawn(churned: list[bool], probability: list[float], importance: Mapping[str, float]) -> None:
    """One customer of each kind, or a model that tells nobody apart, makes a picture and no warning."""
    png = card_figure(np.array(churned), np.array(probability), importance)

    assert _size(png) == (1080, 630)


TIED = np.repeat([0.1, 0.2, 0.3], [30, 40, 30])  # of 20 churners, that is two bins; 0.2 is where they meet
UNTIED = np.linspace(0.01, 0.5, 1000)


@pytest.mark.parametrize(
    ("probability", "bins"),
    [(UNTIED, np.repeat(range(10), 100)), (TIED, np.repeat(range(2), [30, 70]))],
    ids=["ten bins of a hundred customers", "equal scores in one bin"],
)
def test_calibration_is_drawn_as_it_is_measured(probability: NDArray[np.float64], bins: NDArray[np.int64]) -> None:
    """A point is a bin's mean probability and churn rate, and the distances to the diagonal are the card's error."""
    churned = np.arange(len(probability)) % 5 == 0
    axes = Figure().add_subplot()

    plots._draw_calibration(axes, churned, probability)

    [line] = [each for each in axes.lines if each.get_label() == "model, quantile bins"]
    rows = np.bincount(bins)
    means, rates = (np.bincount(bins, each) / rows for each in (probability, churned))
    assert np.asarray(line.get_xydata()) == pytest.approx(np.column_stack([means, rates]))
    error = measure(churned, probability).calibration_error
    assert error == pytest.approx(np.average(np.abs(rates - means), weights=rows))


@pytest.mark.parametrize("churned", [[True, True], [False, False], []], ids=str)
def test_outcomes_of_one_kind_are_refused(churned: list[bool]) -> None:
    """Where there is nothing to tell apart, there is nothing to draw."""
    with pytest.raises(TrainingImpossible, match="nothing to tell apart"):
        card_figure(np.array(churned, dtype=bool), np.zeros(len(churned)), {})


@pytest.mark.parametrize("probability", [[0.5, np.nan], [0.5, np.inf], [0.5, 1.1], [-0.1, 0.5], [0.5]], ids=str)
def test_what_is_no_probability_is_refused(probability: list[float]) -> None:
    """A score outside 0 and 1, or one too few, is an error of the caller."""
    with pytest.raises(ValueError, match="one probability from 0 to 1 for each outcome"):
        card_figure(np.array([True, False]), np.array(probability), {})


@pytest.mark.parametrize("rows", [1, plots.CURVE_POINTS, 100_000])
def test_curves_are_thinned_evenly(rows: int) -> None:
    """At most 2,000 points stay, from the first to the last, with no gap that could be seen."""
    along = np.linspace(0, 1, rows) ** 3

    shown = plots._thinned(along)

    assert min(rows, 1_900) <= len(shown) <= 2_000
    assert (shown[0], shown[-1]) == (0, rows - 1)
    assert rows == 1 or np.diff(along[shown]).max() < 0.002


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("orders_30d", "orders_30d"),
        ("größe_$x$", "größe_$x$"),
        ("客户", r"\u5ba2\u6237"),
        ("two\nlines", r"two\nlines"),
        ("average_basket_value_last_90_days", "average_ba…ast_90_days"),
    ],
)
def test_names_are_made_drawable(name: str, drawn: str) -> None:
    """A letter that the font lacks is told by its code, and a long name loses its middle."""
    assert plots._drawable([name]) == [drawn]


def test_module_does_without_the_drawing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever imports the module and draws nothing does not load matplotlib."""
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, name, None)

    module: dict[str, Any] = runpy.run_path(plots.__file__)

    assert "card_figure" in module
