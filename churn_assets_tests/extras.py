"""Which extras this environment has: a test of one that is missing is skipped, and says so."""

import importlib

import pytest

__all__ = ["needs"]


def needs(library: str) -> pytest.MarkDecorator:
    """The mark of a test that cannot run without a library, or a library of the system that it needs."""
    try:
        importlib.import_module(library)
    except (ImportError, OSError) as error:
        return pytest.mark.skipif(condition=True, reason=f"the extra {library} is not installed: {error}")
    return pytest.mark.skipif(condition=False, reason="")
