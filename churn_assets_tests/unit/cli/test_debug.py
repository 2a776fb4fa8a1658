"""A failure is one sentence; `--debug` also shows where it came from."""

import errno
import logging
import sys
from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from churn_assets import cli, settings
from churn_assets.cli.output import progress, show_debug
from churn_assets.core.errors import SettingsError
from churn_assets.settings import Settings

pytestmark = pytest.mark.fault("words of a library reach a person")

LOG = logging.getLogger("churn_assets")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """`--debug` holds for the rest of a process: here, of a test."""
    level, handlers = LOG.level, list(LOG.handlers)
    yield
    LOG.setLevel(level)
    LOG.handlers[:] = handlers


@pytest.fixture
def broken_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk on which no settings can be read."""

    def load_settings() -> Settings:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(settings, "load_settings", load_settings)


def exit_code(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """How `churn-assets` ends with these words."""
    monkeypatch.setattr(sys, "argv", ["churn-assets", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code


@pytest.mark.usefixtures("broken_disk")
def test_an_unexpected_failure_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without `--debug` nothing but the sentence is printed."""
    code = exit_code(monkeypatch, "models")

    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.startswith("error: OSError: [Errno 5] Input/output error; uid ")
    assert len(err.splitlines()) == 1


@pytest.mark.usefixtures("broken_disk")
def test_debug_shows_the_traceback_before_the_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--debug` the traceback is on standard error, and the same sentence ends it."""
    code = exit_code(monkeypatch, "--debug", "models")

    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert "Traceback (most recent call last):" in err
    assert "in load_settings\n" in err
    assert err.splitlines()[-1].startswith("error: OSError: [Errno 5] Input/output error; uid ")


def test_debug_shows_the_cause_of_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a sentence was made of is in the traceback too, and the exit code is that of the sentence."""

    def load_settings() -> Settings:
        raise SettingsError("config.yaml cannot be read") from PermissionError(13, "Permission denied")

    monkeypatch.setattr(settings, "load_settings", load_settings)

    code = exit_code(monkeypatch, "--debug", "models")

    err = capsys.readouterr().err
    assert code == 2
    assert "PermissionError: [Errno 13] Permission denied" in err
    assert err.splitlines()[-1] == "error: config.yaml cannot be read"


def test_debug_prints_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Details come as lines too, in order, and progress repeats none of them."""
    show_debug()

    with progress("the nightly chain"):
        LOG.debug("part 3 of 8")
        LOG.info("landed %d rows", 5)

    assert capsys.readouterr() == ("", "part 3 of 8\nlanded 5 rows\n")


class Panic(BaseException):
    """What a library written in Rust raises: no `Exception`."""


@pytest.mark.parametrize("failure", [KeyError("churn_model"), RecursionError("maximum recursion depth"), Panic("at 5")])
def test_a_fault_of_the_program_is_called_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: BaseException
) -> None:
    """What nobody foresaw is one sentence too, which says that it is no fault of the user and what shows more."""
    monkeypatch.setattr(settings, "load_settings", Mock(side_effect=failure))

    code = exit_code(monkeypatch, "models")

    err = capsys.readouterr().err
    assert code == 1
    assert len(err.splitlines()) == 1
    assert err.startswith(f"error: unexpected: {type(failure).__name__}: ")
    assert "`churn-assets --debug`" in err


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A disk without room is named with the file, and with what to do."""
    full = OSError(errno.ENOSPC, "No space left on device", "/srv/churn/scores.csv")
    monkeypatch.setattr(settings, "load_settings", Mock(side_effect=full))

    code = exit_code(monkeypatch, "models")

    assert code == 1
    assert capsys.readouterr().err.startswith("error: /srv/churn/scores.csv: the disk is full; make room")


@pytest.mark.parametrize("kind", [NotADirectoryError, FileExistsError])
def test_a_file_in_the_place_of_a_folder_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[OSError]
) -> None:
    """What lies in the way is named, with what to do: the user may well be allowed to write there."""
    monkeypatch.setattr(settings, "load_settings", Mock(side_effect=kind(0, "as it says", "/srv/churn/source")))

    code = exit_code(monkeypatch, "models")

    assert code == 1
    assert capsys.readouterr().err.startswith("error: /srv/churn/source: a file lies where a folder must be; move it")
