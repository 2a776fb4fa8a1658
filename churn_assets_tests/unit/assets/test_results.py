"""What Dagster is told of a failure."""

import re

import dagster as dg
import pytest

from churn_assets.assets.results import dagster_failures
from churn_assets.core.errors import AuditFailed

WORDS = "could not convert 'a customer'"


def test_a_sentence_of_ours_is_told_without_its_cause() -> None:
    """Dagster would keep the words of every cause."""
    with pytest.raises(dg.Failure) as caught, dagster_failures():
        raise AuditFailed("nothing was published") from ValueError(WORDS)

    assert caught.value.description == "nothing was published"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_nobody_foresaw_is_told_by_kind_and_place() -> None:
    """The words of another's code may quote a customer; where it happened is kept for whoever mends it."""
    with pytest.raises(dg.Failure) as caught, dagster_failures():
        raise KeyError(WORDS)

    told = f"{caught.value.description} {caught.value.metadata}"
    assert re.search(r"unexpected: KeyError at test_results.py, line \d+, in", told)
    assert "in test_what_nobody_foresaw" in told
    assert WORDS not in told
    assert caught.value.__suppress_context__


def test_a_full_disk_is_told_as_it_is() -> None:
    """The system's own errors name files, and what to do follows from them."""
    with pytest.raises(OSError, match="No space left"), dagster_failures():
        raise OSError(28, "No space left on device")
