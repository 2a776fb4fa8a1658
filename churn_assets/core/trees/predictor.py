"""A compiled predictor of boosted trees: the bits of scikit-learn's probabilities, straight from Arrow columns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import expit

from churn_assets.core.arrow.batches import BLOCK_ROWS
from churn_assets.core.arrow.conversion import doubles_of
from churn_assets.core.features import to_model_frame
from churn_assets.core.trees.ensemble import Tables

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["IsotonicCalibration", "Link", "SigmoidCalibration", "TreeKernel"]

BARELY_ABOVE_ONE = 1e-5


@dataclass(frozen=True)
class SigmoidCalibration:
    """Platt's sigmoid by its two numbers, with the arithmetic of scikit-learn's own."""

    slope: float
    intercept: float

    def __call__(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        """What it makes of each, (n)."""
        calibrated: NDArray[np.float64] = expit(-(self.slope * given + self.intercept))
        return calibrated


@dataclass(frozen=True)
class IsotonicCalibration:
    """Lines between points of rising `inputs`, (t), and their `outputs`, (t), constant beyond: IsotonicRegression."""

    inputs: NDArray[np.float64]
    outputs: NDArray[np.float64]

    def __call__(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        """What it makes of each, (n).

        Raises:
            ValueError: one is infinite or no number, which scikit-learn refuses too.
        """
        if not np.isfinite(given).all():
            raise ValueError("the isotonic calibration is given a number that is infinite, or none")
        return np.interp(given, self.inputs, self.outputs)


@dataclass(frozen=True)
class Link:
    """From the sum of the trees to a probability, in the order of the fitted chain.

    Attributes:
        loss: scikit-learn's own, whose inverse link is asked; None where it is the logistic one.
        odds_factor: by which balanced classes multiplied the odds; None where they were not balanced.
        calibration: the last step; without balanced classes it is given the sums themselves.
    """

    loss: Any
    odds_factor: float | None
    calibration: SigmoidCalibration | IsotonicCalibration | None

    def __call__(self, sums: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probability of churn of each, (n)."""
        if self.calibration is not None and self.odds_factor is None:
            return self._calibrated(self.calibration, np.asarray(sums, dtype=np.float64))
        given = expit(sums) if self.loss is None else self.loss.predict_proba(sums)[:, 1]
        probability: NDArray[np.float64] = np.asarray(given, dtype=np.float64)
        if self.odds_factor is None:
            return probability
        probability = probability / (probability + self.odds_factor * (1 - probability))  # as BalancedClassifier
        return probability if self.calibration is None else self._calibrated(self.calibration, probability)

    @staticmethod
    def _calibrated(
        calibration: SigmoidCalibration | IsotonicCalibration, given: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """What CalibratedClassifierCV makes of one calibrator: it begins at zero, and cuts what is barely above one."""
        probability: NDArray[np.float64] = 0.0 + calibration(given)
        probability[(probability > 1.0) & (probability <= 1.0 + BARELY_ABOVE_ONE)] = 1.0
        return probability


@dataclass(frozen=True)
class TreeKernel:
    """A fitted model's trees as tables; any thread may predict, and needs the model no more.

    Attributes:
        columns: the features of the model, in its order.
        names: the features that the ensemble is given, where those are columns.
        steps: what comes before an ensemble that is given a matrix; None where it is given columns.
        model: the fitted ensemble that checks such a matrix; None where it is given columns.
        tables: the trees for the loops.
        link: from sums to probabilities.
    """

    columns: tuple[str, ...]
    names: tuple[str, ...]
    steps: "Pipeline | None"
    model: Any
    tables: Tables
    link: Link

    def predict(self, features: pa.Table) -> NDArray[np.float64]:
        """Probability of churn for each feature row, (n); of no rows, none.

        Raises:
            ValueError: a column cannot be what it was when the model was trained, or the steps
                before the trees refuse a value.
        """
        blocks = (features.slice(start, BLOCK_ROWS) for start in range(0, features.num_rows, BLOCK_ROWS))
        return np.concatenate([np.empty(0), *(self.link(self.sums(block)) for block in blocks)])

    def sums(self, rows: pa.Table) -> NDArray[np.floating]:
        """Baseline and trees, (n): the ensemble's `decision_function`."""
        return self.sums_of_codes(self.codes(rows))

    def matrix_sums(self, given: NDArray[Any]) -> NDArray[np.floating]:
        """The same of the matrix that the steps give, (n, features of the ensemble), which checks it as ever."""
        return self.sums_of_codes(self._matrix_codes(given))

    def codes(self, rows: pa.Table) -> NDArray[np.uint16]:
        """Codes of the used features, (used, n): all that the trees know of rows."""
        if self.steps is None:
            return self._column_codes(rows)
        return self._matrix_codes(self.steps.transform(to_model_frame(rows, self.columns)))

    def sums_of_codes(self, codes: NDArray[np.uint16]) -> NDArray[np.floating]:
        """Baseline and trees, (n), of the `codes` (used, n) of rows."""
        from churn_assets.core.trees.loops import sum_trees  # noqa: PLC0415  # numba takes half a second

        sums = np.empty(codes.shape[1], dtype=self.tables.trees.leaves.dtype)
        sum_trees(codes, self.tables.trees, sums)
        return sums

    def _matrix_codes(self, given: NDArray[Any]) -> NDArray[np.uint16]:
        from sklearn.utils.validation import validate_data  # noqa: PLC0415  # loaded by now: the steps are its own

        from churn_assets.core.trees.loops import code_numbers  # noqa: PLC0415  # numba takes half a second

        matrix = validate_data(self.model, given, dtype=np.float32, order="C", reset=False)
        codes = np.empty((len(self.tables.used), len(matrix)), dtype=np.uint16)
        for at, feature in enumerate(self.tables.used):
            values = np.array(matrix[:, feature], dtype=np.float64)
            values.flags.writeable = False  # as Arrow's are: the loop is compiled for those alone
            code_numbers(values, self.tables.grids[feature], codes[at])
        return codes

    def _column_codes(self, rows: pa.Table) -> NDArray[np.uint16]:
        from churn_assets.core.trees.loops import code_numbers  # noqa: PLC0415  # as above

        codes = np.empty((len(self.tables.used), rows.num_rows), dtype=np.uint16)
        for at, feature in enumerate(self.tables.used):
            name, done = self.names[feature], 0
            for chunk in rows.column(name).chunks:
                into = codes[at, done : done + len(chunk)]
                if feature in self.tables.codes:
                    into[:] = category_codes(name, chunk, self.tables.codes[feature])
                else:
                    code_numbers(_numbers(name, chunk), self.tables.grids[feature], into)
                done += len(chunk)
        return codes


def _numbers(name: str, chunk: pa.Array) -> NDArray[np.float64]:
    if _is_text(chunk.type) or pa.types.is_dictionary(chunk.type):
        raise ValueError(f"{name} is text, and was a number when the model was trained")
    return doubles_of(chunk)


def category_codes(name: str, chunk: pa.Array, codes: dict[str, int]) -> NDArray[Any]:
    """The code of each category, by value: dictionaries differ from chunk to chunk. Null and unknown are missing."""
    missing = len(codes)
    if _is_text(chunk.type):
        found = pc.index_in(chunk, value_set=pa.array(codes, chunk.type))
        return _integers(found, missing)
    if not (pa.types.is_dictionary(chunk.type) and _is_text(chunk.type.value_type)):
        raise ValueError(f"{name} is {chunk.type}, and was text when the model was trained")
    texts = chunk.dictionary.to_pylist()
    by_place = np.array([*(codes.get(text, missing) for text in texts), missing], dtype=np.uint16)
    by_row: NDArray[np.uint16] = by_place[_integers(chunk.indices, len(texts))]
    return by_row


def _integers(values: pa.Array, instead_of_null: int) -> NDArray[Any]:
    if values.null_count:
        values = values.cast(pa.int64()).fill_null(instead_of_null)
    integers: NDArray[Any] = values.to_numpy()
    return integers


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
