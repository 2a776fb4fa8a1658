"""Rows of `churn_reasons` as a person or a program is told of one customer; nothing heavy is loaded."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["told_reasons"]

HOLE = "{}"  # of a sentence, where the value stands
OF_REASON = ("rank", "family", "feature", "contribution", "direction", "value")
OF_CUSTOMER = ("base_value", "other", "hidden_share")


def told_reasons(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`reasons` of a customer, the strongest first, each with its sentence; and what holds of all of them.

    The base value, all contributions and `other` add up to the log-odds that the model gave.
    """
    reasons = [
        {name: row[name] for name in OF_REASON} | {"sentence": row["sentence"].replace(HOLE, row["value"])}
        for row in sorted(rows, key=lambda each: int(each["rank"]))
    ]
    return {"reasons": reasons} | ({name: rows[0][name] for name in OF_CUSTOMER} if rows else {})
