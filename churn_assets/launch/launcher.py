"""The chain run through Dagster from this process, so that its runs and events are in the UI."""

import atexit
import datetime as dt
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from churn_assets.assets.build import build
from churn_assets.assets.monitoring.lineage import TOLD_TAG, tell_of_end, tell_of_start
from churn_assets.assets.results import ACTOR_TAG, KIND_TAG, REASON_TAG, RunResults
from churn_assets.composition import build_chain
from churn_assets.core.errors import InputError, RunError, SettingsError, SourceMissing
from churn_assets.core.failures import in_one_line, refusal_of_disk
from churn_assets.instance import open_instance
from churn_assets.launch.origins import with_origin
from churn_assets.launch.processes import RUN_TAG, RunProcess, end_dead_runs
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.customers.land import LandedCustomers
from churn_assets.pipeline.customers.validate import QuarantinedCustomers, ValidCustomers
from churn_assets.pipeline.scoring.score import ScoreResult
from churn_assets.settings import Settings
from churn_assets.storage.layout import Layout
from churn_assets.storage.source.files import UNDATED

if TYPE_CHECKING:
    from churn_assets.pipeline.training.train import TrainResult

__all__ = ["Launcher", "Night"]

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class Night:
    """What one run of the nightly chain did; `changed` is whether readers meet other scores than before."""

    snapshot_date: dt.date
    raw: int
    valid: int
    quarantined: int
    scored: int
    excluded: int | None
    high_risk: int
    mean_probability: float
    model_version: str
    models: dict[str, int]
    score_version: str
    published: bool
    changed: bool
    accepted_shift: list[str]
    seconds: float


class Launcher:
    """Runs the jobs of one installation."""

    def __init__(self, settings: Settings, actor: str) -> None:
        self.actor = actor
        self._results = RunResults()
        self.chain: Chain = build_chain(settings)
        try:
            self.definitions = build(self.chain, settings.schedule, self._results)
        except dg.DagsterInvalidDefinitionError as error:
            raise SettingsError(f"schedule or start_date: {error}") from error
        self._settings = settings

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """Dagster's storage; opened for the first run, as opening it makes folders.

        Raises:
            InputError: it cannot be opened.
        """
        instance = open_instance(self._settings)
        atexit.register(instance.dispose)  # a database keeps no connection of a process that is gone
        return with_origin(instance)

    def days(self, date: dt.date | None, first: dt.date | None, last: dt.date | None) -> list[dt.date]:
        """The days that were asked for, the source's latest where none were.

        Raises:
            InputError: a day that is not a partition, or that the source does not hold.
        """
        if first or last:
            if date or not (first and last) or first > last:
                raise InputError("give either --date D, or --from D --to D with the earlier day first")
            asked = [first + dt.timedelta(days=more) for more in range((last - first).days + 1)]
        else:
            asked = [date or self.latest()]
        for day in asked:
            self.check_day(day)
        if missing := [day for day in asked if not self.chain.source.has(day)]:
            self.chain.source.files(missing[0])
        return asked

    def latest(self) -> dt.date:
        """The newest day of the source that has ended.

        Raises:
            SourceMissing: the source holds no day, or an export without a date.
        """
        if not self.chain.source.dated:
            raise SourceMissing(UNDATED)
        days = [day for day in self.chain.source.days() if day < self._today()]
        if not days:
            raise SourceMissing(
                f"the source is empty at {self.chain.source.template}, or its folders may not be read by uid "
                f"{os.getuid()}; export customers there, correct the source, or try it with `churn-assets sample`"
            )
        return days[-1]

    def check_day(self, day: dt.date) -> None:
        """Refuse a day that is no partition.

        Raises:
            InputError: it lies before `start_date`, has not ended, or its time zone skipped it.
        """
        if day < self.chain.start_date:
            raise InputError(
                f"{day} lies before start_date {self.chain.start_date}: set start_date to {day} or earlier"
            )
        if day >= self._today():
            raise InputError(
                f"{day} has not ended yet in {self.chain.timezone}: a snapshot holds what was known at a day's end; "
                f"choose a day before {self._today()}"
            )
        noon = dt.datetime.combine(day, dt.time(12), ZoneInfo(self.chain.timezone))
        if noon.astimezone(dt.UTC).astimezone(noon.tzinfo).date() != day:
            raise InputError(f"{day} never was in {self.chain.timezone}: its clocks skipped that day; choose another")

    def train(self, as_of: dt.date) -> "TrainResult":
        """Run the training of a day.

        Raises:
            RunError: the run failed.
        """
        from churn_assets.pipeline.training.train import TrainResult  # noqa: PLC0415  # loads all of scikit-learn

        return self._run("training", as_of, ["churn_model"]).last(TrainResult)

    def first_champion(self, as_of: dt.date) -> str:
        """Train the first model and promote it; the configured fallback where none can be trained or passes.

        Raises:
            RunError: neither is possible.
        """
        trained = self.train(as_of)
        wanted: dict[str, Any] = {"as_of": as_of.isoformat(), "reason": trained.fallback}
        if not trained.fallback and not (trained.missed and self.chain.gates.fallback == "rules"):
            version = trained.card.model_version
            wanted = {"model_version": version, "reason": "the first model, which passed its gates", "first": True}
        self._run("training", as_of, ["champion"], {"ops": {"champion": {"config": wanted}}})
        return self.chain.registry.champion()

    def promote(self, version: str, reason: str) -> None:
        """Make a model version champion, as a run.

        Raises:
            RunError: it may not serve, or missed its gates.
        """
        wanted = {"model_version": version, "reason": reason}
        self._run("training", self.chain.start_date, ["champion"], {"ops": {"champion": {"config": wanted}}})

    def night(self, day: dt.date, *, accept_shift: str = "", publish: bool = True, is_backfill: bool = False) -> Night:
        """Run the nightly chain of a day.

        Args:
            day: the snapshot date.
            accept_shift: why a shift that the audit found is accepted; empty where it is not.
            publish: whether the scores are published, or the work ends with their audit.
            is_backfill: whether the day is one of a backfill's, for the run's tags.

        Raises:
            RunError: the run failed; nothing was published by the step that did.
        """
        started = dt.datetime.now(dt.UTC)
        config = {"ops": {"churn_scores": {"config": {"accept_shift": bool(accept_shift), "publish": publish}}}}
        tags = {REASON_TAG: accept_shift} if accept_shift else {}
        tags |= {KIND_TAG: "backfill"} if is_backfill else {}
        results = self._run("nightly", day, None, config, tags)
        scores = results.last(ScoreResult)
        return Night(
            snapshot_date=day,
            raw=results.last(LandedCustomers).rows,
            valid=results.last(ValidCustomers).rows,
            quarantined=results.last(QuarantinedCustomers).rows,
            scored=scores.rows,
            excluded=scores.excluded,
            high_risk=scores.audit.tiers["high"],
            mean_probability=scores.audit.mean_probability,
            model_version=scores.card.model_version,
            models=scores.audit.models,
            score_version=scores.published.version,
            published=scores.is_published,
            changed=scores.is_published and scores.published.changed,
            accepted_shift=scores.accepted_shift,
            seconds=round((dt.datetime.now(dt.UTC) - started).total_seconds(), 3),
        )

    def _run(
        self,
        job: str,
        day: dt.date,
        assets: list[str] | None = None,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> RunResults:
        """What the stages of the run gave.

        Raises:
            RunError: a step failed, with its sentence.
        """
        self._results.clear()
        process, run_id = RunProcess.current(), str(uuid.uuid4())
        partition = day.isoformat() if assets != ["champion"] else None
        try:
            end_dead_runs(self.instance)
            self._tell_of_start(job, run_id, partition, assets)
            result = self.definitions.resolve_job_def(job).execute_in_process(
                instance=self.instance,
                run_id=run_id,
                partition_key=partition,
                asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
                run_config={**QUIET, **(config or {})},
                tags={
                    ACTOR_TAG: self.actor,
                    RUN_TAG: run_id,
                    TOLD_TAG: run_id,
                    "dagster/max_retries": "0",  # who gave the command hears of its end, and says what comes next
                    **(process.tags if process else {}),
                    **(tags or {}),
                },
                raise_on_error=False,
            )
            self._tell_of_end(result)
        except Exception as error:
            fault = _storage_fault(error)
            if fault is None:
                raise
            raise RunError(
                f"Dagster's storage, {self._storage_place()}, failed during the run ({str(fault).splitlines()[0]}): "
                f"see that it answers, has room and may be written by uid {os.getuid()}, and run the day again"
                f"{self._in_force()}"
            ) from error
        if not result.success:
            raise RunError(f"{_failure(result)} (Dagster run {result.run_id}){self._in_force()}")
        return self._results

    def _storage_place(self) -> str:
        if self._settings.dagster_pg_url.get_secret_value():
            return "the database of CHURN_DAGSTER_PG_URL"
        return str(Layout.of(self._settings.data_dir).dagster)

    def _tell_of_start(self, job: str, run_id: str, partition: str | None, assets: list[str] | None) -> None:
        if self.chain.openlineage.url:
            code = self.definitions.get_repository_def()
            planned = {dg.AssetKey(name) for name in assets or ()} or code.get_job(job).asset_layer.selected_asset_keys
            tell_of_start(self.chain, code, run_id, job, partition, planned)

    def _tell_of_end(self, result: dg.ExecuteInProcessResult) -> None:
        if self.chain.openlineage.url:
            code = self.definitions.get_repository_def()
            tell_of_end(self.chain, self.instance, code, result.dagster_run, "COMPLETE" if result.success else "FAIL")

    def _in_force(self) -> str:
        """What a run that failed had published before: its scores are read, whatever Dagster's record says."""
        return "".join(
            f"; the scores of {scores.day}, version {scores.published.version}, had been published before that and are "
            f"in force: `churn-assets rollback --date {scores.day} --reason TEXT` takes them back"
            for scores in self._results.all(ScoreResult)
            if scores.is_published
        )

    def _today(self) -> dt.date:
        return dt.datetime.now(ZoneInfo(self.chain.timezone)).date()


def _storage_fault(error: BaseException) -> SQLAlchemyError | None:
    """What the storage's driver said, where it came from that: Dagster wraps it once it has tried for a while."""
    while not isinstance(error, SQLAlchemyError):
        if error.__cause__ is None:
            return None
        error = error.__cause__
    return error


def _failure(result: dg.ExecuteInProcessResult) -> str:
    """The sentence of the step that failed, or the last line of what it met unexpectedly."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return str(failure.user_failure_data.description)
            error = failure.error
            if error and error.cls_name == "DagsterExecutionInterruptedError":
                return f"{event.step_key}: interrupted; nothing more was published"
            cause = error.cause if error and error.cause else error
            reason = cause.message.strip().splitlines()[0] if cause and cause.message.strip() else "failed"
            if cause and (refusal := refusal_of_disk(cause.message)):
                return f"{event.step_key}: {refusal}, and run the day again ({in_one_line(cause.message)})"
            return f"{event.step_key}: {reason}; the page of the run in Dagster's UI shows where"
    return "the run failed before its first step"
