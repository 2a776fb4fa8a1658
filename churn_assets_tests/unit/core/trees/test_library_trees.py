"""The trees of LightGBM and XGBoost in the kernel: the libraries' own bits, or a clause that says why not."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.core.models.model import predict
from churn_assets.core.options import Recipe
from churn_assets.core.training.fitting import fit
from churn_assets.core.trees.compiler import KernelUnsupported, compile_kernel
from churn_assets.core.trees.equivalence import exact_kernel
from churn_assets.core.trees.serialization import kernel_from_npz, kernel_to_npz
from churn_assets_tests.extras import needs
from churn_assets_tests.factories import labelled_rows

pytestmark = [needs("lightgbm"), needs("xgboost")]
COLUMNS = ("spend", "active", "plan")
PLANS = ("a", "b", "c", "d", "e", "f", "g", None)
every_library = pytest.mark.parametrize("library", ["lightgbm", "xgboost"])


def _fitted(library: str, parameters: dict[str, Any], **options: Any) -> Any:
    recipe = Recipe(estimator=library, parameters={"n_estimators": 15, **parameters}, **options)
    return fit(labelled_rows(1500, seed=1, plans=PLANS), recipe, COLUMNS)


@pytest.mark.parametrize("balance", ["none", "weights"])
@every_library
def test_native_categories_and_gaps_are_computed_to_the_bit(library: str, balance: Any) -> None:
    """A kernel is proven on both sides of every split, also from the file it is kept in, for rows of any kind."""
    fitted = _fitted(library, {}, balance=balance)
    rows = labelled_rows(300, seed=2, plans=(*PLANS, "unheard of")).features

    proof = exact_kernel(fitted, COLUMNS, rows)

    assert (proof.reason, proof.cause) == ("", None)
    assert proof.kernel is not None
    npz = kernel_to_npz(proof.kernel)
    assert npz is not None
    expected = predict(fitted, rows, COLUMNS)
    assert kernel_from_npz(npz).predict(rows).tobytes() == proof.kernel.predict(rows).tobytes() == expected.tobytes()


@pytest.mark.parametrize("seed", range(4))
@every_library
def test_random_models_are_proven(library: str, seed: int) -> None:
    """Whatever the parameters, numbers near zero, whole or huge, and columns without gaps: the proof holds."""
    rng = np.random.default_rng(seed)  # the seed is the test's parameter, and stands in its name
    features = pa.table(
        {
            "id": [f"c{number}" for number in range(600)],
            "huge": rng.normal(size=600) * 10.0 ** rng.integers(-30, 30),
            "whole": pa.array(np.round(rng.normal(size=600) * 3), mask=rng.random(600) < rng.choice([0, 0.2])),
            "word": pa.array(rng.choice([f"w{number}" for number in range(rng.choice([1, 9, 60]))], 600)),
        }
    )
    columns = ("huge", "whole", "word")
    churned = rng.random(600) < 1 / (1 + np.exp(-features.column("whole").fill_null(0).to_numpy()))
    rows = labelled_rows(600, seed=seed)
    deep: dict[str, dict[str, Any]] = {
        "lightgbm": {"num_leaves": 50, "min_child_samples": 2},
        "xgboost": {"max_depth": 6, "subsample": 0.8},
    }
    recipe = Recipe(estimator=library, parameters={"n_estimators": 10, **deep[library]}, seed=seed)
    fitted = fit(type(rows)(features, churned, rows.days), recipe, columns)

    proof = exact_kernel(fitted, columns, features.slice(0, 100))

    assert (proof.reason, proof.cause) == ("", None)


@pytest.mark.parametrize(
    ("library", "parameters", "reason"),
    [
        ("lightgbm", {"zero_as_missing": True}, "zero is a missing value to it"),
        ("lightgbm", {"linear_tree": True}, "its leaves are linear"),
        ("lightgbm", {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, "trees are averaged"),
        ("xgboost", {"booster": "dart"}, "its booster dart"),
        ("xgboost", {"objective": "binary:hinge"}, "its objective is binary:hinge"),
    ],
)
def test_what_the_kernel_does_not_compute_is_named(library: str, parameters: dict[str, Any], reason: str) -> None:
    """Other arithmetic than a sum of constant leaves is left to the library, with a clause that says why."""
    fitted = _fitted(library, parameters)

    with pytest.raises(KernelUnsupported, match=reason):
        compile_kernel(fitted, COLUMNS)


@every_library
def test_a_calibrated_library_scores_itself(library: str) -> None:
    """Their calibration is given probabilities, and the kernel would give it sums."""
    fitted = _fitted(library, {}, calibration="sigmoid")

    with pytest.raises(KernelUnsupported, match="calibration"):
        compile_kernel(fitted, COLUMNS)
