"""What a failure tells is one line of text, whatever it names."""

import pickle

import pytest

from churn_assets.core.errors import SourceFault


@pytest.mark.parametrize("named", ["\n", "\r", "\x1b]0;gone\x07", "\x1e", "\x85", "\u2028", "\ud800"])
def test_nothing_that_a_terminal_obeys_is_told(named: str) -> None:
    """A heading of somebody else's may hold any of it: it is told by its escape, also by a worker's copy."""
    told = str(pickle.loads(pickle.dumps(SourceFault(f"column a{named}b is missing"))))  # noqa: S301  # its own

    assert told.isprintable()
    assert len(told.splitlines()) == 1
    assert (told.startswith("column a\\"), told.endswith("b is missing")) == (True, True)


def test_other_words_are_told_as_they_are() -> None:
    """Letters of any language, and what a person reads between them."""
    told = "größe \u2013 \u5927\u5c0f \N{BLACK SCISSORS}: 1 of 2"

    assert str(SourceFault(told)) == told
