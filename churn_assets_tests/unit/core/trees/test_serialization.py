"""A kernel as plain arrays: the same bytes for the same kernel, the same bits from them, and nothing else is opened."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray

from churn_assets.core.options import Recipe
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.compiler import compile_kernel
from churn_assets.core.trees.predictor import TreeKernel
from churn_assets.core.trees.serialization import KernelUnreadable, kernel_from_npz, kernel_to_npz
from churn_assets_tests.factories import labelled_rows

COLUMNS = ("spend", "active", "plan")
ARRAYS = [
    "format", "columns", "names", "categories", "used", "odds_factor", "sigmoid", "isotonic",
    *(f"grid0.{name}" for name in ("thresholds", "buckets", "low", "scale", "most", "missing")),
    *(f"trees.{name}" for name in ("features", "tables", "columns", "steps", "first", "leaves", "baseline")),
]  # fmt: skip

Arrays = dict[str, NDArray[Any]]


def _kernel(balance: Any = "none", calibration: Any = "none", **parameters: Any) -> TreeKernel:
    recipe = Recipe(balance=balance, calibration=calibration, parameters={"max_iter": 5, **parameters})
    fitted = fit(labelled_rows(600, seed=1, plans=("a", "b\0", "ü", None)), recipe, COLUMNS)
    return compile_kernel(fitted, COLUMNS).kernel


def _npz(kernel: TreeKernel) -> bytes:
    npz = kernel_to_npz(kernel)
    assert npz is not None
    return npz


def _arrays(npz: bytes) -> Arrays:
    with np.load(BytesIO(npz), allow_pickle=False) as stored:
        return dict(stored)


def _saved(arrays: Arrays) -> bytes:
    npz = BytesIO()
    np.savez(npz, **arrays)  # type: ignore[arg-type]  # numpy's own stub takes an array for a flag
    return npz.getvalue()


@pytest.mark.parametrize("calibration", ["none", "sigmoid", "isotonic"])
@pytest.mark.parametrize("balance", ["none", "weights", "undersample"])
def test_stored_kernel_gives_the_same_bits(balance: Any, calibration: Any) -> None:
    """Whatever follows the trees, what is read predicts what was written, to the bit, and is written the same again."""
    kernel = _kernel(balance, calibration)
    rows = labelled_rows(3000, seed=2, plans=("ü", "b", "b\0", None)).features

    npz = _npz(kernel)
    read = kernel_from_npz(npz)

    assert read.predict(rows).tobytes() == kernel.predict(rows).tobytes()
    assert (read.columns, read.names) == (kernel.columns, kernel.names)
    assert kernel_to_npz(read) == npz


def test_kernel_without_a_split_is_stored() -> None:
    """Trees of a single leaf each, of which no step and no threshold is, come back."""
    kernel = _kernel(min_samples_leaf=600)
    rows = labelled_rows(10, seed=2).features

    read = kernel_from_npz(_npz(kernel))

    assert kernel.tables.used == []
    assert read.predict(rows).tobytes() == kernel.predict(rows).tobytes()


def test_the_same_model_gives_the_same_bytes() -> None:
    """Two fits of the same rows are the same file, in which no time of writing is."""
    first, second = _npz(_kernel("weights", "isotonic")), _npz(_kernel("weights", "isotonic"))

    assert first == second
    with ZipFile(BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("parameters", [{}, {"loss": "exponential"}])
def test_kernel_that_needs_scikit_learn_is_not_stored(parameters: dict[str, Any]) -> None:
    """What is behind scikit-learn's own steps has no plain arrays."""
    recipe = Recipe(estimator="gradient_boosting", parameters={"n_estimators": 2, **parameters})
    kernel = compile_kernel(fit(labelled_rows(300, seed=1), recipe, COLUMNS), COLUMNS).kernel

    assert kernel_to_npz(kernel) is None


def test_kernel_of_another_loss_is_not_stored() -> None:
    """A link that only scikit-learn computes has no plain arrays either."""
    kernel = _kernel()

    assert kernel_to_npz(replace(kernel, link=replace(kernel.link, loss=object()))) is None


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_bytes_are_unreadable(share: float) -> None:
    """However much of the end is gone."""
    npz = _npz(_kernel())

    with pytest.raises(KernelUnreadable, match=r"^it cannot be read \("):
        kernel_from_npz(npz[: int(len(npz) * share)])


def test_any_flipped_byte_of_an_array_is_unreadable_or_harmless() -> None:
    """A changed byte is an error or, where it is in a date or another note of the archive, changes no kernel."""
    kernel = _kernel()
    npz = _npz(kernel)
    rng = np.random.default_rng(7)

    refused = 0
    for at in rng.integers(0, len(npz), 200).tolist():
        damaged = bytearray(npz)
        damaged[at] ^= 0xFF
        try:
            read = kernel_from_npz(bytes(damaged))
        except KernelUnreadable:
            refused += 1
        else:
            assert kernel_to_npz(read) == npz, at
    assert refused > 150


@pytest.mark.parametrize("content", [b"", b"no archive", pickle.dumps({"format": 1})])
def test_other_files_are_unreadable(content: bytes) -> None:
    """Bytes that are no archive are not guessed at, a pickle least of all."""
    with pytest.raises(KernelUnreadable, match=r"^it cannot be read \("):
        kernel_from_npz(content)


def test_an_array_of_objects_is_not_unpickled() -> None:
    """Objects in the archive are refused before they come to be."""
    arrays = _arrays(_npz(_kernel()))
    arrays["names"] = np.array([print], dtype=object)

    with pytest.raises(KernelUnreadable, match="allow_pickle=False"):
        kernel_from_npz(_saved(arrays))


def test_another_format_is_named() -> None:
    """What another release wrote says which it is, and nothing more of it is read."""
    arrays = {"format": np.array(3)}

    with pytest.raises(KernelUnreadable, match=r"^it has format 3, and this release reads formats 1 and 2$"):
        kernel_from_npz(_saved(arrays))


def test_every_array_is_listed_here() -> None:
    """The parameters of the test below are all that a kernel of one number and one category holds."""
    assert sorted(name for name in _arrays(_npz(_kernel())) if not name.startswith("grid1.")) == sorted(ARRAYS)


@pytest.mark.parametrize("name", ARRAYS)
def test_missing_array_is_unreadable(name: str) -> None:
    """Each array is needed, also one that says that there is nothing."""
    arrays = _arrays(_npz(_kernel()))
    del arrays[name]

    with pytest.raises(KernelUnreadable, match=name):
        kernel_from_npz(_saved(arrays))


def _with(name: str, change: Callable[[NDArray[Any]], Any]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {**arrays, name: np.asarray(change(arrays[name]))}


def _planted(at: Any, value: Any) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def change(array: NDArray[Any]) -> NDArray[Any]:
        array = array.copy()
        array[at] = value
        return array

    return change


@pytest.mark.parametrize(
    "change",
    [
        _with("used", lambda _: [0, 1, 99]),
        _with("names", lambda _: np.frombuffer(json.dumps(["spend"]).encode(), dtype=np.uint8)),
        _with("grid0.thresholds", lambda values: values[:-2]),
        _with("grid0.thresholds", lambda values: values.astype(np.float32)),
        _with("grid0.thresholds", np.nan_to_num),
        _with("grid0.buckets", lambda counts: counts[:0]),
        _with("grid0.buckets", _planted(-1, 60_000)),
        _with("grid0.most", lambda most: most + 1000),
        _with("grid0.missing", lambda code: code + 1),
        _with("trees.features", _planted(0, -1)),
        _with("trees.features", _planted(0, 3)),
        _with("trees.tables", lambda tables: tables[:, :2]),
        _with("trees.tables", lambda tables: tables[1:]),
        _with("trees.columns", _planted(0, 1000)),
        _with("trees.columns", lambda columns: columns[1:]),
        _with("trees.steps", _planted((0, 2), 255)),
        _with("trees.steps", lambda steps: steps[:, :3]),
        _with("trees.first", _planted(-1, 100_000)),
        _with("trees.first", _planted(1, 2)),
        _with("trees.first", lambda first: first[:-1]),
        _with("trees.leaves", lambda leaves: leaves[:, :2]),
        _with("trees.leaves", lambda leaves: leaves[:3]),
        _with("trees.baseline", lambda _: [0.0, 0.0]),
        _with("sigmoid", lambda _: [[1.0]]),
        _with("isotonic", lambda _: [[1.0, 2.0]] * 3),
    ],
)
def test_arrays_that_do_not_fit_are_unreadable(change: Callable[[Arrays], Arrays]) -> None:
    """No loop is given an index that leads beyond an array."""
    arrays = _arrays(_npz(_kernel()))

    with pytest.raises(KernelUnreadable, match=r"^it cannot be read \("):
        kernel_from_npz(_saved(change(arrays)))
