"""`churn-assets` as a process: what is loaded is never collected, and the interpreter is not taken down piece by piece.

A night's imports and Dagster's definitions make a million objects that live to the end. Looking through them for
garbage, and freeing them one by one when all is done, took two of the five seconds of a very small night.
"""

import atexit
import gc
import logging
import os
import sys

__all__ = ["run"]

INTERRUPTED = 130  # as a shell says it of Ctrl-C
_exit_code = 1  # a command that cannot even be loaded has not gone well


def run() -> None:
    """Run the command line of this process, and end it."""
    global _exit_code  # noqa: PLW0603  # what ends the process is called without arguments
    atexit.register(_end)  # before any library registers its own: it is called after theirs
    try:
        gc.disable()
        from churn_assets.cli import main  # noqa: PLC0415  # after what stands above it

        gc.enable()
        main()
        _exit_code = 0
    except KeyboardInterrupt:  # while it was loaded: of a command under way Typer makes the same
        _exit_code = INTERRUPTED
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        _exit_code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


def _end() -> None:
    """End the process with its exit code, once threads have ended and every other exit handler has run."""
    logging.shutdown()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # a shell may have closed it
                stream.flush()
    except OSError:
        return  # nobody reads any more: the interpreter has its own way to say so
    os._exit(_exit_code)


if __name__ == "__main__":
    run()
