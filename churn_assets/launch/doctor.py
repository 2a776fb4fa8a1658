"""Is this installation fit for production: every point, from environment to schedules."""

import datetime as dt
import logging
import re
from collections.abc import Callable, Sequence
from importlib.metadata import distributions
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from churn_assets.assets.build import build
from churn_assets.assets.results import RunResults
from churn_assets.composition import build_chain
from churn_assets.core.errors import ChurnError
from churn_assets.core.object_store import ObjectStore
from churn_assets.core.readiness import Point, gates_point, lock_point, storage_point
from churn_assets.instance import open_instance
from churn_assets.pipeline.alerting.channels import channels_of
from churn_assets.pipeline.readiness.champion import card_point, golden_point, signature_point
from churn_assets.pipeline.readiness.databases import sink_point, source_point
from churn_assets.pipeline.readiness.profile import features_point, schema_point
from churn_assets.pipeline.readiness.tables import retention_point, rollback_point
from churn_assets.settings import Settings, checkout
from churn_assets.storage.layout import Layout

__all__ = ["examine"]

logger = logging.getLogger(__name__)

MOUNTS = Path("/proc/mounts")
SCHEDULES = ("nightly_schedule", "training_schedule")
TURN_ON = "turn on in the UI (Automation), with the daemon running"


def examine(settings: Settings) -> list[Point]:
    """Every point, in the order of the list; one that cannot be looked at has not passed, and says why."""
    chain = build_chain(settings)
    definitions = build(chain, settings.schedule, RunResults())
    checks: dict[str, Callable[[], Point]] = {
        "environment": _environment,
        "source": lambda: source_point(chain, dt.datetime.now(ZoneInfo(settings.timezone)).date()),
        "schema contract": lambda: schema_point(chain),
        "features": lambda: features_point(chain),
        "model card": lambda: card_point(chain),
        "golden rows": lambda: golden_point(chain),
        "model signature": lambda: signature_point(chain),
        "gates": lambda: gates_point(chain.gates),
        "rollback": lambda: rollback_point(chain),
        "score sink": lambda: sink_point(chain),
        "freshness alert": lambda: _freshness(settings, definitions),
        "alert channel": lambda: _channel(settings),
        "owners": lambda: _owners(definitions),
        "retention": lambda: retention_point(chain),
        "app keys": lambda: _keys(settings),
        "storage": lambda: _storage(settings),
        "schedules": lambda: _schedules(settings, definitions),
    }
    return [_looked_at(name, check) for name, check in checks.items()]


def _looked_at(name: str, check: Callable[[], Point]) -> Point:
    try:
        return check()
    except ChurnError as error:
        return Point(name, str(error), "do what the finding says")
    except Exception as error:  # one point that cannot be looked at takes nothing from the others
        logger.debug("%s cannot be looked at:", name, exc_info=True)
        return Point(name, f"cannot be looked at: {type(error).__name__}: {error}", "mend that, and ask again")


def _environment() -> Point:
    lock = checkout() / "uv.lock"
    if not lock.is_file():
        return Point("environment", f"there is no uv.lock in {checkout()}: nothing was compared")
    return lock_point(lock.read_text("utf-8"), {_normal(each.name): each.version for each in distributions()})


def _normal(name: str) -> str:
    """A package's name as lock files spell it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _freshness(settings: Settings, definitions: dg.Definitions) -> Point:
    hours = f"yesterday's scores are wanted by {settings.monitoring.fresh_by} {settings.timezone}"
    if off := _off(settings, definitions, ["standing_alerts"]):
        return Point("freshness alert", f"{hours}, and nobody is told: the sensor {off[0]} is off", TURN_ON)
    return Point("freshness alert", f"{hours}, and standing_alerts tells it")


def _channel(settings: Settings) -> Point:
    names = [channel.name for channel in channels_of(settings.alerts)]
    if not names:
        return Point("alert channel", "alerts go to the log alone", "set alerts.webhook or alerts.smtp")
    return Point("alert channel", f"alerts go to the log, {', '.join(names)}")


def _owners(definitions: dg.Definitions) -> Point:
    specs = definitions.resolve_all_asset_specs()
    if nobodys := [spec.key.to_user_string() for spec in specs if not spec.owners]:
        return Point("owners", f"nobody owns {', '.join(nobodys)}", "name owners where the asset is defined")
    owners = sorted({owner for spec in specs for owner in spec.owners})
    return Point("owners", f"{len(specs)} assets are owned by {', '.join(owners)}")


def _keys(settings: Settings) -> Point:
    if not settings.app.keys:
        return Point("app keys", "the score service asks for no key", "set app.keys: docs/serving.md makes one")
    return Point("app keys", f"{len(settings.app.keys)} may ask the score service: {', '.join(settings.app.keys)}")


def _storage(settings: Settings) -> Point:
    if isinstance(settings.data_dir, ObjectStore):
        return Point("storage", f"{settings.data_dir} keeps everything; {settings.local_dir} mirrors it")
    if not MOUNTS.is_file():
        return Point("storage", f"{settings.data_dir}: this system does not say what it lies on")
    return storage_point(settings.data_dir.resolve(), MOUNTS.read_text())


def _schedules(settings: Settings, definitions: dg.Definitions) -> Point:
    if off := _off(settings, definitions, SCHEDULES):
        return Point("schedules", f"off: {', '.join(off)}", TURN_ON)
    return Point("schedules", f"on: {', '.join(SCHEDULES)}")


def _off(settings: Settings, definitions: dg.Definitions, names: Sequence[str]) -> list[str]:
    """Which of these schedules and sensors are not running: as somebody set them, else as they are defined."""
    on: dict[str, bool] = {}
    if Layout.of(settings.data_dir).tables():  # else nothing ever ran: opening Dagster's storage would make its folders
        with open_instance(settings) as instance:
            on = {state.instigator_name: state.is_running for state in instance.all_instigator_state()}
    defined = {
        each.name: each.default_status.value == dg.DefaultSensorStatus.RUNNING.value
        for each in [*(definitions.schedules or ()), *(definitions.sensors or ())]
        if isinstance(each, dg.ScheduleDefinition | dg.SensorDefinition)
    }
    return [name for name in names if not on.get(name, defined[name])]
