"""Estimators of a company's own, by the name of a class or a factory."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.errors import SettingsError
from churn_assets.core.models.model import predict
from churn_assets.core.options import Recipe
from churn_assets.core.training.estimators import build_pipeline
from churn_assets.core.training.fitting import fit
from churn_assets.core.training.stability import is_reproducible
from churn_assets_tests.extras import needs
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")
MODULE = '''
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

class Constant:
    """No class of scikit-learn: fit and predict_proba are all it has."""
    def __init__(self, rate=0.5, random_state=None):
        self.rate, self.seed = rate, random_state
    def fit(self, X, y):
        self.columns = X.shape[1]
        return self
    def predict_proba(self, X):
        return np.column_stack([np.full(len(X), 1 - self.rate), np.full(len(X), self.rate)])

class Moody(Constant):
    def fit(self, X, y):
        self.rate = float(np.random.default_rng().random())
        return self

class Mute:
    def fit(self, X, y):
        return self

def whole(parameters, seed):
    return HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed, **parameters)
'''


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A company's module on the path."""
    (tmp_path / "acme_estimators.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_estimators", raising=False)
    return "acme_estimators"


def test_a_class_is_given_numbers_its_parameters_and_the_seed(acme: str) -> None:
    """Anything with fit and predict_proba serves; columns come one-hot and filled, and each candidate can be tried."""
    rows = labelled_rows(300, seed=1)

    pipeline = fit(rows, Recipe(estimator=f"{acme}:Constant", parameters={"rate": 0.25}, seed=7), COLUMNS)
    trees = fit(
        rows, Recipe(estimator="sklearn.ensemble:ExtraTreesClassifier", parameters={"n_estimators": 10}), COLUMNS
    )

    model = pipeline[-1].model
    assert (model.rate, model.seed, model.columns > len(COLUMNS)) == (0.25, 7, True)
    assert set(predict(pipeline, rows.features, COLUMNS)) == {0.25}
    probability = predict(trees, rows.features, COLUMNS)
    assert probability[rows.churned].mean() > probability[~rows.churned].mean()


def test_a_factory_is_given_the_features_as_they_are(acme: str) -> None:
    """What a function builds gets categoricals and gaps, the parameters, and the seed."""
    rows = labelled_rows(300, seed=2)

    pipeline = fit(rows, Recipe(estimator=f"{acme}:whole", parameters={"max_iter": 5}, seed=3), COLUMNS)

    assert (pipeline[-1].max_iter, pipeline[-1].random_state) == (5, 3)
    assert pipeline[-1].is_categorical_.tolist() == [False, False, True]


def test_whether_a_second_fit_agrees_is_found(acme: str) -> None:
    """An estimator that draws without its seed is not reproducible; one that does not draw is."""
    rows = labelled_rows(300, seed=4)
    found = {}
    for name in ("Constant", "Moody"):
        recipe = Recipe(estimator=f"{acme}:{name}")
        found[name] = is_reproducible(fit(rows, recipe, COLUMNS), rows, rows, recipe, COLUMNS)

    assert found == {"Constant": True, "Moody": False}


@pytest.mark.parametrize(
    ("estimator", "parameters", "sentence"),
    [
        ("no_such_module:X", {}, r"module 'no_such_module' cannot be imported \(ModuleNotFoundError"),
        ("acme_estimators:Absent", {}, "'acme_estimators' has no Absent; correct the name after the colon"),
        ("acme_estimators:Mute", {}, "has no predict_proba; a model of churn is fitted, and gives probabilities"),
        ("acme_estimators:Constant", {"mood": 1}, r"cannot be built with training.parameters \{'mood': 1\}"),
        ("profile", {}, "is what a profile's build_estimator builds"),
        ("imported", {}, "a model that was imported is not fitted here"),
    ],
)
@pytest.mark.usefixtures("acme")
def test_what_cannot_be_built_is_told(estimator: str, parameters: dict[str, Any], sentence: str) -> None:
    """One sentence says what is wrong with the name, before anything runs."""
    with pytest.raises(SettingsError, match=rf"^training\.estimator: .*{sentence}"):
        build_pipeline(Recipe(estimator=estimator, parameters=parameters), ["spend"], ["plan"])


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "catboost"])
def test_a_missing_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a library is not installed, the sentence names the extra that brings it."""
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(SettingsError, match=rf"^training\.estimator: {name} cannot be loaded .*churn-assets\[{name}\]"):
        build_pipeline(Recipe(estimator=name), ["spend"], ["plan"])


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    """A slip in a short name lists the names, and the form of a path."""
    with pytest.raises(ValueError, match=r"'lightgmb' is no estimator: name one of .*lightgbm.*package\.module:Class"):
        Recipe(estimator="lightgmb")


@needs("xgboost")
def test_a_word_that_was_not_learnt_is_missing_to_a_library() -> None:
    """LightGBM and XGBoost see the words of training alone, in their order, whatever a batch holds."""
    rows = labelled_rows(400, seed=5, plans=("a", "b", "c"))
    fitted = fit(rows, Recipe(estimator="xgboost", parameters={"n_estimators": 5}), COLUMNS)
    at = rows.features.column_names.index("plan")
    batches = [pa.array([word] * 400, pa.string()) for word in ("zzz", None)]

    unheard, missing = (predict(fitted, rows.features.set_column(at, "plan", batch), COLUMNS) for batch in batches)

    assert np.array_equal(unheard, missing)
