"""Proof that a kernel gives a model's own bits: on real rows, and wherever the two could come apart."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_assets.core.features import to_model_frame
from churn_assets.core.trees.compiler import CompiledKernel, KernelUnsupported, compile_kernel
from churn_assets.core.trees.ensemble import LEAF, Ensemble, Tree
from churn_assets.core.trees.predictor import TreeKernel

__all__ = ["KernelProof", "edge_rows", "exact_kernel", "prove", "same_bits"]

Cell = float | str | None

FEW = 8
CATEGORIES = 16
FAR = (np.inf, -np.inf, np.finfo(np.float64).max, np.finfo(np.float64).min)
NEAR_ZERO = (0.0, -0.0, np.finfo(np.float64).smallest_subnormal, -np.finfo(np.float64).smallest_subnormal)


@dataclass(frozen=True)
class KernelProof:
    """What came of proving a kernel.

    Attributes:
        kernel: where it is proven, for the machine and the libraries that this process runs on.
        reason: a clause that says why there is none; empty where there is one.
        cause: the error that is behind the reason, where one is.
    """

    kernel: TreeKernel | None
    reason: str = ""
    cause: Exception | None = None


def exact_kernel(pipeline: Any, columns: tuple[str, ...], rows: pa.Table) -> KernelProof:
    """The kernel of a model where it is proven on these feature `rows` and on edges; a failure is a reason."""
    try:
        return prove(compile_kernel(pipeline, columns), pipeline, rows, columns)
    except KernelUnsupported as error:
        return KernelProof(None, str(error), error)
    except OSError as error:
        return KernelProof(None, f"numba cannot keep its machine code: {error}", error)
    except Exception as error:  # noqa: BLE001  # whatever another scikit-learn makes of its private attributes
        return KernelProof(None, f"it cannot be compiled and proven ({type(error).__name__}: {error})", error)


def prove(compiled: CompiledKernel, pipeline: Any, features: pa.Table, columns: tuple[str, ...]) -> KernelProof:
    """The kernel where it and the pipeline give the same bits, and refuse the same tables; else how they differ.

    They are asked for `features`, for rows on both sides of every split, for every threshold and its
    neighbours, infinities, missing and unknown values, for columns of nothing but nulls, and for one
    row; and for the sums before the link. Of no rows there must be no scores.
    """
    if len(compiled.predict(features.slice(0, 0))):
        return KernelProof(None, "the kernel scores rows that are not there")
    with np.errstate(all="ignore"), threadpool_limits(1):
        for what, table in _probes(compiled, features.select(columns)):
            expected = _outcome(lambda rows: pipeline.predict_proba(to_model_frame(rows, columns))[:, 1], table)
            if refuted := _refutation(expected, _outcome(compiled.predict, table), what):
                return refuted
        expected, given = _sums(compiled, features, columns)
    return _refutation(expected, given, "splits, summed") or KernelProof(compiled.kernel)


def same_bits(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Whether two arrays are equal to the bit: 0.0 is not -0.0."""
    return first.tobytes() == second.tobytes()


def _sums(
    compiled: CompiledKernel, features: pa.Table, columns: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the fitted ensemble and the kernel sum up on both sides of every split."""
    if compiled.steps is None:
        splits = _splits(compiled, features.select(columns))
        frame = to_model_frame(splits, compiled.names)
        return _doubles(compiled.fitted.decision_function(frame)), _doubles(compiled.sums(splits))
    matrix = _split_matrix(compiled, compiled.steps, features)
    return _doubles(compiled.fitted.decision_function(matrix)), _doubles(compiled.matrix_sums(matrix))


def _doubles(values: NDArray[Any]) -> NDArray[np.float64]:
    """The same numbers: single precision is exact in double."""
    return np.ascontiguousarray(values, dtype=np.float64)


def _refutation(
    expected: NDArray[np.float64] | Exception, given: NDArray[np.float64] | Exception, what: str
) -> KernelProof | None:
    """How the kernel differs from the model on what is called `what`, None where it does not."""
    if isinstance(expected, Exception):
        if isinstance(given, Exception):
            return None
        return KernelProof(
            None, f"the model refuses ({_first_line(expected)}) {what}, which the other scores", expected
        )
    if isinstance(given, Exception):
        return KernelProof(None, f"the kernel refuses ({_first_line(given)}) {what}, which the other scores", given)
    if expected.shape != given.shape:
        return KernelProof(None, f"the model gives {len(expected)} scores of {what}, the kernel {len(given)}")
    if same_bits(expected, given):
        return None
    differs = expected.view(np.int64) != given.view(np.int64)
    most = np.abs(expected - given)[differs].max()
    return KernelProof(None, f"{int(differs.sum())} of {len(given)} scores of {what} differ, by up to {most:.2g}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _outcome(score: Callable[[Any], NDArray[np.float64]], table: Any) -> NDArray[np.float64] | Exception:
    try:
        return _doubles(score(table))
    except (ValueError, TypeError) as error:
        return error


def _probes(kernel: CompiledKernel, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Tables, and what they are called in a sentence."""
    few = rows.slice(0, FEW)
    texts = _texts(rows)
    yield "real rows", rows
    yield "one row", rows.slice(0, 1)
    yield "edges", edge_rows(kernel, rows)
    if kernel.steps is None:
        yield "splits", _splits(kernel, rows)
    yield "other dictionaries", _other_dictionaries(rows)
    for name in rows.column_names:
        yield f"rows without any {name}", _replaced(few, name, pa.nulls(len(few), few.schema.field(name).type))
        far = () if name in texts or kernel.steps is None else FAR  # steps refuse such a table, and so it is alone
        for value in far:
            yield f"rows whose {name} is {value}", _replaced(few, name, pa.array([value] * len(few)))
    yield "rows without any value", pa.table({f.name: pa.nulls(len(few), f.type) for f in few.schema})


def edge_rows(kernel: TreeKernel | None, rows: pa.Table) -> pa.Table:
    """Rows in which every edge of every column occurs, with edges of the others drawn at random; no kernel has none."""
    pools: dict[str, list[Any]] = {}
    texts = _texts(rows)
    for name in rows.column_names:
        real = rows.column(name).unique()
        if name in texts:
            known = [text for text in real.to_pylist() if text is not None]
            known += list(kernel.tables.codes.get(_place(kernel, name), {})) if kernel else []
            pools[name] = [*known, None, "", "".join(known) + "?"]
        else:
            numbers = real.cast(pa.float64()).slice(0, 64).to_pylist()
            pools[name] = [*numbers, None, np.nan, *NEAR_ZERO]
            if kernel and kernel.steps is None:
                pools[name] += [*FAR, *_around(kernel, _place(kernel, name))]
    size = max(map(len, pools.values()))
    rng = np.random.default_rng(0)
    drawn = {name: rng.permutation(np.resize(np.arange(len(pool)), size)) for name, pool in pools.items()}
    return pa.table(
        {
            name: pa.array([pool[at] for at in drawn[name]], pa.string() if name in texts else pa.float64())
            for name, pool in pools.items()
        }
    )


def _other_dictionaries(rows: pa.Table) -> pa.Table:
    """The same rows in two chunks, each with dictionaries of its own in an order of its own."""
    half = (len(rows) + 1) // 2
    chunks = []
    for part in (rows.slice(0, half), rows.slice(half)):
        for name in _texts(rows):
            values = part.column(name).to_pylist()
            dictionary = list(dict.fromkeys(value for value in reversed(values) if value is not None))
            place = {text: at for at, text in enumerate(dictionary)}
            indices = pa.array([place.get(value) for value in values], pa.int32())
            part = _replaced(part, name, pa.DictionaryArray.from_arrays(indices, pa.array(dictionary, pa.string())))  # noqa: PLW2901  # the part with one more column encoded
        chunks.append(part)
    return pa.concat_tables(chunks)


def _splits(kernel: CompiledKernel, rows: pa.Table) -> pa.Table:
    """Real rows, changed so that they come to every node and lie on both sides of its split."""
    cells = list(_path_rows(kernel.ensemble, np.float64))
    real = rows.take(np.arange(max(1, len(cells))) % len(rows))
    columns = {}
    for name in rows.column_names:
        kind = pa.string() if name in _texts(rows) else pa.float64()
        place, column = _place(kernel, name), real.column(name).cast(kind).to_pylist()
        for row, given in enumerate(cells):
            if place in given:
                column[row] = given[place]
        columns[name] = pa.array(column, kind)
    return pa.table(columns)


def _split_matrix(kernel: CompiledKernel, steps: Pipeline, rows: pa.Table) -> NDArray[np.float32]:
    """The same where the trees are given the matrix that other steps make of the rows."""
    cells = list(_path_rows(kernel.ensemble, np.float32))
    real = np.asarray(steps.transform(to_model_frame(rows.slice(0, FEW), kernel.columns)))
    matrix: NDArray[np.float32] = np.resize(real, (max(1, len(cells)), real.shape[1])).astype(np.float32)
    for row, given in enumerate(cells):
        matrix[row, list(given)] = list(given.values())
    return matrix


def _around(kernel: TreeKernel, feature: int) -> list[float]:
    """The thresholds of a feature and their neighbours on both sides."""
    if feature not in kernel.tables.grids:
        return []
    thresholds = kernel.tables.grids[feature].thresholds
    return [float(value) for side in (-np.inf, 0, np.inf) for value in _neighbours(thresholds, side)]


def _neighbours(numbers: NDArray[np.float64], side: float) -> NDArray[np.float64]:
    return np.nextafter(numbers, side) if side else numbers


def _place(kernel: TreeKernel, name: str) -> int:
    return kernel.names.index(name) if name in kernel.names else -1


def _replaced(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


def _texts(rows: pa.Table) -> list[str]:
    """The columns that are categories."""
    return [f.name for f in rows.schema if pa.types.is_string(f.type) or pa.types.is_dictionary(f.type)]


@dataclass(frozen=True)
class _Allowed:
    """What a feature may be on the way to a node: above `low`, at most `high`, one of `codes`, or missing."""

    low: float = -np.inf
    high: float = np.inf
    codes: tuple[int, ...] = ()
    missing: bool = True


def _path_rows(ensemble: Ensemble, kind: Any) -> Iterator[dict[int, Cell]]:
    """Cells by feature, where they matter, of rows that visit each node that can be visited.

    At a threshold stand the greatest number of this `kind` (float64, float32) that goes left, and the
    least that goes right; at categories some of them; and a missing value, which float32 is never.
    """
    for tree in ensemble.trees:
        waiting: list[tuple[int, dict[int, _Allowed]]] = [(0, {})]
        while waiting:
            node, allowed = waiting.pop()
            if tree.left[node] == LEAF:
                continue
            feature = int(tree.feature[node])
            here = allowed.get(feature, _root(ensemble, feature, kind))
            others = {at: _cell(ensemble, at, given, kind) for at, given in allowed.items() if at != feature}
            yield from ({**others, feature: cell} for cell in _split(ensemble, tree, node, here, kind))
            left, right = _sides(ensemble, tree, node, here, kind)
            for child, side in ((tree.left[node], left), (tree.right[node], right)):
                if side.missing or side.codes or _lowest(side, kind) <= side.high:
                    waiting.append((int(child), {**allowed, feature: side}))


def _root(ensemble: Ensemble, feature: int, kind: Any) -> _Allowed:
    codes = tuple(range(len(ensemble.categories.get(feature, ()))))
    return _Allowed(np.inf if codes else -np.inf, np.inf, codes, missing=kind is np.float64)


def _sides(ensemble: Ensemble, tree: Tree, node: int, here: _Allowed, kind: Any) -> tuple[_Allowed, _Allowed]:
    """What may go left of the node, and right."""
    missing_left = bool(tree.missing_left[node])
    left, right = (
        replace(here, missing=here.missing and missing_left),
        replace(here, missing=here.missing and not missing_left),
    )
    if int(tree.feature[node]) in ensemble.categories:
        goes_right = tree.goes_right[node]
        return (
            replace(left, codes=tuple(code for code in here.codes if not goes_right[code])),
            replace(right, codes=tuple(code for code in here.codes if goes_right[code])),
        )
    bound = _at_most(tree.threshold[node], kind)
    return replace(left, high=min(here.high, bound)), replace(right, low=max(here.low, bound))


def _split(ensemble: Ensemble, tree: Tree, node: int, here: _Allowed, kind: Any) -> list[Cell]:
    """Cells on both sides of the node's split that may come to it."""
    cells: list[Cell] = [None] if here.missing else []
    feature = int(tree.feature[node])
    if feature in ensemble.categories:
        first = node % max(1, len(here.codes))
        some = (here.codes[first:] + here.codes[:first])[:CATEGORIES]
        return cells + [ensemble.categories[feature][code] for code in some]
    bound = _at_most(tree.threshold[node], kind)
    both = (bound, float(np.nextafter(kind(bound), kind(np.inf))))
    return cells + [number for number in both if _lowest(here, kind) <= number <= here.high]


def _cell(ensemble: Ensemble, feature: int, allowed: _Allowed, kind: Any) -> Cell:
    """Something that is allowed: on the bound, where there is one."""
    if allowed.codes:
        return ensemble.categories[feature][allowed.codes[0]]
    lowest = _lowest(allowed, kind)
    if lowest > allowed.high or feature in ensemble.categories:
        return None
    if allowed.high < np.inf:
        return allowed.high
    return lowest if allowed.low > -np.inf else 0.0


def _lowest(allowed: _Allowed, kind: Any) -> float:
    if allowed.low == np.inf:
        return np.nan
    return -np.inf if allowed.low == -np.inf else float(np.nextafter(kind(allowed.low), kind(np.inf)))


def _at_most(threshold: float, kind: Any) -> float:
    """The greatest number of a kind that is not above a threshold."""
    near = kind(threshold)
    return float(near if near <= threshold else np.nextafter(near, kind(-np.inf)))
