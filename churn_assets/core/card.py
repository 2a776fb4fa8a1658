"""What a model version is, as its card tells it, and how its name is made."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from churn_assets.core.options import Recipe

__all__ = ["Gate", "InputVersion", "Metrics", "ModelCard", "model_version"]


class Metrics(BaseModel):
    """Quality on `rows` customers, of whom `churners` churned."""

    model_config = ConfigDict(frozen=True)

    rows: int
    churners: int
    roc_auc: float
    average_precision: float
    brier: float

    @property
    def base_rate(self) -> float:
        """Share of the customers who churned."""
        return self.churners / self.rows

    @property
    def base_rate_brier(self) -> float:
        """The Brier score of giving everybody the base rate."""
        return self.base_rate * (1 - self.base_rate)


class Gate(BaseModel):
    """One condition of promotion and whether it is met, in words."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    finding: str


class InputVersion(BaseModel):
    """One partition version a model was trained or judged on."""

    model_config = ConfigDict(frozen=True)

    table: str
    snapshot_date: dt.date
    version: str


class ModelCard(BaseModel):
    """What a model version is; everything but `code_revision`, `artefact_sha256` and results is in its digest."""

    model_config = ConfigDict(frozen=True)

    model_version: str
    trained_as_of: dt.date
    profile: str
    profile_digest: str
    recipe: Recipe
    feature_columns: tuple[str, ...]
    feature_parameters: dict[str, Any]
    feature_digest: str
    label: str
    training_dates: tuple[dt.date, ...]
    backtest_date: dt.date
    backtest_training_dates: tuple[dt.date, ...]
    skipped_dates: tuple[dt.date, ...]
    inputs: tuple[InputVersion, ...]
    libraries: dict[str, str]
    code_revision: str
    train_rows: int
    train_churners: int
    left_out_rows: int
    metrics: Metrics
    gates: tuple[Gate, ...]
    in_sample: bool
    limitations: tuple[str, ...]
    artefact_sha256: str

    @property
    def missed(self) -> list[str]:
        """The findings of the gates that were not met."""
        return [gate.finding for gate in self.gates if not gate.passed]


def model_version(
    as_of: dt.date,
    *,
    profile_digest: str,
    feature_digest: str,
    label: str,
    recipe: Recipe,
    inputs: Iterable[InputVersion],
    libraries: Mapping[str, str],
) -> str:
    """The name of the model that these make: the day, and a digest of what it is; no clock in it."""
    content = [
        as_of.isoformat(),
        profile_digest,
        feature_digest,
        label,
        recipe.model_dump(mode="json"),
        [entry.model_dump(mode="json") for entry in inputs],
        sorted(libraries.items()),
    ]
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{as_of:%Y%m%d}-{digest[:8]}"
