"""The exceptions, as the tree at the top of their module draws them."""

import inspect
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
