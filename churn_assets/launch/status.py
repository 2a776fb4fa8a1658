"""How an installation stands: last night, its models, what is worth an alert now, and what failed."""

import datetime as dt
import logging
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from churn_assets.assets.automation.failures import PARTITION_TAG, failed_runs
from churn_assets.composition import build_chain
from churn_assets.core.alerting.alerts import Alert, FailedRun, night_alerts, standing_alerts, worst_severity
from churn_assets.core.errors import ChurnError
from churn_assets.core.monitoring.freshness import fresh_until
from churn_assets.core.monitoring.night_facts import NightFacts
from churn_assets.core.monitoring.performance.verdict import Verdict, verdict_on
from churn_assets.instance import open_instance
from churn_assets.launch.processes import dead_runs
from churn_assets.pipeline.alerting.alert_record import AlertRecord
from churn_assets.pipeline.alerting.facts import (
    drift_rows,
    newest_performance,
    night_facts,
    performance_until,
    standing_facts,
)
from churn_assets.pipeline.chain import Chain
from churn_assets.pipeline.monitoring.night_report import night_report
from churn_assets.settings import Settings
from churn_assets.storage.models.registry import Canary
from churn_assets.storage.tables.commits import Event

__all__ = ["Status", "status_of"]

PERFORMANCE = ("snapshot_date", "model_version", "rows", "churners", "roc_auc", "roc_auc_low", "roc_auc_high")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """How an installation stands; None where there is nothing yet.

    Attributes:
        scores: the newest day's publish or rollback.
        night: what they came to; None where it cannot be read.
        performance: what came true of the newest scores that outcomes are known of.
        verdict: whether the champion is still good.
        fresh: whether an app may still rely on its scores.
        fresh_until: when those of the next day are wanted, in the configured time zone.
        champion: the model in force.
        champion_age_days: from its training day to the newest scored day.
        canary: who scores a share of the customers.
        challenger: who scores unseen.
        drift: the worst severity of the newest day, None where nobody looked.
        alerts: what is worth one now.
        undelivered: how many alerts a channel has not taken yet.
        failed_runs: what failed lately and was not made good; None where Dagster does not answer.
    """

    scores: Event | None
    night: NightFacts | None
    performance: dict[str, Any] | None
    verdict: Verdict
    fresh: bool
    fresh_until: dt.datetime | None
    champion: str | None
    champion_age_days: int | None
    canary: Canary | None
    challenger: str | None
    drift: str | None
    alerts: list[Alert]
    undelivered: int
    failed_runs: list[FailedRun] | None

    @property
    def not_run(self) -> str:
        """Which checks of a newer night than the newest scores, or of the same, were not run, and why; else empty."""
        since = self.scores.day if self.scores else dt.date.min
        nights = [run for run in self.failed_runs or () if run.job == "nightly" and run.day >= since]
        return f"of {nights[-1].day} not run: {nights[-1].step or 'the run'} failed" if nights else ""

    def row(self) -> dict[str, Any]:
        """What `--json` prints."""
        scores, canary = self.scores, self.canary
        return {
            "snapshot_date": scores and scores.day,
            "score_version": scores and scores.version,
            "published_at": scores and scores.published_at,
            "high_risk": self.night and self.night.tiers.get("high", 0),
            "excluded": self.night and self.night.excluded,
            "beyond_audit": self.night and list(self.night.beyond),
            "fresh": self.fresh,
            "fresh_until": self.fresh_until,
            "champion": self.champion,
            "champion_age_days": self.champion_age_days,
            "canary": canary and {"model_version": canary.model_version, "share": canary.share},
            "challenger": self.challenger,
            "drift": self.drift,
            "performance": self.performance and {name: self.performance[name] for name in PERFORMANCE},
            "verdict": asdict(self.verdict),
            "alerts": [
                {
                    "condition": each.condition,
                    "severity": each.severity,
                    "snapshot_date": each.day,
                    "sentence": each.sentence,
                    "runbook": each.runbook,
                }
                for each in self.alerts
            ],
            "undelivered": self.undelivered,
            "failed_runs": None
            if self.failed_runs is None
            else [
                {"run_id": run.run_id, "job": run.job, "snapshot_date": run.day, "reason": run.reason}
                for run in self.failed_runs
            ],
        }


def status_of(settings: Settings, now: dt.datetime) -> Status:
    """How things stand at `now`; nothing is written, raised or sent."""
    chain = build_chain(settings)
    failed = _failed_runs(chain, settings, now)
    standing = standing_facts(chain, now, failed or ())
    day = standing.scored
    drift = drift_rows(chain, day) if day else []
    known = performance_until(chain, day) if day else []
    return Status(
        scores=next(chain.scores.backwards(day), None) if day else None,
        night=_night(chain, day) if day else None,
        performance=newest_performance(chain),
        verdict=verdict_on(standing.champion, known, chain.retraining.min_roc_auc),
        fresh=standing.fresh,
        fresh_until=_fresh_until(chain, day) if day else None,
        champion=standing.champion,
        champion_age_days=standing.champion_age_days,
        canary=chain.registry.canary(),
        challenger=chain.registry.challenger(chain.profile.name),
        drift=worst_severity(drift) if drift else None,
        alerts=(night_alerts(night_facts(chain, day)) if day else []) + standing_alerts(standing),
        undelivered=len(AlertRecord(chain.layout).undelivered()),
        failed_runs=failed,
    )


def _fresh_until(chain: Chain, day: dt.date) -> dt.datetime:
    return fresh_until(day, chain.bounds.fresh_by, chain.timezone).astimezone(ZoneInfo(chain.timezone))


def _night(chain: Chain, day: dt.date) -> NightFacts | None:
    try:
        return night_report(chain, day).facts
    except ChurnError:  # a damaged version keeps nobody from seeing the rest
        logger.debug("the night of %s cannot be told:", day, exc_info=True)
        return None


def _failed_runs(chain: Chain, settings: Settings, now: dt.datetime) -> list[FailedRun] | None:
    if not chain.layout.tables():  # nothing ever ran: opening Dagster's storage would make its folders
        return []
    try:
        with open_instance(settings) as instance:
            found = failed_runs(instance, now)
            found += [
                FailedRun(run.run_id, run.job_name, dt.date.fromisoformat(day), sentence)
                for run, sentence in dead_runs(instance)  # nobody has ended them yet
                if (day := run.tags.get(PARTITION_TAG))
            ]
            return sorted(found, key=lambda each: each.day)
    except Exception:  # whatever keeps Dagster from answering, the tables tell the rest
        logger.debug("Dagster's storage could not be reached:", exc_info=True)
        return None
