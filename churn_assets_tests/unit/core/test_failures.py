"""What is told of a failure in somebody else's code."""

import pandas as pd

from churn_assets.core.failures import in_one_line, refusal_of_disk, without_words


def _failure() -> Exception:
    try:
        pd.to_numeric(pd.Series(["1", "a customer's own words"]))
    except ValueError as error:
        return error
    raise AssertionError


def test_the_place_in_ones_own_code_is_told_and_no_value() -> None:
    """The innermost line that is no library's, as it is written."""
    told = without_words(_failure())

    assert told.startswith("ValueError at test_failures.py, line ")
    assert 'in `pd.to_numeric(pd.Series(["1"' in told
    assert "at position" not in told


def test_an_error_that_was_never_raised_has_no_place() -> None:
    """Its kind alone."""
    assert without_words(KeyError("a customer")) == "KeyError"


def test_what_a_disk_refuses_is_told_in_whichever_words_it_comes() -> None:
    """Python's, and those of a library that says it in its third line and in colours."""
    in_colours = (
        "Generic error\n  \x1b[31m↳\x1b[0m Unable to copy\n  \x1b[31m↳\x1b[0m No space left on device (os error 28)\n"
    )

    told = refusal_of_disk(in_colours), refusal_of_disk(str(PermissionError(13, "Permission denied", "/data/x")))

    assert told == (
        "the disk is full; make room",
        "a file or folder may not be read or written; give this user access",
    )
    assert refusal_of_disk("No such file or directory") == ""
    assert in_one_line(in_colours) == "Generic error Unable to copy No space left on device (os error 28)"
