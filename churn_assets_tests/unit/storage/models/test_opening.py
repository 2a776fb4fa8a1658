"""A model is opened with the kernel that was kept beside it, and never without a proof that holds today."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import joblib
import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.errors import ModelFault
from churn_assets.core.features import compute_features
from churn_assets.core.models.card import EXACT, ModelCard
from churn_assets.core.models.golden import freeze_golden, with_kernel
from churn_assets.core.models.model import Model
from churn_assets.core.options import Recipe
from churn_assets.core.training.dataset import LabelledRows
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.predictor import TreeKernel
from churn_assets.storage.models.opening import open_proven
from churn_assets.storage.models.store import ModelStore
from churn_assets_tests.factories import MEMBERS, SNAPSHOT, customers_of, member_columns
from churn_assets_tests.storage_factories import make_card, make_kept

LIBRARIES = {"scikit-learn": "1.8"}
OTHERS = {"scikit-learn": "1.9"}


@cache
def _customers() -> pa.Table:
    return customers_of(MEMBERS, member_columns(400, since=[f"2025-{1 + row % 5:02d}-15" for row in range(400)]))


@cache
def _model(
    estimator: Literal["hist_gradient_boosting", "gradient_boosting", "logistic_regression"],
    calibration: Literal["none", "isotonic"],
    balance: Literal["none", "weights"],
) -> Model:
    features = compute_features(_customers(), MEMBERS, {"few_visits": 3}, SNAPSHOT)
    risk = np.asarray(_customers().column("visits").to_pylist()) / 7
    churned = np.random.default_rng(1).random(400) < 0.8 - 0.6 * risk
    rows = LabelledRows(features, churned, np.full(400, np.datetime64(SNAPSHOT)))
    recipe = Recipe(estimator=estimator, calibration=calibration, balance=balance)
    card = make_card(
        profile=MEMBERS.name,
        feature_columns=MEMBERS.feature_columns,
        feature_parameters={"few_visits": 3},
        recipe=recipe,
        chosen=recipe,
    )
    return Model(fit(rows, recipe, MEMBERS.feature_columns), card)


@dataclass
class Opened:
    """A store with one model, and which of its pickles were opened."""

    store: ModelStore
    card: ModelCard
    files: list[str]

    def open(self, libraries: dict[str, str] = LIBRARIES) -> tuple[Model, str]:
        """The model, as whoever scores gets it."""
        return open_proven(self.store, self.card, MEMBERS, libraries)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pickles that are opened."""
    files: list[str] = []
    load = joblib.load

    def watching(path: Path) -> Any:
        files.append(path.name)
        return load(path)

    monkeypatch.setattr(joblib, "load", watching)
    return files


def _stored(folder: Path, files: list[str], model: Model, kernel: TreeKernel | None, *, exact: bool = True) -> Opened:
    golden = freeze_golden(model, MEMBERS, _customers().slice(0, 40), SNAPSHOT)
    kept = replace(make_kept(), golden=golden, kernel=kernel)
    store = ModelStore(folder / "models")
    card = model.card.model_copy(update={"kernel": EXACT if exact else ""})
    return Opened(store, store.save(model.pipeline, card, kept), files)


def _proven(model: Model) -> TreeKernel:
    golden = freeze_golden(model, MEMBERS, _customers().slice(0, 40), SNAPSHOT)
    proven, why = with_kernel(model, MEMBERS, golden, LIBRARIES)
    assert proven.kernel is not None, why
    return proven.kernel


def _trees(balance: Literal["none", "weights"] = "none", calibration: Literal["none", "isotonic"] = "none") -> Model:
    return _model("hist_gradient_boosting", calibration, balance)


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(_trees, id="trees"),
        pytest.param(lambda: _trees("weights", "isotonic"), id="balanced and calibrated"),
        pytest.param(lambda: _model("gradient_boosting", "none", "none"), id="steps before the trees"),
    ],
)
def test_a_kept_kernel_is_all_that_is_opened(tmp_path: Path, watched: list[str], model: Any) -> None:
    """Under the libraries of the card the artefact stays closed, and every customer gets the artefact's very bits."""
    fitted = model()
    opened = _stored(tmp_path, watched, fitted, _proven(fitted))

    quick, why = opened.open()

    assert (watched, why, quick.pipeline) == (["kernel.joblib"], "", None)
    given = quick.score_customers(MEMBERS, _customers(), SNAPSHOT)
    assert given.tobytes() == fitted.score_customers(MEMBERS, _customers(), SNAPSHOT).tobytes()


def test_under_other_libraries_the_kernel_is_proven_anew(tmp_path: Path, watched: list[str]) -> None:
    """A proof that was made under other versions says nothing: the kernel that was kept is not even opened."""
    opened = _stored(tmp_path, watched, _trees(), _proven(_trees()))

    model, why = opened.open(OTHERS)

    assert (watched, why) == (["model.joblib"], "")
    assert model.kernel is not None


def test_a_kernel_that_gives_other_scores_is_not_used(tmp_path: Path, watched: list[str]) -> None:
    """Golden rows that the kept kernel does not give to the bit are given by one that is compiled from the artefact."""
    kernel = _proven(_trees())
    leaves = np.nextafter(kernel.tables.trees.leaves, np.inf)
    other = replace(kernel, tables=replace(kernel.tables, trees=kernel.tables.trees._replace(leaves=leaves)))
    opened = _stored(tmp_path, watched, _trees(), other)

    model, why = opened.open()

    assert (watched, why) == (["kernel.joblib", "model.joblib"], "")
    given = model.score_customers(MEMBERS, _customers(), SNAPSHOT)
    assert given.tobytes() == _trees().score_customers(MEMBERS, _customers(), SNAPSHOT).tobytes()


def test_a_model_without_a_kept_kernel_gets_one(tmp_path: Path, watched: list[str]) -> None:
    """What an earlier release trained is compiled when it is opened."""
    opened = _stored(tmp_path, watched, _trees(), None)

    model, why = opened.open()

    assert (watched, why) == (["model.joblib"], "")
    assert model.kernel is not None


def test_a_model_of_another_kind_is_scored_by_scikit_learn(tmp_path: Path, watched: list[str]) -> None:
    """Where no kernel can be, the pipeline scores, and a clause says why."""
    opened = _stored(tmp_path, watched, _model("logistic_regression", "none", "none"), None, exact=False)

    model, why = opened.open()

    assert (watched, why) == (["model.joblib"], "logistic_regression is no boosted ensemble of trees")
    assert model.kernel is None


@pytest.mark.parametrize("name", ["kernel.joblib", "model.joblib", "golden.parquet"])
@pytest.mark.parametrize("damage", ["missing", "other bytes"])
def test_no_damaged_model_is_used(tmp_path: Path, watched: list[str], name: str, damage: str) -> None:
    """A file that is not the card's stops the model, also the artefact of which only the kernel is needed."""
    opened = _stored(tmp_path, watched, _trees(), _proven(_trees()))
    path = opened.store.root / opened.card.model_version / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"!")

    with pytest.raises(ModelFault, match=name):
        opened.open()

    assert watched == []


def test_changed_feature_code_stops_the_model(tmp_path: Path, watched: list[str]) -> None:
    """Golden rows that come out otherwise because `add_features` changed are told, and nothing is scored."""
    opened = _stored(tmp_path, watched, _trees(), _proven(_trees()))

    def changed(customers: Any, *, few_visits: int = 3) -> Any:
        return MEMBERS.add_features(customers.assign(visits=7 - customers["visits"]), few_visits=few_visits)

    with pytest.raises(ModelFault, match="gives other scores to"):
        open_proven(opened.store, opened.card, replace(MEMBERS, add_features=changed), LIBRARIES)
