"""What is told of a failure in somebody else's code."""

import pandas as pd

from churn_assets.core.failures import without_words


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
