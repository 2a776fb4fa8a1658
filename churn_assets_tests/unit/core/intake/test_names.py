"""What names of columns tell."""

import pytest

from churn_assets.core.intake.names import PROTECTED, key_rank, profile_names, sounds_like


def test_names_become_python_s_style_and_stay_apart() -> None:
    """Humps, blanks, accents, digits and words of Python's own each give a name that can be an attribute, once."""
    given = [
        "customerID",
        "Call  Failure",
        "StreamingTV",
        "orders_30d",
        "Straße",
        "2nd",
        "class",
        "example",
        "a b",
        "A-B",
    ]

    names = list(profile_names([*given, "§"]).values())

    assert names == [
        "customer_id",
        "call_failure",
        "streaming_tv",
        "orders_30d",
        "strae",
        "n_2nd",
        "class_",
        "example_",
        "a_b",
        "a_b_2",
        "column_11",
    ]


@pytest.mark.parametrize(
    ("name", "protected"), [("Age Group", True), ("SeniorCitizen", True), ("usage", False), ("page_views", False)]
)
def test_a_word_is_a_whole_one(name: str, *, protected: bool) -> None:
    """Age is a word of its own, and none within usage."""
    assert sounds_like(name, PROTECTED) is protected


def test_a_customer_s_id_sounds_most_like_a_key() -> None:
    """Names rank: a customer's id, an id, a customer, a row's number not at all."""
    ranks = [key_rank(name) for name in ("CustomerId", "id", "customer", "spend", "RowNumber")]

    assert ranks == [3, 2, 1, 0, 0]
