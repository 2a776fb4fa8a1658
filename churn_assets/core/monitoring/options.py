"""What `config.yaml` may set about alerts and about training anew."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["AlertOptions", "RetrainingOptions", "SmtpOptions", "WebhookOptions"]

Days = Annotated[int, Field(ge=1)]


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WebhookOptions(_Options):
    """Where alerts are posted as JSON; an empty `url` posts none. The whole address is a secret: many carry a token."""

    url: SecretStr = SecretStr("")
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("an address begins with https:// or http://")
        return url


class SmtpOptions(_Options):
    """Where alerts are mailed; an empty `host` mails none. A `user` logs in, and then only over TLS."""

    host: str = ""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: str = ""
    to: tuple[str, ...] = ()
    user: str = ""
    password: SecretStr = SecretStr("")
    tls: bool = True

    @property
    def lacks_addresses(self) -> bool:
        """Whether it is to mail, and does not know from whom or to whom."""
        return bool(self.host) and not (self.sender and self.to)

    @model_validator(mode="after")
    def _guards_the_password(self) -> Self:
        if self.user and not self.tls:
            raise ValueError("a password is not sent without tls: leave user empty, or set tls")
        return self


class AlertOptions(_Options):
    """Where alerts go beside the log."""

    webhook: WebhookOptions = WebhookOptions()
    smtp: SmtpOptions = SmtpOptions()


class RetrainingOptions(_Options):
    """When a model is trained anew outside its schedule; null leaves a reason out.

    `pause_days` is how long no further training is asked for after one.
    """

    drift_days: Days | None = 3
    min_roc_auc: Annotated[float, Field(ge=0, le=1)] | None = 0.6
    max_age_days: Days | None = 90
    pause_days: Days = 7
