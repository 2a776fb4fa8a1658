"""One model is champion, by a record that says who made it so and why."""

import datetime as dt
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from churn_assets.core.errors import ChurnError, InputError, ModelFault, NoChampion, RunError, UnknownVersion
from churn_assets.core.evaluation.results import Evidence
from churn_assets.core.options import GateBounds, Recipe
from churn_assets.core.table_schemas import EVALUATIONS
from churn_assets.storage.layout import Layout
from churn_assets.storage.models.registry import Canary, Registered, Registry
from churn_assets.storage.tables.ledger import Ledger
from churn_assets_tests.factories import made_up_slice
from churn_assets_tests.storage_factories import (
    evaluation,
    keep_model,
    make_card,
    make_evidence,
    make_kept,
    record,
    recording,
)

CARDS = {month: make_card(dt.date(2026, month, 1)) for month in (9, 10, 11)}
OLD, NEW, NEWEST = (card.model_version for card in CARDS.values())
BAD_CARD = make_card(dt.date(2026, 10, 15))
BAD = BAD_CARD.model_version
FINDING = "ROC-AUC 0.5100, at least 0.6 wanted (gates.min_roc_auc)"
NO_RECORD = "there is no record of its evaluation here: train it again"
LATER_COLUMNS = {
    "calibration_error",
    "compared_with",
    "compared_version",
    "roc_auc_difference",
    "difference_low",
    "difference_high",
    "evidence",
}
PROFILE = "churn_assets.profiles.subscription"


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder that `registry` is a copy of; not to be changed."""
    data = tmp_path_factory.mktemp("judged")
    registry = Registry(Layout(data), GateBounds())
    for month in (10, 9, 11):
        keep_model(registry, CARDS[month])
    keep_model(registry, BAD_CARD, make_evidence(0.51))
    return data


@pytest.fixture
def registry(judged: Path, tmp_path: Path) -> Registry:
    """Three models that passed their gates, one that did not, and no champion."""
    return Registry(Layout(shutil.copytree(judged, tmp_path / "data")), GateBounds())


def under(registry: Registry, bounds: GateBounds) -> Registry:
    """The same installation under other bounds."""
    return Registry(Layout(registry.models.root.parent), bounds)


def promoted(registry: Registry, *moments: tuple[str, str]) -> None:
    """Record promotions as if they had been made at those moments, in ISO text with an offset."""
    for version, moment in moments:
        registry.promotions.append(recording(record(version, dt.datetime.fromisoformat(moment))))


def statuses(registry: Registry) -> dict[str, str]:
    """Every version's status."""
    return {each.card.model_version: each.status for each in registry.registered()}


def test_an_empty_installation_has_no_models(tmp_path: Path) -> None:
    """Before the first model there is none, no champion, and looking makes nothing."""
    registry = Registry(Layout(tmp_path / "data"), GateBounds())

    found = (registry.registered(), registry.has_champion())

    assert found == ([], False)
    assert not (tmp_path / "data").exists()


def test_without_a_promotion_there_is_no_champion(registry: Registry) -> None:
    """No model is champion by default: the error says how one becomes it."""
    with pytest.raises(NoChampion, match=r"no model has been promoted yet.*churn-assets promote"):
        registry.champion()

    assert not registry.has_champion()


def test_a_promotion_makes_a_champion(registry: Registry) -> None:
    """The promoted version is champion, and the record says who, why, from what and that nothing was forced."""
    before = dt.datetime.now(dt.UTC)

    promotion = registry.promote(NEW, actor="ana", reason="better on churners")

    assert registry.champion() == NEW
    assert registry.has_champion()
    assert promotion is not None
    assert registry.promotions.rows() == [promotion]
    assert before <= promotion.pop("promoted_at") <= dt.datetime.now(dt.UTC)
    assert promotion == {
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

    moves = [(row["from_version"], row["to_version"]) for row in registry.promotions.rows()]

    assert moves == [(None, OLD), (OLD, NEW), (NEW, OLD)]
    assert registry.champion() == OLD


def test_every_version_has_its_status(registry: Registry) -> None:
    """A model is champion, was it once, may become it, or missed its gates; oldest training day first."""
    registry.promote(OLD, actor="ana", reason="first")
    registry.promote(NEW, actor="ana", reason="better")

    found = statuses(registry)

    assert list(found.items()) == [(OLD, "retired"), (NEW, "champion"), (BAD, "rejected"), (NEWEST, "challenger")]


def test_a_line_of_the_list_holds_what_programs_read(registry: Registry) -> None:
    """The keys of `models --json` stand, with the numbers of the card."""
    row = registry.registered()[0].row()

    assert row == {
        "model_version": OLD,
        "trained_as_of": dt.date(2026, 9, 1),
        "backtest_date": dt.date(2026, 8, 2),
        "status": "challenger",
        "estimator": "hist_gradient_boosting",
        "train_rows": 1000,
        "holdout_rows": 400,
        "roc_auc": 0.75,
        "average_precision": 0.4,
        "brier": 0.08,
        "missed": [],
        "canary_share": None,
    }


def test_a_model_that_missed_its_gates_is_refused(registry: Registry) -> None:
    """The refusal names the gate that was missed and the way to override it; nothing is recorded."""
    with pytest.raises(InputError, match=rf"{BAD} missed its gates: ROC-AUC 0\.5100.*--force"):
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


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_nothing_is_recorded_without_a_reason(registry: Registry, reason: str) -> None:
    """Whoever asks, a promotion and a canary are recorded with a reason or not at all."""
    registry.promote(NEW, actor="ana", reason="the first")

    with pytest.raises(InputError, match="no reason was given"):
        registry.promote(OLD, actor="ana", reason=reason)
    with pytest.raises(InputError, match="no reason was given"):
        registry.set_canary(Canary(OLD, 0.1), actor="ana", reason=reason)

    assert registry.champion() == NEW
    assert not registry.canaries.rows()


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
    overtaken = Registry(Layout(registry.models.root.parent), GateBounds())
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


def test_evaluations_stand_beside_promotions(tmp_path: Path) -> None:
    """How a model was judged is recorded in a table of its own, with its nulls."""
    registry = Registry(Layout(tmp_path), GateBounds())
    row = evaluation(NEW, make_evidence().model_dump_json())

    registry.evaluations.append(lambda _: row)

    assert registry.evaluations.rows() == [row]
    assert registry.last_evaluation(NEW) == row
    assert registry.last_evaluation(OLD) is None
    assert not registry.has_champion()


def test_rules_without_an_outcome_are_listed_without_figures(registry: Registry) -> None:
    """A model of rules that nothing has judged yet stands in the list with empty figures, and misses nothing."""
    rules = Recipe(estimator="rules")
    card = make_card(dt.date(2026, 12, 1), recipe=rules, chosen=rules, metrics=None, train_rows=0)
    keep_model(registry, card, Evidence(is_rules=True))

    row = registry.registered()[-1].row()

    assert (row["model_version"], row["estimator"], row["status"]) == (card.model_version, "rules", "challenger")
    assert (row["holdout_rows"], row["roc_auc"], row["average_precision"], row["brier"]) == (0, None, None, None)
    assert row["missed"] == []


def test_what_was_missed_is_told_in_words(registry: Registry) -> None:
    """A version's misses are the findings of the gates it did not meet, and of no others."""
    missed = {version: registry.missed(version) for version in (NEW, BAD)}

    assert missed == {NEW: [], BAD: [FINDING]}
    assert [each.row()["missed"] for each in registry.registered()] == [[], [], [FINDING], []]


def test_every_gate_of_a_version_is_told(registry: Registry) -> None:
    """Of a version that was judged, the gates that were met are told beside those that were not."""
    gates = registry.gates_of(BAD)

    assert [gate.finding for gate in gates if not gate.passed] == [FINDING]
    assert {gate.name for gate in gates} > {"min_roc_auc", "brier_below_base_rate", "beats_rules"}


def test_the_bounds_in_force_decide_and_not_those_of_the_training(registry: Registry) -> None:
    """A stricter bound rejects a model that had passed, a laxer one lets a rejected model be promoted."""
    strict = under(registry, GateBounds(min_roc_auc=0.8))
    lax = under(registry, GateBounds(min_roc_auc=0.5))

    assert strict.missed(NEW) == ["ROC-AUC 0.7500, at least 0.8 wanted (gates.min_roc_auc)"]
    assert set(statuses(strict).values()) == {"rejected"}
    assert set(statuses(lax).values()) == {"challenger"}
    with pytest.raises(InputError, match="missed its gates"):
        strict.promote(NEW, actor="ana", reason="because")
    lax.promote(BAD, actor="ana", reason="good enough")
    assert lax.promotions.rows()[0]["forced"] is False


def test_every_part_of_the_evidence_is_held_to_the_bounds(registry: Registry) -> None:
    """Also what a card does not tell, such as the groups, is judged anew by a bound that is set later."""
    group = made_up_slice(roc_auc=0.55, rows=200, disparate_impact=1.0)
    card = make_card(dt.date(2026, 12, 1))
    keep_model(registry, card, make_evidence(slices=(group,)))

    findings = under(registry, GateBounds(min_slice_roc_auc=0.6)).missed(card.model_version)

    assert registry.missed(card.model_version) == []
    assert [finding.partition("below: ")[2] for finding in findings] == ["plan basic 0.5500 (gates.min_slice_roc_auc)"]


def test_the_newest_evaluation_decides(registry: Registry) -> None:
    """A model that was judged again stands by the later judgement."""
    later = evaluation(NEW, make_evidence(0.51).model_dump_json())

    registry.evaluations.append(lambda _: later)

    assert registry.missed(NEW) == [FINDING]
    assert registry.last_evaluation(NEW) == later
    assert registry.missed(OLD) == []


def test_a_model_that_was_never_judged_here_is_rejected(registry: Registry) -> None:
    """A folder that was copied in has no record of how it was judged: it is not promoted, but by force."""
    version = registry.models.save({}, make_card(dt.date(2026, 12, 1)), make_kept()).model_version

    assert registry.missed(version) == [NO_RECORD]
    assert registry.gates_of(version) == []
    assert statuses(registry)[version] == "rejected"
    with pytest.raises(InputError, match=f"missed its gates: {NO_RECORD}; --force"):
        registry.promote(version, actor="ana", reason="copied")


@pytest.mark.parametrize(
    "evidence",
    [
        None,
        "",
        "no JSON",
        "null",
        "[]",
        '{"metrics": {"rows": 400}}',
        '{"metrics": "good"}',
        '{"figures": {"rows": 400, "roc_auc": 0.4}}',
    ],
)
def test_evidence_of_another_release_is_none(registry: Registry, evidence: str | None) -> None:
    """Evidence that this release cannot read lets no model pass, and hides none of the others."""
    card = make_card(dt.date(2026, 12, 1))
    registry.evaluations.append(lambda _: evaluation(card.model_version, evidence))
    registry.models.save({}, card, make_kept())

    missed = registry.missed(card.model_version)

    assert missed == [NO_RECORD]
    assert statuses(registry)[card.model_version] == "rejected"
    assert registry.missed(NEW) == []


def test_an_evaluation_of_a_release_without_evidence_is_none(tmp_path: Path) -> None:
    """In a record of evaluations whose table has no such column yet, no model has passed, and none is in the way."""
    registry = Registry(Layout(tmp_path), GateBounds())
    row = evaluation(NEW, None)
    earlier = [name for name in row if name not in LATER_COLUMNS]
    ledger = Ledger(registry.evaluations.root, pa.schema([EVALUATIONS.field(name) for name in earlier]))
    ledger.append(lambda _: {name: row[name] for name in earlier})
    registry.models.save({}, CARDS[10], make_kept())

    missed = registry.missed(NEW)

    assert missed == [NO_RECORD]
    assert statuses(registry) == {NEW: "rejected"}


@pytest.mark.parametrize("damage", ["", "{}", "edited"])
def test_a_damaged_folder_does_not_hide_the_others(registry: Registry, damage: str) -> None:
    """A card that cannot be used is passed over and told as a fault; every other model is listed."""
    path = registry.models.root / NEW / "card.json"
    path.write_text(
        path.read_text().replace("rule over 30 days", "rule over 60 days") if damage == "edited" else damage
    )
    faults: list[ChurnError] = []

    models = registry.registered(faults)

    assert [each.card.model_version for each in models] == [OLD, BAD, NEWEST]
    assert [type(fault) for fault in faults] == [ModelFault]
    assert str(path) in str(faults[0])
    assert [each.card.model_version for each in registry.registered()] == [OLD, BAD, NEWEST]


def test_a_damaged_folder_is_neither_newest_nor_challenger(registry: Registry) -> None:
    """Where the newest model's card cannot be used, the one before it stands in its place."""
    (registry.models.root / NEWEST / "card.json").write_text("{}")

    assert registry.newest_as_of(dt.date(2030, 1, 1)) == NEW
    assert registry.challenger(PROFILE) == NEW


def test_a_sound_list_has_no_faults(registry: Registry) -> None:
    """Where nothing is damaged, nothing is told."""
    faults: list[ChurnError] = []

    models: list[Registered] = registry.registered(faults)

    assert (len(models), faults) == (4, [])


@pytest.mark.parametrize(
    ("day", "version"),
    [
        (dt.date(2026, 10, 4), None),
        (dt.date(2026, 10, 5), OLD),
        (dt.date(2026, 10, 9), OLD),
        (dt.date(2026, 10, 10), NEWEST),
        (dt.date(2030, 1, 1), NEWEST),
    ],
)
def test_the_model_of_a_day_is_the_last_promoted_by_its_end(
    registry: Registry, day: dt.date, version: str | None
) -> None:
    """Who is promoted on a day is live on it, the last of several; before the first nobody is."""
    promoted(
        registry,
        (OLD, "2026-10-05T12:00+00:00"),
        (NEW, "2026-10-10T09:00+00:00"),
        (NEWEST, "2026-10-10T09:30+00:00"),
    )

    if version is None:
        with pytest.raises(UnknownVersion, match=f"no model was live on {day}; the first was .* 2026-10-05 12:00 UTC"):
            registry.live_on(day, "UTC")
    else:
        assert registry.live_on(day, "UTC")["to_version"] == version


def test_a_day_without_any_promotion_has_no_model(registry: Registry) -> None:
    """Where nothing was ever promoted, the sentence names the day and where versions are listed, and no first one."""
    with pytest.raises(UnknownVersion, match=r"no model was live on 2026-10-05; `churn-assets models` lists"):
        registry.live_on(dt.date(2026, 10, 5), "UTC")


@pytest.mark.parametrize(
    ("timezone", "second", "day", "version"),
    [
        ("UTC", "2026-10-05T22:30+00:00", dt.date(2026, 10, 5), NEW),
        ("Europe/Berlin", "2026-10-05T22:30+00:00", dt.date(2026, 10, 5), OLD),
        ("Europe/Berlin", "2026-10-05T22:30+00:00", dt.date(2026, 10, 6), NEW),
        ("America/New_York", "2026-10-06T03:59+00:00", dt.date(2026, 10, 5), NEW),
        ("America/New_York", "2026-10-06T04:00+00:00", dt.date(2026, 10, 5), OLD),
        ("Europe/Berlin", "2026-10-25T22:59:59.999999+00:00", dt.date(2026, 10, 25), NEW),
        ("Europe/Berlin", "2026-10-25T23:00+00:00", dt.date(2026, 10, 25), OLD),
    ],
)
def test_a_day_ends_by_the_clock_of_its_time_zone(
    registry: Registry, timezone: str, second: str, day: dt.date, version: str
) -> None:
    """A promotion late in the evening by one clock belongs to the next day by another, also on a day of 25 hours."""
    promoted(registry, (OLD, "2026-10-01T12:00+00:00"), (NEW, second))

    live = registry.live_on(day, timezone)

    assert live["to_version"] == version


def test_what_is_told_of_a_live_model_is_its_promotion(registry: Registry) -> None:
    """Who promoted it, when and why are told with it."""
    promotion = registry.promote(NEW, actor="ana", reason="better on churners")

    live = registry.live_on(dt.datetime.now(ZoneInfo("Asia/Tokyo")).date(), "Asia/Tokyo")

    assert live == promotion


@pytest.mark.parametrize(
    ("promotions", "challenger"),
    [
        ([], NEWEST),
        ([OLD], NEWEST),
        ([NEW], NEWEST),
        ([NEWEST], None),
        ([OLD, NEWEST, NEW], None),
    ],
    ids=["no champion", "oldest", "middle", "newest", "back from the newest"],
)
def test_the_challenger_is_the_newest_that_passed_and_was_never_promoted(
    registry: Registry, promotions: list[str], challenger: str | None
) -> None:
    """It is not the champion, nor one that has been it, nor rejected, nor of an earlier day than the champion."""
    for version in promotions:
        registry.promote(version, actor="ana", reason="because")

    found = registry.challenger(PROFILE)

    assert found == challenger


def test_a_challenger_may_be_of_the_champion_s_day(registry: Registry) -> None:
    """Another recipe trained as of the same day as the champion challenges it."""
    registry.promote(NEWEST, actor="ana", reason="because")
    other = keep_model(registry, make_card(dt.date(2026, 11, 1), recipe=Recipe(estimator="random_forest")))

    found = registry.challenger(PROFILE)

    assert found == other


def test_a_challenger_is_of_the_same_profile(registry: Registry) -> None:
    """A newer model of another business is not looked at, and its champion stands in nobody's way."""
    other = make_card(dt.date(2026, 12, 1), profile="my_company.churn")
    keep_model(registry, other)
    registry.promote(other.model_version, actor="ana", reason="another business")

    assert registry.challenger(PROFILE) == NEWEST
    assert registry.challenger("my_company.churn") is None


def test_the_canary_is_the_challenger(registry: Registry) -> None:
    """Where there is a canary, it scores unseen beside the champion, also where a newer model has passed."""
    registry.promote(OLD, actor="ana", reason="because")
    registry.set_canary(Canary(NEW, 0.1), actor="ana", reason="try it")

    found = registry.challenger(PROFILE)

    assert found == NEW


def test_nobody_is_canary_by_default(registry: Registry) -> None:
    """Neither without a champion nor with one is there a canary before it is set."""
    before = registry.canary()
    registry.promote(OLD, actor="ana", reason="because")

    assert (before, registry.canary()) == (None, None)


def test_a_canary_is_recorded_with_who_set_it_and_why(registry: Registry) -> None:
    """The canary in force is the one that was set, and the record holds its share, who set it and why."""
    registry.promote(OLD, actor="ana", reason="because")

    canary = registry.set_canary(Canary(NEW, 0.1), actor="ben", reason="try it")

    assert registry.canary() == Canary(NEW, 0.1)
    assert canary is not None
    assert registry.canaries.rows() == [canary]
    assert abs(dt.datetime.now(dt.UTC) - canary.pop("set_at")) < dt.timedelta(minutes=1)
    assert canary == {"model_version": NEW, "share": 0.1, "actor": "ben", "reason": "try it"}


def test_the_newest_canary_is_in_force(registry: Registry) -> None:
    """Another share, or another model, takes the place of the canary before."""
    registry.promote(OLD, actor="ana", reason="because")
    for canary in (Canary(NEW, 0.1), Canary(NEW, 0.2), Canary(NEWEST, 0.05)):
        registry.set_canary(canary, actor="ana", reason="try it")

    assert registry.canary() == Canary(NEWEST, 0.05)
    assert len(registry.canaries.rows()) == 3


def test_a_canary_is_taken_back(registry: Registry) -> None:
    """Taken back, there is none; who took it back and why stays on record."""
    registry.promote(OLD, actor="ana", reason="because")
    registry.set_canary(Canary(NEW, 0.1), actor="ana", reason="try it")

    registry.set_canary(None, actor="ben", reason="enough")

    last = registry.canaries.rows()[-1]
    assert registry.canary() is None
    assert (last["model_version"], last["share"], last["actor"], last["reason"]) == (None, 0.0, "ben", "enough")


def test_without_a_canary_there_is_none_to_take_back(registry: Registry) -> None:
    """Taking back what is not there is an error in words and no record."""
    registry.promote(OLD, actor="ana", reason="because")

    with pytest.raises(InputError, match="there is no canary to take back"):
        registry.set_canary(None, actor="ana", reason="enough")

    assert registry.canaries.rows() == []


def test_a_canary_that_became_champion_is_none_any_more(registry: Registry) -> None:
    """Promoted, it scores everybody: no canary is in force, and none is left to take back."""
    registry.promote(OLD, actor="ana", reason="because")
    registry.set_canary(Canary(NEW, 0.1), actor="ana", reason="try it")

    registry.promote(NEW, actor="ana", reason="it did well")

    assert registry.canary() is None
    with pytest.raises(InputError, match="no canary to take back"):
        registry.set_canary(None, actor="ana", reason="enough")


@pytest.mark.parametrize("successor", [OLD, NEWEST])
def test_a_canary_that_was_champion_does_not_come_back(registry: Registry, successor: str) -> None:
    """Once promoted, a canary's trial is over: it scores nobody's share when another model is promoted after it."""
    registry.promote(OLD, actor="ana", reason="because")
    registry.set_canary(Canary(NEW, 0.1), actor="ana", reason="try it")
    registry.promote(NEW, actor="ana", reason="it did well")

    registry.promote(successor, actor="ana", reason="later")

    assert registry.canary() is None


def test_who_was_champion_can_be_canary(registry: Registry) -> None:
    """A retired model may be set as the canary of a later champion."""
    for version in (OLD, NEW):
        registry.promote(version, actor="ana", reason="because")

    registry.set_canary(Canary(OLD, 0.5), actor="ana", reason="was it better?")

    assert registry.canary() == Canary(OLD, 0.5)


def test_a_rejected_model_is_no_canary(registry: Registry) -> None:
    """A model that missed a gate may score nobody: the gate is named and nothing is recorded."""
    registry.promote(OLD, actor="ana", reason="because")

    with pytest.raises(InputError, match=rf"{BAD} missed its gates: ROC-AUC 0\.5100.*it is no canary"):
        registry.set_canary(Canary(BAD, 0.1), actor="ana", reason="hope")

    assert registry.canaries.rows() == []


def test_an_unknown_model_is_no_canary(registry: Registry) -> None:
    """A version that is not there is named, and nothing is recorded."""
    registry.promote(OLD, actor="ana", reason="because")

    with pytest.raises(UnknownVersion, match="no model 20270101-00000000"):
        registry.set_canary(Canary("20270101-00000000", 0.1), actor="ana", reason="hope")

    assert registry.canaries.rows() == []


def test_the_champion_is_no_canary(registry: Registry) -> None:
    """The champion scores everybody already, and nothing is recorded."""
    registry.promote(OLD, actor="ana", reason="because")

    with pytest.raises(InputError, match=f"{OLD} is champion and scores everybody already"):
        registry.set_canary(Canary(OLD, 0.1), actor="ana", reason="hope")

    assert registry.canaries.rows() == []


def test_without_a_champion_there_is_no_canary(registry: Registry) -> None:
    """A canary stands beside a champion: where there is none, the error says how one is made."""
    with pytest.raises(NoChampion, match="churn-assets promote"):
        registry.set_canary(Canary(NEW, 0.1), actor="ana", reason="hope")

    assert registry.canaries.rows() == []


def test_of_two_canaries_at_once_one_is_told(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who decides about a canary while somebody else sets one gets a sentence, and the record holds the other's."""
    promoted(registry, (OLD, "2026-11-01T00:00:00Z"))
    other = under(registry, GateBounds())
    judge_now = registry.missed

    def judge_meanwhile(version: str) -> list[str]:
        other.set_canary(Canary(NEW, 0.5), actor="ben", reason="first")
        return judge_now(version)

    monkeypatch.setattr(registry, "missed", judge_meanwhile)

    with pytest.raises(RunError, match="somebody else set the canary just now"):
        registry.set_canary(Canary(NEW, 0.1), actor="ana", reason="second")
    assert [row["actor"] for row in registry.canaries.rows()] == ["ben"]
