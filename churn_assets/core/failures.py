"""What may be told of a failure in somebody else's code."""

import errno
import os
import re
import traceback
from pathlib import PurePath

__all__ = ["in_one_line", "refusal_of_disk", "without_words"]

LONGEST_LINE = 120
OF_A_TERMINAL = re.compile(r"\x1b\[[0-9;]*m|↳")  # colours and arrows
REFUSALS = {  # the operating system's words, which stand in the errors of every library, and what they ask for
    errno.ENOSPC: "the disk is full; make room",
    errno.EDQUOT: "the quota of the disk is used up; make room",
    errno.EROFS: "the file system is read-only; mount it so that it may be written",
    errno.EACCES: "a file or folder may not be read or written; give this user access",
    errno.EPERM: "a file or folder may not be changed; give this user the right",
}


def refusal_of_disk(words: str) -> str:
    """What the disk refused and what to do, of all that an error says; empty where it is none of that."""
    return next((told for number, told in REFUSALS.items() if os.strerror(number) in words), "")


def without_words(error: BaseException) -> str:
    """Kind, place and line of code of what somebody else's code raised: its words may quote a customer's value."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename.endswith(".py")]
    own = own or frames
    if not own:
        return type(error).__name__
    line = f", in `{own[-1].line[:LONGEST_LINE]}`" if own[-1].line else ""
    return f"{type(error).__name__} at {PurePath(own[-1].filename).name}, line {own[-1].lineno}{line}"


def in_one_line(words: str) -> str:
    """What an error says in several lines, without what draws them in a terminal."""
    return " ".join(OF_A_TERMINAL.sub("", words).split())
