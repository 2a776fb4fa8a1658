"""How a command ends: its exit code, and what is printed of it."""

import sys
from pathlib import Path

import pytest

from churn_assets import cli, settings
from churn_assets.settings import Settings


def interrupted(*_: object) -> Settings:
    """Ctrl-C, at this point."""
    raise KeyboardInterrupt


def ended(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """The exit code of `churn-assets` with these words."""
    monkeypatch.setattr(sys, "argv", ["churn-assets", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.parametrize(
    ("words", "code", "printed"),
    [
        (["--help"], 0, "Nightly churn scores"),
        (["run", "--help"], 0, "Usage:"),
        (["no-such-command"], 2, "No such command"),
        (["models", "--no-such-option"], 2, "No such option"),
    ],
)
def test_usage_is_explained(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int, printed: str
) -> None:
    """Help is no failure and goes to standard output; wrong usage is 2, and says on standard error what is wrong."""
    exit_code = ended(monkeypatch, *words)

    out, err = capsys.readouterr()
    assert exit_code == code
    assert printed in (err if code else out)
    assert (out if code else err) == ""


def test_an_interrupted_command_is_silent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C in a command that has nothing to tell of it is 130, as of a shell, and no sentence."""
    monkeypatch.setattr(settings, "load_settings", interrupted)

    exit_code = ended(monkeypatch, "models")

    assert exit_code == 130
    assert capsys.readouterr() == ("", "")


def test_an_interrupt_beside_a_command_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the words are read nothing is told of a fault of the program; how it ends is left to the process."""
    monkeypatch.setattr(cli, "app", interrupted)

    with pytest.raises(KeyboardInterrupt):
        cli.main()

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "words",
    [
        ["scores", "export", "s3://bucket/scores.csv"],
        ["models", "export", "20260101-00000000", "s3://bucket/model"],
        ["models", "import", "s3://bucket/model.joblib", "--trained-as-of", "2026-01-01", "--reason", "a trial"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_place_in_an_object_store_is_no_file_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str]
) -> None:
    """What commands write for other programs, or read from them, lies here: no folder `s3:` comes about."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHURN_DATA_DIR", str(tmp_path / "data"))

    exit_code = ended(monkeypatch, *words)

    assert exit_code == 2
    assert "error: s3:// is no folder of this machine" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
