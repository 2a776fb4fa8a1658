"""A command's process ends at once, and loses nothing by it: exit codes, output, what others do at the end."""

import subprocess
import sys

import pytest

# a command of its own in place of the product's, as the process would run it
INSTEAD = """
import atexit, sys, threading, time
import churn_assets.cli
from churn_assets.__main__ import run

def main():
    {body}

churn_assets.cli.main = main
sys.exit(run())
"""


def ended(body: str) -> subprocess.CompletedProcess[str]:
    """A process whose command does this."""
    code = INSTEAD.format(body=body)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("pass", 0),
        ("sys.exit()", 0),
        ("sys.exit(0)", 0),
        ("sys.exit(2)", 2),
        ("sys.exit('a sentence')", 1),
        ("raise ValueError", 1),
        ("raise KeyboardInterrupt", 130),
    ],
)
def test_an_exit_code_is_kept(body: str, code: int) -> None:
    """Whatever ends the command, the process ends with what Python would have given it."""
    assert ended(body).returncode == code


def test_a_command_that_cannot_be_loaded_has_failed() -> None:
    """A broken installation ends with a traceback and 1: a scheduler must not take such a night for a good one."""
    code = "import sys; sys.modules['typer'] = None\nfrom churn_assets.__main__ import run\nrun()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_an_interrupt_while_it_loads_is_silent() -> None:
    """Ctrl-C before a command has begun ends it as later on: with 130, and without a traceback."""
    code = """
import sys
from churn_assets.__main__ import run

class Interrupted:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
run()
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_output_in_a_pipe_is_whole() -> None:
    """What was printed without a flush reaches who reads, to the last line."""
    done = ended("print('x' * 1_000_000); print('last', end='')")

    assert len(done.stdout) == 1_000_005
    assert done.stdout.endswith("\nlast")


def test_a_traceback_is_printed() -> None:
    """What nobody caught is still told."""
    assert ended("raise ValueError('at 5')").stderr.endswith("ValueError: at 5\n")


def test_threads_and_exit_handlers_come_first() -> None:
    """A thread that is at work ends, and what others registered for the end is called, before the process is gone."""
    thread = "threading.Thread(target=lambda: (time.sleep(0.3), print('thread')), daemon=False).start()"

    done = ended(f"atexit.register(print, 'handler'); {thread}")

    assert done.stdout.splitlines() == ["thread", "handler"]


def test_nothing_is_taken_down_piece_by_piece() -> None:
    """Objects that live to the end are not freed one by one: that took a second of a night."""
    body = "main.kept = type('Kept', (), {'__del__': lambda self: print('freed', flush=True)})()"

    assert ended(body).stdout == ""
