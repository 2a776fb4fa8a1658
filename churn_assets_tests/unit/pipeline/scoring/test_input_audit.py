"""Whether a night's customers are the day's own, those of yesterday, in columns as they were."""

import dataclasses
import datetime as dt
import shutil
from pathlib import Path

import pytest

from churn_assets.core.errors import AuditFailed
from churn_assets.core.options import AuditBounds, Decisions, Recipe
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.validate import validate_customers
from churn_assets.pipeline.features import featurize_customers
from churn_assets.pipeline.scoring.score import ScoreOptions, ScoreResult, score_customers
from churn_assets.pipeline.training.train import train_model
from churn_assets.storage.layout import feature_counts_file
from churn_assets.storage.scores.published import PublishedScores
from churn_assets.storage.source.files import FileSource
from churn_assets_tests.chains import AS_OF, HORIZON, chain_over, copied, export, with_champion
from churn_assets_tests.factories import MEMBERS

RUN = RunContext("tester")
NEXT = AS_OF + dt.timedelta(days=1)
BETWEEN = AS_OF + dt.timedelta(days=2)
LATER = AS_OF + dt.timedelta(days=3)
CUSTOMERS = 1000
SPEND: list[object] = [f"{number % 50}.5" for number in range(CUSTOMERS)]


@pytest.fixture(scope="module")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A champion that has scored its first night; not to be changed."""
    folder = tmp_path_factory.mktemp("scored")
    for customers, day in ((0, AS_OF), (100, AS_OF - HORIZON), (200, AS_OF - 2 * HORIZON)):
        spend: list[object] = [f"{number % 50}.5" for number in range(CUSTOMERS + customers)]
        export(folder, day, customers=CUSTOMERS + customers, spend=spend)
    chain = with_champion(folder, RUN)
    _night(chain, AS_OF)
    return chain


@pytest.fixture
def chain(scored_once: Chain, tmp_path: Path) -> Chain:
    """A copy of `scored_once` that the test may change."""
    return copied(scored_once, tmp_path)


def _night(chain: Chain, day: dt.date, accepted: str = "") -> ScoreResult:
    """A night of the chain, whose shift is accepted where a reason is given."""
    land_customers(chain, day, RUN)
    validate_customers(chain, day, RUN)
    if not chain.recipe.is_rules:
        featurize_customers(chain, day, RUN)
    run = dataclasses.replace(RUN, reason=accepted)
    return score_customers(chain, day, ScoreOptions(accept_shift=bool(accepted)), run)


def _export(chain: Chain, day: dt.date, **changes: list[object]) -> None:
    export(chain.layout.data_dir, day, customers=CUSTOMERS, **{"spend": SPEND} | changes)


def _deliver_again(chain: Chain, day: dt.date, of: dt.date) -> None:
    """The export of one day comes as that of another."""
    source = chain.layout.data_dir / "source"
    shutil.copytree(source / f"snapshot_date={of}", source / f"snapshot_date={day}")


def _beyond(result: ScoreResult) -> list[str]:
    return [each.name for each in result.findings if not each.passed]


def test_quiet_nights_pass(chain: Chain) -> None:
    """The first night of a model has no last day, the next one has; neither raises anything."""
    _export(chain, NEXT)

    result = _night(chain, NEXT)

    assert _beyond(result) == []
    assert [each.name for each in result.findings][:2] == ["refuse_repeated_export", "min_common_ids"]
    assert {"max_feature_psi", "kolmogorov_smirnov", "duplicate_rows"} <= {each.name for each in result.findings}


def test_export_that_came_again_is_refused_until_accepted(chain: Chain) -> None:
    """The sentence names the day that it equals and what to do; nothing is published, and a person can accept it."""
    _deliver_again(chain, NEXT, of=AS_OF)

    with pytest.raises(AuditFailed, match=rf"are those of {AS_OF} to the byte.*export {NEXT} again") as told:
        _night(chain, NEXT)

    assert "audit.refuse_repeated_export" in str(told.value)
    assert chain.scores.current(NEXT) is None
    assert list((chain.scores.root / "_staging").iterdir()) == []
    result = _night(chain, NEXT, accepted="a holiday: nothing happened")
    assert _beyond(result) == ["refuse_repeated_export"]
    assert len(result.accepted_shift) == 1


def test_day_that_was_there_before_is_not_at_fault(chain: Chain) -> None:
    """A scored day whose export came again for a later one can be scored anew, with other thresholds say."""
    _deliver_again(chain, NEXT, of=AS_OF)
    _night(chain, NEXT, accepted="a holiday")
    other = chain_over(chain.layout.data_dir, decisions=Decisions(medium_above=0.1))

    result = _night(other, AS_OF)

    assert "refuse_repeated_export" not in _beyond(result)


def test_first_scores_of_a_day_whose_export_is_a_later_ones_are_refused(chain: Chain) -> None:
    """A day that is made up for, with the export of a later day that was scored, stops as well."""
    _export(chain, NEXT)
    _export(chain, LATER)
    _night(chain, NEXT)
    _night(chain, LATER)
    _deliver_again(chain, BETWEEN, of=LATER)

    with pytest.raises(AuditFailed, match=rf"are those of {LATER} to the byte"):
        _night(chain, BETWEEN)


def test_history_is_held_against_too(chain: Chain) -> None:
    """A day that was landed for a training and never scored is another day as well."""
    _deliver_again(chain, NEXT, of=AS_OF - HORIZON)

    with pytest.raises(AuditFailed, match=rf"are those of {AS_OF - HORIZON} to the byte"):
        _night(chain, NEXT)


def test_export_without_a_date_stands_for_every_day(chain: Chain) -> None:
    """A source whose path names no day is the same on every day, as it should be."""
    path = f"source/snapshot_date={AS_OF}/members.parquet"
    static = dataclasses.replace(chain, source=FileSource(path, chain.layout.data_dir))

    result = _night(static, NEXT)

    assert _beyond(result) == []
    assert "refuse_repeated_export" not in {each.name for each in result.findings}


@pytest.mark.parametrize(
    "ids",
    [
        [f"0c{number:05d}" for number in range(CUSTOMERS)],
        [f"c{number // 3:05d}-{number % 3}" if number % 3 else f"c{number // 3:05d}" for number in range(CUSTOMERS)],
    ],
    ids=["a zero before each", "three for each person"],
)
def test_ids_that_are_spelt_anew_are_refused(chain: Chain, ids: list[object]) -> None:
    """Ids that were not there on the last scored day stop the night, with the share of those that were."""
    _export(chain, NEXT, customer_id=ids)

    with pytest.raises(AuditFailed, match=rf"% of the ids were there on {AS_OF}, at least 50% are expected") as told:
        _night(chain, NEXT)

    assert "audit.min_common_ids" in str(told.value)
    assert _night(chain, NEXT, accepted="another system").is_published


def test_bounds_that_are_left_out_are_not_looked_at(chain: Chain) -> None:
    """Without its bound, nothing is said of exports and ids."""
    _deliver_again(chain, NEXT, of=AS_OF)
    bounds = AuditBounds(refuse_repeated_export=False, min_common_ids=None, max_feature_psi=None)

    result = _night(dataclasses.replace(chain, audit=bounds), NEXT)

    names = {each.name for each in result.findings}
    assert not names & {"refuse_repeated_export", "min_common_ids", "max_feature_psi", "kolmogorov_smirnov"}


def test_scaled_column_is_refused_by_its_name(chain: Chain) -> None:
    """A feature that lies apart from the reference and from the last night stops it, and is named."""
    _export(chain, NEXT, spend=[f"{number % 50 * 1.5 + 0.75}" for number in range(CUSTOMERS)])

    with pytest.raises(AuditFailed, match="shifted columns: spend ") as told:
        _night(chain, NEXT)

    assert "audit.max_feature_psi" in str(told.value)


def test_accepted_night_is_what_the_next_is_held_against(chain: Chain) -> None:
    """What a person accepted is nothing to accept again, and the way back is none either."""
    scaled: list[object] = [f"{number % 50 * 1.5 + 0.75}" for number in range(CUSTOMERS)]
    _export(chain, NEXT, spend=scaled)
    _night(chain, NEXT, accepted="prices rose")
    _export(chain, BETWEEN, spend=scaled)
    _export(chain, LATER)

    assert _beyond(_night(chain, BETWEEN)) == []
    assert "max_feature_psi" not in _beyond(_night(chain, LATER, accepted="they fell again"))


def test_rollback_brings_its_own_counts(chain: Chain) -> None:
    """Where the last night was taken back, tonight is held against what it went back to."""
    _export(chain, NEXT)
    _night(chain, NEXT)
    scaled: list[object] = [f"{number % 50 * 1.5 + 0.75}" for number in range(CUSTOMERS)]
    shutil.rmtree(chain.layout.data_dir / "source" / f"snapshot_date={NEXT}")
    _export(chain, NEXT, spend=scaled)
    _night(chain, NEXT, accepted="it was looked at")
    PublishedScores(chain.layout).rollback([NEXT], None, "tester", "it was wrong after all")
    _export(chain, BETWEEN, spend=scaled)

    with pytest.raises(AuditFailed, match="shifted columns: spend "):
        _night(chain, BETWEEN)


def test_last_night_without_counts_makes_it_a_warning(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """After a version of an earlier release there is only the reference: nothing stops, a person is told."""
    version = chain.scores.current(AS_OF)
    assert version is not None
    (chain.scores.root / feature_counts_file(AS_OF, version)).unlink()
    _export(chain, NEXT, spend=[f"{number % 50 * 1.5 + 0.75}" for number in range(CUSTOMERS)])

    result = _night(chain, NEXT, accepted="whatever the scores say")

    assert "spend " in caplog.text
    assert "the last day has no such counts" in caplog.text
    assert not [each for each in result.accepted_shift if "shifted columns" in each]


def test_same_people_under_three_ids_are_a_warning(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    """The share of rows alike is kept with the model; more of them are told, and the night is published."""
    reference = chain.registry.models.reference(chain.registry.models.card(chain.registry.champion()))
    people = [number // 3 for number in range(CUSTOMERS)]
    plans: list[object] = [("basic", "premium", None)[number % 3] for number in people]
    visits: list[object] = [str(number % 7) for number in people]
    _export(chain, NEXT, spend=[SPEND[number] for number in people], plan=plans, visits=visits)

    result = _night(chain, NEXT)

    assert reference.duplicate_share == pytest.approx(0, abs=0.01)  # no two are alike in plan, visits and spend
    assert _beyond(result) == ["duplicate_rows"]
    assert result.is_published
    assert "66.6% of the rows repeat another one's features" in caplog.text


@pytest.mark.parametrize("damage", ["a file is gone", "a file is cut short"])
def test_damaged_yesterday_takes_nothing_from_tonight(
    chain: Chain, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Ids are not compared where the last day's files cannot be read; the night goes on."""
    [path] = chain.scores.version(AS_OF).files
    if damage == "a file is gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100])
    _export(chain, NEXT)

    result = _night(chain, NEXT)

    assert result.is_published
    assert "min_common_ids" not in {each.name for each in result.findings}
    assert "not compared with the last scored day" in caplog.text


def test_rules_count_nothing(tmp_path: Path) -> None:
    """Rules see no features: nothing is counted, kept or held against anything."""
    profile = dataclasses.replace(MEMBERS, rules=lambda members: members["visits"] / 10)
    ruled = chain_over(tmp_path, profile=profile, recipe=Recipe(estimator="rules"))
    for day in (AS_OF, NEXT):
        _export(ruled, day)
    land_customers(ruled, AS_OF, RUN)
    validate_customers(ruled, AS_OF, RUN)
    rules = train_model(ruled, AS_OF, RUN).card.model_version
    ruled.registry.promote(rules, actor="tester", reason="the first", force=True)

    results = [_night(ruled, day, accepted="uniform customers") for day in (AS_OF, NEXT)]

    assert not (ruled.scores.root / "_feature_counts").exists()
    assert "max_feature_psi" not in {each.name for result in results for each in result.findings}
