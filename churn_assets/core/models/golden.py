"""Golden rows: customers frozen with a model, and what it gave them.

Before a model scores, it must give them again through the feature code and the libraries of today:
that is what tells a changed line in `add_features`, or a library whose predictions moved.
"""

import datetime as dt
import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from churn_assets.core.arrow.columns import completed
from churn_assets.core.arrow.conversion import id_texts
from churn_assets.core.arrow.hashing import hashed_id, stable_hash
from churn_assets.core.errors import ChurnError, ModelFault
from churn_assets.core.failures import without_words
from churn_assets.core.features import compute_features
from churn_assets.core.models.card import EXACT, ModelCard
from churn_assets.core.models.cross_fitting import CrossFitted, CrossFittedKernel
from churn_assets.core.models.model import Model
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import customers_schema

__all__ = [
    "GOLDEN",
    "ProvenModel",
    "check_golden",
    "freeze_golden",
    "gives_golden",
    "golden_digest",
    "golden_features",
    "golden_sample",
    "with_kernel",
]

logger = logging.getLogger("churn_assets")

GOLDEN = "given by the model"  # no column of a profile
ROWS = 200
TOLERANCE = 1e-9  # linear algebra differs in the last digits from processor to processor
LISTED = 5


@dataclass(frozen=True)
class ProvenModel:
    """A model, with its kernel where that is proven.

    `reason` is a clause that says why there is none. It is empty where there is one, where the card says
    already that there is none, and for rules.
    """

    model: Model
    reason: str = ""


def golden_sample(customers: pa.Table, key: str) -> pa.Table:
    """At most 200 of `customers`, spread over all, in their order: the same ones each time."""
    rows = np.sort(np.argsort(stable_hash(customers.column(key)), kind="stable")[:ROWS])
    return customers.take(pa.array(rows))


def freeze_golden(model: Model, profile: Profile, customers: pa.Table, day: dt.date) -> pa.Table:
    """`customers` of `day` with what `model` gives them: what its golden file holds."""
    given = model.score_customers(profile, customers, day)
    golden = customers.append_column(GOLDEN, pa.array(given, pa.float64()))
    return golden.replace_schema_metadata({"snapshot_date": day.isoformat()})


def golden_features(golden: pa.Table, profile: Profile, parameters: Mapping[str, Any]) -> pa.Table:
    """The features of golden rows, by the feature code of today."""
    return compute_features(_customers(golden, profile), profile, parameters, _day_of(golden))


def with_kernel(model: Model, profile: Profile, golden: pa.Table) -> ProvenModel:
    """The model with its compiled kernel where it is proven here and now, on its golden rows and their edges."""
    card = model.card
    if card.is_rules or card.kernel not in {"", EXACT}:
        return ProvenModel(model)
    if not golden.num_rows:
        return ProvenModel(replace(model, kernel=None), "no golden rows are left to prove it by")
    from churn_assets.core.trees.equivalence import exact_kernel  # noqa: PLC0415  # brings scikit-learn, for models only

    features = golden_features(golden, profile, card.feature_parameters)
    pipeline = model.pipeline
    cross_fitted = pipeline if isinstance(pipeline, CrossFitted) else None
    proofs = [
        exact_kernel(each, card.feature_columns, features)
        for each in (cross_fitted.scorers if cross_fitted else [pipeline])
    ]
    for proof in proofs:
        if proof.kernel is None:
            logger.debug("model %s has no kernel: %s", card.model_version, proof.reason, exc_info=proof.cause)
            return ProvenModel(replace(model, kernel=None), proof.reason)
    kernels = [proof.kernel for proof in proofs if proof.kernel is not None]
    kernel = CrossFittedKernel(cross_fitted.convert(kernels)) if cross_fitted else kernels[0]
    return ProvenModel(replace(model, kernel=kernel))


def check_golden(model: Model, profile: Profile, golden: pa.Table, libraries: dict[str, str]) -> None:
    """See that `model` gives its golden rows again.

    Raises:
        ModelFault: it does not; the sentence names the rows that differ and what has changed.
    """
    card = model.card
    expected = golden.column(GOLDEN).to_numpy()
    changed = _what_changed(card, profile, libraries)
    try:
        given = _given(model, profile, golden)
    except Exception as error:  # whatever the code or the libraries of today make of it
        told = str(error) if isinstance(error, ChurnError) else without_words(error)
        raise ModelFault(
            f"model {card.model_version} cannot score its golden rows any more ({told}); {changed}: "
            "undo the change, or train and promote again; nothing was scored"
        ) from error
    apart = np.flatnonzero(~(np.abs(given - expected) <= TOLERANCE))
    if not len(apart):
        return
    ids = [hashed_id(each) for each in id_texts(golden.column(profile.id_column)).to_pylist()]
    rows = [f"{ids[at]} {expected[at]:.6f} -> {given[at]:.6f}" for at in _furthest(given - expected, apart)]
    raise ModelFault(
        f"model {card.model_version} gives other scores to {len(apart)} of its {len(ids)} golden rows "
        f"({', '.join(rows)}{', ...' if len(apart) > LISTED else ''}); {changed}: "
        "undo the change, or train and promote again; nothing was scored"
    )


def gives_golden(model: Model, profile: Profile, golden: pa.Table) -> bool:
    """Whether `model` gives its golden rows again, to the bit; where it cannot, `check_golden` can say why."""
    try:
        given = _given(model, profile, golden)
    except Exception:  # whatever the code or the libraries of today make of it
        logger.debug("model %s cannot score its golden rows", model.card.model_version, exc_info=True)
        return False
    return bool(given.tobytes() == golden.column(GOLDEN).to_numpy().tobytes())


def golden_digest(model: Model, profile: Profile, golden: pa.Table) -> str:
    """A digest of what `model` gives its golden rows here, to the bit, by which machines are told apart."""
    return hashlib.sha256(_given(model, profile, golden).tobytes()).hexdigest()


def _given(model: Model, profile: Profile, golden: pa.Table) -> NDArray[np.float64]:
    if not golden.num_rows:  # everybody in them was erased: nothing is asked of the model
        return np.empty(0)
    return model.score_customers(profile, _customers(golden, profile), _day_of(golden))


def _customers(golden: pa.Table, profile: Profile) -> pa.Table:
    """Golden rows as customers: a column that the profile has gained since is null, and the model knows none of it."""
    return completed(golden, customers_schema(profile))


def _day_of(golden: pa.Table) -> dt.date:
    return dt.date.fromisoformat((golden.schema.metadata or {})[b"snapshot_date"].decode())


def _furthest(apart_by: NDArray[np.float64], apart: NDArray[Any]) -> list[int]:
    order = np.argsort(-np.abs(np.nan_to_num(apart_by[apart], nan=np.inf)), kind="stable")
    return [int(at) for at in apart[order][:LISTED]]


def _what_changed(card: ModelCard, profile: Profile, libraries: dict[str, str]) -> str:
    changes = [
        f"{name} is {libraries[name]} and was {version} when it was trained"
        for name, version in card.libraries.items()
        if libraries.get(name, version) != version
    ]
    if profile.source_digest != card.profile_digest:
        changes.insert(0, f"the code of {profile.name} has changed since it was trained")
    return " and ".join(changes) or "code that the profile imports, or the machine, has changed since it was trained"
