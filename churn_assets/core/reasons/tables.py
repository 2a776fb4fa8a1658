"""The tables of boosted trees, made once, when the model is registered."""

import numpy as np
import pyarrow as pa

from churn_assets.core.reasons.groups import grouped, table_of
from churn_assets.core.reasons.leaves import tree_of_leaves
from churn_assets.core.reasons.margins import features_of_matrix
from churn_assets.core.reasons.trees import TreeExplainer, TreeTables
from churn_assets.core.trees.compiler import CompiledKernel

__all__ = ["explainer_of_trees"]


def explainer_of_trees(compiled: CompiledKernel, background: pa.Table, scale: float, shift: float) -> TreeExplainer:
    """The explainer of trees, whose log-odds are `scale` times their sum and `shift`, against a background sample."""
    kernel = compiled.kernel
    if kernel.steps is None:
        owners = np.array([kernel.columns.index(name) for name in kernel.names])
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
    first_column, columns, first_offset, offsets = [0], [], [0], []
    first_player, members, first_value, values = [0], [], [0], []
    for group in groups:
        stride = group.cells
        for column, size in zip(sorted(group.classes), group.shape, strict=True):
            stride //= size
            columns.append(column)
            offsets.append(group.classes[column] * stride)
            first_offset.append(first_offset[-1] + len(offsets[-1]))
        first_column.append(len(columns))
        playing, table = table_of(group, players, codes)
        members += playing
        first_player.append(len(members))
        values.append(scale * table.ravel())
        first_value.append(first_value[-1] + table.size)
    tables = TreeTables(
        np.array(first_column),
        np.array(columns, dtype=np.int64),
        np.array(first_offset),
        np.concatenate([np.empty(0), *offsets]).astype(np.uint16),
        np.array(first_player),
        np.array(members, dtype=np.int64),
        np.array(first_value),
        np.concatenate([np.empty(0), *values]),
    )
    base = float(kernel.sums_of_codes(codes).mean()) * scale + shift
    return TreeExplainer(kernel, tables, base)
