"""Taking a bad night back: by re-materializing a partition in Dagster, and by `churn-assets rollback`."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from churn_assets.core.errors import DamagedVersion
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table
from churn_assets_tests.integration.installation import FIRST_NIGHT, NIGHTS, RETRAINED_AS_OF, Installation, Outcome

pytestmark = pytest.mark.integration

DAY = NIGHTS[0]
OTHER_THRESHOLDS = {"CHURN_DECISIONS__HIGH_ABOVE": "0.5"}


def models_of(installation: Installation) -> list[str]:
    """The model versions, oldest training day first."""
    return [row["model_version"] for row in installation.run("models", "--json").json]


def history_of(installation: Installation, day: dt.date = DAY) -> list[dict[str, Any]]:
    """Every version of a day's scores, newest first."""
    rows: list[dict[str, Any]] = installation.run("scores", "history", "--date", str(day), "--json").json
    return rows


def model_that_scored(installation: Installation, day: dt.date = DAY) -> str:
    """The one model version that the rows of a day's current scores name."""
    (model,) = set(installation.rows("churn_scores", day).column("model_version").to_pylist())
    return str(model)


def rematerialize(installation: Installation, wanted: str | None, day: dt.date = DAY) -> dict[str, Any]:
    """The scores of a day again, as from the launchpad; the metadata of the event."""
    config: dict[str, Any] = {} if wanted is None else {"churn_scores": {"model_version": wanted}}
    result = installation.materialize(day, "churn_scores", **config)
    assert result.success
    event = result.asset_materializations_for_node("churn_scores")[0]
    assert event.partition == str(day)
    return {name: value.value for name, value in event.metadata.items()}


def score_again(installation: Installation) -> Installation:
    """The same installation after its champion has scored `DAY` once more."""
    outcome = installation.run("run", "--date", str(DAY))
    assert outcome.exit_code == 0, outcome.stderr
    return installation


def failed(installation: Installation, wanted: str) -> str:
    """The sentence with which a re-materialization failed."""
    result = installation.materialize(DAY, "churn_scores", churn_scores={"model_version": wanted})
    assert not result.success
    (event,) = [event for event in result.all_events if event.is_step_failure]
    told = event.step_failure_data.user_failure_data
    assert told is not None
    return str(told.description)


# --- in Dagster, by run config


def test_an_old_day_run_by_a_newer_champion_says_so(retrained: Installation) -> None:
    """No pinned model: the metadata names the model of the version before, and marks the scores as hindsight."""
    old, new = models_of(retrained)

    told = rematerialize(retrained, None)

    assert told["model_version"] == new
    assert told["previous_model_version"] == old
    assert told["hindsight"] is True
    assert told["previous_version"] == history_of(retrained)[1]["score_version"]
    assert model_that_scored(retrained) == new


def test_a_model_that_knew_no_more_is_no_hindsight(retrained: Installation) -> None:
    """Scores of a day by a model trained as of that day or before carry no mark, and pass the check."""
    day = RETRAINED_AS_OF
    result = retrained.materialize(day)

    told = {
        name: value.value for name, value in result.asset_materializations_for_node("churn_scores")[0].metadata.items()
    }

    assert told["hindsight"] is False
    assert "previous_model_version" not in told
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert checks["no_hindsight"].passed


def test_hindsight_is_an_asset_check_that_warns(retrained: Installation) -> None:
    """In the UI the mark is seen without opening the metadata; it does not fail the run."""
    result = retrained.materialize(DAY, "churn_scores")

    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}

    assert result.success
    assert not checks["no_hindsight"].passed
    assert checks["no_hindsight"].severity is dg.AssetCheckSeverity.WARN


def test_previous_takes_a_day_back_after_a_retraining(installed: Installation, rescored: Installation) -> None:
    """`previous` is the model of the version before the current one: with the inputs unchanged, its very bytes."""
    old, _ = models_of(rescored)
    before = installed.score_bytes(DAY)

    told = rematerialize(rescored, "previous")

    assert told["model_version"] == old
    assert told["hindsight"] is False
    assert model_that_scored(rescored) == old
    assert rescored.score_bytes(DAY) == before


def test_a_pinned_version_scores_whatever_the_champion_is(retrained: Installation) -> None:
    """A version by its name is the model that scores, on an old day and on one that was never scored."""
    old, new = models_of(retrained)
    before = retrained.score_bytes(DAY)

    by_new = rematerialize(retrained, new)
    by_old = rematerialize(retrained, old)

    assert (by_new["model_version"], by_old["model_version"]) == (new, old)
    assert by_old["previous_model_version"] == new
    assert by_new["pinned"] == new
    assert retrained.score_bytes(DAY) == before
    assert retrained.run("models", "--json").json[1]["status"] == "champion"


def test_as_of_is_the_newest_model_that_knew_no_more(installed: Installation, rescored: Installation) -> None:
    """`as_of` gives an old day to the old model, though a newer one is champion, and a new day to the new one."""
    old, new = models_of(rescored)
    before = installed.score_bytes(DAY)

    on_the_old_day = rematerialize(rescored, "as_of")
    result = rescored.materialize(RETRAINED_AS_OF, churn_scores={"model_version": "as_of"})

    assert on_the_old_day["model_version"] == old
    assert on_the_old_day["hindsight"] is False
    assert rescored.score_bytes(DAY) == before
    assert result.success
    assert model_that_scored(rescored, RETRAINED_AS_OF) == new


def test_a_pinned_run_says_what_differs_from_the_version_before(installation: Installation) -> None:
    """Today's thresholds are used, and the metadata says that they are not those of the version before."""
    (model,) = models_of(installation)

    told = rematerialize(installation.having(**OTHER_THRESHOLDS), model)

    assert told["previous_model_version"] == model
    assert "decisions" in told["differs_from_previous"]
    assert "model_version" not in told["differs_from_previous"]
    rows = installation.rows("churn_scores", DAY).to_pylist()
    assert {row["risk_tier"] for row in rows if row["churn_probability"] > 0.5} == {"high"}


def test_a_model_that_is_not_there_scores_nothing(installation: Installation) -> None:
    """An unknown version, or `previous` where there is none, fails with one sentence and publishes nothing."""
    before = installation.published()

    unknown, none_before = failed(installation, "20200101-00000000"), failed(installation, "previous")

    assert "20200101-00000000" in unknown
    assert str(DAY) in none_before
    assert "earlier" in none_before
    assert installation.published() == before


def test_as_of_a_day_before_every_model_scores_nothing(installation: Installation) -> None:
    """Where no model was trained as of the day or before, `as_of` takes no later one instead."""
    day = FIRST_NIGHT - dt.timedelta(days=1)
    assert installation.materialize(day, "raw_customers", "customers", "quarantined_customers").success

    result = installation.materialize(day, "churn_scores", churn_scores={"model_version": "as_of"})

    assert not result.success
    assert installation.current("churn_scores", day) == []


def test_a_promotion_is_an_event_of_champion(retrained: Installation) -> None:
    """`promote` is in Dagster's storage too, with who and why."""
    _, new = models_of(retrained)

    with retrained.dagster() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("champion"))

    assert event is not None
    assert event.asset_materialization is not None
    told = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert told["model_version"] == new
    assert told["reason"] == "it is newer"


# --- by the command line


def test_rollback_gives_the_old_bytes_back(installed: Installation, rescored: Installation) -> None:
    """The version before is current again: the same files, nothing rewritten, and nothing lost."""
    before = installed.score_bytes(DAY)
    files = rescored.digests()
    versions = [row["score_version"] for row in history_of(rescored)]

    outcome = rescored.run("rollback", "--date", str(DAY), "--reason", "the offers were wrong", "--json")

    assert outcome.exit_code == 0, outcome.stderr
    told = outcome.json
    assert (told["snapshot_date"], told["from"], told["to"]) == (str(DAY), versions[0], versions[1])
    assert isinstance(told["seconds"], float)
    assert rescored.score_bytes(DAY) == before
    assert rescored.digests() == files


def test_rollback_is_recorded(rescored: Installation) -> None:
    """History says who rolled back and why; Dagster has an event of the partition that says so too."""
    versions = [row["score_version"] for row in history_of(rescored)]

    outcome = rescored.run("rollback", "--date", str(DAY), "--reason", "the offers were wrong")

    assert outcome.exit_code == 0, outcome.stderr
    newest = history_of(rescored)[0]
    assert (newest["kind"], newest["score_version"], newest["current"]) == ("rollback", versions[1], True)
    assert (newest["reason"], newest["model_version"]) == ("the offers were wrong", models_of(rescored)[0])
    assert newest["actor"]
    assert [row["current"] for row in history_of(rescored)] == [True, False, False]
    with rescored.dagster() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("churn_scores"))
    assert event is not None
    materialization = event.asset_materialization
    assert materialization is not None
    told = {name: value.value for name, value in materialization.metadata.items()}
    assert materialization.partition == str(DAY)
    assert told["version"] == versions[1]
    assert told["reason"] == "the offers were wrong"


def test_rollback_leaves_the_other_days_alone(rescored: Installation) -> None:
    """Only the day that was named moves."""
    others = {day: rescored.current("churn_scores", day) for day in NIGHTS[1:]}

    rescored.run("rollback", "--date", str(DAY), "--reason", "one day only")

    assert {day: rescored.current("churn_scores", day) for day in NIGHTS[1:]} == others


def test_a_second_rollback_goes_further_and_a_third_finds_none(installed: Installation, rescored: Installation) -> None:
    """From the third version to the second to the first; then there is none left, which is wrong input."""
    first = installed.score_bytes(DAY)
    second = rescored.score_bytes(DAY)
    third = score_again(rescored.having(**OTHER_THRESHOLDS)).score_bytes(DAY)
    command = ("rollback", "--date", str(DAY), "--reason", "further back")
    assert len({*map(tuple, (first, second, third))}) == 3

    outcomes, found = [], []
    for _ in range(3):
        outcomes.append(rescored.run(*command))
        found.append(rescored.score_bytes(DAY))

    assert [outcome.exit_code for outcome in outcomes] == [0, 0, 2]
    assert found == [second, first, first]
    assert str(DAY) in outcomes[2].error(2)


def test_rollback_to_a_named_version_goes_either_way(installed: Installation, rescored: Installation) -> None:
    """`--to` names any version that the day ever had, also one that was rolled back."""
    first = installed.score_bytes(DAY)
    second = rescored.score_bytes(DAY)
    newer, older = [row["score_version"] for row in history_of(rescored)]

    back = rescored.run("rollback", "--date", str(DAY), "--to", older, "--reason", "back", "--json")
    at_first = rescored.score_bytes(DAY)
    forth = rescored.run("rollback", "--date", str(DAY), "--to", newer, "--reason", "it was right", "--json")

    assert (back.json["to"], forth.json["to"]) == (older, newer)
    assert at_first == first
    assert rescored.score_bytes(DAY) == second


@pytest.mark.parametrize(
    "words",
    [
        ["--date", str(DAY), "--to", "0000000000000000"],
        ["--date", str(DAY)],
        ["--date", str(NIGHTS[-1] + dt.timedelta(days=1))],
        ["--from", str(NIGHTS[-1]), "--to-date", str(NIGHTS[0])],
        ["--from", "2021-01-01", "--to-date", "2021-01-31"],
        ["--from", str(NIGHTS[0])],
        [],
    ],
    ids=[
        "an unknown version",
        "none left",
        "a day that was never scored",
        "a range the wrong way round",
        "a range without scores",
        "half a range",
        "no day",
    ],
)
def test_a_rollback_that_cannot_be_is_refused(installation: Installation, words: list[str]) -> None:
    """Wrong input moves nothing."""
    before = installation.published()

    outcome = installation.run("rollback", *words, "--reason", "to see what happens")

    assert outcome.error(2)
    assert installation.published() == before


def test_a_rollback_needs_a_reason(installation: Installation) -> None:
    """Without a reason nothing is taken back."""
    outcome = installation.run("rollback", "--date", str(DAY))

    assert outcome.exit_code == 2
    assert "--reason" in outcome.stderr


def test_a_range_is_rolled_back_day_by_day(retrained: Installation) -> None:
    """Each day of the range goes one version back, and is told in its own line."""
    before = [retrained.score_bytes(day) for day in NIGHTS]
    again = retrained.run("run", "--from", str(NIGHTS[0]), "--to", str(NIGHTS[-1]))
    assert again.exit_code == 0, again.stderr
    assert [retrained.score_bytes(day) for day in NIGHTS] != before

    outcome = retrained.run(
        "rollback", "--from", str(NIGHTS[0]), "--to-date", str(NIGHTS[-1]), "--reason", "a bad week", "--json"
    )

    assert outcome.exit_code == 0, outcome.stderr
    assert [row["snapshot_date"] for row in outcome.json] == list(map(str, NIGHTS))
    assert all({"from", "to", "seconds"} <= row.keys() for row in outcome.json)
    assert [retrained.score_bytes(day) for day in NIGHTS] == before


def test_a_range_moves_no_day_where_one_cannot_move(rescored: Installation) -> None:
    """One day of the range has no earlier version: the sentence names it, and no day moves."""
    before = rescored.published()

    outcome = rescored.run(
        "rollback", "--from", str(NIGHTS[0]), "--to-date", str(NIGHTS[1]), "--reason", "both or none"
    )

    assert str(NIGHTS[1]) in outcome.error(2)
    assert rescored.published() == before


def test_the_next_night_after_a_rollback_is_scored_by_the_champion(rescored: Installation) -> None:
    """A rollback takes a partition back, not the promotion: the day run again gets the champion's scores again."""
    second = rescored.score_bytes(DAY)
    rescored.run("rollback", "--date", str(DAY), "--reason", "not what we wanted")

    score_again(rescored)

    assert rescored.score_bytes(DAY) == second
    assert [row["kind"] for row in history_of(rescored)] == ["score", "rollback", "score", "score"]


BROKEN_STORAGES = {
    "a folder that cannot be made": "storage:\n  sqlite: {base_dir: /dev/null/dagster}\n",
    "a storage that is not installed": (
        "storage:\n  custom: {module: no_such_storage, class: Storage, config: {host: nowhere.invalid}}\n"
    ),
    "a file that is not YAML": "storage: {\n",
    "no dagster.yaml at all": None,
}


@pytest.mark.parametrize("kind", BROKEN_STORAGES)
def test_rollback_works_without_dagster(
    installed: Installation, rescored: Installation, tmp_path: Path, kind: str
) -> None:
    """Where Dagster's storage cannot be reached the day is rolled back all the same, and the missing event is told."""
    before = installed.score_bytes(DAY)
    home = broken_home(tmp_path, BROKEN_STORAGES[kind])

    outcome = rescored.having(DAGSTER_HOME=str(home)).run(
        "rollback", "--date", str(DAY), "--reason", "the database is down too", "--json"
    )

    assert_rolled_back_without_event(outcome)
    assert rescored.score_bytes(DAY) == before
    assert history_of(rescored)[0]["kind"] == "rollback"


def test_rollback_without_dagster_as_its_user_sees_it(
    installed: Installation, rescored: Installation, tmp_path: Path
) -> None:
    """A shell sees exit code 0, the result on standard output and a warning on standard error."""
    before = installed.score_bytes(DAY)
    home = broken_home(tmp_path, BROKEN_STORAGES["a folder that cannot be made"])

    outcome = rescored.having(DAGSTER_HOME=str(home)).shell(
        "rollback", "--date", str(DAY), "--reason", "the database is down too", "--json"
    )

    assert_rolled_back_without_event(outcome)
    assert rescored.score_bytes(DAY) == before


def broken_home(folder: Path, text: str | None) -> Path:
    """A `DAGSTER_HOME` that does not work."""
    home = folder / "dagster_home"
    if text is not None:
        home.mkdir()
        (home / "dagster.yaml").write_text(text)
    return home


def assert_rolled_back_without_event(outcome: Outcome) -> None:
    """Done, and what is missing is said once, in words."""
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.json["snapshot_date"] == str(DAY)
    assert "Traceback" not in outcome.stderr
    told = [line for line in outcome.stderr.splitlines() if "Dagster" in line]
    assert len(told) == 1, outcome.stderr
    assert "warning" in told[0]


def test_a_rollback_to_another_models_scores_says_who_scores_next(rescored: Installation) -> None:
    """The champion stays the newer model: a warning names it, with the command that makes the old one champion."""
    old, new = models_of(rescored)

    outcome = rescored.run("rollback", "--date", str(DAY), "--reason", "the offers were wrong", "--json")
    back = rescored.run("rollback", "--date", str(DAY), "--to", outcome.json["from"], "--reason", "they were right")

    assert outcome.exit_code == 0, outcome.stderr
    [warning] = [line for line in outcome.stderr.splitlines() if line.startswith("warning: ")]
    assert f"the champion is still {new}" in warning
    assert f"`churn-assets promote {old} --reason TEXT`" in warning
    assert "warning" not in back.stderr


def test_a_range_that_stops_on_the_way_tells_what_it_moved(
    retrained: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a later day fails after all, the days before it stay rolled back, and are told with their warning."""
    retrained.run("run", "--from", str(NIGHTS[0]), "--to", str(NIGHTS[1]))
    rollback = Table.rollback

    def failing(table: Table, day: dt.date, to: str | None, commit: Commit) -> tuple[str, str]:
        if day == NIGHTS[1]:
            raise DamagedVersion("it rotted just now")
        return rollback(table, day, to, commit)

    monkeypatch.setattr(Table, "rollback", failing)

    outcome = retrained.run(
        "rollback", "--from", str(NIGHTS[0]), "--to-date", str(NIGHTS[1]), "--reason", "a bad week", "--json"
    )

    assert outcome.error(1) == "it rotted just now"
    assert [row["snapshot_date"] for row in outcome.json] == [str(NIGHTS[0])]
    assert "the champion is still" in outcome.stderr
