"""A model's card for a person: Markdown."""

import base64
import datetime as dt
import re
from typing import Any

import pytest

from churn_assets.core.evaluation.results import Gate, Interval
from churn_assets.core.models.card import CandidateResult
from churn_assets.core.models.card_markdown import card_page, leaderboard, markdown_table, with_picture
from churn_assets.core.options import Recipe
from churn_assets_tests.factories import made_up_card, made_up_metrics, made_up_slice

GATES = (
    Gate(name="min_roc_auc", passed=True, finding="ROC-AUC 0.8, at least 0.6 wanted"),
    Gate(name="min_rows", passed=False, finding="10 customers, at least 100 wanted"),
)
NORTH = made_up_slice(
    "north",
    column="region",
    rows=1234,
    base_rate=0.125,
    mean_score=0.25,
    roc_auc=0.75,
    selection_rate=0.5,
    disparate_impact=1.0,
)
BEST = CandidateResult(
    estimator="logistic_regression",
    parameters={"C": 0.5},
    folds=3,
    roc_auc=0.81,
    average_precision=0.42,
    brier=0.07,
    backtest=made_up_metrics(roc_auc=0.79, brier=0.071),
    chosen=True,
)
SECOND = CandidateResult(
    estimator="random_forest", parameters={}, folds=3, roc_auc=0.8, average_precision=0.41, brier=0.08
)
FULL: dict[str, Any] = {
    "leaderboard": (BEST, SECOND),
    "selection": "cross-validated in time",
    "intervals": {"roc_auc": Interval(low=0.7777, high=0.8222)},
    "slices": (NORTH,),
    "importance": {"spend": 0.1, "plan": -0.001},
    "limitations": ("It has not seen a whole year.", "Two days were skipped."),
    "feature_parameters": {"few_visits": 3},
}
PICTURE = re.compile(r"!\[[^\]]*\]\((?P<where>[^)]*)\)")


def _page(*, champion: str = "", picture: bool = True, **changes: Any) -> str:
    changes_listed = ["Recipe: seed 42 -> 43.", "Libraries: numpy 2 -> 3."] if champion else []
    return card_page(made_up_card(**changes), GATES, champion, changes_listed, picture=picture)


def _section(page: str, heading: str) -> str:
    return page.split(f"\n## {heading}\n\n", maxsplit=1)[1].split("\n\n## ", maxsplit=1)[0].strip()


def _cells(table: str) -> list[list[str]]:
    """The cells of a Markdown table's lines, by the bars that are not escaped."""
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table.splitlines()]


def test_full_card_has_every_section() -> None:
    """A card with everything in it tells each thing under its heading, in a fixed order."""
    page = _page(champion="20260101-00000000", **FULL)

    assert re.findall(r"^#+ .*$", page, re.MULTILINE) == [
        "# Model 20260131-0123abcd",
        "## Data",
        "## Quality",
        "## Candidates",
        "## Gates",
        "## Groups",
        "## What it leans on",
        "## Known limitations",
        "## What changed since the champion 20260101-00000000",
    ]
    assert page.endswith("\n")
    assert "\n\n\n" not in page
    assert PICTURE.findall(page) == ["card.png"]


def test_sections_of_nothing_are_left_out() -> None:
    """Without candidates, groups, importance, champion and picture, there is no heading for them."""
    page = _page(picture=False, limitations=("One day.",))

    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["Data", "Quality", "Gates", "Known limitations"]
    assert not PICTURE.search(page)


def test_opening_says_what_it_is() -> None:
    """The first lines name the estimator, the profile, the day, the label and the code."""
    page = _page(code_revision="abc1234", chosen=Recipe(estimator="random_forest"))

    assert page.split("\n\n")[1] == (
        "A random_forest model `members`, as of 2026-01-31: the probability that a customer churns "
        "(rule over 30 days). Code abc1234."
    )
    assert "\n\nThe rules of the profile `members`, as of" in _page(chosen=Recipe(estimator="rules"))


def test_data_of_a_trained_model() -> None:
    """Label, features, days, rows with their churn rate, treatment and libraries stand in a table."""
    days = (dt.date(2026, 1, 1), dt.date(2025, 12, 25))
    page = _page(training_dates=days, train_rows=12345, train_churners=1111, feature_parameters={"few_visits": 3})

    data = dict(_cells(_section(page, "Data"))[2:])

    assert data["Label"] == "rule over 30 days"
    assert data["Features"] == "spend, active, plan"
    assert data["Feature parameters"] == "few_visits 3"
    assert data["Learnt from"] == "2 days, 2025-12-25 to 2026-01-01"
    assert data["Rows"] == "12,345, of which 1,111 churned (9.0%)"
    assert data["Balance, calibration"] == "none, none"
    assert data["Judged on"].startswith("outcomes of 2026-01-01, by the same recipe trained on 2025-12-02")
    assert data["Libraries"] == "numpy 2"


def test_rules_without_outcomes_have_a_card() -> None:
    """What was not trained and not judged tells no rows and no figures, and says why."""
    page = _page(
        picture=False,
        chosen=Recipe(estimator="rules"),
        metrics=None,
        training_dates=(),
        backtest_date=None,
        backtest_training_dates=(),
        train_rows=0,
        train_churners=0,
    )

    data = dict(_cells(_section(page, "Data"))[2:])
    assert not data.keys() & {"Learnt from", "Rows", "Balance, calibration", "Judged on"}
    assert _section(page, "Quality") == "No outcome is known yet."


def test_quality_with_intervals() -> None:
    """Each figure has its value, and its interval where there is one; the base rate's Brier stands above."""
    quality = _section(_page(picture=False, **FULL), "Quality")

    assert quality.startswith("On 1,000 customers, of whom 100 churned (10.0%). ")
    assert "Brier score of 0.0900." in quality
    assert _cells(quality.split("\n\n")[1])[2:] == [
        ["ROC-AUC", "0.8000", "[0.7777, 0.8222]"],
        ["Average precision", "0.3000", ""],
        ["Brier score", "0.0800", ""],
        ["Calibration error", "0.0100", ""],
    ]


def test_gates_are_met_or_missed() -> None:
    """Each gate stands with its finding as it was when the model was made."""
    gates = _cells(_section(_page(), "Gates").split("\n\n")[1])

    assert gates[2:] == [
        ["min_roc_auc", "met", "ROC-AUC 0.8, at least 0.6 wanted"],
        ["min_rows", "MISSED", "10 customers, at least 100 wanted"],
    ]


def test_candidates_best_first() -> None:
    """The leaderboard stands in its order under what it was chosen by, a blank where there is no backtest."""
    card = made_up_card(**FULL)

    candidates = _section(_page(**FULL), "Candidates")

    assert candidates == f"Cross-validated in time.\n\n{markdown_table(*leaderboard(card))}"
    assert _cells(markdown_table(*leaderboard(card)))[2:] == [
        ["chosen", "logistic_regression", "C 0.5", "0.8100", "0.4200", "0.0700", "0.7900", "0.0710"],
        ["", "random_forest", "defaults", "0.8000", "0.4100", "0.0800", "", ""],
    ]


def test_groups_with_and_without_figures() -> None:
    """A group's figures stand in their columns, a blank where it is too small to have one."""
    small = NORTH.model_copy(update={"value": "south", "rows": 3, "roc_auc": None, "disparate_impact": None})

    groups = _cells(_section(_page(slices=(NORTH, small)), "Groups"))

    assert groups[2:] == [
        ["region", "north", "1,234", "12.5%", "0.2500", "0.7500", "50.0%", "1.00"],
        ["region", "south", "3", "12.5%", "0.2500", "", "50.0%", ""],
    ]


def test_fifteen_features_are_listed() -> None:
    """What it leans on most is listed, in its order and with its sign, up to fifteen."""
    importance = {f"f{number}": 0.2 - 0.02 * number for number in range(20)}

    few = _cells(_section(_page(**FULL), "What it leans on").split("\n\n")[1])[2:]
    many = _cells(_section(_page(importance=importance), "What it leans on").split("\n\n")[1])[2:]

    assert few == [["spend", "+0.1000"], ["plan", "-0.0010"]]
    assert [name for name, _ in many] == [f"f{number}" for number in range(15)]


def test_limitations_and_changes_are_listed() -> None:
    """Each limitation and each change is a point of its list."""
    page = _page(champion="m1", **FULL)

    assert _section(page, "Known limitations") == "- It has not seen a whole year.\n- Two days were skipped."
    assert (
        _section(page, "What changed since the champion m1") == "- Recipe: seed 42 -> 43.\n- Libraries: numpy 2 -> 3."
    )


@pytest.mark.parametrize("value", ["a|b", "|", "a | b || c", "two\nlines", "two\r\nlines"], ids=repr)
def test_no_value_breaks_a_table(value: str) -> None:
    """A bar or a new line in what a customer, a parameter or a label is called stays within its cell."""
    card = made_up_card(
        label=value,
        slices=(NORTH.model_copy(update={"value": value}),),
        leaderboard=(BEST.model_copy(update={"parameters": {"name": value}}),),
    )
    gates = [Gate(name="min_slice_roc_auc", passed=False, finding=f"below: {value}")]

    page = card_page(card, gates, "", (), picture=False)

    for heading, wide in (("Data", 2), ("Candidates", 8), ("Gates", 3), ("Groups", 8)):
        table = _section(page, heading)
        cells = _cells(table[table.index("| ") :])
        assert [len(line) for line in cells] == [wide] * len(cells)
    shown = _cells(_section(page, "Groups"))[2][1].replace("\\|", "|")
    assert all(word in shown for word in value.split())


def test_table_of_any_cells() -> None:
    """Headings, a line, and a line for each row, with cells of any type as they read."""
    assert markdown_table(["a", "b"], [[1, None], ["x", 0.5]]) == "| a | b |\n| --- | --- |\n| 1 | None |\n| x | 0.5 |"
    assert markdown_table(["a"], []) == "| a |\n| --- |"


def test_picture_is_inlined() -> None:
    """With its picture inside, a page needs no file beside it, and is the same but for that."""
    page, figure = _page(**FULL), b"\x89PNG\r\n" + bytes(range(256))

    shown = with_picture(page, figure)

    (where,) = PICTURE.findall(shown)
    assert where.startswith("data:image/png;base64,")
    assert base64.b64decode(where.removeprefix("data:image/png;base64,")) == figure
    assert shown.replace(where, "card.png") == page


def test_no_picture_leaves_the_page() -> None:
    """Without a picture a page is as it was."""
    page = _page(picture=False)

    assert with_picture(page, b"") == page
    assert with_picture(page, b"png") == page
