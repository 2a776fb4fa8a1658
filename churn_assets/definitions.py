"""The code location: everything Dagster loads, composed from the settings."""

import gc

import dagster as dg

from churn_assets.assets.build import build
from churn_assets.assets.results import RunResults
from churn_assets.composition import build_chain
from churn_assets.settings import Settings, load_settings

__all__ = ["build_definitions", "defs"]


def build_definitions(settings: Settings) -> dg.Definitions:
    """Assets, jobs and schedules for `settings`; the first day there is is the first partition."""
    chain = build_chain(settings)
    return build(chain, settings.schedule, RunResults(), chain.first_day())


@dg.definitions
def defs() -> dg.Definitions:
    """What `workspace.yaml` points Dagster at."""
    loaded = build_definitions(load_settings())
    gc.freeze()  # what is loaded by now lives to the process's end: no run need look through it for garbage
    return loaded
