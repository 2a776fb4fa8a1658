"""An explainer as plain arrays in one `.npz`, and back: no pickle, no row of anybody."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from churn_assets.core.models.cross_fitting import CrossFitted
from churn_assets.core.reasons.cross_fitted import CrossFittedExplainer, SingleExplainer
from churn_assets.core.reasons.explainer import Explainer
from churn_assets.core.reasons.linear import LinearExplainer, NumberTerm, WordTerm
from churn_assets.core.reasons.trees import TreeExplainer, TreeTables, check_tables
from churn_assets.core.trees.predictor import TreeKernel
from churn_assets.core.trees.serialization import kernel_from_npz, kernel_to_npz, npz_of

__all__ = ["ReasonsUnreadable", "explainer_from_npz", "explainer_to_npz"]

FORMAT = 1  # raised with every change of what the arrays mean

Arrays = Mapping[str, NDArray[Any]]


class ReasonsUnreadable(Exception):
    """Bytes that are no explainer of this model which this release understands; the message is a clause."""


def explainer_to_npz(explainer: Explainer, model_version: str) -> bytes:
    """The bytes of an explainer, which name its model; the same for the same explainer."""
    if isinstance(explainer, CrossFittedExplainer):
        singles = explainer.explainers.scorers
    elif isinstance(explainer, TreeExplainer | LinearExplainer):
        singles = (explainer,)
    else:
        raise TypeError(f"{type(explainer).__name__} is no explainer that is kept")
    arrays = {"format": np.array(FORMAT), "model": _json(model_version), "singles": np.array(len(singles))}
    for at, single in enumerate(singles):
        arrays |= {f"{at}.{name}": array for name, array in _arrays(single).items()}
    return npz_of(arrays)


def explainer_from_npz(npz: bytes, model_version: str, pipeline: Callable[[], Any]) -> Explainer:
    """The explainer that these bytes hold.

    Args:
        npz: what `explainer_to_npz` gave.
        model_version: whose explainer is expected.
        pipeline: gives the fitted model, and is called only where what stands before its trees is needed, or who
            it learnt from.

    Raises:
        ReasonsUnreadable: they hold none, one of another model or format, or one whose tables do not fit together.
    """
    try:
        with np.load(BytesIO(npz), allow_pickle=False) as stored:
            number, model = stored["format"].item(), _from_json(stored["model"])
            if (number, model) == (FORMAT, model_version):
                return _explainer(dict(stored), pipeline)
    except Exception as error:  # whatever zipfile, numpy and json make of damaged bytes
        raise ReasonsUnreadable(f"they cannot be read ({type(error).__name__}: {error})") from error
    if number != FORMAT:
        raise ReasonsUnreadable(f"they have format {number}, and this release reads format {FORMAT}")
    raise ReasonsUnreadable(f"they are those of {model}")


def _arrays(single: SingleExplainer) -> dict[str, NDArray[Any]]:
    if isinstance(single, LinearExplainer):
        terms = {name: _term_as_json(term) for name, term in single.terms.items()}
        return {"linear": _json([single.feature_columns, terms, single.base_value])}
    npz = kernel_to_npz(single.kernel)
    arrays = {f"tables.{name}": array for name, array in single.tables._asdict().items()}
    arrays["base_value"] = np.array(single.base_value)
    return arrays if npz is None else {**arrays, "kernel": np.frombuffer(npz, dtype=np.uint8)}


def _explainer(arrays: Arrays, pipeline: Callable[[], Any]) -> Explainer:
    count = arrays["singles"].item()
    if count == 1:
        return _single(arrays, 0, pipeline)
    fitted = pipeline()
    singles = [_single(arrays, at, lambda place=at: fitted.scorers[place]) for at in range(count)]  # type: ignore[misc]  # a default binds it
    crossed: CrossFitted[SingleExplainer] = fitted.convert(singles)
    return CrossFittedExplainer(crossed)


def _single(arrays: Arrays, at: int, pipeline: Callable[[], Any]) -> SingleExplainer:
    own = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{at}.")}
    if "linear" in own:
        columns, terms, base = _from_json(own["linear"])
        return LinearExplainer(tuple(columns), {name: _term(given) for name, given in terms.items()}, base)
    tables = TreeTables(**{name: own[f"tables.{name}"] for name in TreeTables._fields})
    kernel = kernel_from_npz(own["kernel"].tobytes()) if "kernel" in own else _kernel_of(pipeline())
    check_tables(tables, kernel)
    return TreeExplainer(kernel, tables, own["base_value"].item())


def _kernel_of(pipeline: Any) -> TreeKernel:
    """The kernel of trees that are given a matrix, whose steps are objects of scikit-learn."""
    from churn_assets.core.reasons.margins import compile_trees  # noqa: PLC0415  # brings scikit-learn
    from churn_assets.core.trees.compiler import unwrap  # noqa: PLC0415  # as above

    unwrapped = unwrap(pipeline)
    return compile_trees(pipeline, unwrapped, tuple(unwrapped.pipeline[0].feature_names_in_)).kernel


def _term_as_json(term: NumberTerm | WordTerm) -> dict[str, Any]:
    if isinstance(term, NumberTerm):
        return asdict(term)
    return {
        "words": sorted(term.codes, key=term.codes.__getitem__),
        "added": term.added.tolist(),
        "missing": term.missing,
    }


def _term(given: dict[str, Any]) -> NumberTerm | WordTerm:
    if "words" not in given:
        return NumberTerm(**given)
    codes = {word: code for code, word in enumerate(given["words"])}
    added = np.array(given["added"], dtype=np.float64)
    if len(added) != len(codes) + 1:
        raise ValueError("words do not fit what they add")
    return WordTerm(codes, added, given["missing"])


def _json(content: Any) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(content).encode(), dtype=np.uint8)


def _from_json(array: NDArray[Any]) -> Any:
    return json.loads(array.tobytes())
