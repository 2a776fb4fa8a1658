"""The figures of a night, gathered from its tables and written for Prometheus: `data_dir/metrics/churn_assets.prom`."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import write_to_textfile

from churn_assets.core.days import end_of_day
from churn_assets.core.monitoring.feature_drift import SEVERITIES
from churn_assets.core.monitoring.night_metrics import NightFigures, registry_of
from churn_assets.pipeline.chain import Chain, logger
from churn_assets.storage.tables.reading import rows_between

__all__ = ["write_night_metrics"]


def write_night_metrics(chain: Chain, day: dt.date, stage_seconds: Mapping[str, float]) -> Path | None:
    """Replace the file by the figures of the day in one step; None where a newer day has scores, whose figures stay."""
    newest = max(chain.scores.days(), default=None)
    if newest != day:
        logger.debug("%s: its figures are not written: the file stays with %s, the newest scored day", day, newest)
        return None
    path = chain.layout.metrics
    path.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(path), registry_of(_figures(chain, day, stage_seconds)))
    return path


def _figures(chain: Chain, day: dt.date, stage_seconds: Mapping[str, float]) -> NightFigures:
    tables = (chain.raw, chain.customers, chain.quarantined, chain.features, chain.scores)
    events = {table.name: event for table in tables if (event := table.newest([day]).get(day)) is not None}
    rows = {name: event.rows for name, event in events.items()}
    features, scores = (rows_between(chain.table(name), day, day) for name in ("feature_drift", "score_drift"))
    found = Counter(row["severity"] for row in (*features, *scores))
    raw, quarantined = rows.get(chain.raw.name), rows.get(chain.quarantined.name)
    published = events[chain.scores.name]
    return NightFigures(
        snapshot_end=end_of_day(day, chain.timezone).timestamp(),
        published_at=published.published_at.timestamp(),
        finished_at=dt.datetime.now(dt.UTC).timestamp(),
        model_version=published.commit.model_version,
        rows=rows,
        stage_seconds=stage_seconds,
        quarantined_share=quarantined / raw if raw and quarantined is not None else None,
        excluded=published.commit.details.get("excluded"),
        feature_psi_max=max((row["psi"] for row in features), default=None),
        score_psi={row["against"]: row["psi"] for row in scores},
        findings={severity: found[severity] for severity in SEVERITIES},
        roc_auc=_known_roc_auc(chain, "realized", day) | _known_roc_auc(chain, "estimated", day),
    )


def _known_roc_auc(chain: Chain, kind: str, day: dt.date) -> dict[str, float]:
    """The newest figure for everybody's published scores of a day up to `day`; empty where there is none."""
    table = chain.table(f"{kind}_performance")
    newest = max((each for each in table.days() if each <= day), default=None)
    rows = rows_between(table, newest, newest) if newest else []
    everybody = (row for row in rows if row.get("arm", "champion") == "champion" and not row.get("slice_column"))
    return next(({kind: row["roc_auc"]} for row in everybody if row["roc_auc"] is not None), {})
