"""A model's card for a person: Markdown that reads in the Dagster UI, in an editor and on paper."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from churn_assets.core.evaluation.results import Gate, Metrics, Slice
from churn_assets.core.models.card import EXACT, CandidateResult, ModelCard
from churn_assets.core.options import BuiltIn

__all__ = ["card_page", "leaderboard", "markdown_table", "with_picture"]

PICTURE = "card.png"
MOST_IMPORTANT = 15
FIGURES = (("ROC-AUC", "roc_auc"), ("Average precision", "average_precision"), ("Brier score", "brier"))


def card_page(card: ModelCard, gates: Sequence[Gate], champion: str, changes: Sequence[str], *, picture: bool) -> str:
    """The whole card.

    Args:
        card: what the model is.
        gates: as it stood to them when it was made.
        champion: the champion of that time, empty for none.
        changes: what differs from that champion.
        picture: whether `card.png` lies beside the card.
    """
    parts = [
        f"# Model {card.model_version}",
        _opening(card),
        "## Data\n\n" + _data(card),
        "## Quality\n\n" + _quality(card),
    ]
    if picture:
        parts.append(f"![ROC, precision-recall, calibration, scores and importance]({PICTURE})")
    if card.leaderboard:
        parts.append(
            f"## Candidates\n\n{card.selection[0].upper()}{card.selection[1:]}.\n\n{markdown_table(*leaderboard(card))}"
        )
    parts.append("## Gates\n\nAs they stood when the model was made.\n\n" + _gates(gates))
    if card.slices:
        parts.append("## Groups\n\n" + _slices(card.slices))
    if card.importance:
        parts.append("## What it leans on\n\n" + _importance(card))
    parts.append("## Known limitations\n\n" + "\n".join(f"- {each}" for each in card.limitations))
    if champion:
        listed = "\n".join(f"- {each}" for each in changes)
        parts.append(f"## What changed since the champion {champion}\n\n{listed}")
    return "\n\n".join(parts) + "\n"


def with_picture(page: str, figure: bytes, name: str = PICTURE, kind: str = "png") -> str:
    """The page with its picture, which it calls `name`, inside, for a reader who has no folder beside it."""
    if not figure:
        return page
    return page.replace(f"({name})", f"(data:image/{kind};base64,{base64.b64encode(figure).decode()})")


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of cells as they stand; what would break a cell is escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def leaderboard(card: ModelCard) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the candidates, best first."""
    headings = ["", "Estimator", "Parameters", "ROC-AUC", "AP", "Brier", "Backtest ROC-AUC", "Backtest Brier"]
    return headings, [_candidate_row(each) for each in card.leaderboard]


def _candidate_row(each: CandidateResult) -> list[str]:
    parameters = ", ".join(f"{name} {value}" for name, value in each.parameters.items()) or "defaults"
    figures = [f"{figure:.4f}" for figure in (each.roc_auc, each.average_precision, each.brier)]
    backtest = [f"{each.backtest.roc_auc:.4f}", f"{each.backtest.brier:.4f}"] if each.backtest else ["", ""]
    return ["chosen" if each.chosen else "", each.estimator, parameters, *figures, *backtest]


def _opening(card: ModelCard) -> str:
    what = "The rules of the profile" if card.is_rules else f"A {card.chosen.estimator} model"
    return (
        f"{what} `{card.profile}`, as of {card.trained_as_of}: the probability that a customer churns "
        f"({card.label}). Code {card.code_revision}."
    )


def _data(card: ModelCard) -> str:
    rows = [["Label", card.label], ["Features", ", ".join(card.feature_columns)]]
    if card.feature_parameters:
        parameters = ", ".join(f"{name} {value}" for name, value in card.feature_parameters.items())
        rows.append(["Feature parameters", parameters])
    if card.training_dates:
        first, last = min(card.training_dates), max(card.training_dates)
        share = card.train_churners / max(card.train_rows, 1)
        rows += [
            ["Learnt from", f"{len(card.training_dates)} days, {first} to {last}"],
            ["Rows", f"{card.train_rows:,}, of which {card.train_churners:,} churned ({share:.1%})"],
        ]
        recipe = card.chosen
        rows.append(["Balance, calibration", f"{recipe.balance}, {recipe.calibration}"])
    library = "scikit-learn" if card.chosen.estimator in get_args(BuiltIn) else "its library"
    if card.kernel == EXACT:
        rows.append(["Scored by", f"a compiled kernel, proven to give {library}'s own probabilities, bit by bit"])
    elif card.kernel:
        rows.append(["Scored by", f"{library} itself: {card.kernel}"])
    if card.reproducible is not None:
        rows.append(["A second fit", "gave the same bits" if card.reproducible else "NOT REPRODUCIBLE: gave others"])
    if card.imported:
        file = card.imported
        rows.append(["Imported", f"{file.kind} {file.file}, SHA-256 {file.sha256[:12]}: {file.reason}"])
    if card.prior.reason:
        rows.append(["Correction of the prior", f"{card.prior.kind}: {card.prior.reason}"])
    if card.sample_rate < 1:
        rows.append(["Sample", f"{card.sample_rate:.2%} of the customers, by a stable hash of their ids"])
    if card.backtest_date:
        rows.append(["Judged on", f"outcomes of {card.backtest_date}" + _trained_on(card.backtest_training_dates)])
    rows.append(["Libraries", ", ".join(f"{name} {version}" for name, version in card.libraries.items())])
    return markdown_table(["What", ""], rows)


def _trained_on(days: Sequence[Any]) -> str:
    return f", by the same recipe trained on {min(days)} to {max(days)}" if days else ""


def _quality(card: ModelCard) -> str:
    metrics = card.metrics
    if metrics is None:
        return "No outcome is known yet."
    rows = [[label, f"{getattr(metrics, name):.4f}", str(card.intervals.get(name, ""))] for label, name in FIGURES]
    rows.append(["Calibration error", f"{metrics.calibration_error:.4f}", ""])
    if card.stability is not None:
        rows.append(["Move on other halves of the customers, 99th percentile", f"{card.stability:.4f}", ""])
    return f"{_judged_on(metrics)}\n\n" + markdown_table(["Figure", "Value", "95 % interval"], rows)


def _judged_on(metrics: Metrics) -> str:
    return (
        f"On {metrics.rows:,} customers, of whom {metrics.churners:,} churned ({metrics.base_rate:.1%}). "
        f"Answering that rate to everybody gives a Brier score of {metrics.base_rate_brier:.4f}."
    )


def _gates(gates: Sequence[Gate]) -> str:
    rows = [[gate.name, "met" if gate.passed else "MISSED", gate.finding] for gate in gates]
    return markdown_table(["Gate", "", "Finding"], rows)


def _slices(slices: Sequence[Slice]) -> str:
    rows = [
        [
            each.column,
            each.value,
            f"{each.rows:,}",
            f"{each.base_rate:.1%}",
            f"{each.mean_score:.4f}",
            "" if each.roc_auc is None else f"{each.roc_auc:.4f}",
            f"{each.selection_rate:.1%}",
            "" if each.disparate_impact is None else f"{each.disparate_impact:.2f}",
        ]
        for each in slices
    ]
    headings = ["Column", "Group", "Rows", "Churned", "Mean score", "ROC-AUC", "In the high tier", "Disparate impact"]
    return markdown_table(headings, rows)


def _importance(card: ModelCard) -> str:
    rows = [[name, f"{lost:+.4f}"] for name, lost in list(card.importance.items())[:MOST_IMPORTANT]]
    lost = "ROC-AUC that is lost when a feature is shuffled"
    if not card.contributions:
        return f"{lost}.\n\n" + markdown_table(["Feature", "Loss"], rows)
    moved = [f"{card.contributions[name]:.4f}" if name in card.contributions else "" for name, _ in rows]
    listed = [[*row, each] for row, each in zip(rows, moved, strict=True)]
    said = f"{lost}, and how far a feature moves the log-odds of a customer on average (mean absolute Shapley value)."
    return f"{said}\n\n" + markdown_table(["Feature", "Loss", "Mean contribution"], listed)
