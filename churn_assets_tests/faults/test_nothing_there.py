"""Commands where nothing is: they say which file and which folder were asked, and leave no trace."""

from pathlib import Path

import pytest

from churn_assets_tests.integration.installation import FIRST_NIGHT, NIGHTS, Installation

pytestmark = [pytest.mark.integration, pytest.mark.fault("a command is given in the wrong folder")]

DAY = str(NIGHTS[0])
READING = [
    ["scores", "show", "c1"],
    ["scores", "history", "--date", DAY],
    ["scores", "export", "scores.csv"],
    ["scores", "diff", "--date", DAY],
    ["trace", "c1"],
    ["models"],
    ["models", "--json"],
    ["models", "--live-on", DAY],
    ["models", "--card", "20200101-00000000"],
    ["rollback", "--date", DAY, "--reason", "a bad night"],
    ["rollback", "--from", DAY, "--to-date", DAY, "--reason", "a bad night"],
    ["promote", "20200101-00000000", "--reason", "it is better"],
    ["run"],
    ["run", "--date", DAY],
    ["train"],
    ["backfill", "--from", DAY, "--to", DAY],
]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_in_another_folder_a_command_says_where_it_looked(tmp_path: Path, words: list[str]) -> None:
    """The sentence names the folder of the data, and the file or that there is none; nothing is made."""
    elsewhere = Installation(tmp_path).having(CHURN_DATA_DIR="")

    outcome = elsewhere.run(*words)

    sentence = outcome.error(2)
    assert sentence.endswith(f"(data_dir {tmp_path}/data: there is no config.yaml in {tmp_path})")
    assert outcome.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_night_a_command_names_its_file(tmp_path: Path) -> None:
    """With a configuration and a folder of data, having no model yet is no failure; both are named all the same."""
    new = Installation(tmp_path).having(CHURN_DATA_DIR="")
    new.configure("data_dir: mine\n")
    (tmp_path / "mine").mkdir()

    models, shown = new.run("models"), new.run("scores", "show", "c1")

    where = f"(data_dir {tmp_path}/mine, from {tmp_path}/config.yaml)"
    assert (models.exit_code, models.stderr.strip()) == (
        0,
        f"no model yet; `churn-assets run` trains the first one {where}",
    )
    assert shown.error(2).endswith(where)
    assert list((tmp_path / "mine").iterdir()) == []


def test_where_there_are_tables_a_sentence_needs_no_folder(installation: Installation) -> None:
    """Whoever asks the right installation for the wrong customer is told of the customer only."""
    outcome = installation.run("scores", "show", "nobody")

    assert "data_dir" not in outcome.error(2)


def test_a_day_that_the_time_zone_skipped_is_refused(tmp_path: Path) -> None:
    """Samoa had no 30 December 2011: no snapshot is of it, and nothing is trained or run as of it."""
    samoa = Installation(tmp_path).having(CHURN_TIMEZONE="Pacific/Apia", CHURN_START_DATE="2011-01-01")
    day = ["2011-12-30"]

    outcomes = [
        samoa.run("train", "--as-of", *day),
        samoa.run("run", "--date", *day),
        samoa.run("run", "--date", "2011-12-31"),
    ]

    for outcome in outcomes[:2]:
        assert outcome.error(2).startswith("2011-12-30 never was in Pacific/Apia: its clocks skipped that day")
    assert outcomes[2].error(2).startswith("source: nothing for 2011-12-31")


def test_a_champion_whose_folder_is_gone_is_told(installation: Installation) -> None:
    """An installation that lost its models is not one that has none yet."""
    [champion] = [row["model_version"] for row in installation.run("models", "--json").json]
    (installation.data / "models").rename(installation.data / "elsewhere")

    outcome = installation.run("models")

    assert outcome.exit_code == 0
    assert f"warning: model {champion} is champion, and its folder below" in outcome.stderr
    assert "no model yet" not in outcome.stderr


def test_a_file_in_the_place_of_the_models_is_named(installation: Installation) -> None:
    """It is not taken for an installation that has no model yet."""
    models = installation.data / "models"
    models.rename(installation.data / "elsewhere")
    models.write_text("a file")

    outcomes = [installation.run("models"), installation.run("run", "--date", str(FIRST_NIGHT))]

    assert [str(models) in outcome.error(1) for outcome in outcomes] == [True, True]
