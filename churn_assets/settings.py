"""The only reader of the environment and of `config.yaml`; what it gives is frozen and handed down."""

import datetime as dt
import os
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableSettings

import churn_assets
from churn_assets.core.alerting.options import AlertOptions, RetrainingOptions
from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.days import PLACEHOLDER, DayTemplate
from churn_assets.core.errors import SettingsError
from churn_assets.core.failures import in_one_line
from churn_assets.core.options import (
    AppOptions,
    AuditBounds,
    Decisions,
    GateBounds,
    MonitoringBounds,
    OpenLineage,
    ReasonOptions,
    Recipe,
    Validation,
)

__all__ = [
    "Schedule",
    "ScoringSettings",
    "Settings",
    "SourceSettings",
    "checkout",
    "configuration_folder",
    "dagster_home",
    "describe_origin",
    "load_settings",
]

PREFIX = "CHURN_"
CRON_FIELDS = 5
MAX_BYTES = 2**20  # of a configuration file; the shipped one takes a few thousand
MAX_DEPTH = 20  # the deepest setting lies six levels down
UNREADABLE = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError)  # also of a tag over another's value


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{name!r} is no time zone; write one such as Europe/Berlin or UTC"
        raise ValueError(message) from error
    return name


def _cron(expression: str) -> str:
    if len(expression.split()) != CRON_FIELDS:
        message = f"{expression!r} is no cron expression of five fields, such as '0 2 * * *'"
        raise ValueError(message)
    return expression


class _RefusedYaml(yaml.MarkedYAMLError):
    """YAML that no settings need, and that a short file can use to fill the memory."""


class _SettingsLoader(yaml.SafeLoader):
    """YAML whose dates stay text, so that a day such as 2026-02-30 is a fault of its key; without aliases."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A value: an alias could stand for a billion of them, and nesting is followed by recursion."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # by its stubs
        mark = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedYaml(None, None, f"the alias *{event.anchor} is not taken: write the value out", mark)
        if self._depth > MAX_DEPTH:
            raise _RefusedYaml(None, None, f"values lie more than {MAX_DEPTH} levels deep: no setting does", mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class SourceSettings(BaseModel):
    """Where the warehouse's exports lie."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["files"] = "files"
    path: Annotated[str, Field(min_length=1)] = "source/snapshot_date={snapshot_date}/*.parquet"
    follow_links: bool = False
    manifest: str = ""
    row_number: str = ""
    csv: CsvDialect = CsvDialect()

    @field_validator("path", "manifest")
    @classmethod
    def _is_a_template_of_files(cls, path: str) -> str:
        if fault := DayTemplate(path).fault():
            raise ValueError(fault)
        return path

    @model_validator(mode="after")
    def _rows_are_counted_once(self) -> "SourceSettings":
        if self.row_number and DayTemplate(self.path).is_dated:
            message = "row_number is for one export: of daily ones a row's number is another customer each day"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _manifest_is_of_a_day(self) -> "SourceSettings":
        if self.manifest and DayTemplate(self.path).is_dated != DayTemplate(self.manifest).is_dated:
            message = f"manifest must name {PLACEHOLDER} where path does, and only there: each export has its own"
            raise ValueError(message)
        return self


class ScoringSettings(BaseModel):
    """Who scores: the cores of this machine, or the Dask cluster whose scheduler is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["local", "dask"] = "local"
    scheduler: str = ""


class Schedule(BaseModel):
    """When the jobs run, as cron expressions in the configured time zone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nightly: Annotated[str, AfterValidator(_cron)] = "0 2 * * *"
    training: Annotated[str, AfterValidator(_cron)] = "0 4 * * 1"


class _Environment(EnvSettingsSource):
    """Environment variables; values below a free-form map are read as YAML, as in the file."""

    def __call__(self) -> dict[str, Any]:
        """What the environment sets."""
        values = super().__call__()
        training = values.get("training")
        parameters = training.get("parameters") if isinstance(training, dict) else None
        for group in (each for each in (values.get("features"), parameters) if isinstance(each, dict)):
            group.update({name: _read_value(value) for name, value in group.items() if isinstance(value, str)})
        return values


def _read_value(text: str) -> Any:
    try:
        return yaml.load(text, _SettingsLoader)  # noqa: S506  # a safe loader
    except UNREADABLE:  # no YAML: text, as it stands
        return text


class Settings(BaseSettings):
    """Every setting; `docs/configuration.md` says what each means."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        env_parse_none_str="null",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    profile: str = "churn_assets.profiles.subscription"
    data_dir: Path = Path("data")
    start_date: dt.date = dt.date(2020, 1, 1)
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"
    source: SourceSettings = SourceSettings()
    features: dict[str, Any] = Field(default_factory=dict)
    validation: Validation = Validation()
    training: Recipe = Recipe()
    gates: GateBounds = GateBounds()
    decisions: Decisions = Decisions()
    reasons: ReasonOptions = ReasonOptions()
    scoring: ScoringSettings = ScoringSettings()
    audit: AuditBounds = AuditBounds()
    monitoring: MonitoringBounds = MonitoringBounds()
    openlineage: OpenLineage = OpenLineage()
    schedule: Schedule = Schedule()
    alerts: AlertOptions = AlertOptions()
    retraining: RetrainingOptions = RetrainingOptions()
    app: AppOptions = AppOptions()
    code_revision: str = ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment goes before the file, which is handed in as arguments."""
        del env_settings, dotenv_settings, file_secret_settings
        return _Environment(settings_cls), init_settings


def checkout() -> Path:
    """The folder that holds the package: the repository, or where the package is installed."""
    return Path(churn_assets.__file__).parent.parent  # the package's own file, wherever this module may move


def dagster_home() -> Path | None:
    """The folder of `dagster.yaml` that `DAGSTER_HOME` names, where it names one."""
    named = os.environ.get("DAGSTER_HOME")
    return Path(named) if named else None


def configuration_folder() -> Path:
    """The folder of `config.yaml`, where a profile's module may lie too."""
    return Path(os.environ.get(f"{PREFIX}CONFIG") or "config.yaml").absolute().parent


def load_settings() -> Settings:
    """The settings of this process.

    The file is `config.yaml` in the working folder, or the one `CHURN_CONFIG` names; its relative
    `data_dir` starts at its own folder, one in the environment at the working folder.

    Raises:
        SettingsError: naming every fault with its path.
    """
    named = os.environ.get(f"{PREFIX}CONFIG")
    path = Path(named or "config.yaml")
    if named and not path.is_file():
        raise SettingsError(f"{path}: no such file; correct {PREFIX}CONFIG")
    written = _read(path) if path.is_file() else {}
    try:
        settings = Settings(**written)
    except ValidationError as error:
        raise SettingsError(_in_words(error, path)) from error
    except UnreadableSettings as error:
        raise SettingsError(f"environment: {error}; nested values are JSON, or one variable each with __") from error
    except RecursionError as error:
        raise SettingsError(f"environment: a {PREFIX} variable holds values nested too deeply to be read") from error
    data_dir = settings.data_dir.absolute()
    existing = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    if not existing.is_dir():
        raise SettingsError(f"data_dir {data_dir}: {existing} is a file; name a folder")
    if not os.access(existing, os.R_OK | os.X_OK):
        raise SettingsError(f"data_dir {data_dir}: uid {os.getuid()} may not read {existing}; give it access")
    return settings.model_copy(update={"data_dir": data_dir})


def describe_origin(settings: Settings) -> str:
    """Which `data_dir` is in force and what named it, for the sentences that find nothing there."""
    file = Path(os.environ.get(f"{PREFIX}CONFIG") or "config.yaml").absolute()
    origins = [f"{PREFIX}DATA_DIR"] if os.environ.get(f"{PREFIX}DATA_DIR") else []
    origins += [str(file)] if file.is_file() else []
    named = f", from {' and '.join(origins)}" if origins else ""
    absent = "" if file.is_file() else f": there is no {file.name} in {file.parent}"
    return f"data_dir {settings.data_dir}{named}{absent}"


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingsError(f"{path} is larger than {MAX_BYTES:,} bytes: that is no configuration file; correct it")
        written = yaml.load(content.decode(), _SettingsLoader)  # noqa: S506  # a safe loader
    except OSError as error:
        raise SettingsError(f"{path} cannot be read by uid {os.getuid()} ({error.strerror}); give it access") from error
    except UNREADABLE as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}" if where else ""
        problem = in_one_line(str(getattr(error, "problem", error)))
        words = problem if isinstance(error, _RefusedYaml) else f"this is not YAML ({problem})"
        raise SettingsError(f"{path}{line}: {words}") from error
    if written is None:
        return {}
    if not isinstance(written, dict):
        raise SettingsError(f"{path}: it must hold `key: value` lines, such as `profile: my_company.churn`")
    if odd := [key for key in written if not (isinstance(key, str) and key.isidentifier()) or key.startswith("_")]:
        raise SettingsError(f"{path}: {odd[0]!r} is no key; docs/configuration.md lists the keys")
    if isinstance(written.get("data_dir"), str):
        written["data_dir"] = str(path.parent / written["data_dir"])
    other = os.environ.get(f"{PREFIX}PROFILE")
    if other and other != written.get("profile", Settings.model_fields["profile"].default):
        written.pop("features", None)  # they are parameters of the profile in the same file
    return written


def _in_words(error: ValidationError, path: Path) -> str:
    faults = [f"{'.'.join(map(str, fault['loc']))}: {_plainly(fault['msg'])}" for fault in error.errors()]
    return f"{path} and the environment have {len(faults)} fault(s): " + "; ".join(faults)


def _plainly(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Extra inputs are not permitted", "there is no such key")
