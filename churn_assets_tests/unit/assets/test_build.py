"""What the definitions offer before anything has run."""

import datetime as dt
from pathlib import Path

import pytest

from churn_assets.assets.build import build
from churn_assets.assets.monitoring.freshness import FRESH
from churn_assets.assets.results import RunResults
from churn_assets.assets.scoring import ScoreConfig
from churn_assets.assets.training import PromotionConfig
from churn_assets.core.options import Schedule
from churn_assets_tests.chains import chain_over, export

FIRST = dt.date(2026, 3, 1)


def test_every_check_of_a_partitioned_asset_has_its_partitions(tmp_path: Path) -> None:
    """They begin with the day that is asked for; each check says in words of its own what it looks at.

    Freshness is of the newest day, whichever that is.
    """
    definitions = build(chain_over(tmp_path), Schedule(), RunResults(), FIRST)

    graph = definitions.resolve_asset_graph()
    partitioned = [graph.get(key).partitions_def for key in graph.get_all_asset_keys() if graph.get(key).is_partitioned]
    specs = [graph.get_check_spec(key) for key in graph.asset_check_keys if key != FRESH]

    assert {each.get_first_partition_key() for each in partitioned if each} == {"2026-03-01"}
    assert specs
    assert all(spec.partitions_def in partitioned for spec in specs)
    described = [spec.description for spec in specs if spec.asset_key.to_user_string() == "churn_model"]
    assert len(set(described)) == len(described)


def test_the_first_day_there_is_lies_between_start_date_and_the_source(tmp_path: Path) -> None:
    """That of the source; `start_date` where it is later, or where there is nothing."""
    nothing = chain_over(tmp_path, start_date=FIRST).first_day()
    export(tmp_path, FIRST + dt.timedelta(days=3), 5)

    assert nothing == FIRST
    assert chain_over(tmp_path, start_date=FIRST).first_day() == FIRST + dt.timedelta(days=3)
    assert chain_over(tmp_path, start_date=FIRST + dt.timedelta(days=9)).first_day() == FIRST + dt.timedelta(days=9)


@pytest.mark.parametrize("config", [ScoreConfig, PromotionConfig])
def test_every_field_of_a_run_configuration_says_what_it_is(config: type[ScoreConfig | PromotionConfig]) -> None:
    """The launchpad shows it to who fills it in."""
    undescribed = [name for name, field in config.model_fields.items() if not field.description]

    assert config.model_fields
    assert not undescribed


@pytest.mark.parametrize(("asked", "pinned"), [("champion", None), (None, None), ("previous", "previous")])
def test_the_champion_scores_where_no_model_is_pinned(asked: str | None, pinned: str | None) -> None:
    """By its name, which is the default, and by null."""
    assert ScoreConfig(model_version=asked).pinned == pinned
    assert ScoreConfig().model_version == "champion"
