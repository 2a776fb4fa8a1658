"""Points about profile and tables: features that look beyond their row are found, and a rollback is rehearsed."""

import base64
import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import SecretStr

from churn_assets.core.errors import DamagedVersion, ModelFault, SettingsError
from churn_assets.core.models.options import ModelOptions
from churn_assets.core.models.signing import Signing
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.readiness.champion import card_point, golden_point, signature_point
from churn_assets.pipeline.readiness.profile import features_point, schema_point
from churn_assets.pipeline.readiness.tables import retention_point, rollback_point
from churn_assets.pipeline.training.train import train_model
from churn_assets_tests.chains import AS_OF, chain_over, export
from churn_assets_tests.factories import MEMBERS
from churn_assets_tests.storage_factories import keep_model, make_card, publish, score_rows

RUN = RunContext("tester")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A day of valid members; not to be changed."""
    folder = tmp_path_factory.mktemp("landed")
    export(folder, AS_OF)
    chain = chain_over(folder)
    land_customers(chain, AS_OF, RUN)
    validate_customers(chain, AS_OF, RUN)
    return chain


def of_others(frame: pd.DataFrame) -> "pd.Series[float]":
    """A feature that looks at other rows."""
    return frame["visits"] - frame["visits"].mean()


def of_order(frame: pd.DataFrame) -> "pd.Series[float]":
    """A feature that looks at the place of its row."""
    return pd.Series(np.arange(len(frame), dtype=float), index=frame.index)


def of_chance(frame: pd.DataFrame) -> "pd.Series[float]":
    """A feature that is drawn."""
    return pd.Series(np.random.default_rng().random(len(frame)), index=frame.index)


@pytest.mark.parametrize(
    ("make", "how"), [(of_others, "in two batches"), (of_order, "in the opposite order"), (of_chance, "a second time")]
)
def test_features_that_look_beyond_their_row_are_named(
    landed: Chain, make: Callable[[pd.DataFrame], "pd.Series[float]"], how: str
) -> None:
    """Each by its name, and by how it was found out."""

    def add_features(customers: pd.DataFrame, few_visits: int = 3) -> pd.DataFrame:
        return MEMBERS.add_features(customers, few_visits=few_visits).assign(spend=make(customers))

    chain = dataclasses.replace(landed, profile=dataclasses.replace(MEMBERS, add_features=add_features))

    point = features_point(chain)

    assert not point.passed
    assert point.finding == f"spend of 40 customers come out otherwise {how}"


def test_a_sound_profile_passes_and_one_with_other_columns_does_not(landed: Chain) -> None:
    """The tables have the columns of the profile that made them."""
    renamed = dataclasses.replace(landed, profile=dataclasses.replace(MEMBERS, schema=Renamed, past_columns=()))

    assert features_point(landed).passed
    assert schema_point(landed).passed
    assert "differ in" in schema_point(renamed).finding
    assert "tariff" in schema_point(renamed).finding


class Renamed(MEMBERS.schema):  # type: ignore[name-defined,misc]  # made up
    """Members with a column more."""

    tariff: int


def test_an_installation_without_anything_is_told_what_to_do(tmp_path: Path) -> None:
    """Every point that looks at data asks for a first night, and makes nothing."""
    chain = chain_over(tmp_path)

    points = [look(chain) for look in (schema_point, features_point, card_point, golden_point, rollback_point)]
    points.append(retention_point(chain))

    assert not any(point.passed for point in points)
    assert all("churn-assets run" in point.advice for point in points)
    assert list(tmp_path.iterdir()) == []


def test_a_rollback_is_rehearsed_on_a_copy(tmp_path: Path) -> None:
    """The published table has no commit more by it; where the day's bytes are damaged it does not pass."""
    chain = chain_over(tmp_path)
    publish(chain.scores, score_rows(50), AS_OF - dt.timedelta(days=1))
    publish(chain.scores, score_rows(50), AS_OF)

    point = rollback_point(chain)

    assert "byte for byte" in point.finding
    assert len(chain.scores.history(AS_OF)) == 1
    assert retention_point(chain).finding == "churn_scores keeps: history 3650 days, replaced files 90 days"
    part = chain.scores.version(AS_OF).files[0]
    content = bytearray(part.read_bytes())
    content[len(content) // 3] ^= 0xFF
    part.write_bytes(bytes(content))
    with pytest.raises(DamagedVersion):
        rollback_point(chain)


def test_models_are_to_be_signed(tmp_path: Path) -> None:
    """Unasked they are not; where only signed ones are opened, an unsigned champion is refused, a signed one named."""
    key = SecretStr(f"hmac-sha256:{base64.b64encode(bytes(32)).decode()}")
    signing = Signing.of(ModelOptions(require_signature=True, signing_key=key))
    unasked, chain = chain_over(tmp_path), chain_over(tmp_path, signing=signing)
    nobody = signature_point(chain)
    version = keep_model(unasked.registry, make_card(profile=MEMBERS.name))
    unasked.registry.promote(version, actor="tester", reason="the first")

    with pytest.raises(ModelFault, match="is not signed"):
        signature_point(chain)
    chain.registry.models.sign(version)

    assert not signature_point(unasked).passed
    assert nobody.passed
    assert signature_point(chain).finding == f"only signed models are opened, and {version} is one"


def test_nothing_is_trained_that_nobody_could_open(tmp_path: Path) -> None:
    """Where signatures are required and the key is elsewhere, training is refused before it begins."""
    verifying = SecretStr(f"hmac-sha256:{base64.b64encode(bytes(32)).decode()}")
    signing = Signing.of(ModelOptions(require_signature=True, verify_keys=(verifying,)))

    with pytest.raises(SettingsError, match="or train where it is"):
        train_model(chain_over(tmp_path, signing=signing), AS_OF, RUN)

    assert list(tmp_path.iterdir()) == []
