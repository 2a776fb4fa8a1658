"""The exceptions, as the tree at the top of their module draws them, and what they tell."""

import inspect
import pickle
import re

import pytest

from churn_assets.core import errors

LINE = re.compile(r"^(?P<indent>[│├└─ ]*)(?P<name>[A-Z][A-Za-z]+) {2,}\S", re.MULTILINE)


def _drawn() -> dict[str, str]:
    """Each class in the drawing, with the one it hangs from."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for match in LINE.finditer(errors.__doc__ or ""):
        depth = len(match["indent"]) // 4
        above[depth:] = [match["name"]]
        parents[match["name"]] = above[depth - 1] if depth else "Exception"
    return parents


def _defined() -> dict[str, type[Exception]]:
    return {
        name: each
        for name, each in inspect.getmembers(errors, inspect.isclass)
        if each.__module__ == errors.__name__ and issubclass(each, Exception)
    }


def test_tree_is_the_classes() -> None:
    """The drawn tree holds every class of the module, each under the class it derives from."""
    defined = {name: each.__bases__[0].__name__ for name, each in _defined().items()}

    drawn = _drawn()

    assert drawn == defined
    assert len(drawn) > 10


def test_every_class_is_exported() -> None:
    """`__all__` names every exception, in order."""
    assert sorted(errors.__all__) == sorted(_defined())
    assert list(errors.__all__) == sorted(errors.__all__)


@pytest.mark.parametrize("name", errors.__all__)
def test_everything_is_a_churn_error(name: str) -> None:
    """Whoever catches `ChurnError` catches everything that is raised on purpose, with its sentence."""
    error = getattr(errors, name)("what, where, what to do")

    assert isinstance(error, errors.ChurnError)
    assert str(error) == "what, where, what to do"


def test_wrong_input_and_failed_work_are_told_apart() -> None:
    """No class is both an input error (exit code 2) and a run error (exit code 1)."""
    both = [name for name, each in _defined().items() if issubclass(each, errors.InputError | errors.RunError)]

    mixed = [
        name
        for name in both
        if issubclass(_defined()[name], errors.InputError) and issubclass(_defined()[name], errors.RunError)
    ]

    assert mixed == []
    assert sorted(both) == sorted(set(_defined()) - {"ChurnError"})


@pytest.mark.parametrize("named", ["\n", "\r", "\x1b]0;gone\x07", "\x1e", "\x85", "\u2028", "\ud800"])
def test_nothing_that_a_terminal_obeys_is_told(named: str) -> None:
    """A heading of somebody else's may hold any of it: it is told by its escape, also by a worker's copy."""
    told = str(pickle.loads(pickle.dumps(errors.SourceFault(f"column a{named}b is missing"))))  # noqa: S301  # its own

    assert told.isprintable()
    assert len(told.splitlines()) == 1
    assert (told.startswith("column a\\"), told.endswith("b is missing")) == (True, True)


def test_other_words_are_told_as_they_are() -> None:
    """Letters of any language, and what a person reads between them."""
    told = "größe \u2013 \u5927\u5c0f \N{BLACK SCISSORS}: 1 of 2"

    assert str(errors.SourceFault(told)) == told
