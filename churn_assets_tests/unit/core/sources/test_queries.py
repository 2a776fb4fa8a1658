"""The day in a query: found and bound where it is a value, and nowhere else."""

import pytest

from churn_assets.core.sources.queries import names_day, query_fault, with_day_bound, with_day_set

QUERY = (
    "select a::text, ':snapshot_date' as b -- :snapshot_date\nfrom t where d = :snapshot_date and e < :snapshot_date;"
)


def test_the_day_is_replaced_outside_of_quotes_and_comments_alone() -> None:
    """Casts, texts and comments stay as they are; each mark of a parameter is counted."""
    bound, marks = with_day_bound(QUERY, "?")
    set_in_transaction = with_day_set(QUERY)

    assert bound == "select a::text, ':snapshot_date' as b -- :snapshot_date\nfrom t where d = ? and e < ?"
    assert marks == 2
    assert set_in_transaction.endswith(
        "where d = current_setting('churn.snapshot_date')::date and e < current_setting('churn.snapshot_date')::date"
    )


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("select * from t where d = :snapshot_date", True),
        ("select * from t where d=:snapshot_date::date", True),
        ("select * from t where d = ':snapshot_date'", False),
        ("select x::snapshot_date from t", False),
        ("select * from t -- :snapshot_date", False),
        ("select * from t where d = :snapshot_dates", False),
    ],
)
def test_a_query_names_the_day_where_it_is_a_value(query: str, named: bool) -> None:  # noqa: FBT001  # a table of cases
    """A cast to a type of that name, a longer name, a text and a comment name none."""
    assert names_day(query) is named


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("select 1", ""),
        ("  WITH a AS (select 1) select * from a;\n", ""),
        ("select ';' from t", ""),
        ("delete from t", "one select"),
        ("select 1; drop table t", "more than one statement"),
        ("select * from t where d = ':snapshot_date'", "without them"),
    ],
)
def test_a_query_is_one_select(query: str, fault: str) -> None:
    """Anything else is told before a database sees it."""
    found = query_fault(query)

    assert fault in found
    assert bool(fault) == bool(found)
