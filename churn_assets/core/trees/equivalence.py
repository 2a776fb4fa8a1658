"""Proof that a kernel gives a model's own bits: on real rows, and wherever the two could come apart."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from churn_assets.core.features import to_model_frame
from churn_assets.core.trees.compiler import CompiledKernel, KernelUnsupported, compile_kernel
from churn_assets.core.trees.predictor import TreeKernel
from churn_assets.core.trees.probes import path_rows

__all__ = ["exact_kernel", "prove", "same_bits"]

FEW = 8
FAR = (np.inf, -np.inf, np.finfo(np.float64).max, np.finfo(np.float64).min)
NEAR_ZERO = (0.0, -0.0, np.finfo(np.float64).smallest_subnormal, -np.finfo(np.float64).smallest_subnormal)


def exact_kernel(pipeline: Any, columns: tuple[str, ...], rows: pa.Table) -> tuple[TreeKernel | None, str]:
    """The kernel of a model where it is proven on these feature `rows` and on edges, or None and a clause why not.

    The proof holds for the machine and the libraries it runs on.
    """
    try:
        kernel = compile_kernel(pipeline, columns)
        why = prove(kernel, pipeline, rows, columns)
    except KernelUnsupported as unsupported:
        return None, str(unsupported)
    except OSError as error:
        return None, f"numba cannot keep its machine code: {error}"
    return (None, why) if why else (kernel.alone, "")


def prove(kernel: CompiledKernel, pipeline: Any, features: pa.Table, columns: tuple[str, ...]) -> str:
    """Nothing where kernel and pipeline give the same bits, or refuse the same tables; else how they differ.

    They are asked for `features`, for rows on both sides of every split, for every threshold beside its
    neighbours, infinities, missing and unknown values, for columns of nothing but nulls, and for one
    row; and for the sums before the link. Of no rows there must be no scores.
    """
    if len(kernel.predict(features.slice(0, 0))):
        return "the kernel scores rows that are not there"
    with np.errstate(all="ignore"), threadpool_limits(1):
        for what, table in _probes(kernel, features.select(columns)):
            expected = _outcome(lambda rows: pipeline.predict_proba(to_model_frame(rows, columns))[:, 1], table)
            if difference := _difference(expected, _outcome(kernel.predict, table), what):
                return difference
        if kernel.steps is None:
            splits = _splits(kernel, features.select(columns))
            expected = kernel.fitted.decision_function(to_model_frame(splits, kernel.names))
            return _difference(expected, kernel.sums(splits), "splits, summed")
        matrix = _split_matrix(kernel, kernel.steps, features)
        return _difference(kernel.fitted.decision_function(matrix), kernel.matrix_sums(matrix), "splits, summed")


def same_bits(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    """Whether two arrays are equal to the bit: 0.0 is not -0.0."""
    return first.tobytes() == second.tobytes()


def _difference(expected: NDArray[np.float64] | str, given: NDArray[np.float64] | str, what: str) -> str:
    if isinstance(expected, str) or isinstance(given, str):
        if isinstance(expected, str) and isinstance(given, str):
            return ""
        who = f"the model refuses ({expected})" if isinstance(expected, str) else f"the kernel refuses ({given})"
        return f"{who} {what}, which the other scores"
    if expected.shape != given.shape:
        return f"the model gives {len(expected)} scores of {what}, the kernel {len(given)}"
    if same_bits(expected, given):
        return ""
    differs = expected.view(np.int64) != given.view(np.int64)
    most = np.abs(expected - given)[differs].max()
    return f"{int(differs.sum())} of {len(given)} scores of {what} differ, by up to {most:.2g}"


def _outcome(score: Callable[[Any], NDArray[np.float64]], table: Any) -> NDArray[np.float64] | str:
    try:
        return np.ascontiguousarray(score(table))
    except (ValueError, TypeError) as error:
        return str(error).partition("\n")[0]


def _probes(kernel: CompiledKernel, rows: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Tables, and what they are called in a sentence."""
    few = rows.slice(0, FEW)
    texts = _texts(rows)
    yield "real rows", rows
    yield "one row", rows.slice(0, 1)
    yield "edges", _edges(kernel, rows)
    if kernel.steps is None:
        yield "splits", _splits(kernel, rows)
    yield "other dictionaries", _other_dictionaries(rows)
    for name in rows.column_names:
        yield f"rows without any {name}", _replaced(few, name, pa.nulls(len(few), few.schema.field(name).type))
        for value in () if name in texts or kernel.steps is None else FAR:  # steps refuse it, and edges beside it
            yield f"rows whose {name} is {value}", _replaced(few, name, pa.array([value] * len(few)))
    yield "rows without any value", pa.table({f.name: pa.nulls(len(few), f.type) for f in few.schema})


def _edges(kernel: CompiledKernel, rows: pa.Table) -> pa.Table:
    """Rows in which every edge of every column occurs, beside edges of the others drawn at random."""
    pools: dict[str, list[Any]] = {}
    texts = _texts(rows)
    for name in rows.column_names:
        real = rows.column(name).unique()
        if name in texts:
            known = [text for text in real.to_pylist() if text is not None]
            known += list(kernel.tables.codes.get(_place(kernel, name), {}))
            pools[name] = [*known, None, "", "".join(known) + "?"]
        else:
            numbers = real.cast(pa.float64()).slice(0, 64).to_pylist()
            pools[name] = [*numbers, None, np.nan, *NEAR_ZERO]
            if kernel.steps is None:
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
    cells = list(path_rows(kernel.ensemble, np.float64))
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
    cells = list(path_rows(kernel.ensemble, np.float32))
    real = np.asarray(steps.transform(to_model_frame(rows.slice(0, FEW), kernel.columns)))
    matrix: NDArray[np.float32] = np.resize(real, (max(1, len(cells)), real.shape[1])).astype(np.float32)
    for row, given in enumerate(cells):
        matrix[row, list(given)] = list(given.values())
    return matrix


def _around(kernel: CompiledKernel, feature: int) -> list[float]:
    """The thresholds of a feature and their neighbours on both sides."""
    if feature not in kernel.tables.grids:
        return []
    thresholds = kernel.tables.grids[feature].thresholds
    return [float(value) for side in (-np.inf, 0, np.inf) for value in _beside(thresholds, side)]


def _beside(numbers: NDArray[np.float64], side: float) -> NDArray[np.float64]:
    return np.nextafter(numbers, side) if side else numbers


def _place(kernel: CompiledKernel, name: str) -> int:
    return kernel.names.index(name) if name in kernel.names else -1


def _replaced(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)


def _texts(rows: pa.Table) -> list[str]:
    """The columns that are categories."""
    return [f.name for f in rows.schema if pa.types.is_string(f.type) or pa.types.is_dictionary(f.type)]
