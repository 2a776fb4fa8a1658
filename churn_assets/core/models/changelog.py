"""What changed from one model version to the next, in words: the changelog of models."""

from collections.abc import Mapping
from typing import Any

from churn_assets.core.models.card import ModelCard

__all__ = ["changes_between"]


def changes_between(before: ModelCard, after: ModelCard, first_reason_changed: float | None = None) -> list[str]:
    """A sentence for each thing in which `after` differs from `before`; the data always does.

    `first_reason_changed` is the share of the customers of the backtest whose first reason is another one, None where
    that is not known.
    """
    sentences = [f"Trained as of {after.trained_as_of}, before as of {before.trained_as_of}."]
    sentences += _values("Label", {"": before.label}, {"": after.label})
    sentences += _features(before, after)
    sentences += _values("Recipe", _recipe(before), _recipe(after))
    sentences += _values("Share of the customers", {"": f"{before.sample_rate:.2%}"}, {"": f"{after.sample_rate:.2%}"})
    sentences += _values("Feature parameters", before.feature_parameters, after.feature_parameters)
    if before.profile_digest != after.profile_digest:
        sentences.append(f"The code of the profile {after.profile} has changed.")
    sentences += _values("Libraries", before.libraries, after.libraries)
    if (before.train_rows, before.train_churners) != (after.train_rows, after.train_churners):
        sentences.append(
            f"Learnt from {after.train_rows:,} rows with {after.train_churners:,} churners, "
            f"before from {before.train_rows:,} with {before.train_churners:,}."
        )
    if before.metrics and after.metrics:
        sentences.append(
            f"Backtest ROC-AUC {after.metrics.roc_auc:.4f} on {after.backtest_date}, "
            f"before {before.metrics.roc_auc:.4f} on {before.backtest_date}."
        )
    if first_reason_changed is not None:
        sentences.append(f"The first reason of {first_reason_changed:.1%} of the backtest's customers is another one.")
    return sentences


def _features(before: ModelCard, after: ModelCard) -> list[str]:
    added = [name for name in after.feature_columns if name not in before.feature_columns]
    removed = [name for name in before.feature_columns if name not in after.feature_columns]
    sentences = []
    if added:
        sentences.append(f"Features added: {', '.join(added)}.")
    if removed:
        sentences.append(f"Features removed: {', '.join(removed)}.")
    return sentences


def _recipe(card: ModelCard) -> dict[str, Any]:
    return {name: value for name, value in card.chosen.making.items() if name != "candidates"}


def _values(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    names = [*before, *(name for name in after if name not in before)]
    differing = [
        f"{name} {before.get(name, 'absent')} -> {after.get(name, 'absent')}".strip()
        for name in names
        if before.get(name, "absent") != after.get(name, "absent")
    ]
    return [f"{what}: {', '.join(differing)}."] if differing else []
