"""Opens an exported model for MLflow. This file travels inside the export; it needs no other one of this package.

MLflow calls `_load_pyfunc` with the folder of the model's data, and `predict` with a frame of features.
"""

import json
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

ROWS = 16_384  # the blocks in which the model scores at home, as linear algebra depends on them


class ChurnModel:
    """A fitted model: features in, probabilities of churn out.

    `columns` says of each feature, in the model's order, whether it is a `number` or a `text`. `key` names the column
    of the customers where a model was learnt from a labelled export: each is scored by a part that did not see them.
    """

    def __init__(self, model: Any, columns: dict[str, str], key: str | None) -> None:
        self.model = model
        self.columns = columns
        self.key = key

    def predict(self, model_input: pd.DataFrame, params: Any = None) -> NDArray[np.float64]:
        """The probability of churn of each row, (n)."""
        del params
        blocks = [model_input.iloc[at : at + ROWS] for at in range(0, len(model_input), ROWS)]
        return np.concatenate([np.empty(0), *map(self._predict, blocks)])

    def _predict(self, block: pd.DataFrame) -> NDArray[np.float64]:
        frame = pd.DataFrame({name: _as(kind, block[name]) for name, kind in self.columns.items()})
        if self.key is None:
            return _churn(self.model, frame)
        rows = pa.table({"customer": pa.array(block[self.key]), "row": np.arange(len(block))})
        scores: NDArray[np.float64] = self.model.score(
            rows, lambda part, some: _churn(part, frame.iloc[some.column("row").to_numpy()])
        )
        return scores


def _as(kind: str, values: "pd.Series[Any]") -> "pd.Series[Any]":
    if kind == "number":
        return values.astype("float64").reset_index(drop=True)
    categorical: pd.Series[Any] = values.astype("category").reset_index(drop=True)
    return categorical.cat.set_categories(sorted(categorical.cat.categories))


def _churn(model: Any, frame: pd.DataFrame) -> NDArray[np.float64]:
    return np.asarray(model.predict_proba(frame), dtype=np.float64)[:, 1]


def _load_pyfunc(data_path: str) -> ChurnModel:
    folder = Path(data_path)
    given = json.loads((folder / "columns.json").read_text())
    return ChurnModel(joblib.load(folder / "model.joblib"), given["columns"], given["key"])
