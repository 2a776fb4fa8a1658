"""Where alerts go beside the log: a webhook and a mail server. What is secret of an address stands in no sentence."""

import logging
import smtplib
import ssl
import time
from email.message import EmailMessage
from typing import Any, Protocol

from churn_assets.core.alerting.alerts import Alert
from churn_assets.core.alerting.options import AlertOptions, SmtpOptions, WebhookOptions
from churn_assets.core.errors import RunError

__all__ = ["Channel", "Undelivered", "alert_body", "channels_of"]

ATTEMPTS = 3
FIRST_PAUSE = 0.5  # seconds before the second try; the third waits twice as long
SMTP_SECONDS = 10


class Undelivered(RunError):
    """An alert did not reach a channel; it is kept, and tried again."""


class Channel(Protocol):
    """A way for alerts to people."""

    name: str

    def send(self, alert: Alert) -> None:
        """Deliver one.

        Raises:
            Undelivered: it did not arrive, or nobody said that it did.
        """


def channels_of(options: AlertOptions, first_pause: float = FIRST_PAUSE) -> list[Channel]:
    """The channels that are configured."""
    channels: list[Channel] = []
    if options.webhook.url.get_secret_value():
        channels.append(Webhook(options.webhook, first_pause))
    if options.smtp.host:
        channels.append(Smtp(options.smtp))
    return channels


def alert_body(alert: Alert) -> dict[str, Any]:
    """What a webhook is given."""
    return {
        "condition": alert.condition,
        "severity": alert.severity,
        "snapshot_date": alert.day.isoformat(),
        "text": alert.sentence,  # the key that chat services show
        "runbook": alert.runbook,
    }


class Webhook:
    """A JSON POST; what a server cannot do at the moment is tried again."""

    name = "webhook"

    def __init__(self, options: WebhookOptions, first_pause: float) -> None:
        self._url = options.url.get_secret_value()
        self._timeout = options.timeout_seconds
        self._first_pause = first_pause
        for name in ("httpx", "httpcore"):  # they log every address
            logging.getLogger(name).setLevel(logging.WARNING)

    def send(self, alert: Alert) -> None:
        """Post one.

        Raises:
            Undelivered: no answer, 5xx or 429 to every try; or any other answer than 2xx, a redirection too.
        """
        import httpx  # noqa: PLC0415  # nights without a webhook or without an alert do not load it

        fault = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(self._first_pause * 2 ** (attempt - 1))
            try:
                answer = httpx.post(self._url, json=alert_body(alert), timeout=self._timeout)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                fault = type(error).__name__  # its words may hold the address
                continue
            if answer.is_success:
                return
            fault = f"status {answer.status_code}"
            if not answer.is_server_error and answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                break
        raise Undelivered(f"the webhook did not take the alert ({fault})")


class Smtp:
    """A mail, over TLS unless configured otherwise."""

    name = "smtp"

    def __init__(self, options: SmtpOptions) -> None:
        self._options = options

    def send(self, alert: Alert) -> None:
        """Mail one.

        Raises:
            Undelivered: the server cannot be reached, or refuses it.
        """
        given = self._options
        try:
            with smtplib.SMTP(given.host, given.port, timeout=SMTP_SECONDS) as server:
                if given.tls:
                    server.starttls(context=ssl.create_default_context())
                if given.user:
                    server.login(given.user, given.password.get_secret_value())
                server.send_message(_mail(alert, given))
        except (smtplib.SMTPException, OSError) as error:
            raise Undelivered(f"the mail server did not take the alert ({type(error).__name__})") from error


def _mail(alert: Alert, options: SmtpOptions) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = options.sender
    mail["To"] = ", ".join(options.to)
    mail["Subject"] = f"churn-assets {alert.severity}: {alert.condition} {alert.day}"
    mail.set_content(f"{alert.sentence}\n\nWhat to do: {alert.runbook}\n")
    return mail
