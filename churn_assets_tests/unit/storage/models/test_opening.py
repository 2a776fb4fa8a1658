"""A model is opened with its stored kernel, and never without a proof that holds today."""

import hashlib
import pickle
import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import joblib
import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.errors import ModelFault
from churn_assets.core.features import compute_features
from churn_assets.core.models.card import EXACT, ModelCard, sealed
from churn_assets.core.models.golden import ProvenModel, freeze_golden, with_kernel
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

    def open(self, libraries: dict[str, str] = LIBRARIES) -> ProvenModel:
        """The model, as whoever scores gets it."""
        return open_proven(self.store, self.card, MEMBERS, libraries)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pickles that are opened."""
    files: list[str] = []
    load = joblib.load

    def watching(source: BytesIO | Path) -> Any:
        files.append(source.name if isinstance(source, Path) else "model.joblib")  # the one whose bytes are handed over
        return load(source)

    monkeypatch.setattr(joblib, "load", watching)
    return files


def _stored(folder: Path, files: list[str], model: Model, kernel: TreeKernel | None, *, exact: bool = True) -> Opened:
    golden = freeze_golden(model, MEMBERS, _customers().slice(0, 40), SNAPSHOT)
    stored = replace(make_kept(), golden=golden, kernel=kernel)
    store = ModelStore(folder / "models")
    card = model.card.model_copy(update={"kernel": EXACT if exact else ""})
    return Opened(store, store.save(model.pipeline, card, stored), files)


def _proven(model: Model) -> TreeKernel:
    golden = freeze_golden(model, MEMBERS, _customers().slice(0, 40), SNAPSHOT)
    proven = with_kernel(model, MEMBERS, golden)
    assert isinstance(proven.model.kernel, TreeKernel), proven.reason
    return proven.model.kernel


def _trees(balance: Literal["none", "weights"] = "none", calibration: Literal["none", "isotonic"] = "none") -> Model:
    return _model("hist_gradient_boosting", calibration, balance)


def _same_scores(first: Model, second: Model) -> bool:
    given, expected = (each.score_customers(MEMBERS, _customers(), SNAPSHOT) for each in (first, second))
    return given.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(_trees, id="trees"),
        pytest.param(lambda: _trees("weights", "isotonic"), id="balanced and calibrated"),
    ],
)
def test_no_pickle_is_opened_where_there_is_a_kernel(tmp_path: Path, watched: list[str], model: Any) -> None:
    """Under the libraries of the card the artefact stays closed, and every customer gets the artefact's very bits."""
    fitted = model()
    opened = _stored(tmp_path, watched, fitted, _proven(fitted))

    quick = opened.open()

    assert (watched, quick.reason, quick.model.pipeline) == ([], "", None)
    assert _same_scores(quick.model, fitted)


def test_a_night_with_a_kernel_loads_no_scikit_learn(tmp_path: Path) -> None:
    """What follows the trees is in the kernel's file too: nothing of the library is needed to open and score."""
    fitted = _trees("weights", "isotonic")
    opened = _stored(tmp_path, [], fitted, _proven(fitted))
    code = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from churn_assets.storage.models.store import ModelStore
        store = ModelStore(Path({str(opened.store.root)!r}))
        kernel = store.kernel(store.card({opened.card.model_version!r}))
        print(kernel.link.odds_factor, kernel.link.calibration is not None, "sklearn" in sys.modules)
        """
    )

    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    factor, *others = ended.stdout.split()
    assert float(factor) > 0
    assert others == ["True", "False"]


def test_a_model_is_stored_with_the_same_kernel_each_time(tmp_path: Path) -> None:
    """Two folders of one model hold the same `kernel.npz`, byte by byte."""
    cards = [_stored(tmp_path / name, [], _trees(), _proven(_trees())).card for name in ("first", "second")]

    assert cards[0].files["kernel.npz"] == cards[1].files["kernel.npz"]


def test_a_kernel_that_needs_scikit_learn_is_proven_anew(tmp_path: Path, watched: list[str]) -> None:
    """Where steps come before the trees no kernel is stored: it is compiled and proven when the model is opened."""
    fitted = _model("gradient_boosting", "none", "none")
    opened = _stored(tmp_path, watched, fitted, _proven(fitted))

    proven = opened.open()

    assert not {"kernel.npz", "kernel.joblib"} & set(opened.card.files)
    assert (watched, proven.reason) == (["model.joblib"], "")
    assert proven.model.kernel is not None
    assert _same_scores(proven.model, fitted)


def test_under_other_libraries_the_kernel_is_proven_anew(tmp_path: Path, watched: list[str]) -> None:
    """A proof that was made under other versions says nothing: the stored kernel is not even opened."""
    opened = _stored(tmp_path, watched, _trees(), _proven(_trees()))

    proven = opened.open(OTHERS)

    assert (watched, proven.reason) == (["model.joblib"], "")
    assert proven.model.kernel is not None


def test_a_kernel_that_gives_other_scores_is_not_used(tmp_path: Path, watched: list[str]) -> None:
    """Golden rows that the stored kernel does not give to the bit are given by one compiled from the artefact."""
    kernel = _proven(_trees())
    leaves = np.nextafter(kernel.tables.trees.leaves, np.inf)
    other = replace(kernel, tables=replace(kernel.tables, trees=kernel.tables.trees._replace(leaves=leaves)))
    opened = _stored(tmp_path, watched, _trees(), other)

    proven = opened.open()

    assert (watched, proven.reason) == (["model.joblib"], "")
    assert _same_scores(proven.model, _trees())


def test_a_model_without_a_stored_kernel_gets_one(tmp_path: Path, watched: list[str]) -> None:
    """What an earlier release trained is compiled when it is opened."""
    opened = _stored(tmp_path, watched, _trees(), None)

    proven = opened.open()

    assert (watched, proven.reason) == (["model.joblib"], "")
    assert proven.model.kernel is not None


def _with_file(opened: Opened, name: str, content: bytes) -> Opened:
    """The same model in whose folder `name` is this file, and whose card vouches for it."""
    (opened.store.root / opened.card.model_version / name).write_bytes(content)
    files = opened.card.files | {name: hashlib.sha256(content).hexdigest()}
    card = sealed(opened.card.model_copy(update={"files": files}))
    (opened.store.root / card.model_version / "card.json").write_text(card.model_dump_json(indent=2))
    return replace(opened, card=card)


def _with_arrays(npz: bytes, *, without: str = "", **changes: Any) -> bytes:
    with np.load(BytesIO(npz), allow_pickle=False) as stored:
        arrays = {name: array for name, array in (dict(stored) | changes).items() if name != without}
    changed = BytesIO()
    np.savez(changed, **arrays)
    return changed.getvalue()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda npz: npz[: len(npz) // 2], "it cannot be read", id="truncated"),
        pytest.param(lambda _: b"", "it cannot be read", id="empty"),
        pytest.param(lambda npz: _with_arrays(npz, format=np.array(3)), "it has format 3", id="another format"),
        pytest.param(lambda npz: _with_arrays(npz, without="trees.leaves"), "it cannot be read", id="missing array"),
        pytest.param(pickle.dumps, "it cannot be read", id="a pickle"),
    ],
)
def test_a_kernel_that_is_not_understood_is_proven_anew(
    tmp_path: Path, watched: list[str], caplog: pytest.LogCaptureFixture, change: Any, reason: str
) -> None:
    """A file that the card vouches for, and that holds no kernel of this release, costs time and no night."""
    opened = _stored(tmp_path, watched, _trees(), _proven(_trees()))
    path = opened.store.root / opened.card.model_version / "kernel.npz"
    opened = _with_file(opened, "kernel.npz", change(path.read_bytes()))

    with caplog.at_level("WARNING", "churn_assets"):
        proven = opened.open()

    assert (watched, proven.reason) == (["model.joblib"], "")
    assert proven.model.kernel is not None
    assert _same_scores(proven.model, _trees())
    assert f"kernel.npz is not used, the kernel is compiled and proven anew: {reason}" in caplog.text


def test_a_missing_kernel_is_proven_anew(tmp_path: Path, watched: list[str]) -> None:
    """A kernel that was deleted costs time and no night: the artefact has everything that was in it."""
    opened = _stored(tmp_path, watched, _trees(), _proven(_trees()))
    (opened.store.root / opened.card.model_version / "kernel.npz").unlink()

    proven = opened.open()

    assert (watched, proven.reason) == (["model.joblib"], "")
    assert _same_scores(proven.model, _trees())


def test_a_pickled_kernel_of_an_earlier_revision_is_never_loaded(tmp_path: Path, watched: list[str]) -> None:
    """A `kernel.joblib` of modules that are gone is verified with its folder, and otherwise left alone."""
    gone = b"cchurn_assets.core.renamed_away\nTreeKernel\n."  # a pickle that imports a module that is not there
    opened = _with_file(_stored(tmp_path, watched, _trees(), None), "kernel.joblib", gone)

    proven = opened.open()

    with pytest.raises(ModuleNotFoundError):
        pickle.loads(gone)  # noqa: S301  # what loading it would do
    assert opened.store.verify(opened.card.model_version) == opened.card
    assert (watched, proven.reason) == (["model.joblib"], "")
    assert _same_scores(proven.model, _trees())


def test_a_changed_kernel_of_an_earlier_revision_is_found(tmp_path: Path) -> None:
    """A `kernel.joblib` that is not the card's fails `verify`, though nobody loads it."""
    opened = _with_file(_stored(tmp_path, [], _trees(), None), "kernel.joblib", b"old")
    (opened.store.root / opened.card.model_version / "kernel.joblib").write_bytes(b"other")

    with pytest.raises(ModelFault, match=r"kernel\.joblib has SHA-256"):
        opened.store.verify(opened.card.model_version)


def test_a_model_of_another_kind_is_scored_by_scikit_learn(
    tmp_path: Path, watched: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Where no kernel can be, the pipeline scores, a clause says why, and the error behind it is in the log."""
    opened = _stored(tmp_path, watched, _model("logistic_regression", "none", "none"), None, exact=False)

    with caplog.at_level("DEBUG", "churn_assets"):
        proven = opened.open()

    assert (watched, proven.reason) == (["model.joblib"], "logistic_regression is no boosted ensemble of trees")
    assert proven.model.kernel is None
    assert "KernelUnsupported: logistic_regression is no boosted ensemble of trees" in caplog.text


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("kernel.npz", "other bytes"),
        ("model.joblib", "other bytes"),
        ("model.joblib", "missing"),
        ("golden.parquet", "other bytes"),
        ("golden.parquet", "missing"),
    ],
)
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


def test_a_kernel_that_fails_on_the_golden_rows_leaves_its_error_in_the_log(
    tmp_path: Path, watched: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What a stored kernel fails with is logged, and the model is compiled and proven from its artefact."""
    kernel = _proven(_trees())
    other = replace(kernel, names=("no such column", *kernel.names[1:]))
    opened = _stored(tmp_path, watched, _trees(), other)

    with caplog.at_level("DEBUG", "churn_assets"):
        proven = opened.open()

    assert (watched, proven.reason) == (["model.joblib"], "")
    assert "no such column" in caplog.text


def test_changed_feature_code_stops_the_model(tmp_path: Path, watched: list[str]) -> None:
    """Golden rows that come out otherwise because `add_features` changed are named, and nothing is scored."""
    opened = _stored(tmp_path, watched, _trees(), _proven(_trees()))

    def changed(customers: Any, *, few_visits: int = 3) -> Any:
        return MEMBERS.add_features(customers.assign(visits=7 - customers["visits"]), few_visits=few_visits)

    with pytest.raises(ModelFault, match="gives other scores to"):
        open_proven(opened.store, opened.card, replace(MEMBERS, add_features=changed), LIBRARIES)
