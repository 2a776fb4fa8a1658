"""A kernel as plain arrays in one `.npz`, and back: no pickle, and no name of a module or class in it."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.trees.ensemble import ROOM, TOGETHER, Tables
from churn_assets.core.trees.predictor import IsotonicCalibration, Link, SigmoidCalibration, TreeKernel

if TYPE_CHECKING:
    from churn_assets.core.trees.loops import Grid, Trees

__all__ = ["KernelUnreadable", "kernel_from_npz", "kernel_to_npz", "npz_of"]

FORMAT = 1  # another one with every change of what the arrays mean
SINGLE = 2  # the same, and the leaves are added in single precision
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every member, so that no clock is in the bytes
GRID: dict[str, tuple[type, int]] = {  # type and number of dimensions of what makes up a `Grid`
    "thresholds": (np.float64, 1),
    "buckets": (np.uint16, 1),
    "low": (np.float64, 0),
    "scale": (np.float64, 0),
    "most": (np.int64, 0),
    "missing": (np.int64, 0),
}
TREES: dict[str, tuple[type, int]] = {  # of `Trees`
    "features": (np.int64, 1),
    "tables": (np.uint8, 2),
    "columns": (np.int64, 1),
    "steps": (np.uint8, 2),
    "first": (np.int64, 1),
    "leaves": (np.float64, 2),
    "baseline": (np.float64, 0),
}
STEP_BYTES = 4


class KernelUnreadable(Exception):
    """Bytes that are no kernel this release understands; the message is a clause that says why."""


def kernel_to_npz(kernel: TreeKernel) -> bytes | None:
    """The bytes of a kernel, the same for the same kernel; None where it needs objects of scikit-learn."""
    if kernel.steps is not None or kernel.link.loss is not None:
        return None
    return npz_of(_arrays(kernel))


def npz_of(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes of arrays by name, the same for the same ones."""
    npz = BytesIO()
    with ZipFile(npz, "w") as archive:  # stored: what compression gives depends on the library's version
        for name, array in arrays.items():
            with archive.open(ZipInfo(f"{name}.npy", EPOCH), "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return npz.getvalue()


def kernel_from_npz(npz: bytes) -> TreeKernel:
    """The kernel that these bytes hold.

    Raises:
        KernelUnreadable: they hold none, one of another format, or one whose tables do not fit together.
    """
    try:
        with np.load(BytesIO(npz), allow_pickle=False) as stored:
            if (number := stored["format"].item()) in {FORMAT, SINGLE}:
                return _kernel(dict(stored))
    except Exception as error:  # whatever zipfile, numpy and json make of damaged bytes
        raise KernelUnreadable(f"it cannot be read ({type(error).__name__}: {error})") from error
    raise KernelUnreadable(f"it has format {number}, and this release reads formats {FORMAT} and {SINGLE}")


def _arrays(kernel: TreeKernel) -> dict[str, NDArray[Any]]:
    tables, link = kernel.tables, kernel.link
    texts = [[feature, sorted(codes, key=codes.__getitem__)] for feature, codes in tables.codes.items()]
    sigmoid = link.calibration if isinstance(link.calibration, SigmoidCalibration) else None
    isotonic = link.calibration if isinstance(link.calibration, IsotonicCalibration) else None
    return {
        "format": np.array(SINGLE if tables.trees.leaves.dtype == np.float32 else FORMAT),
        "columns": _json_bytes(kernel.columns),
        "names": _json_bytes(kernel.names),
        "categories": _json_bytes(texts),
        "used": np.array(tables.used, dtype=np.int64),
        **{
            f"grid{feature}.{name}": np.asarray(getattr(grid, name), dtype=kind)
            for feature, grid in sorted(tables.grids.items())
            for name, (kind, _) in GRID.items()
        },
        **{f"trees.{name}": np.asarray(getattr(tables.trees, name), dtype=kind) for name, (kind, _) in TREES.items()},
        "odds_factor": np.array([] if link.odds_factor is None else [link.odds_factor]),
        "sigmoid": np.array([[sigmoid.slope, sigmoid.intercept]] if sigmoid else []),
        "isotonic": np.array([isotonic.inputs, isotonic.outputs] if isotonic else []),
    }


def _kernel(arrays: Mapping[str, NDArray[Any]]) -> TreeKernel:
    from churn_assets.core.trees.loops import Grid, Trees  # noqa: PLC0415  # numba takes half a second

    names = tuple(_from_json_bytes(arrays["names"]))
    used = arrays["used"].tolist()
    codes = {
        feature: {text: code for code, text in enumerate(texts)}
        for feature, texts in _from_json_bytes(arrays["categories"])
    }
    grids = {
        feature: Grid(**{name: _value(arrays, f"grid{feature}.{name}", *kind) for name, kind in GRID.items()})
        for feature in used
        if feature not in codes
    }
    trees = Trees(**{name: _value(arrays, f"trees.{name}", *kind) for name, kind in TREES.items()})
    for feature in used:
        if feature in grids:
            _check_grid(grids[feature])
    greatest = [grids[feature].missing if feature in grids else len(codes[feature]) for feature in used]
    _check(all(0 <= feature < len(names) for feature in used), "a feature has no name")
    _check_trees(trees, np.array(greatest, dtype=np.int64))
    if arrays["format"].item() == SINGLE:
        trees = trees._replace(leaves=trees.leaves.astype(np.float32))
    return TreeKernel(
        tuple(_from_json_bytes(arrays["columns"])), names, None, None, Tables(used, grids, codes, trees), _link(arrays)
    )


def _link(arrays: Mapping[str, NDArray[Any]]) -> Link:
    odds_factor, sigmoid, isotonic = (arrays[name] for name in ("odds_factor", "sigmoid", "isotonic"))
    calibration: SigmoidCalibration | IsotonicCalibration | None = None
    if len(sigmoid):
        [[slope, intercept]] = sigmoid.tolist()
        calibration = SigmoidCalibration(slope, intercept)
    elif len(isotonic):
        inputs, outputs = isotonic
        calibration = IsotonicCalibration(inputs, outputs)
    return Link(None, odds_factor.item() if len(odds_factor) else None, calibration)


def _value(arrays: Mapping[str, NDArray[Any]], name: str, kind: type, dimensions: int) -> Any:
    """An array as the loops take it, or the number that it holds."""
    array = arrays[name]
    _check(array.dtype == kind and array.ndim == dimensions, f"{name} is of another type or shape")
    return array if dimensions else array.item()


def _check_grid(grid: "Grid") -> None:
    """See that no number gets a code beyond `missing`: the loops do not look whether an array ends."""
    real = grid.missing - 1
    _check(
        0 <= real < len(grid.thresholds)
        and grid.most >= 0
        and (grid.thresholds[real:] == np.inf).all()
        and len(grid.buckets) > 0
        and int(grid.buckets.max()) <= real
        and int(grid.buckets.max()) + max(grid.most, ROOM) <= len(grid.thresholds),
        "a feature's thresholds and buckets do not fit together",
    )


def _check_trees(trees: "Trees", greatest: NDArray[np.int64]) -> None:
    """See that no step leaves its arrays, as above; `greatest` (u) are the greatest codes of the used features."""
    _check(len(trees.features) == len(trees.tables) and _within(trees.features, len(greatest)), "columns do not fit")
    _check(_within(greatest[trees.features], trees.tables.shape[1]), "codes do not fit their columns")
    _check(trees.steps.shape == (len(trees.columns), STEP_BYTES), "steps do not fit their columns")
    _check(_within(trees.columns, len(trees.features)), "a step has no column")
    count, width = trees.leaves.shape
    _check(width > 0 and _within(trees.steps[:, 1:3], width), "a step has no leaf")
    lengths = np.diff(trees.first)
    _check(
        count % TOGETHER == 0
        and len(lengths) == count
        and (lengths >= 0).all()
        and (lengths % TOGETHER == 0).all()
        and _within(trees.first, len(trees.columns) + 1),
        "trees do not fit their steps",
    )


def _within(indices: NDArray[Any], size: int) -> bool:
    return bool(((indices >= 0) & (indices < size)).all())


def _check(holds: Any, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _json_bytes(content: Any) -> NDArray[np.uint8]:
    """Texts as bytes: numpy's own arrays of text lose zeros at their end."""
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def _from_json_bytes(array: NDArray[Any]) -> Any:
    return json.loads(array.tobytes())
