"""One model is champion, by a record that says who made it so and why."""

import datetime as dt
from pathlib import Path

import pytest

from churn_assets.core.errors import InputError, NoChampion, RunError, UnknownVersion
from churn_assets.storage.layout import Layout
from churn_assets.storage.registry import Registry
from churn_assets_tests.storage_factories import make_card, record

OLD, NEW, NEWEST = "20260901-aaaaaaaa", "20261001-bbbbbbbb", "20261101-cccccccc"
BAD = "20261015-dddddddd"
FINDING = "ROC-AUC 0.5100, at least 0.6 wanted (gates.min_roc_auc)"


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """Three models that passed their gates, one that did not, and no champion."""
    registry = Registry(Layout(tmp_path))
    for version in (NEW, OLD, NEWEST):
        registry.models.save({"model": version}, make_card(version))
    registry.models.save({"model": BAD}, make_card(BAD, missed=FINDING))
    return registry


def statuses(registry: Registry) -> dict[str, str]:
    """Every version's status."""
    return {each.card.model_version: each.status for each in registry.registered()}


def test_an_empty_installation_has_no_models(tmp_path: Path) -> None:
    """Before the first model there is none, no champion, and looking makes nothing."""
    registry = Registry(Layout(tmp_path / "data"))

    told = (registry.registered(), registry.has_champion())

    assert told == ([], False)
    assert not (tmp_path / "data").exists()


def test_without_a_promotion_there_is_no_champion(registry: Registry) -> None:
    """No model is champion by default: the error says how one becomes it."""
    with pytest.raises(NoChampion, match=r"no model has been promoted yet.*churn-assets promote"):
        registry.champion()

    assert not registry.has_champion()


def test_a_promotion_makes_a_champion(registry: Registry) -> None:
    """The promoted version is champion, and the record says who, why, from what and that nothing was forced."""
    before = dt.datetime.now(dt.UTC)

    told = registry.promote(NEW, actor="ana", reason="better on churners")

    assert registry.champion() == NEW
    assert registry.has_champion()
    assert told is not None
    assert registry.promotions.rows() == [told]
    assert before <= told.pop("promoted_at") <= dt.datetime.now(dt.UTC)
    assert told == {
        "from_version": None,
        "to_version": NEW,
        "actor": "ana",
        "reason": "better on churners",
        "forced": False,
    }


def test_promotions_are_kept_one_after_the_other(registry: Registry) -> None:
    """A model's way is on record: from which to which, also back to an earlier one."""
    for version in (OLD, NEW, OLD):
        registry.promote(version, actor="ana", reason="because")

    told = [(row["from_version"], row["to_version"]) for row in registry.promotions.rows()]

    assert told == [(None, OLD), (OLD, NEW), (NEW, OLD)]
    assert registry.champion() == OLD


def test_every_version_has_its_status(registry: Registry) -> None:
    """A model is champion, was it once, may become it, or missed its gates; oldest training day first."""
    registry.promote(OLD, actor="ana", reason="first")
    registry.promote(NEW, actor="ana", reason="better")

    told = statuses(registry)

    assert list(told.items()) == [(OLD, "retired"), (NEW, "champion"), (BAD, "rejected"), (NEWEST, "challenger")]


def test_a_line_of_the_list_holds_what_programs_read(registry: Registry) -> None:
    """The keys of `models --json` stand, with the numbers of the card."""
    row = registry.registered()[0].row()

    assert row == {
        "model_version": OLD,
        "trained_as_of": dt.date(2026, 9, 1),
        "status": "challenger",
        "train_rows": 1000,
        "holdout_rows": 400,
        "roc_auc": 0.75,
        "average_precision": 0.4,
        "brier": 0.08,
    }


def test_a_model_that_missed_its_gates_is_refused(registry: Registry) -> None:
    """The refusal names the gate that was missed and the way to override it; nothing is recorded."""
    with pytest.raises(InputError, match=r"20261015-dddddddd missed its gates: ROC-AUC 0\.5100.*--force"):
        registry.promote(BAD, actor="ana", reason="hope")

    assert not registry.has_champion()


def test_a_model_that_missed_its_gates_can_be_forced(registry: Registry) -> None:
    """With force it becomes champion, and the record says that it was forced."""
    registry.promote(BAD, actor="ana", reason="hope", force=True)

    assert registry.champion() == BAD
    assert registry.promotions.rows()[0]["forced"] is True
    assert statuses(registry)[BAD] == "champion"


def test_force_leaves_no_mark_where_it_was_not_needed(registry: Registry) -> None:
    """A model that passed its gates was not forced, whatever was asked."""
    registry.promote(NEW, actor="ana", reason="sure", force=True)

    assert registry.promotions.rows()[0]["forced"] is False


def test_the_champion_cannot_be_promoted_again(registry: Registry) -> None:
    """Promoting the champion is an error in words and no second record."""
    registry.promote(NEW, actor="ana", reason="better")

    with pytest.raises(InputError, match=f"{NEW} is champion already"):
        registry.promote(NEW, actor="ana", reason="again")

    assert len(registry.promotions.rows()) == 1


def test_an_unknown_version_cannot_be_promoted(registry: Registry) -> None:
    """A version that is not there is refused, forced or not, and nothing is recorded."""
    with pytest.raises(UnknownVersion, match="20270101-00000000"):
        registry.promote("20270101-00000000", actor="ana", reason="typo", force=True)

    assert not registry.has_champion()


def test_the_first_promotion_happens_once(registry: Registry) -> None:
    """A promotion meant as the first one is recorded where there is no champion, and else does nothing."""
    first = registry.promote(OLD, actor="nightly", reason="first model", first=True)
    second = registry.promote(NEW, actor="nightly", reason="first model", first=True)

    assert first is not None
    assert second is None
    assert (registry.champion(), len(registry.promotions.rows())) == (OLD, 1)


def test_the_first_promotion_keeps_to_the_gates(registry: Registry) -> None:
    """Even the first model has to pass its gates."""
    with pytest.raises(InputError, match="missed its gates"):
        registry.promote(BAD, actor="nightly", reason="first model", first=True)

    assert not registry.has_champion()


def test_who_looked_before_another_promotion_is_refused(registry: Registry) -> None:
    """When a model is promoted between look and record, the slower one gets a sentence that names it."""
    overtaken = Registry(Layout(registry.models.root.parent))
    look = overtaken.promotions.rows

    def look_and_be_overtaken() -> list[dict[str, object]]:
        seen = look()
        registry.promotions.append(lambda _: record(OLD))
        return seen

    vars(overtaken.promotions)["rows"] = look_and_be_overtaken

    with pytest.raises(RunError, match=f"model {OLD} was promoted just now; nothing was changed"):
        overtaken.promote(NEW, actor="ben", reason="too late")

    assert [row["to_version"] for row in registry.promotions.rows()] == [OLD]


@pytest.mark.parametrize(
    ("day", "version"),
    [
        (dt.date(2026, 9, 1), OLD),
        (dt.date(2026, 9, 30), OLD),
        (dt.date(2026, 10, 31), NEW),
        (dt.date(2030, 1, 1), NEWEST),
    ],
)
def test_the_newest_model_of_a_day_knew_nothing_later(registry: Registry, day: dt.date, version: str) -> None:
    """It is the last one trained as of that day or before, passing over those that missed their gates."""
    newest = registry.newest_as_of(day)

    assert newest == version


def test_a_forced_champion_counts_as_the_newest(registry: Registry) -> None:
    """A model that somebody promoted in spite of its gates is no longer passed over."""
    registry.promote(BAD, actor="ana", reason="hope", force=True)

    newest = registry.newest_as_of(dt.date(2026, 10, 31))

    assert newest == BAD


def test_no_model_of_a_day_is_an_error(registry: Registry) -> None:
    """A day before every training day is an error that says how to train as of it."""
    with pytest.raises(UnknownVersion, match=r"2026-08-31 or before.*train --as-of 2026-08-31"):
        registry.newest_as_of(dt.date(2026, 8, 31))


def test_evaluations_stand_beside_promotions(registry: Registry) -> None:
    """How a model was judged is recorded in a table of its own, with its nulls."""
    row = {
        "evaluated_at": dt.datetime(2026, 10, 31, tzinfo=dt.UTC),
        "model_version": NEW,
        "backtest_date": dt.date(2026, 9, 1),
        "rows": 400,
        "base_rate": 0.1,
        "roc_auc": 0.75,
        "average_precision": 0.4,
        "brier": 0.08,
        "published_version": None,
        "published_roc_auc": None,
        "passed": True,
        "missed": "",
    }

    registry.evaluations.append(lambda _: row)

    assert registry.evaluations.rows() == [row]
    assert not registry.has_champion()
