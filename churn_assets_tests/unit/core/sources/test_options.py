"""What a configuration may say of a source."""

import pytest
from pydantic import ValidationError

from churn_assets.core.sources.options import SourceSettings

OF_DAY = "select * from customers where snapshot_date = :snapshot_date"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "sql", "query": OF_DAY}, "kind sql needs uri"),
        ({"kind": "sql", "uri": "env:X"}, "kind sql needs uri"),
        (
            {"kind": "sql", "uri": "env:X", "query": OF_DAY, "manifest": "a/{snapshot_date}"},
            "manifest is of kind files",
        ),
        ({"query": OF_DAY}, "query is of kind sql"),
        ({"kind": "sql", "uri": "env:X", "query": OF_DAY, "days": OF_DAY}, "leave :snapshot_date out of it"),
        ({"kind": "sql", "uri": "env:X", "query": "select 1", "days": "select 2"}, "days needs a query of one day"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(given: dict[str, str], words: str) -> None:
    """A key of the other kind, a missing one, and queries that cannot be meant are told with what to do."""
    settings = SourceSettings(**given)  # type: ignore[arg-type]  # as a file gives them

    assert words in settings.conflict


def test_a_query_that_is_none_is_refused() -> None:
    """Before any database sees it."""
    with pytest.raises(ValidationError, match="one select"):
        SourceSettings(query="drop table customers")


def test_an_address_is_never_shown() -> None:
    """It may hold a password: neither the settings' text nor a dump of them tells it."""
    given = SourceSettings(kind="sql", uri="postgresql://u:hush@h/d", query=OF_DAY)  # type: ignore[arg-type]

    assert "hush" not in f"{given!r} {given.model_dump(mode='json')}"
