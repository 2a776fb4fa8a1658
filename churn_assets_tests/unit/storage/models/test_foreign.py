"""Files of models that were made elsewhere: what is opened, with whose trust, and what is said of the others."""

import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

from churn_assets.core.errors import InputError
from churn_assets.core.models.foreign import check_classes, modules_of, wanted_columns
from churn_assets.storage.models.foreign import open_foreign
from churn_assets_tests.extras import needs

RAN: list[str] = []


class Trap:
    """What runs code as soon as it is opened."""

    def __reduce__(self) -> tuple[Any, ...]:
        return RAN.append, ("it ran",)


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"spend": rng.normal(size=200), "visits": rng.integers(0, 9, 200).astype(float)})


def _labels() -> "np.ndarray[Any, Any]":
    return (_frame()["visits"] < 3).to_numpy().astype(int)


def _mlflow(folder: Path, **flavors: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))
    return folder


def test_a_pickle_is_opened_with_trust_alone(tmp_path: Path) -> None:
    """Without trust nothing of it is opened, in a file or in an MLflow folder; the sentence says that it runs code."""
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(Trap()))
    folder = _mlflow(tmp_path / "folder", sklearn={"pickled_model": "model.pkl"})
    (folder / "model.pkl").write_bytes(pickle.dumps(Trap()))

    for path in (file, folder):
        with pytest.raises(InputError, match=r"runs whatever code its maker put into it.*--trust.*it was not opened$"):
            open_foreign(path, trust=False)

    assert RAN == []


@pytest.mark.parametrize("dump", [joblib.dump, lambda model, path: path.write_bytes(pickle.dumps(model))])
def test_joblib_and_pickle_give_the_model(tmp_path: Path, dump: Any) -> None:
    """Either file gives the model again, with its digest; the same in an MLflow folder of scikit-learn's flavor."""
    model = LogisticRegression().fit(_frame(), _labels())
    dump(model, tmp_path / "model.pkl")
    folder = _mlflow(tmp_path / "folder", sklearn={"pickled_model": "model.pkl"}, python_function={})
    dump(model, folder / "model.pkl")

    opened = [open_foreign(path, trust=True) for path in (tmp_path / "model.pkl", folder)]

    expected = model.predict_proba(_frame())
    assert [each.kind for each in opened] == ["pickle", "MLflow sklearn"]
    assert all(each.model.predict_proba(_frame()).tobytes() == expected.tobytes() for each in opened)
    assert len({each.sha256 for each in opened}) == 2
    assert [wanted_columns(each, "acme", ["visits", "spend"]) for each in opened] == [("spend", "visits")] * 2


@pytest.mark.parametrize("library", [pytest.param(name, marks=needs(name)) for name in ("lightgbm", "xgboost")])
def test_plain_data_of_a_library_needs_no_trust(tmp_path: Path, library: str) -> None:
    """What LightGBM and XGBoost write themselves runs no code, and gives the same bits as the model it is of."""
    module = import_module(library)
    data = {"lightgbm": "model.lgb", "xgboost": "model.ubj"}[library]
    folder = _mlflow(tmp_path / "folder", **{library: {"data": data}})
    if library == "lightgbm":
        model = module.LGBMClassifier(n_estimators=5, verbosity=-1).fit(_frame(), _labels())
        model.booster_.save_model(folder / data)
    else:
        model = module.XGBClassifier(n_estimators=5).fit(_frame(), _labels())
        model.save_model(folder / data)

    opened = open_foreign(folder, trust=False)

    check_classes(opened)
    assert wanted_columns(opened, "acme", ["visits", "spend"]) == ("spend", "visits")
    given = opened.model.predict_proba(_frame())
    assert np.asarray(given, dtype=float).tobytes() == np.asarray(model.predict_proba(_frame()), dtype=float).tobytes()
    assert any(name.startswith(library) for name in modules_of(opened.model))


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    """A path that is not there, a folder that is no MLflow model, other flavors, a damaged file: a sentence each."""
    (tmp_path / "torn.pkl").write_bytes(pickle.dumps(LogisticRegression())[:-5])
    (tmp_path / "folder").mkdir()
    other = _mlflow(tmp_path / "other", pytorch={"data": "x"})
    outside = _mlflow(tmp_path / "outside", sklearn={"pickled_model": "../torn.pkl"})
    sentences = {
        tmp_path / "absent.pkl": "there is no such file or folder",
        tmp_path / "torn.pkl": "it cannot be opened as a model",
        tmp_path / "folder": "no MLflow model, it holds no readable file MLmodel with flavors",
        other: "its flavors are pytorch; sklearn, lightgbm, xgboost and catboost can be imported",
        outside: "MLmodel names ../torn.pkl, which is not in the folder",
    }

    for path, sentence in sentences.items():
        with pytest.raises(InputError, match=sentence):
            open_foreign(path, trust=True)
