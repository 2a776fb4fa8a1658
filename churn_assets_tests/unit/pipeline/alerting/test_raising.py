"""An alert is raised once a condition and day, and kept until it has arrived."""

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest

from churn_assets.core.alerting.alerts import Alert
from churn_assets.core.alerting.options import AlertOptions
from churn_assets.core.monitoring.table_schemas import FEATURE_DRIFT, REALIZED_PERFORMANCE, SCORE_DRIFT
from churn_assets.core.options import GateBounds
from churn_assets.pipeline.alerting.alert_record import AlertRecord
from churn_assets.pipeline.alerting.facts import retraining_facts, standing_facts
from churn_assets.pipeline.alerting.raising import alert_of_night, raise_alerts
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.monitoring.publishing import publish_rows
from churn_assets_tests.chains import chain_over
from churn_assets_tests.receivers import web_server
from churn_assets_tests.storage_factories import keep_model, make_card, publish, score_rows

DAY = dt.date(2026, 4, 30)
ONE_DAY = dt.timedelta(days=1)
RUN = RunContext("tester")
ALERT = Alert("stale_scores", "error", DAY, "the newest scores are old")


def posting(folder: Path, url: str) -> Chain:
    """A chain whose alerts go to a webhook."""
    return chain_over(folder, alerts=AlertOptions.model_validate({"webhook": {"url": url}}))


def drift(chain: Chain, day: dt.date, severity: str) -> None:
    """Publish that a feature and the scores of a day have drifted so."""
    feature: dict[str, Any] = dict.fromkeys(FEATURE_DRIFT.names)
    publish_rows(
        chain.table("feature_drift"),
        day,
        FEATURE_DRIFT,
        [feature | {"feature": "visits", "psi": 0.4, "severity": severity}],
        RUN,
    )
    score = {"against": "reference", "against_date": None, "psi": 0.3, "mean_shift": 0.1, "severity": severity}
    publish_rows(chain.table("score_drift"), day, SCORE_DRIFT, [score], RUN)


def realize(chain: Chain, day: dt.date, model: str, **figures: Any) -> None:
    """Publish what came true of a day's scores, beside a slice and a challenger that did worse."""
    row: dict[str, Any] = dict.fromkeys(REALIZED_PERFORMANCE.names)
    row |= {"known_on": day + dt.timedelta(days=30), "model_version": model, "arm": "champion"}
    row |= {
        "slice_column": "",
        "slice_value": "",
        "rows": 1000,
        "churners": 100,
        "mean_probability": 0.1,
        "calibration_error": 0.01,
        **figures,
    }
    slice_of = row | {"slice_column": "plan", "slice_value": "basic", "roc_auc": 0.1}
    publish_rows(
        chain.table("realized_performance"),
        day,
        REALIZED_PERFORMANCE,
        [row, slice_of, row | {"arm": "challenger", "roc_auc": 0.2}],
        RUN,
    )


def test_an_alert_is_raised_once_and_logged_with_what_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """However often a condition is looked at; on another day it is another alert."""
    chain = chain_over(tmp_path)
    tomorrow = Alert("stale_scores", "warning", DAY + ONE_DAY, "still old")

    with caplog.at_level(logging.WARNING, "churn_assets"):
        new = [raise_alerts(chain, [ALERT, ALERT]), raise_alerts(chain, [ALERT, tomorrow])]

    assert new == [[ALERT], [tomorrow]]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "alert stale_scores: the newest scores are old (docs/runbook.md#stale_scores)" in caplog.text
    assert [row["event"] for row in AlertRecord(chain.layout).rows()] == ["raised", "raised"]
    assert raise_alerts(chain, []) == []


def test_what_a_channel_did_not_take_is_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A refusing webhook fails nothing; the next look delivers what waits, in order, once."""
    second = Alert("run_failed", "error", DAY, "it failed")
    with web_server(403) as posts:
        chain = posting(tmp_path, posts.url)
        raise_alerts(chain, [ALERT, second])
        refused = len(posts.bodies)
        posts.answers = [200]
        raise_alerts(chain, [])
        raise_alerts(chain, [ALERT])

    assert refused == 1  # a channel that does not answer is left alone until the next time
    assert [body["condition"] for body in posts.bodies[refused:]] == ["stale_scores", "run_failed"]
    assert AlertRecord(chain.layout).undelivered() == []
    assert "is tried again later" in caplog.text
    assert "SECRET" not in caplog.text


def test_what_nobody_was_to_be_called_for_stays_in_the_record(tmp_path: Path) -> None:
    """Alerts of an old day, and of the time before a channel was configured, are not sent later."""
    raise_alerts(chain_over(tmp_path), [ALERT])
    with web_server() as posts:
        chain = posting(tmp_path, posts.url)
        raise_alerts(chain, [Alert("feature_drift", "error", DAY, "long ago")], call=False)
        raise_alerts(chain, [ALERT])

    assert posts.bodies == []
    assert len(AlertRecord(chain.layout).rows()) == 2


def test_a_night_without_tables_of_the_watching_raises_nothing(tmp_path: Path) -> None:
    """Nothing that follows from scores need be there."""
    chain = chain_over(tmp_path)

    assert alert_of_night(chain, DAY) == []
    assert AlertRecord(chain.layout).rows() == []
    assert retraining_facts(chain) is None


def test_tables_of_the_watching_are_read_by_their_day(tmp_path: Path) -> None:
    """Drift of the day, and outcomes that became known on it, of everybody's published scores alone."""
    chain = chain_over(tmp_path)
    publish(chain.scores, score_rows(5), DAY)
    drift(chain, DAY, "error")
    drift(chain, DAY - ONE_DAY, "ok")
    realize(chain, DAY - dt.timedelta(days=30), "20260101-0a", roc_auc=0.55, roc_auc_high=0.65)

    found = alert_of_night(chain, DAY)
    before = alert_of_night(chain, DAY - ONE_DAY)

    assert [(each.condition, each.severity) for each in found] == [
        ("feature_drift", "error"),
        ("score_drift", "error"),
        ("realized_roc_auc", "warning"),
    ]
    assert before == []


def test_how_things_stand_and_what_speaks_for_a_training_follow_from_tables_and_models(tmp_path: Path) -> None:
    """Freshness by the rule of the check `is_fresh`; the champion's age, and drift day by day, newest first."""
    chain = chain_over(tmp_path, gates=GateBounds(min_rows=0), timezone="America/New_York")
    model = keep_model(chain.registry, make_card(dt.date(2026, 4, 10), profile="members"))
    chain.registry.promote(model, actor="tester", reason="the first", force=True)
    for back in range(4):
        publish(chain.scores, score_rows(5), DAY - back * ONE_DAY)
        drift(chain, DAY - back * ONE_DAY, "error" if back else "ok")
    realize(chain, DAY - dt.timedelta(days=30), model, roc_auc=0.7)

    standing = standing_facts(chain, dt.datetime(2026, 5, 2, 12, tzinfo=dt.UTC))
    training = retraining_facts(chain)

    assert (standing.scored, standing.wanted, standing.champion_age_days) == (DAY, DAY + ONE_DAY, 20)
    assert standing.fresh_by == "08:00 America/New_York"
    assert not standing.fresh
    assert training is not None
    assert (training.day, training.champion_age_days, training.newest_age_days) == (DAY, 20, 20)
    assert [[row["severity"] for row in rows] for rows in training.drift] == [["ok"] * 2, ["error"] * 2, ["error"] * 2]
    assert [row["roc_auc"] for row in training.performance] == [0.7]
