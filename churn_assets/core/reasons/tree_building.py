"""The tables of boosted trees, made once, when the model is registered."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.reasons.groups import Group, grouped, table_of, tree_of_leaves
from churn_assets.core.reasons.margins import features_of_matrix
from churn_assets.core.reasons.trees import TreeExplainer, TreeTables
from churn_assets.core.trees.compiler import CompiledKernel
from churn_assets.core.trees.ensemble import KernelUnsupported

__all__ = ["explainer_of_trees"]

MOST_CELLS = 2**16  # their numbers are kept in two bytes
MOST_MIB = 256


def explainer_of_trees(compiled: CompiledKernel, background: pa.Table, scale: float, shift: float) -> TreeExplainer:
    """The explainer of trees, whose log-odds are `scale` times their sum and `shift`, against a background sample.

    Raises:
        KernelUnsupported: its tables would be too large.
    """
    kernel = compiled.kernel
    if kernel.steps is None:
        owners = np.array([kernel.columns.index(name) for name in kernel.names], dtype=np.int64)
    else:
        owners = features_of_matrix(kernel.steps, kernel.columns)
    players = owners[kernel.tables.used]
    codes = kernel.codes(background)
    groups = [
        group
        for tree in compiled.ensemble.trees
        for group in grouped(tree_of_leaves(compiled.ensemble, kernel.tables, tree))
        if group.classes
    ]
    _refuse_large(groups)
    tables = _joined(groups, players, codes, scale)
    return TreeExplainer(kernel, tables, float(kernel.sums_of_codes(codes).mean()) * scale + shift)


def _refuse_large(groups: list[Group]) -> None:
    if (widest := max((group.cells for group in groups), default=0)) > MOST_CELLS:
        raise KernelUnsupported(f"a leaf's path needs {widest:,} cells of a table, and at most {MOST_CELLS:,} are made")
    size = sum(group.cells * len(group.classes) for group in groups) * np.dtype(np.float64).itemsize / 2**20
    if size > MOST_MIB:
        raise KernelUnsupported(f"its tables would take {size:,.0f} MiB, and at most {MOST_MIB} MiB are kept")


def _joined(
    groups: list[Group], players: NDArray[np.int64], background: NDArray[np.uint16], scale: float
) -> TreeTables:
    columns, offsets, members, values = [], [], [], []
    for group in groups:
        stride = group.cells
        for column, size in zip(sorted(group.classes), group.shape, strict=True):
            stride //= size
            columns.append(column)
            offsets.append((group.classes[column] * stride).astype(np.uint16))
        playing, table = table_of(group, players, background)
        members.append(np.array(playing, dtype=np.int64))
        values.append(scale * table.ravel())
    return TreeTables(
        _starts(len(group.classes) for group in groups),
        np.array(columns, dtype=np.int64),
        _starts(map(len, offsets)),
        _concatenated(offsets, np.uint16),
        _starts(map(len, members)),
        _concatenated(members, np.int64),
        _starts(map(len, values)),
        _concatenated(values, np.float64),
    )


def _starts(lengths: Iterable[int]) -> NDArray[np.int64]:
    return np.cumsum([0, *lengths], dtype=np.int64)


def _concatenated(arrays: list[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=kind), *arrays])
