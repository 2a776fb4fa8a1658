"""The module of a drafted profile, as a colleague would have written it."""

from collections.abc import Iterator
from math import ceil, log10
from typing import Any

from churn_assets.core.intake.columns import Column
from churn_assets.core.intake.draft import Decision, Draft
from churn_assets.core.intake.layout import Call, Name, laid_out

__all__ = ["allowed_words", "profile_module"]

ROOM = 10  # times the largest value that was met: beyond it lies another unit, not another customer
FEW_WORDS = 20
OFTEN = 5  # rows; a rarer word may not be the last of its kind
TYPES = {
    ("text", False): "str",
    ("truth", False): "bool",
    ("truth", True): "pd.BooleanDtype",
    ("whole", False): "int",
    ("whole", True): "pd.Int64Dtype",
    ("number", False): "float",
    ("number", True): "float",
    ("time", False): "pd.Timestamp",
    ("time", True): "pd.Timestamp",
}


def profile_module(draft: Draft, name: str, origin: str) -> str:
    """The source of a profile module.

    Args:
        draft: what was decided.
        name: of the business.
        origin: where its customers were looked at, for the docstring.
    """
    rule = draft.gone_after is not None
    parts = [
        f'"""Customers of {name}: what {origin} holds of them, what the model sees, and when one has left."""',
        "",
        "import pandas as pd",
        "import pandera.pandas as pa",
        f"from churn_assets.profiles import {'LabelRule' if rule else 'LabelColumn'}, Profile",
        "",
        laid_out("__all__ = ", ["PROFILE", "Customers", "add_features", *(["has_left"] if rule else [])]),
        "",
        *([laid_out("DATES = ", _dates(draft)), ""] if _dates(draft) else []),
        "",
        *_schema(draft),
        "",
        "",
        *_features(draft),
        "",
        "",
        *([*_rule(draft), "", ""] if rule else []),
        laid_out("PROFILE = ", Call("Profile", dict(_profile(draft)))),
    ]
    return "\n".join(parts) + "\n"


def allowed_words(column: Column) -> list[str]:
    """The words of a category, where they are few and each was met often: no other one is expected."""
    words = column.counts
    return sorted(words) if len(words) <= FEW_WORDS and min(words.values(), default=0) >= OFTEN else []


def _dates(draft: Draft) -> tuple[str, ...]:
    return tuple(each.name for each in draft.of("feature") if each.kind == "time")


def _schema(draft: Draft) -> Iterator[str]:
    yield "class Customers(pa.DataFrameModel):"
    yield '    """One row for each customer."""'
    yield ""
    for decision in draft.decisions:
        if decision.role != "left out":
            yield _field(decision, draft)
    left_out = [each for each in draft.decisions if each.role == "left out"]
    if left_out:
        yield ""
        yield "    # Left out of what the export holds:"
    for each in left_out:
        yield f"    # - {each.column.source.strip()}: {each.why}"


def _field(decision: Decision, draft: Draft) -> str:
    column = decision.column
    options = dict(_checks(decision))
    nullable = bool(column.missing) and decision.role != "key"
    if nullable:
        options["nullable"] = True
    if told := _description(decision):
        options["description"] = told
    kind = _type(decision, draft, nullable=nullable)
    if not options:
        return f"    {column.name}: {kind}"
    return laid_out(f"{column.name}: {kind} = ", Call("pa.Field", options), indent=1)


def _type(decision: Decision, draft: Draft, *, nullable: bool) -> str:
    column = decision.column
    if decision.role == "label" and (draft.label_values or column.kind == "whole"):
        return TYPES["truth", nullable]
    if column.kind == "text" and decision.role != "key":
        return "pd.CategoricalDtype"
    return TYPES[column.kind, nullable]


def _checks(decision: Decision) -> Iterator[tuple[str, Any]]:
    column = decision.column
    if decision.role in {"key", "label"}:
        return
    if column.kind == "text" and (words := allowed_words(column)):
        yield "isin", words
    if column.kind not in {"whole", "number"} or not column.distinct:
        return
    if column.kind == "whole" and set(column.counts) == {0, 1}:
        yield "isin", [0, 1]
        return
    low, high = column.ends
    if low is None:
        return
    yield "ge", 0 if low >= 0 else -_bound(-low)
    yield "le", _bound(max(high, -low))


def _bound(most: float) -> int:
    return int(10 ** ceil(log10(ROOM * max(most, 1))))


def _description(decision: Decision) -> str:
    told = {
        "key": "Key, unique within a snapshot",
        "label": "Label: has left" + ("; empty where nobody knows it yet" if decision.column.missing else ""),
        "slice": "Compared between groups, never a feature",
    }
    return told.get(decision.role, "")


def _features(draft: Draft) -> Iterator[str]:
    yield "def add_features(customers: pd.DataFrame) -> pd.DataFrame:"
    yield '    """What the model sees of each customer, from that customer\'s row alone."""'
    if not _dates(draft):
        yield "    return customers"
        return
    yield '    since = {f"days_since_{name}": (customers["snapshot_date"] - customers[name]).dt.days for name in DATES}'
    yield "    return customers.assign(**since)"


def _rule(draft: Draft) -> Iterator[str]:
    yield 'def has_left(then: pd.DataFrame, later: pd.DataFrame) -> "pd.Series[bool]":'
    if date := draft.activity:
        yield f'    """A customer has left who is gone from the later snapshot, or whose {date.name} is the same."""'
        yield f'    return ~(later["{date.name}"] > then["{date.name}"])'
    else:
        yield '    """A customer has left who is gone from the later snapshot."""'
        yield f'    return ~then["{draft.key.name}"].isin(later["{draft.key.name}"])'


def _profile(draft: Draft) -> Iterator[tuple[str, Any]]:
    features = [f"days_since_{each.name}" if each.kind == "time" else each.name for each in draft.of("feature")]
    yield "schema", Name("Customers")
    yield "add_features", Name("add_features")
    yield "feature_columns", tuple(features)
    if draft.gone_after is not None:
        yield "label", Name(f"LabelRule(horizon_days={draft.gone_after}, churned=has_left)")
    else:
        yield "label", Name(f'LabelColumn("{draft.of("label")[0].name}")')
    if draft.key.name != "customer_id":
        yield "id_column", draft.key.name
    if draft.past:
        yield "past_columns", draft.past
    if slices := tuple(each.name for each in draft.of("slice")):
        yield "slices", slices
    kept = [each.column for each in draft.decisions if each.role != "left out"]
    if renamed := {each.source: each.name for each in kept if each.source != each.name}:
        yield "columns", renamed
    if draft.label_values:
        yield "values", {draft.of("label")[0].name: dict(draft.label_values)}
