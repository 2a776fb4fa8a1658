"""The terms of a fitted logistic regression, read through what stands before it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.reasons.linear import LinearExplainer, NumberTerm, WordTerm
from churn_assets.core.reasons.margins import features_of_matrix, log_odds
from churn_assets.core.trees.compiler import Unwrapped

__all__ = ["explainer_of_regression"]


def explainer_of_regression(unwrapped: Unwrapped, columns: tuple[str, ...], background: pa.Table) -> LinearExplainer:
    """The explainer of a logistic regression behind its medians, scales and one-hot columns, against a sample."""
    steps, weights = unwrapped.pipeline[:-1], unwrapped.model.coef_[0]
    owners = features_of_matrix(steps, columns)
    terms: dict[str, NumberTerm | WordTerm] = {}
    for name, fitted, given in steps[0].transformers_:
        if name not in {"numeric", "categorical"} or not len(given):
            continue
        at = steps[0].output_indices_[name]
        read = _numbers if name == "numeric" else _words
        terms |= read(fitted, list(given), weights[at], owners[at], columns)
    scale, shift = log_odds(unwrapped)
    uncentred = LinearExplainer(columns, terms, 0.0)
    means = uncentred.contributions(background).mean(axis=0)
    centred = {name: _less(term, float(means[columns.index(name)])) for name, term in terms.items()}
    return LinearExplainer(columns, centred, float(scale * unwrapped.model.intercept_[0] + means.sum()) + shift)


def _less(term: NumberTerm | WordTerm, mean: float) -> NumberTerm | WordTerm:
    if isinstance(term, NumberTerm):
        return replace(term, offset=term.offset - mean, missing=term.missing - mean)
    return replace(term, added=term.added - mean, missing=term.missing - mean)


def _numbers(
    fitted: Any, given: list[str], weights: NDArray[np.float64], owners: NDArray[np.int64], columns: tuple[str, ...]
) -> dict[str, NumberTerm | WordTerm]:
    """Terms of numbers: medians for missing ones, a column that says so where training had some, and scales."""
    imputer, scaler = fitted
    slopes = weights / scaler.scale_
    terms: dict[str, NumberTerm | WordTerm] = {}
    for at, name in enumerate(given):
        flag = [each for each in range(len(given), len(owners)) if owners[each] == columns.index(name)]
        there = sum(-slopes[each] * scaler.mean_[each] for each in flag)
        filled = slopes[at] * (imputer.statistics_[at] - scaler.mean_[at])
        missing = filled + sum(slopes[each] * (1 - scaler.mean_[each]) for each in flag)
        terms[name] = NumberTerm(float(slopes[at]), float(scaler.mean_[at]), float(there), float(missing))
    return terms


def _words(
    encoder: Any, given: list[str], weights: NDArray[np.float64], owners: NDArray[np.int64], columns: tuple[str, ...]
) -> dict[str, NumberTerm | WordTerm]:
    """Terms of words: what the encoder's columns of each known one, of an unknown and of a missing one weigh."""
    words = [[word for word in known if isinstance(word, str)] for known in encoder.categories_]
    longest = max(map(len, words)) + 2
    frame = pd.DataFrame(
        {
            name: [*known, _unknown(known), *[np.nan] * (longest - len(known) - 1)]
            for name, known in zip(given, words, strict=True)
        },
        dtype=object,
    )
    matrix = encoder.transform(frame) * weights
    terms: dict[str, NumberTerm | WordTerm] = {}
    for name, known in zip(given, words, strict=True):
        added = matrix[:, owners == columns.index(name)].sum(axis=1)
        codes = {word: code for code, word in enumerate(known)}
        terms[name] = WordTerm(codes, added[: len(known) + 1], float(added[len(known) + 1]))
    return terms


def _unknown(known: list[str]) -> str:
    return "".join(known) + "?"
