"""Raise what is worth an alert, once a condition and day: to the log always, and to the channels that are configured.

A channel that does not answer fails nothing: the alert is kept as undelivered, and tried again the next time.
"""

import datetime as dt
import logging
from collections.abc import Sequence

from churn_assets.core.alerting.alerts import Alert, night_alerts
from churn_assets.pipeline.alerting.alert_record import AlertRecord
from churn_assets.pipeline.alerting.channels import Channel, Undelivered, channels_of
from churn_assets.pipeline.alerting.facts import night_facts
from churn_assets.pipeline.chain import Chain, logger

__all__ = ["alert_of_night", "deliver", "raise_alerts"]

LEVELS = {"warning": logging.WARNING, "error": logging.ERROR}


def alert_of_night(chain: Chain, day: dt.date) -> list[Alert]:
    """Raise what the night of `day` is worth, and deliver what waits; those that hold, raised before or not.

    An old day that is scored again is recorded and logged, and calls nobody.
    """
    found = night_alerts(night_facts(chain, day))
    newest = max(chain.scores.days(), default=day)
    raise_alerts(chain, found, call=day >= newest)
    return found


def raise_alerts(chain: Chain, alerts: Sequence[Alert], *, call: bool = True) -> list[Alert]:
    """Record and log those that are new, and deliver whatever waits; the new ones.

    Args:
        chain: whose record and channels.
        alerts: what holds.
        call: whether the new ones go to the channels, too.
    """
    record, channels = AlertRecord(chain.layout), channels_of(chain.alerts)
    names = [channel.name for channel in channels] if call else []
    new = [alert for alert in alerts if record.record_raised(alert, names)]
    for alert in new:
        logger.log(LEVELS[alert.severity], "alert %s: %s (%s)", alert.condition, alert.sentence, alert.runbook)
    deliver(record, channels)
    return new


def deliver(record: AlertRecord, channels: Sequence[Channel]) -> None:
    """Send what has not arrived; after its first failure a channel is left alone until the next time."""
    by_name = {channel.name: channel for channel in channels}
    waiting = record.undelivered() if channels else []
    for alert, names in waiting:
        for name in names:
            channel = by_name.get(name)
            if channel is None:  # silent for this round, or no longer configured
                continue
            try:
                channel.send(alert)
            except Undelivered as error:
                logger.warning("alert %s of %s: %s; it is tried again later", alert.condition, alert.day, error)
                del by_name[name]
            else:
                record.record_delivered(alert, name)
