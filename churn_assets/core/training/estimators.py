"""The estimators that one line of configuration chooses between, each as a whole pipeline."""

from collections.abc import Sequence
from typing import Any, get_args

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from churn_assets.core.balance import BalancedClassifier
from churn_assets.core.errors import SettingsError
from churn_assets.core.options import BoostingLibrary, BuiltIn, Recipe
from churn_assets.core.training.boosting_libraries import build_library_estimator
from churn_assets.core.training.known_categories import KnownCategories
from churn_assets.core.training.named_estimators import build_named_estimator, is_factory

__all__ = ["build_all", "build_pipeline", "is_deterministic", "most_categories", "takes_categories"]

BOOSTING_LIBRARIES = get_args(BoostingLibrary)
TREE_CATEGORIES = 254  # scikit-learn's histograms have 255 bins for words
ONE_HOT_CATEGORIES = 64


def build_pipeline(
    recipe: Recipe, numeric: Sequence[str], categorical: Sequence[str], *, all_seen: bool = True
) -> Pipeline:
    """An unfitted pipeline from a model frame to probabilities.

    HistGradientBoosting and the boosting libraries take categoricals and missing values as they are, and so does
    what a factory builds. The others get one-hot columns (of the 64 most frequent words, the rest as one), medians
    for missing numbers (with a column that says so), and a common scale.
    Where not `all_seen`, the frame has other columns than those named, which are not used.

    Raises:
        SettingsError: `training.parameters` names a parameter the estimator does not have, or the estimator
            cannot be built.
    """
    estimator = _configured(recipe, categorical)
    if recipe.balance != "none":
        estimator = BalancedClassifier(estimator, recipe.balance, random_state=recipe.seed)
    seen = [*numeric, *categorical]
    if recipe.estimator in BOOSTING_LIBRARIES:
        known = KnownCategories(seen, as_text=recipe.estimator == "catboost")
        return Pipeline([("columns", known), ("estimator", estimator)])
    if recipe.estimator == "hist_gradient_boosting" or _is_whole(recipe):
        if all_seen:
            return Pipeline([("estimator", estimator)])
        chosen = ColumnTransformer([("seen", "passthrough", seen)], verbose_feature_names_out=False)
        return Pipeline([("columns", chosen.set_output(transform="pandas")), ("estimator", estimator)])
    columns = ColumnTransformer(
        [
            (
                "numeric",
                make_pipeline(
                    SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()
                ),
                numeric,
            ),
            ("categorical", _one_hot(), categorical),
        ]
    )
    return Pipeline([("columns", columns), ("estimator", estimator)])


def _configured(recipe: Recipe, categorical: Sequence[str]) -> Any:
    """The estimator with its parameters."""
    if recipe.estimator in BOOSTING_LIBRARIES:
        return build_library_estimator(recipe.estimator, recipe.parameters, recipe.seed, categorical)
    if ":" in recipe.estimator:
        return build_named_estimator(recipe)
    estimator = _estimator(recipe)
    try:
        estimator.set_params(**recipe.parameters)
    except (ValueError, AttributeError) as error:
        raise SettingsError(f"training.parameters: {error}") from error
    if not hasattr(estimator, "predict_proba"):
        raise SettingsError(f"training.parameters: with {recipe.parameters} {recipe.estimator} gives no probabilities")
    return estimator


def _is_whole(recipe: Recipe) -> bool:
    """Whether a factory builds all of it: what becomes of categories and gaps is its own business."""
    return ":" in recipe.estimator and is_factory(recipe.estimator)


def build_all(recipe: Recipe) -> None:
    """Build whatever a recipe may come to, each candidate with each combination of its parameters.

    Raises:
        SettingsError: as `build_pipeline`.
    """
    if not recipe.competing:
        build_pipeline(recipe, [], [])
    for candidate in recipe.competing:
        for point in ParameterGrid(candidate.search):
            build_pipeline(recipe.chosen(candidate.estimator, {**candidate.parameters, **point}), [], [])


def most_categories(recipe: Recipe) -> int | None:
    """How many words of a category a recipe learns apart; rarer ones are one. None: a factory's own business."""
    if _is_whole(recipe):
        return None
    return TREE_CATEGORIES if takes_categories(recipe) else ONE_HOT_CATEGORIES


def takes_categories(recipe: Recipe) -> bool:
    """Whether it is given categories as they are, folded to those that are frequent."""
    return recipe.estimator in {"hist_gradient_boosting", *BOOSTING_LIBRARIES}


def is_deterministic(recipe: Recipe) -> bool:
    """Whether it is known that the same rows give the same model: our own estimators are tested for it."""
    return recipe.estimator in get_args(BuiltIn)


def _one_hot() -> OneHotEncoder:
    """A column a word; unknown words are as the rare ones, where there are any, else none of the columns."""
    return OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=ONE_HOT_CATEGORIES, sparse_output=False)


def _estimator(recipe: Recipe) -> Any:
    """Boosted histograms never stop early: on which rows they would, depends on the order of all."""
    seed = recipe.seed
    match recipe.estimator:
        case "hist_gradient_boosting":
            return HistGradientBoostingClassifier(
                categorical_features="from_dtype", early_stopping=False, random_state=seed
            )
        case "logistic_regression":
            return LogisticRegression(max_iter=1000, random_state=seed)
        case "gradient_boosting":
            return GradientBoostingClassifier(random_state=seed)
        case "random_forest":
            return RandomForestClassifier(n_estimators=200, min_samples_leaf=20, random_state=seed)
        case "ada_boost":
            return AdaBoostClassifier(random_state=seed)
        case "soft_voting":
            members = [
                ("logistic_regression", LogisticRegression(max_iter=1000, random_state=seed)),
                ("hist_gradient_boosting", HistGradientBoostingClassifier(early_stopping=False, random_state=seed)),
                ("random_forest", RandomForestClassifier(n_estimators=200, min_samples_leaf=20, random_state=seed)),
            ]
            return VotingClassifier(members, voting="soft")
        case "rules":
            raise SettingsError("training.estimator: rules are not fitted; the profile gives them")
        case "auto":
            raise SettingsError("training.estimator: auto is several recipes; one of them is fitted at a time")
        case "imported":
            raise SettingsError("training.estimator: a model that was imported is not fitted here; name another one")
        case _:
            raise SettingsError(f"training.estimator: {recipe.estimator} is what a profile's build_estimator builds")
