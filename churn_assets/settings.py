"""The only reader of the environment and of `config.yaml`; what it gives is frozen and handed down."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableSettings

import churn_assets
from churn_assets.core.alerting.options import AlertOptions, RetrainingOptions
from churn_assets.core.errors import SettingsError
from churn_assets.core.failures import in_one_line
from churn_assets.core.models.options import ModelOptions
from churn_assets.core.models.signing import Signing
from churn_assets.core.object_store import SCHEME, ObjectStore, StorageOptions, parse_object_store
from churn_assets.core.options import (
    AppOptions,
    AuditBounds,
    Decisions,
    GateBounds,
    MonitoringBounds,
    OpenLineage,
    ReasonOptions,
    Recipe,
    Retention,
    RunHistory,
    Schedule,
    SinkOptions,
    Validation,
)
from churn_assets.core.sources.options import SourceSettings

__all__ = [
    "DoNotScoreSettings",
    "ScoringSettings",
    "Settings",
    "SourceSettings",
    "checkout",
    "configuration_folder",
    "dagster_home",
    "describe_origin",
    "load_settings",
    "secret_of",
    "signing_of",
]

PREFIX = "CHURN_"
POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg2")
MAX_BYTES = 2**20  # of a configuration file; the shipped one takes a few thousand
FROM_VARIABLE = "env:"
PUBLIC_KEY = "ed25519-public:"
MAX_DEPTH = 20  # the deepest setting lies six levels down
UNREADABLE = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError)  # also of a tag over another's value


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        message = f"{name!r} is no time zone; write one such as Europe/Berlin or UTC"
        raise ValueError(message) from error
    return name


def _postgres_url(url: SecretStr) -> SecretStr:
    """No word of it stands in what is said: a password with `/` or `@` in it may be taken for any other part."""
    written = url.get_secret_value()
    try:
        parts = urlsplit(written)
        whole = parts.scheme in POSTGRES_SCHEMES and bool(parts.path.strip("/")) and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if written and not whole:
        message = (
            "this is no address such as postgresql://user:password@host:5432/database; in the password write "
            "%40 for @, %2F for / and %3A for :"
        )
        raise ValueError(message)
    return url


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
            raise _RefusedYaml(None, None, "an alias (*name) is not taken: write the value out, a text in quotes", mark)
        if self._depth > MAX_DEPTH:
            raise _RefusedYaml(None, None, f"values lie more than {MAX_DEPTH} levels deep: no setting does", mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _data_dir(named: Any) -> Any:
    """A folder, or an object store, whose mirror is told later."""
    uri = parse_object_store(named) if isinstance(named, str) else None
    return named if uri is None else ObjectStore(uri, Path())


def _local(named: Any) -> Any:
    """A path of this machine."""
    if isinstance(named, str) and (store := SCHEME.match(named)):
        message = f"{store[0]} is no folder of this machine: mount the store, or copy its files, and name that"
        raise ValueError(message)
    return named


class ScoringSettings(BaseModel):
    """Who scores: the cores of this machine, or the Dask cluster whose scheduler is named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["local", "dask"] = "local"
    scheduler: str = ""


class DoNotScoreSettings(BaseModel):
    """Where the list of customers who objected to being scored lies, from `data_dir`; empty: there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, BeforeValidator(_local)] = ""


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
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,  # a broken value may be a secret, and tracebacks are logged
    )

    profile: str = "churn_assets.profiles.subscription"
    data_dir: Annotated[Path | ObjectStore, BeforeValidator(_data_dir)] = Path("data")
    work_dir: Annotated[Path | None, BeforeValidator(_local)] = None
    storage: StorageOptions = StorageOptions()
    start_date: dt.date = dt.date(2020, 1, 1)
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"
    source: SourceSettings = SourceSettings()
    features: dict[str, Any] = Field(default_factory=dict)
    validation: Validation = Validation()
    training: Recipe = Recipe()
    gates: GateBounds = GateBounds()
    decisions: Decisions = Decisions()
    sink: SinkOptions = SinkOptions()
    reasons: ReasonOptions = ReasonOptions()
    scoring: ScoringSettings = ScoringSettings()
    do_not_score: DoNotScoreSettings = DoNotScoreSettings()
    audit: AuditBounds = AuditBounds()
    monitoring: MonitoringBounds = MonitoringBounds()
    openlineage: OpenLineage = OpenLineage()
    schedule: Schedule = Schedule()
    retention: Retention = Retention()
    alerts: AlertOptions = AlertOptions()
    retraining: RetrainingOptions = RetrainingOptions()
    models: ModelOptions = ModelOptions()
    app: AppOptions = AppOptions()
    dagster_pg_url: Annotated[SecretStr, AfterValidator(_postgres_url)] = SecretStr("")
    run_history: RunHistory = RunHistory()
    code_revision: str = ""

    @property
    def local_dir(self) -> Path:
        """The folder of this machine: `data_dir`, or the mirror of an object store."""
        return self.data_dir.mirror if isinstance(self.data_dir, ObjectStore) else self.data_dir

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
    located = settings.model_copy(update={"data_dir": _located(settings)})
    folder = located.local_dir
    name = "data_dir" if folder == located.data_dir else "work_dir"
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    if not existing.is_dir():
        raise SettingsError(f"{name} {folder}: {existing} is a file; name a folder")
    if not os.access(existing, os.R_OK | os.X_OK):
        raise SettingsError(f"{name} {folder}: uid {os.getuid()} may not read {existing}; give it access")
    return located


def _located(settings: Settings) -> Path | ObjectStore:
    """The `data_dir` as it is in force: a folder from the root, or an object store with its mirror and endpoint."""
    named = settings.data_dir
    if not isinstance(named, ObjectStore):
        return named.absolute()
    if settings.scoring.engine == "dask":
        raise SettingsError(
            f"scoring.engine is dask and data_dir is {named.uri}: workers read parts from a disk that all of them "
            "mount; name a folder of it as data_dir, or score with scoring.engine: local"
        )
    mirror = settings.work_dir or _cache_folder() / named.uri.removeprefix("s3://")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return replace(named, mirror=mirror.absolute(), endpoint=endpoint, options=settings.storage)


def _cache_folder() -> Path:
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "churn-assets"
    except RuntimeError as error:  # a container's user without a home
        raise SettingsError("data_dir is an object store, and there is no home for its mirror: set work_dir") from error


def secret_of(written: SecretStr, key: str) -> str:
    """What a secret setting says: itself, or the environment variable that it names as `env:NAME`.

    Raises:
        SettingsError: the variable is not set.
    """
    text = written.get_secret_value()
    if not text.startswith(FROM_VARIABLE):
        return text
    name = text.removeprefix(FROM_VARIABLE)
    if not (value := os.environ.get(name, "")):
        raise SettingsError(f"{key} is to be read from the environment variable {name}, which is not set: set it")
    return value


def signing_of(settings: Settings) -> Signing:
    """The keys of models in force; that of who makes them may be another machine's alone, and its variable not set.

    Raises:
        SettingsError: a variable of a key that verifies is not set, or a key is none.
    """
    given = settings.models
    written = given.signing_key.get_secret_value()
    name = written.removeprefix(FROM_VARIABLE) if written.startswith(FROM_VARIABLE) else ""
    own = os.environ.get(name, "") if name else written
    others = [SecretStr(secret_of(each, f"models.verify_keys[{at}]")) for at, each in enumerate(given.verify_keys)]
    read = given.model_copy(update={"signing_key": SecretStr(own), "verify_keys": tuple(others)})
    return Signing.of(read, elsewhere="" if own else name)


def describe_origin(settings: Settings) -> str:
    """Which `data_dir` is in force and what named it, for the sentences that find nothing there."""
    file = Path(os.environ.get(f"{PREFIX}CONFIG") or "config.yaml").absolute()
    origins = [f"{PREFIX}DATA_DIR"] if os.environ.get(f"{PREFIX}DATA_DIR") else []
    origins += [str(file)] if file.is_file() else []
    named = f", from {' and '.join(origins)}" if origins else ""
    absent = "" if file.is_file() else f": there is no {file.name} in {file.parent}"
    return f"data_dir {settings.data_dir}{named}{absent}"


def _read(path: Path) -> dict[str, Any]:
    """The keys that a file holds, its folders from where it lies."""
    written = _parsed(path)
    if written is None:
        return {}
    if not isinstance(written, dict):
        raise SettingsError(f"{path}: it must hold `key: value` lines, such as `profile: my_company.churn`")
    if odd := [key for key in written if not (isinstance(key, str) and key.isidentifier()) or key.startswith("_")]:
        raise SettingsError(f"{path}: {odd[0]!r} is no key; docs/configuration.md lists the keys")
    _refuse_written_keys(written.get("models"), path)
    for key in ("data_dir", "work_dir"):
        if isinstance(written.get(key), str) and not SCHEME.match(written[key]):
            written[key] = str(path.parent / written[key])
    other = os.environ.get(f"{PREFIX}PROFILE")
    if other and other != written.get("profile", Settings.model_fields["profile"].default):
        written.pop("features", None)  # they are parameters of the profile in the same file
    return written


def _parsed(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingsError(f"{path} is larger than {MAX_BYTES:,} bytes: that is no configuration file; correct it")
        return yaml.load(content.decode(), _SettingsLoader)  # noqa: S506  # a safe loader
    except OSError as error:
        raise SettingsError(f"{path} cannot be read by uid {os.getuid()} ({error.strerror}); give it access") from error
    except UNREADABLE as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}" if where else ""
        problem = in_one_line(str(getattr(error, "problem", error)))
        if isinstance(error, yaml.constructor.ConstructorError):
            problem = "a value that begins with ! stands in quotes"
        words = problem if isinstance(error, _RefusedYaml) else f"this is not YAML ({problem})"
        raise SettingsError(f"{path}{line}: {words}") from None  # its text quotes the line, which may hold a secret


def _refuse_written_keys(models: Any, path: Path) -> None:
    """A key that signs is not for a file that many read and that is kept in version control."""
    given = models if isinstance(models, dict) else {}
    verifying = given.get("verify_keys")
    others = verifying if isinstance(verifying, list) else []
    secret = [key for key in (given.get("signing_key"), *others) if isinstance(key, str) and key]
    if any(not key.startswith((FROM_VARIABLE, PUBLIC_KEY)) for key in secret):
        raise SettingsError(
            f"{path}: models holds a secret key, which belongs in the environment: set CHURN_MODELS__SIGNING_KEY or "
            "CHURN_MODELS__VERIFY_KEYS, or write env:NAME for a variable of that name"
        )


def _in_words(error: ValidationError, path: Path) -> str:
    faults = [f"{'.'.join(map(str, fault['loc']))}: {_plainly(fault['msg'])}" for fault in error.errors()]
    return f"{path} and the environment have {len(faults)} fault(s): " + "; ".join(faults)


def _plainly(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Extra inputs are not permitted", "there is no such key")
