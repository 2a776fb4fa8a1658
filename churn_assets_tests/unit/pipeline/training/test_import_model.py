"""A model that was made elsewhere: checked, judged on an honest day, and promoted and served like one of ours."""

import datetime as dt
import hashlib
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from churn_assets.core.errors import InputError
from churn_assets.core.models.card import EXACT
from churn_assets.core.models.foreign import ForeignModel
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.scoring.score import ScoreOptions, score_customers
from churn_assets.pipeline.training.import_model import import_model
from churn_assets.storage.models.export import export_mlflow
from churn_assets.storage.models.foreign import open_foreign
from churn_assets.storage.scores.published import PublishedScores
from churn_assets_tests.chains import AS_OF, HORIZON, chain_over, export

RUN = RunContext("tester", run_id="run-1", code_revision="0123abc")
BACKTEST = AS_OF - HORIZON


def _frame(customers: int) -> pd.DataFrame:
    """Features as a plain script would make them; a script's own words and numbers, in an order of its own."""
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "spend": rng.uniform(0, 50, customers),
            "visits": rng.integers(0, 9, customers),
            "tenure_days": rng.integers(0, 900, customers),
        }
    )


def _plain_model(path: Path) -> Any:
    """Fitted without anything of this package, and dumped."""
    frame = _frame(400)
    model = HistGradientBoostingClassifier(max_iter=10, random_state=0, early_stopping=False)
    model.fit(frame, (frame["visits"] < 3).astype(int))
    joblib.dump(model, path)
    return model


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """The source alone: a third of the members of the backtest's day, those who came seldom, are gone on the last."""
    rng = np.random.default_rng(1)
    visits: list[object] = [str(number % 9) for number in range(240)]
    spend: list[object] = [f"{value:.2f}" for value in rng.uniform(0, 50, 240)]
    export(tmp_path, BACKTEST, customers=240, visits=visits, spend=spend)
    stay = [number for number in range(240) if number % 9 > 2 or number % 17 == 0]
    ids: list[object] = [f"c{number:05d}" for number in stay]
    export(
        tmp_path, AS_OF, len(stay), customer_id=ids, visits=[visits[n] for n in stay], spend=[spend[n] for n in stay]
    )
    return chain_over(tmp_path)


def _import(chain: Chain, path: Path, as_of: dt.date = BACKTEST) -> Any:
    return import_model(chain, open_foreign(path, trust=True), as_of, "the notebook's", RUN)


def _exported(chain: Chain, version: str, folder: Path) -> Any:
    """A model as MLflow gets it: opened by MLflow where that is installed, else by the code that travels along."""
    export_mlflow(chain.registry.models, version, chain.profile, folder)
    flavor = yaml.safe_load((folder / "MLmodel").read_text())["flavors"]["python_function"]
    if find_spec("mlflow"):
        return import_module("mlflow.pyfunc").load_model(str(folder))
    spec = spec_from_file_location(flavor["loader_module"], folder / flavor["code"] / f"{flavor['loader_module']}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module._load_pyfunc(str(folder / flavor["data"]))


def test_a_plain_model_is_judged_promoted_and_served_to_the_bit(chain: Chain, tmp_path: Path) -> None:
    """It is judged on the newest day with outcomes, keeps its own columns, gets a kernel, scores as before."""
    model = _plain_model(tmp_path / "plain.joblib")

    made = _import(chain, tmp_path / "plain.joblib")

    card = made.card
    assert (card.trained_as_of, card.backtest_date, card.train_rows) == (BACKTEST, BACKTEST, 0)
    assert card.feature_columns == ("spend", "visits", "tenure_days")
    assert card.kernel == EXACT
    assert card.imported is not None
    assert card.imported.sha256 == hashlib.sha256((tmp_path / "plain.joblib").read_bytes()).hexdigest()
    assert (card.imported.reason, made.created) == ("the notebook's", True)
    assert {gate.name for gate in made.gates} >= {"min_roc_auc", "reproducible", "max_roc_auc_loss"}
    assert not _import(chain, tmp_path / "plain.joblib").created
    assert "what its owner says" in " ".join(card.limitations)
    chain.registry.promote(card.model_version, actor="tester", reason="ours", force=True)
    score_customers(chain, BACKTEST, ScoreOptions(), RUN)
    features = chain.features.version(BACKTEST).read().to_pandas()
    scores = PublishedScores(chain.layout).day(BACKTEST).read().to_pandas()
    expected = model.predict_proba(features[["spend", "visits", "tenure_days"]].astype(float))[:, 1]
    assert features["customer_id"].tolist() == scores["customer_id"].tolist()
    assert scores["churn_probability"].to_numpy().tobytes() == expected.tobytes()
    assert _exported(chain, card.model_version, tmp_path / "mlflow").predict(features).tobytes() == expected.tobytes()
    assert "churn-assets" not in (tmp_path / "mlflow" / "requirements.txt").read_text()


def test_a_day_that_it_may_have_learnt_from_judges_no_model(chain: Chain, tmp_path: Path) -> None:
    """One that was trained as of a later day than the newest with known outcomes is refused, and nothing is kept."""
    _plain_model(tmp_path / "plain.joblib")

    with pytest.raises(InputError, match=rf"--trained-as-of {AS_OF}: the model may know every outcome .* {AS_OF};"):
        _import(chain, tmp_path / "plain.joblib", AS_OF)

    assert chain.registry.models.versions() == []


@pytest.mark.parametrize(
    ("columns", "labels", "sentence"),
    [
        (["spend", "vists"], [0, 1], r"the model wants vists \(is it visits\?\), which the feature_columns of"),
        (None, [0, 1], "it has no feature_names_in_"),
        (["spend", "visits"], ["gone", "here"], r"the model's classes are \['gone', 'here'\]"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(chain: Chain, columns: Any, labels: list[Any], sentence: str) -> None:
    """Features that the profile lacks, none at all, and classes that are no churn are refused before anything lands."""
    values = np.random.default_rng(0).normal(size=(20, 2))
    given = values if columns is None else pd.DataFrame(values, columns=columns)
    model = LogisticRegression().fit(given, np.array(labels)[np.arange(20) % 2])

    with pytest.raises(InputError, match=sentence):
        import_model(chain, ForeignModel(model, "m.joblib", "pickle", "0" * 64), BACKTEST, "why", RUN)

    assert chain.raw.days() == []
