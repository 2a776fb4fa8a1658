"""Settings come from one file and the environment, are checked before anything runs, and say what is wrong."""

import datetime as dt
import hashlib
import os
import traceback
from base64 import b64encode
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from churn_assets.core.errors import SettingsError
from churn_assets.core.object_store import ObjectStore, StorageOptions
from churn_assets.core.options import Candidate
from churn_assets.profiles.loading import load_profile
from churn_assets.settings import Settings, checkout, dagster_home, describe_origin, load_settings, signing_of

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config.yaml"

BY_ENVIRONMENT = [
    ("profile", "my_company.churn", "my_company.churn"),
    ("data_dir", "/srv/churn", Path("/srv/churn")),
    ("work_dir", "/srv/mirror", Path("/srv/mirror")),
    ("storage.connect_seconds", "2", 2.0),
    ("storage.request_seconds", "10", 10.0),
    ("storage.attempts", "3", 3),
    ("storage.mirror_days", "7", 7),
    ("start_date", "2024-02-29", dt.date(2024, 2, 29)),
    ("timezone", "Europe/Berlin", "Europe/Berlin"),
    ("source.kind", "files", "files"),
    ("source.path", "s/{snapshot_date}/telco.csv", "s/{snapshot_date}/telco.csv"),
    ("source.follow_links", "true", True),
    ("source.row_number", "", ""),
    ("source.csv.delimiter", ";", ";"),
    ("source.csv.quote", "'", "'"),
    ("source.csv.escape", "\\", "\\"),
    ("source.csv.encoding", "cp1252", "cp1252"),
    ("source.csv.decimal", ",", ","),
    ("source.csv.thousands", "'", "'"),
    ("source.csv.null_values", '["NA"]', ("NA",)),
    ("source.csv.true_values", '["yes"]', ("yes",)),
    ("source.csv.false_values", '["no"]', ("no",)),
    ("source.csv.timestamp_formats", '["%d/%m/%Y"]', ("%d/%m/%Y",)),
    ("source.csv.column_names", '["a"]', ("a",)),
    ("source.csv.skip_rows", "1", 1),
    ("source.uri", "env:MINE", SecretStr("env:MINE")),
    ("source.driver", "snowflake", "snowflake"),
    ("source.query", "select 1", "select 1"),
    ("source.days", "select 2", "select 2"),
    ("sink.uri", "env:THEIRS", SecretStr("env:THEIRS")),
    ("sink.driver", "snowflake", "snowflake"),
    ("sink.table", "marketing.scores", "marketing.scores"),
    (
        "source.manifest",
        "source/snapshot_date={snapshot_date}/_SUCCESS",
        "source/snapshot_date={snapshot_date}/_SUCCESS",
    ),
    ("features.recent_login_days", "14", 14),
    ("validation.max_quarantined_share", "0.2", 0.2),
    ("training.estimator", "logistic_regression", "logistic_regression"),
    ("training.parameters", '{"C": 0.5, "max_iter": 50}', {"C": 0.5, "max_iter": 50}),
    ("training.seed", "7", 7),
    ("training.window_days", "90", 90),
    ("training.max_rows", "5000", 5000),
    ("training.candidates", '[{"estimator": "ada_boost"}]', (Candidate(estimator="ada_boost"),)),
    ("training.metric", "roc_auc", "roc_auc"),
    ("training.balance", "weights", "weights"),
    ("training.calibration", "sigmoid", "sigmoid"),
    ("training.prior", "seasonal", "seasonal"),
    ("gates.min_rows", "50", 50),
    ("gates.min_churners", "5", 5),
    ("gates.min_roc_auc", "0.7", 0.7),
    ("gates.min_average_precision", "0.2", 0.2),
    ("gates.brier_below_base_rate", "false", False),
    ("gates.max_calibration_error", "0.3", 0.3),
    ("gates.max_feature_roc_auc", "0.9", 0.9),
    ("gates.max_roc_auc", "0.9", 0.9),
    ("gates.max_roc_auc_loss", "0.01", 0.01),
    ("gates.min_slice_roc_auc", "0.55", 0.55),
    ("gates.min_disparate_impact", "0.8", 0.8),
    ("gates.reproducible", "false", False),
    ("gates.max_hidden_share", "0.1", 0.1),
    ("reasons.customers", "all", "all"),
    ("reasons.min_contribution", "0.2", 0.2),
    ("reasons.required", "true", True),
    ("gates.fallback", "rules", "rules"),
    ("audit.refuse_repeated_export", "false", False),
    ("audit.min_common_ids", "0.1", 0.1),
    ("audit.max_feature_psi", "0.1", 0.1),
    ("audit.max_unseen_share", "0.1", 0.1),
    ("audit.max_rows_change", "0.1", 0.1),
    ("audit.max_tier_change", "0.1", 0.1),
    ("audit.max_mean_change", "0.05", 0.05),
    ("audit.max_psi", "0.1", 0.1),
    ("audit.max_reference_psi", "0.2", 0.2),
    ("monitoring.psi_warning", "0.05", 0.05),
    ("monitoring.psi_error", "0.3", 0.3),
    ("monitoring.times_usual", "2", 2.0),
    ("monitoring.ks_warning", "0.2", 0.2),
    ("monitoring.max_unseen_share", "0.02", 0.02),
    ("monitoring.max_null_share_rise", "0.1", 0.1),
    ("monitoring.fresh_by", "10:30", "10:30"),
    ("openlineage.url", "http://marquez:5000/api/v1/lineage", SecretStr("http://marquez:5000/api/v1/lineage")),
    ("decisions.medium_above", "0.2", 0.2),
    ("decisions.high_above", "0.9", 0.9),
    ("decisions.review_band", "[0.4, 0.5]", (0.4, 0.5)),
    ("decisions.held_out_share", "0.1", 0.1),
    ("monitoring.min_outcomes", "50", 50),
    ("monitoring.max_outcomes", "1000", 1000),
    ("monitoring.calibration_gap_warning", "0.05", 0.05),
    ("monitoring.calibration_gap_error", "0.5", 0.5),
    ("scoring.engine", "dask", "dask"),
    ("scoring.scheduler", "tcp://dask-scheduler:8786", "tcp://dask-scheduler:8786"),
    ("do_not_score.path", "do-not-score.csv", "do-not-score.csv"),
    ("schedule.nightly", "30 1 * * *", "30 1 * * *"),
    ("schedule.training", "0 5 1 * *", "0 5 1 * *"),
    ("schedule.maintenance", "0 5 1 * *", "0 5 1 * *"),
    ("dagster_pg_url", "postgresql://churn@db/dagster", SecretStr("postgresql://churn@db/dagster")),
    ("run_history.keep_days", "30", 30),
    ("retention.versions_days", "30", 30),
    ("retention.lookups_days", "7", 7),
    ("retention.quarantine_days", "7", 7),
    ("retention.models_days", "30", 30),
    ("alerts.webhook.url", "https://alerts.example.com/x", SecretStr("https://alerts.example.com/x")),
    ("alerts.webhook.timeout_seconds", "2", 2.0),
    ("alerts.smtp.host", "mail.example.com", "mail.example.com"),
    ("alerts.smtp.port", "25", 25),
    ("alerts.smtp.sender", "churn@example.com", "churn@example.com"),
    ("alerts.smtp.to", '["on-call@example.com"]', ("on-call@example.com",)),
    ("alerts.smtp.user", "churn", "churn"),
    ("alerts.smtp.password", "secret", SecretStr("secret")),
    ("alerts.smtp.tls", "false", False),
    ("models.require_signature", "true", True),
    ("models.signing_key", "hmac-sha256:c2VjcmV0", SecretStr("hmac-sha256:c2VjcmV0")),
    ("models.verify_keys", '["ed25519-public:cHVibGlj"]', (SecretStr("ed25519-public:cHVibGlj"),)),
    ("retraining.drift_days", "5", 5),
    ("retraining.min_roc_auc", "0.7", 0.7),
    ("retraining.max_age_days", "30", 30),
    ("retraining.pause_days", "3", 3),
    ("app.keys", f'{{"shop": "{"a" * 64}"}}', {"shop": "a" * 64}),
    ("app.fresh_hours", "12", 12.0),
    ("app.refuse_stale", "true", True),
    ("app.poll_seconds", "0.5", 0.5),
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and an environment that says nothing of this product."""
    for name in list(os.environ):
        if name.upper().startswith("CHURN_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(folder: Path, content: str, name: str = "config.yaml") -> Path:
    """A file of settings."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def variable(key: str) -> str:
    """The environment variable of a key."""
    return f"CHURN_{key.replace('.', '__').upper()}"


def value_of(settings: Settings, key: str) -> Any:
    """The value of a key, however deep it stands."""
    value: Any = settings
    for name in key.split("."):
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


def keys_of(written: dict[str, Any], before: str = "") -> set[str]:
    """The keys of a file down to its values."""
    found = set()
    for name, value in written.items():
        found |= keys_of(value, f"{before}{name}.") if isinstance(value, dict) and value else {f"{before}{name}"}
    return found


def test_defaults_are_what_the_shipped_file_says(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file everything is as the shipped `config.yaml` has it."""
    defaults = load_settings()
    monkeypatch.setenv("CHURN_CONFIG", str(SHIPPED))

    shipped = load_settings()

    profile = load_profile(shipped.profile)
    compared_below = {"data_dir", "features"}
    assert defaults.model_dump(exclude=compared_below) == shipped.model_dump(exclude=compared_below)
    assert profile.feature_parameters(defaults.features) == profile.feature_parameters(shipped.features)
    assert (defaults.data_dir, shipped.data_dir) == (here / "data", SHIPPED.parent / "data")


def test_the_shipped_file_holds_every_setting() -> None:
    """Every setting but the code's revision, which a build sets, stands in `config.yaml` for a reader to find."""
    written = yaml.safe_load(SHIPPED.read_text())

    shown = keys_of(Settings(**written).model_dump())

    assert keys_of(written) == shown - {"code_revision"}


def test_the_table_below_holds_every_key_of_the_shipped_file() -> None:
    """No key is left out of the test of the environment."""
    keys = keys_of(yaml.safe_load(SHIPPED.read_text()))

    assert keys == {key for key, _, _ in BY_ENVIRONMENT}


@pytest.mark.parametrize(("key", "text", "value"), BY_ENVIRONMENT)
def test_every_key_can_be_set_by_the_environment(
    key: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable named after the key, nested with `__`, gives the value of its type, and alone changes nothing else."""
    before = load_settings().model_dump()
    monkeypatch.setenv(variable(key), text)

    settings = load_settings()

    top = key.split(".", maxsplit=1)[0]
    assert value_of(settings, key) == value
    assert type(value_of(settings, key)) is type(value)
    assert {**settings.model_dump(), top: before[top]} == before


def test_the_environment_goes_before_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where both set a key, the environment's value holds."""
    write(here, "timezone: Europe/Berlin\ntraining: {seed: 7}\n")
    monkeypatch.setenv("CHURN_TIMEZONE", "Asia/Tokyo")
    monkeypatch.setenv("CHURN_TRAINING__SEED", "8")

    settings = load_settings()

    assert (settings.timezone, settings.training.seed) == ("Asia/Tokyo", 8)


def test_one_variable_leaves_its_neighbours_in_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nested variable overrides its own key; the file's other keys of that section stay."""
    write(here, "training: {seed: 7, parameters: {max_depth: 3}}\nfeatures: {recent_login_days: 14, other: 1}\n")
    monkeypatch.setenv("CHURN_TRAINING__WINDOW_DAYS", "90")
    monkeypatch.setenv("CHURN_FEATURES__OTHER", "2")

    settings = load_settings()

    assert (settings.training.seed, settings.training.window_days) == (7, 90)
    assert settings.training.parameters == {"max_depth": 3}
    assert settings.features["recent_login_days"] == 14


@pytest.mark.parametrize(("text", "value"), [("50", 50), ("0.05", 0.05), ("false", False), ("log_loss", "log_loss")])
def test_a_model_parameter_by_environment_has_its_type(text: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number given by one variable is a number for the estimator, as it would be in the file."""
    monkeypatch.setenv("CHURN_TRAINING__PARAMETERS__MAX_ITER", text)

    settings = load_settings()

    assert settings.training.parameters == {"max_iter": value}
    assert type(settings.training.parameters["max_iter"]) is type(value)


def test_the_file_is_the_one_that_is_named(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`CHURN_CONFIG` goes before the file in the working folder."""
    write(here, "timezone: Europe/Berlin\n")
    monkeypatch.setenv("CHURN_CONFIG", str(write(tmp_path, "timezone: Asia/Tokyo\n", "etc/churn.yaml")))

    settings = load_settings()

    assert settings.timezone == "Asia/Tokyo"


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `CHURN_CONFIG` that points nowhere is refused with path and variable, never passed over."""
    monkeypatch.setenv("CHURN_CONFIG", str(tmp_path / "gone.yaml"))

    with pytest.raises(SettingsError, match=r"gone\.yaml: no such file; correct CHURN_CONFIG"):
        load_settings()


@pytest.mark.parametrize("content", ["", "# nothing\n", "---\n"])
def test_an_empty_file_sets_nothing(here: Path, content: str) -> None:
    """A file without a key leaves every default."""
    write(here, content)

    settings = load_settings()

    assert settings.model_dump() == Settings(data_dir=here / "data").model_dump()


def test_a_relative_data_dir_of_a_file_starts_at_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be used from any working folder and means the same data."""
    monkeypatch.setenv("CHURN_CONFIG", str(write(tmp_path, "data_dir: mine\n", "etc/churn.yaml")))

    settings = load_settings()

    assert settings.data_dir == tmp_path / "etc" / "mine"


def test_a_relative_file_means_data_in_its_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative `CHURN_CONFIG` starts at the working folder, its data in its own; what is given is absolute."""
    write(here, "data_dir: mine\n", "etc/churn.yaml")
    monkeypatch.setenv("CHURN_CONFIG", "etc/churn.yaml")

    settings = load_settings()

    assert settings.data_dir == here / "etc" / "mine"


def test_an_object_store_is_taken_with_its_mirror_and_endpoint(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`data_dir: s3://...` comes with the folder that mirrors it; whatever lies on this machine is below that."""
    write(here, "data_dir: s3://our-churn/production/\nwork_dir: mirror\nstorage: {attempts: 2}\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example.com")

    given = load_settings()
    monkeypatch.setenv("CHURN_WORK_DIR", "")
    monkeypatch.setenv("CHURN_DATA_DIR", "s3://other-bucket")
    monkeypatch.setenv("XDG_CACHE_HOME", "/srv/cache")
    write(here, "profile: churn_assets.profiles.telco\n")
    default = load_settings()

    assert given.data_dir == ObjectStore(
        "s3://our-churn/production", here / "mirror", "https://s3.example.com", StorageOptions(attempts=2)
    )
    assert given.local_dir == here / "mirror"
    assert default.local_dir == Path("/srv/cache/churn-assets/other-bucket")
    assert describe_origin(default).startswith("data_dir s3://other-bucket, from CHURN_DATA_DIR")


@pytest.mark.parametrize("named", ["gs://bucket/data", "s3://", "s3://AKIAEXAMPLE:secret@bucket/data", "s3://a/../b"])
def test_another_store_or_keys_in_its_name_are_refused_unrepeated(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no plain `s3://bucket/prefix` is refused in a sentence that does not quote it: it may hold a key."""
    monkeypatch.setenv("CHURN_DATA_DIR", named)

    with pytest.raises(SettingsError, match="data_dir: an object store is named as s3://bucket/prefix") as refused:
        load_settings()

    assert "secret" not in str(refused.value)


def test_workers_of_a_cluster_are_refused_an_object_store(here: Path) -> None:
    """They read parts from a disk that all of them mount."""
    write(here, "data_dir: s3://bucket/data\nscoring: {engine: dask, scheduler: 'tcp://dask:8786'}\n")

    with pytest.raises(SettingsError, match=r"scoring.engine is dask and data_dir is s3://bucket/data"):
        load_settings()


def test_a_relative_data_dir_of_the_environment_starts_here(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`CHURN_DATA_DIR` means what a shell would mean by it, wherever the file lies."""
    monkeypatch.setenv("CHURN_CONFIG", str(write(tmp_path, "data_dir: theirs\n", "etc/churn.yaml")))
    monkeypatch.setenv("CHURN_DATA_DIR", "mine")

    settings = load_settings()

    assert settings.data_dir == here / "mine"


@pytest.mark.parametrize("named", [True, False])
def test_an_absolute_data_dir_stands_for_itself(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, named: bool
) -> None:
    """A whole path is taken as it is, from the file or from the environment."""
    write(here, "" if named else f"data_dir: {tmp_path}/far\n")
    if named:
        monkeypatch.setenv("CHURN_DATA_DIR", f"{tmp_path}/far")

    settings = load_settings()

    assert settings.data_dir == tmp_path / "far"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        pytest.param("profile: [a\ntimezone: UTC\n", "line 2", id="bracket"),
        pytest.param("source:\n\tpath: x\n", "line 2", id="tab"),
        pytest.param("profile: a: b\n", "line 1", id="colon"),
        pytest.param("profile: !!python/object:os.system x\n", "line 1", id="tag"),
        pytest.param("profile: a\x00b\n", "not YAML", id="control character"),
        pytest.param("- profile\n", "key: value", id="list"),
        pytest.param("hello\n", "key: value", id="text"),
        pytest.param("42\n", "key: value", id="number"),
    ],
)
def test_a_file_that_is_no_settings_is_an_error_that_says_where(here: Path, content: str, where: str) -> None:
    """Broken YAML is refused with file and line, YAML of another shape with what is expected."""
    write(here, content)

    with pytest.raises(SettingsError, match=rf"config\.yaml.*{where}"):
        load_settings()


def test_a_file_that_is_no_utf_8_is_an_error(here: Path) -> None:
    """A file in another encoding is refused by name."""
    (here / "config.yaml").write_bytes("profile: müller\n".encode("latin-1"))

    with pytest.raises(SettingsError, match=r"config\.yaml: this is not YAML"):
        load_settings()


@pytest.mark.parametrize("content", ["1: 2\n", "yes: 2\n", "null: 2\n", "2020-01-01: 2\n"])
def test_a_key_that_is_no_word_is_an_error(here: Path, content: str) -> None:
    """A key that YAML takes for a number, a boolean or a day is refused as an unknown key is."""
    write(here, content)

    with pytest.raises(SettingsError, match=r"config\.yaml"):
        load_settings()


@pytest.mark.parametrize("day", ["2020-02-30", "2020-13-01", "2020-01-01 10:00:00"])
def test_a_day_that_is_none_is_an_error(here: Path, day: str) -> None:
    """What YAML would take for a time stamp is a fault of its key, in words, with file and key or line."""
    write(here, f"profile: a\nstart_date: {day}\n")

    with pytest.raises(SettingsError, match=r"config\.yaml.*(start_date|line 2)"):
        load_settings()


@pytest.mark.parametrize(
    "name", ["Mars/Olympus", "", "Europe", "../../etc/passwd", "/etc/passwd", "UTC/x", ".", "Europe/Berlin ", "X" * 300]
)
def test_a_time_zone_that_is_none_is_an_error(here: Path, name: str) -> None:
    """A name that no time zone has is refused with an example of one that has."""
    write(here, f"timezone: '{name}'\n")

    with pytest.raises(SettingsError, match=r"timezone: .* is no time zone; write one such as Europe/Berlin"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ("prfile: a\n", "prfile"),
        ("source: {pth: a}\n", "source.pth"),
        ("training: {paramters: {}}\n", "training.paramters"),
        ("gates: {min_auc: 0.5}\n", "gates.min_auc"),
        ("decisions: {low: 0}\n", "decisions.low"),
        ("schedule: {hourly: '0 * * * *'}\n", "schedule.hourly"),
        ("validation: {max: 1}\n", "validation.max"),
    ],
)
def test_an_unknown_key_is_an_error(here: Path, content: str, path: str) -> None:
    """A misspelt key is refused with its path, never passed over."""
    write(here, content)

    with pytest.raises(SettingsError, match=rf"1 fault\(s\): {path}: "):
        load_settings()


@pytest.mark.parametrize(
    ("content", "path"),
    [
        ("source: here\n", "source"),
        ("source: {path: ''}\n", "source.path"),
        ("source: {path: 's3://bucket/a.csv'}\n", r"source.path: s3:// is no folder of this machine: mount the store"),
        ("do_not_score: {path: 's3://bucket/a.csv'}\n", "do_not_score.path: s3:// is no folder of this machine"),
        ("work_dir: s3://bucket/mirror\n", "work_dir: s3:// is no folder of this machine: mount the store"),
        ("source: {path: 's/{date}/a.csv'}\n", r"source.path: \{date\} is no placeholder: write \{snapshot_date\}"),
        ("source: {path: 's/{snapshot_date:%Y%m}.csv'}\n", "source.path: its placeholders tell no whole day"),
        ("source: {path: 's/{snapshot_date:%q}.csv'}\n", "source.path: %q is no part of a day"),
        ("source: {row_number: n}\n", "row_number is for one export"),
        ("source: {csv: {delimiter: ab}}\n", "source.csv.delimiter: 'ab' is not one ASCII character"),
        ("source: {kind: kafka}\n", "source.kind"),
        ("validation: {max_quarantined_share: 1.01}\n", "validation.max_quarantined_share"),
        ("validation: {max_quarantined_share: -0.1}\n", "validation.max_quarantined_share"),
        ("training: {seed: -1}\n", "training.seed"),
        ("training: {seed: 4294967296}\n", "training.seed"),
        ("training: {window_days: 0}\n", "training.window_days"),
        ("training: {estimator: magic}\n", "training.estimator"),
        ("training: {balance: much}\n", "training.balance"),
        ("gates: {min_roc_auc: .nan}\n", "gates.min_roc_auc"),
        ("decisions: {medium_above: 2}\n", "decisions.medium_above"),
        ("decisions: {medium_above: 0.7}\n", "decisions"),
        ("decisions: {review_band: [0.6, 0.5]}\n", "decisions"),
        ("schedule: {nightly: daily}\n", "schedule.nightly"),
        ("schedule: {training: '* * * *'}\n", "schedule.training"),
    ],
)
def test_a_value_that_cannot_be_is_an_error(here: Path, content: str, path: str) -> None:
    """A value of another type, out of its range or against another value is refused with its path."""
    write(here, content)

    with pytest.raises(SettingsError, match=rf"fault\(s\): .*{path}"):
        load_settings()


def test_every_fault_is_listed_at_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults of the file and of the environment are listed together, each with its path, in one sentence."""
    write(here, "prfile: a\nstart_date: soon\ntraining: {seed: -1}\ntimezone: Mars/Olympus\n")
    monkeypatch.setenv("CHURN_GATES__MIN_ROC_AUC", "2")

    with pytest.raises(SettingsError, match=r"5 fault\(s\)") as refusal:
        load_settings()

    sentence = str(refusal.value)
    assert all(
        f"{path}: " in sentence for path in ("prfile", "start_date", "training.seed", "timezone", "gates.min_roc_auc")
    )
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("name", "text"),
    [("CHURN_GATES", "nope"), ("CHURN_TRAINING__PARAMETERS", "{"), ("CHURN_DECISIONS__REVIEW_BAND", "0.5, 0.6")],
)
def test_a_variable_that_is_no_json_is_an_error(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A nested value that cannot be read is refused in a sentence that says how to write one."""
    monkeypatch.setenv(name, text)

    with pytest.raises(SettingsError, match=r"environment: .*JSON.*__"):
        load_settings()


def test_another_profile_leaves_the_features_of_the_file(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feature parameters belong to the profile of the same file: a profile by environment does without them."""
    write(here, "profile: a\nfeatures: {recent_login_days: 14}\n")
    monkeypatch.setenv("CHURN_PROFILE", "b")

    settings = load_settings()

    assert (settings.profile, settings.features) == ("b", {})


def test_another_profile_takes_features_from_the_environment(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile by environment is given the parameters that the environment gives, and no other."""
    write(here, "profile: a\nfeatures: {recent_login_days: 14}\n")
    monkeypatch.setenv("CHURN_PROFILE", "b")
    monkeypatch.setenv("CHURN_FEATURES", '{"window": 3}')

    settings = load_settings()

    assert settings.features == {"window": 3}


@pytest.mark.parametrize("written", ["profile: churn_assets.profiles.subscription\n", ""])
def test_the_same_profile_keeps_the_features_of_the_file(
    here: Path, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Naming the profile that the file has, or has by default, changes nothing."""
    write(here, f"{written}features: {{recent_login_days: 14}}\n")
    monkeypatch.setenv("CHURN_PROFILE", "churn_assets.profiles.subscription")

    settings = load_settings()

    assert settings.features == {"recent_login_days": 14}


def test_settings_cannot_be_changed() -> None:
    """What was checked is what everybody gets: no value can be set afterwards."""
    settings = load_settings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.timezone = "Asia/Tokyo"
    with pytest.raises(ValidationError, match="frozen"):
        settings.training.seed = 7


def test_the_checkout_is_the_folder_of_the_package() -> None:
    """What lies at the top of the repository is found from the package, and from no module's own place in it."""
    folder = checkout()

    assert folder == ROOT


@pytest.mark.parametrize(("value", "expected"), [("/srv/dagster", Path("/srv/dagster")), ("", None), (None, None)])
def test_dagster_home_is_the_folder_that_is_named(
    value: str | None, expected: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty `DAGSTER_HOME` names no folder, as one that is not set."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("DAGSTER_HOME", value)

    home = dagster_home()

    assert home == expected


def test_loading_makes_nothing(here: Path) -> None:
    """Reading the settings makes no folder and no file."""
    load_settings()

    assert list(here.iterdir()) == []


def bomb(levels: int) -> str:
    """A billion of values in a few lines: each list names the one before nine times."""
    lines = ["a0: &a0 [lol, lol, lol]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(bomb(12), r"line 2: an alias \(\*name\) is not taken", id="a bomb"),
        pytest.param(
            "training: &it {seed: 1}\ngates: *it\n", r"line 2: an alias \(\*name\) is not taken", id="an alias"
        ),
        pytest.param("training: &it {parameters: *it}\n", r"line 1: an alias", id="an alias of itself"),
        pytest.param(
            f"features: {'[' * 5000}{']' * 5000}\n", "line 1: values lie more than 20 levels deep", id="lists"
        ),
        pytest.param("features: " + "{a: " * 900 + "1" + "}" * 900, "line 1: values lie more than 20", id="maps"),
        pytest.param("- " * 3000 + "1\n", "line 1: values lie more than 20 levels deep", id="a block"),
        pytest.param("profile: a\n" + "# much\n" * 2**18, "is larger than 1,048,576 bytes", id="a large file"),
    ],
)
def test_a_file_that_would_fill_the_memory_is_refused(here: Path, content: str, sentence: str) -> None:
    """Aliases, endless nesting and endless files are no settings: file and line are named, and nothing is expanded."""
    write(here, content)

    with pytest.raises(SettingsError, match=rf"config\.yaml.*{sentence}"):
        load_settings()


@pytest.mark.parametrize(
    "value",
    ["!!bool x", "!!int x", "!!int ''", "!!float x", "!!timestamp x", "!!binary x", "0b_", "1" * 5000, "{[a]: 1}"],
)
def test_a_value_that_is_not_of_its_tag_is_an_error(here: Path, value: str) -> None:
    """Whatever the library makes of a tag over another's value, the file is refused by its name."""
    write(here, f"training: {{seed: {value}}}\n")

    with pytest.raises(SettingsError, match=r"config\.yaml"):
        load_settings()


@pytest.mark.parametrize("text", [bomb(12), "!!bool x", "[" * 5000])
def test_a_variable_that_is_no_value_is_text(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of a free-form map is read as the file is; what cannot be read stands as it is."""
    monkeypatch.setenv("CHURN_TRAINING__PARAMETERS__LOSS", text)

    settings = load_settings()

    assert settings.training.parameters == {"loss": text}


def test_a_variable_that_is_nested_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON of any depth fits into a variable, and is refused in words."""
    monkeypatch.setenv("CHURN_FEATURES", '{"a": ' + "[" * 50_000 + "]" * 50_000 + "}")

    with pytest.raises(SettingsError, match=r"environment: .*nested too deeply"):
        load_settings()


def test_a_file_that_cannot_be_read_is_an_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk or a right that is missing is told with the file and what to do."""
    write(here, "profile: a\n")
    monkeypatch.setattr(Path, "open", mock.Mock(side_effect=PermissionError(13, "Permission denied")))

    with pytest.raises(SettingsError, match=r"config\.yaml cannot be read by uid \d+ \(Permission denied\); give"):
        load_settings()


def test_the_digest_of_an_empty_key_is_an_error(here: Path) -> None:
    """Everybody has the empty key: its digest opens nothing, and is refused by the name it was given."""
    write(here, f"app: {{keys: {{shop: {hashlib.sha256(b'').hexdigest()}}}}}\n")

    with pytest.raises(SettingsError, match=r"app\.keys: shop is the digest of an empty key"):
        load_settings()


def test_the_origin_names_the_file(here: Path) -> None:
    """Where a file is in force, it is named with the folder of the data that it means."""
    write(here, "data_dir: mine\n")

    origin = describe_origin(load_settings())

    assert origin == f"data_dir {here}/mine, from {here}/config.yaml"


def test_the_origin_says_that_there_is_no_file(here: Path) -> None:
    """Whoever stands in another folder is told that no file was found there."""
    origin = describe_origin(load_settings())

    assert origin == f"data_dir {here}/data: there is no config.yaml in {here}"


def test_the_origin_names_the_variable(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the environment names is not blamed on the file."""
    monkeypatch.setenv("CHURN_DATA_DIR", "/srv/churn")
    without = describe_origin(load_settings())
    monkeypatch.setenv("CHURN_CONFIG", str(write(tmp_path, "", "etc/churn.yaml")))

    origin = describe_origin(load_settings())

    assert without == f"data_dir /srv/churn, from CHURN_DATA_DIR: there is no config.yaml in {here}"
    assert origin == f"data_dir /srv/churn, from CHURN_DATA_DIR and {tmp_path}/etc/churn.yaml"


@pytest.mark.parametrize(
    "variables",
    [
        {"CHURN_ALERTS__WEBHOOK__URL": "htps://MARKER"},
        {"CHURN_OPENLINEAGE__URL": "MARKER"},
        {"CHURN_ALERTS__SMTP__PASSWORD": "MARKER", "CHURN_ALERTS__SMTP__USER": "me", "CHURN_ALERTS__SMTP__TLS": "no"},
        {"CHURN_ALERTS": "MARKER"},
        {"CHURN_ALERTS": '{"smtp": {"pasword": "MARKER"}}'},
        {"CHURN_ALERTS": '{"webhook": ["MARKER"]}'},
        {"CHURN_MODELS__VERIFY_KEYS": "MARKER"},
        {"CHURN_MODELS__VERIFY_KEYS": '["MARKER"'},
        {"CHURN_MODELS__VERIFY_KEYS": '{"mine": "MARKER"}'},
        {"CHURN_APP__KEYS": '{"shop": "MARKER"}'},
        {"CHURN_APP__KEYS": "MARKER"},
    ],
    ids=lambda variables: "; ".join(f"{name}={value}" for name, value in variables.items()),
)
def test_a_broken_secret_is_refused_without_a_word_of_it(
    here: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    """Neither the sentence nor its traceback, which Dagster logs where the code location does not load, quotes it."""
    del here
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert "MARKER" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "line",
    [
        "password: !MARKER",
        "password: *MARKER",
        "password: 'MARKER",
        "password: [MARKER",
        "password: MARKER: x",
        "password: [MARKER]",
        "pasword: MARKER",
        "password: @MARKER",
        "password: &MARKER",
        "password: |MARKER",
    ],
)
def test_a_broken_secret_in_the_file_is_refused_without_a_word_of_it(here: Path, line: str) -> None:
    """YAML's own words quote the line that it cannot read."""
    write(here, f"alerts:\n  smtp:\n    {line}\n")

    with pytest.raises(SettingsError, match=r"config\.yaml") as refused:
        load_settings()

    assert "MARKER" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize("written", ["signing_key: hmac-sha256:MARKER", "verify_keys: [hmac-sha256:MARKER]"])
def test_a_secret_key_of_models_does_not_stand_in_the_file(here: Path, written: str) -> None:
    """It is refused by file and key; the name of a variable may stand there, and so may a public key."""
    write(here, f"models: {{{written}}}\n")
    with pytest.raises(SettingsError, match=r"config\.yaml: models holds a secret key") as refused:
        load_settings()
    write(here, "models: {signing_key: env:MY_KEY, verify_keys: ['ed25519-public:cHVibGlj', env:MY_KEY]}\n")

    settings = load_settings()

    assert "MARKER" not in str(refused.value)
    assert settings.models.signing_key.get_secret_value() == "env:MY_KEY"


def test_a_key_that_signs_may_be_where_models_are_made_and_nowhere_else(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings load without any variable; who verifies needs those of its keys, and who makes models the other."""
    keys = [f"hmac-sha256:{b64encode(bytes([each]) * 32).decode()}" for each in (1, 2)]
    write(here, "models: {require_signature: true, signing_key: env:OURS, verify_keys: [env:THEIRS]}\n")
    settings = load_settings()
    with pytest.raises(SettingsError, match=r"models\.verify_keys\[0\] .* variable THEIRS, which is not set"):
        signing_of(settings)

    monkeypatch.setenv("THEIRS", keys[0])
    verifying = signing_of(settings)
    monkeypatch.setenv("OURS", keys[1])
    making = signing_of(settings)

    with pytest.raises(SettingsError, match=r"models\.signing_key .* variable OURS, which is not set"):
        verifying.check_signer()
    making.check_signer()
    assert (len(verifying.accepted), len(making.accepted)) == (1, 2)
    assert not [key for key in keys if key in repr((settings, making))]
