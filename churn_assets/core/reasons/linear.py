"""The explainer of a linear model: closed form, by feature, of the columns as they are scored."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.conversion import doubles_of
from churn_assets.core.trees.predictor import category_codes

__all__ = ["LinearExplainer", "NumberTerm", "WordTerm"]


@dataclass(frozen=True)
class NumberTerm:
    """A number x adds `slope * (x - center) + offset`, a missing one `missing`."""

    slope: float
    center: float
    offset: float
    missing: float

    def __call__(self, name: str, chunk: pa.Array) -> NDArray[np.float64]:
        """What each number adds, (n)."""
        if pa.types.is_string(chunk.type) or pa.types.is_dictionary(chunk.type):
            raise ValueError(f"{name} is text, and was a number when the model was trained")
        numbers = doubles_of(chunk)
        return np.where(np.isnan(numbers), self.missing, self.slope * (numbers - self.center) + self.offset)


@dataclass(frozen=True)
class WordTerm:
    """A word adds what `added` says at its code, an unknown one the last of it, a missing one `missing`."""

    codes: dict[str, int]
    added: NDArray[np.float64]
    missing: float

    def __call__(self, name: str, chunk: pa.Array) -> NDArray[np.float64]:
        """What each word adds, (n)."""
        added: NDArray[np.float64] = self.added[category_codes(name, chunk, self.codes)]
        if chunk.null_count:
            added = np.where(chunk.is_null().to_numpy(zero_copy_only=False), self.missing, added)
        return added


@dataclass(frozen=True)
class LinearExplainer:
    """A sum over features, each less its mean over the background sample; a feature without a term adds nothing."""

    feature_columns: tuple[str, ...]
    terms: dict[str, NumberTerm | WordTerm]
    base_value: float

    def base_values(self, rows: pa.Table) -> NDArray[np.float64]:
        """The base value for each of `rows`, (n)."""
        return np.full(rows.num_rows, self.base_value)

    def contributions(self, rows: pa.Table) -> NDArray[np.float64]:
        """What each feature adds, (n, features)."""
        added = np.zeros((rows.num_rows, len(self.feature_columns)))
        for at, name in enumerate(self.feature_columns):
            if name in self.terms:
                chunks = rows.column(name).chunks
                added[:, at] = np.concatenate([np.empty(0), *(self.terms[name](name, chunk) for chunk in chunks)])
        return added
