"""What every stage works with, composed once from the settings, and what a stage gives.

Belongs here: the chain's parts and the types that all stages share. What a stage does stands in its own module.
"""

import datetime as dt
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from churn_assets.core.alerting.options import AlertOptions, RetrainingOptions
from churn_assets.core.models.signing import Signing
from churn_assets.core.options import (
    AuditBounds,
    Decisions,
    GateBounds,
    MonitoringBounds,
    OpenLineage,
    ReasonOptions,
    Recipe,
    RunHistory,
    Validation,
)
from churn_assets.core.profile import Profile
from churn_assets.pipeline.execution.engine import Engine, LocalEngine
from churn_assets.storage.erasure.record import ErasureRecord
from churn_assets.storage.layout import Layout
from churn_assets.storage.models.registry import Registry
from churn_assets.storage.scores.sink import ScoreSink
from churn_assets.storage.source.files import Source
from churn_assets.storage.tables.commits import Commit, CommitKind
from churn_assets.storage.tables.monitoring import Monitoring
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import Published

__all__ = ["Chain", "RunContext", "StageResult", "logger"]

logger = logging.getLogger("churn_assets")


@dataclass(frozen=True)
class Chain:
    """One business's chain: its profile and options, its source, tables and models."""

    profile: Profile
    parameters: Mapping[str, Any]
    source: Source
    layout: Layout
    validation: Validation
    recipe: Recipe
    gates: GateBounds
    decisions: Decisions
    audit: AuditBounds
    start_date: dt.date
    timezone: str
    code_revision: str
    engine: Engine = field(default_factory=LocalEngine)
    reasons: ReasonOptions = field(default_factory=ReasonOptions)
    bounds: MonitoringBounds = field(default_factory=MonitoringBounds)
    openlineage: OpenLineage = field(default_factory=OpenLineage)
    alerts: AlertOptions = field(default_factory=AlertOptions)
    retraining: RetrainingOptions = field(default_factory=RetrainingOptions)
    signing: Signing = field(default_factory=Signing)
    run_history: RunHistory = field(default_factory=RunHistory)
    do_not_score: Path | None = None
    sink: ScoreSink | None = None

    @cached_property
    def raw(self) -> Table:
        """`raw_customers`."""
        return Table(self.layout.table("raw_customers"))

    @cached_property
    def customers(self) -> Table:
        """`customers`."""
        return Table(self.layout.table("customers"))

    @cached_property
    def quarantined(self) -> Table:
        """`quarantined_customers`."""
        return Table(self.layout.table("quarantined_customers"))

    @cached_property
    def features(self) -> Table:
        """`customer_features`."""
        return Table(self.layout.table("customer_features"))

    @cached_property
    def scores(self) -> Table:
        """`churn_scores`."""
        return Table(self.layout.table("churn_scores"))

    @cached_property
    def churn_reasons(self) -> Table:
        """`churn_reasons`."""
        return Table(self.layout.table("churn_reasons"))

    @cached_property
    def challenger_scores(self) -> Table:
        """`challenger_scores`."""
        return Table(self.layout.table("challenger_scores"))

    def table(self, name: str) -> Table:
        """A table that follows from the scores, by its name."""
        return Table(self.layout.table(name))

    @cached_property
    def monitoring(self) -> Monitoring:
        """The records of what was compared and what came true."""
        return Monitoring(self.layout)

    @cached_property
    def erasures(self) -> ErasureRecord:
        """The record of the customers who were erased."""
        return ErasureRecord(self.layout)

    @cached_property
    def registry(self) -> Registry:
        """The model versions and their promotions."""
        return Registry(self.layout, self.gates, self.profile.name, self.signing)

    def first_day(self) -> dt.date:
        """The first day there is, landed or in the source, and none before `start_date`; that where there is none.

        An export without a date may stand for any day.
        """
        if not self.source.dated:
            return self.start_date
        landed, held = self.raw.days()[:1], self.source.first_day()
        return max(self.start_date, min([*landed, *([held] if held else [])], default=self.start_date))

    @property
    def feature_digest(self) -> str:
        """The digest of the feature code and parameters in force."""
        return self.profile.feature_digest(self.parameters)


@dataclass(frozen=True)
class StageResult:
    """A partition version that a stage made current; each stage adds what it knows of it."""

    table: Table
    day: dt.date
    published: Published
    rows: int


@dataclass(frozen=True)
class RunContext:
    """Who is at work, with which code, for the commits' metadata; and what was made on the way to something else.

    What a person decides after the run `began` stands. `landed` holds the partitions of a history that training found
    missing, in the order in which they were made, also where the work fails later.
    """

    actor: str
    run_id: str = ""
    reason: str = ""
    code_revision: str = ""
    began: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    landed: list[StageResult] = field(default_factory=list)

    def commit(self, kind: CommitKind, model_version: str = "", **details: Any) -> Commit:
        """The metadata of a commit made by this run."""
        return Commit(kind, self.actor, self.reason, self.run_id, model_version, self.code_revision, details)
