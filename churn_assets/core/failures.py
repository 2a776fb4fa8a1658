"""What may be told of a failure in somebody else's code."""

import traceback
from pathlib import PurePath

__all__ = ["without_words"]

LONGEST_LINE = 120


def without_words(error: BaseException) -> str:
    """Kind, place and line of code of what somebody else's code raised: its words may quote a customer's value."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename.endswith(".py")]
    own = own or frames
    if not own:
        return type(error).__name__
    line = f", in `{own[-1].line[:LONGEST_LINE]}`" if own[-1].line else ""
    return f"{type(error).__name__} at {PurePath(own[-1].filename).name}, line {own[-1].lineno}{line}"
