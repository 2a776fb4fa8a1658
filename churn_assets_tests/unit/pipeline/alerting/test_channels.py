"""Alerts reach a real web server and a real mail server, and what is secret of either is never told."""

import datetime as dt
import logging
import socket

import pytest
from pydantic import ValidationError

from churn_assets.core.alerting.alerts import Alert
from churn_assets.core.alerting.options import AlertOptions
from churn_assets.pipeline.alerting.channels import Channel, Undelivered, channels_of
from churn_assets_tests.receivers import mail_server, web_server

ALERT = Alert("stale_scores", "error", dt.date(2026, 4, 30), "the newest scores are old")


def webhook(url: str) -> Channel:
    """The channel to this address, without long pauses."""
    [channel] = channels_of(AlertOptions.model_validate({"webhook": {"url": url}}), first_pause=0.001)
    return channel


def mail(port: int, **changes: object) -> Channel:
    """The channel to a mail server on this machine."""
    given = {"host": "127.0.0.1", "port": port, "sender": "churn@example.com", "to": ["a@example.com", "b@example.com"]}
    [channel] = channels_of(AlertOptions.model_validate({"smtp": given | {"tls": False} | changes}))
    return channel


def test_a_webhook_gets_one_json_document(caplog: pytest.LogCaptureFixture) -> None:
    """Condition, severity, day, sentence and runbook, and nothing else; no library logs where it went."""
    with web_server(200) as posts, caplog.at_level(logging.DEBUG):
        webhook(posts.url).send(ALERT)

    assert "SECRET" not in caplog.text
    assert posts.bodies == [
        {
            "condition": "stale_scores",
            "severity": "error",
            "snapshot_date": "2026-04-30",
            "text": "the newest scores are old",
            "runbook": "docs/runbook.md#stale_scores",
        }
    ]


@pytest.mark.parametrize(
    ("answers", "tries", "arrives"),
    [((500, 200), 2, True), ((429, 503, 204), 3, True), ((500,), 3, False), ((404,), 1, False), ((302,), 1, False)],
)
def test_what_a_server_cannot_do_now_is_tried_again(answers: tuple[int, ...], tries: int, arrives: bool) -> None:  # noqa: FBT001  # a case
    """Three tries; a refusal is one, and what did not arrive is said without the address."""
    with web_server(*answers) as posts:
        channel = webhook(posts.url)
        if arrives:
            channel.send(ALERT)
        else:
            with pytest.raises(Undelivered, match=f"did not take the alert \\(status {answers[0]}\\)") as raised:
                channel.send(ALERT)
            assert "SECRET" not in f"{raised.value} {raised.value.__cause__}"

    assert len(posts.bodies) == tries


def test_a_server_that_is_down_is_named_by_the_fault_alone() -> None:
    """Neither a closed port nor an address that is none brings the address into a sentence."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/SECRET"
        for address, fault in ((url, "ConnectError"), ("http://127.0.0.1:SECRET", "InvalidURL")):
            with pytest.raises(Undelivered, match=fault) as raised:
                webhook(address).send(ALERT)
            assert "SECRET" not in str(raised.value)


def test_a_mail_goes_to_everybody_who_is_named() -> None:
    """With the condition as its subject, the sentence, and where to read on."""
    with mail_server() as box:
        mail(box.port).send(ALERT)

    [text] = box.mails
    assert "Subject: churn-assets error: stale_scores 2026-04-30" in text
    assert "To: a@example.com, b@example.com" in text
    assert "the newest scores are old" in text
    assert "docs/runbook.md#stale_scores" in text


@pytest.mark.parametrize("changes", [{}, {"tls": True, "user": "churn", "password": "SECRET"}])
def test_a_mail_server_that_refuses_is_an_undelivered_alert(changes: dict[str, object]) -> None:
    """Unknown recipients, and a server without TLS that is to be given a password: nothing secret is said or sent."""
    with mail_server(refuse=True) as box, pytest.raises(Undelivered) as raised:
        mail(box.port, **changes).send(ALERT)

    assert box.mails == []
    assert "SECRET" not in f"{raised.value} {raised.value.__cause__}"


def test_secrets_are_not_shown_and_half_a_channel_is_refused() -> None:
    """Settings that are printed hide them; an address that is none, or a password without TLS, is a fault."""
    options = AlertOptions.model_validate({"webhook": {"url": "https://x/SECRET"}, "smtp": {"password": "SECRET"}})

    assert "SECRET" not in f"{options} {options.model_dump_json()}"
    assert channels_of(AlertOptions()) == []
    for wrong in (
        {"webhook": {"url": "ftp://x"}},
        {"smtp": {"user": "churn", "tls": False}},
    ):
        with pytest.raises(ValidationError):
            AlertOptions.model_validate(wrong)
