"""An explainer as plain arrays: the same bytes for the same model, the same bits from them, nothing else opened."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logit

from churn_assets.core.models.cross_fitting import FOLDS, CrossFitted, fold_of, known_hashes
from churn_assets.core.models.model import predict
from churn_assets.core.options import Estimator, Recipe
from churn_assets.core.reasons.explainer import Explainer, Unexplainable, build_explainer
from churn_assets.core.reasons.proof import prove_reasons
from churn_assets.core.reasons.serialization import ReasonsUnreadable, explainer_from_npz, explainer_to_npz
from churn_assets.core.training.fitting import fit
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")
VERSION = "20260131-0123abcd"
ROWS = labelled_rows(300, seed=1, plans=("a", "b\0", "ü", None))
APART = "they cannot be read (ValueError: the tables do not fit together)"
SMALL: dict[str, dict[str, Any]] = {
    "hist_gradient_boosting": {"max_iter": 5},
    "gradient_boosting": {"n_estimators": 5},
    "ada_boost": {"n_estimators": 5},
    "logistic_regression": {},
}


def _fitted(estimator: Estimator = "hist_gradient_boosting") -> Any:
    return fit(ROWS, Recipe(estimator=estimator, parameters=SMALL[estimator]), COLUMNS)


def _explainer(pipeline: Any) -> Explainer:
    explainer = build_explainer(pipeline, COLUMNS, ROWS.features.slice(0, 50))
    assert not isinstance(explainer, Unexplainable)
    return explainer


def _never() -> Any:
    raise AssertionError("the artefact was opened")


def _changed(npz: bytes, **changes: Callable[[NDArray[Any]], Any]) -> bytes:
    """The same file with some of its arrays changed."""
    with np.load(BytesIO(npz), allow_pickle=False) as stored:
        arrays = {name.replace("0.tables.", ""): name for name in stored}
        content = {name: stored[name] for name in stored}
    content |= {arrays[name]: change(content[arrays[name]]) for name, change in changes.items()}
    changed = BytesIO()
    np.savez(changed, **content)
    return changed.getvalue()


@pytest.mark.parametrize("estimator", list(SMALL))
def test_stored_explainer_gives_the_same_bits(estimator: Estimator) -> None:
    """What is read explains as what was written, to the bit, and is written the same again; so is one made anew."""
    pipeline = _fitted(estimator)
    explainer = _explainer(pipeline)

    npz = explainer_to_npz(explainer, VERSION)

    read = explainer_from_npz(npz, VERSION, lambda: pipeline)
    assert read.contributions(ROWS.features).tobytes() == explainer.contributions(ROWS.features).tobytes()
    assert (read.base_value, read.feature_columns) == (explainer.base_value, COLUMNS)
    assert explainer_to_npz(read, VERSION) == explainer_to_npz(_explainer(_fitted(estimator)), VERSION) == npz


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "logistic_regression"])
def test_what_is_stored_explains_by_itself(estimator: Estimator) -> None:
    """Neither the artefact nor any pickle is needed where features are read as they are; and no customer is in it."""
    npz = explainer_to_npz(_explainer(_fitted(estimator)), VERSION)

    explainer = explainer_from_npz(npz, VERSION, _never)

    assert explainer.contributions(ROWS.features).any()
    assert b"c000" not in npz
    assert all(name.endswith(".npy") for name in ZipFile(BytesIO(npz)).namelist())


def test_cross_fitted_model_is_explained_by_who_scores() -> None:
    """Who was learnt from is explained by the model that did not learn from them, from its own base value."""
    recipe, fold = Recipe(parameters=SMALL["hist_gradient_boosting"]), fold_of(ROWS.ids)
    folds = tuple(fit(ROWS.keep(fold != number), recipe, COLUMNS) for number in range(FOLDS))
    pipeline = CrossFitted(fit(ROWS, recipe, COLUMNS), folds, known_hashes(ROWS.ids[:200]))

    reasons = prove_reasons(pipeline, COLUMNS, ROWS.features.slice(0, 50), ROWS.features)

    assert not isinstance(reasons.explainer, Unexplainable)
    explainer = explainer_from_npz(explainer_to_npz(reasons.explainer, VERSION), VERSION, lambda: pipeline)
    given = explainer.base_values(ROWS.features) + explainer.contributions(ROWS.features).sum(axis=1)
    assert given == pytest.approx(logit(predict(pipeline, ROWS.features, COLUMNS)), abs=1e-9)
    assert explainer.contributions(ROWS.features.slice(0, 0)).shape == (0, 3)


@pytest.mark.parametrize(
    ("damage", "clause"),
    [
        (lambda npz: npz[:-1], "they cannot be read (BadZipFile: "),
        (lambda npz: npz[: len(npz) // 2] + b"\0" + npz[len(npz) // 2 + 1 :], "they cannot be read ("),
        (
            lambda npz: _changed(npz, format=lambda _: np.array(99)),
            "they have format 99, and",
        ),
        (
            lambda npz: _changed(npz, players=lambda held: held + 3),
            APART,
        ),
        (
            lambda npz: _changed(npz, columns=lambda held: held - 1),
            APART,
        ),
        (
            lambda npz: _changed(npz, offsets=lambda held: held + 9),
            APART,
        ),
        (lambda npz: _changed(npz, values=lambda held: held[1:]), APART),
    ],
)
def test_damaged_bytes_are_refused(damage: Callable[[bytes], bytes], clause: str) -> None:
    """Bytes that are not what was written have a clause, and no number of theirs is looked up."""
    npz = explainer_to_npz(_explainer(_fitted()), VERSION)

    with pytest.raises(ReasonsUnreadable) as raised:
        explainer_from_npz(damage(npz), VERSION, _never)

    assert str(raised.value).startswith(clause)


def test_reasons_of_another_model_are_refused() -> None:
    """A file names its model, and serves no other."""
    npz = explainer_to_npz(_explainer(_fitted()), "20250101-00000000")

    with pytest.raises(ReasonsUnreadable, match="they are those of 20250101-00000000"):
        explainer_from_npz(npz, VERSION, _never)
