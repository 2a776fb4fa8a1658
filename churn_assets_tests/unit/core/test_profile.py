"""What a profile may say, and what is refused before anything runs."""

import dataclasses
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pytest

from churn_assets.core.errors import ProfileError, SettingsError
from churn_assets.core.profile import LabelColumn, LabelRule
from churn_assets_tests.factories import MEMBERS, member_has_gone, profile_of


class Visitors(pandera.DataFrameModel):
    """A small labelled export."""

    customer_id: str
    visits: int
    since: pd.Timestamp
    churned: int


def _schema(name: str, kind: Any, field: Any) -> type[pandera.DataFrameModel]:
    body = {"__annotations__": {"customer_id": str, "visits": int, name: kind}, name: field}
    return type("MadeUp", (pandera.DataFrameModel,), body)


@pytest.mark.fault("a profile that cannot work")
@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id_column": "key"}, r"lacks the column\(s\) key"),
        ({"past_columns": ("until", "since")}, r"lacks the column\(s\) until"),
        ({"label": LabelColumn("left")}, r"lacks the column\(s\) left"),
        (
            {"label": LabelColumn("churned"), "feature_columns": ("churned",)},
            "label 'churned' stands in feature_columns",
        ),
        ({"feature_columns": ()}, "feature_columns must name at least one"),
        ({"feature_columns": ("visits", "visits")}, "each only once"),
        ({"feature_columns": ("visits", "customer_id")}, "customer_id"),
        ({"past_columns": ("visits",)}, "visits"),
        ({"past_columns": ("customer_id",)}, "customer_id"),
        ({"label": LabelRule(-30, member_has_gone)}, "horizon"),
        ({"label": LabelRule(0, member_has_gone)}, "horizon"),
    ],
    ids=[
        "no-id",
        "no-past-column",
        "no-label",
        "label-is-feature",
        "no-features",
        "feature-twice",
        "id-is-feature",
        "number-in-the-past",
        "text-in-the-past",
        "outcome-before",
        "outcome-at-once",
    ],
)
def test_unusable_profile_is_refused(changes: dict[str, Any], sentence: str) -> None:
    """A profile that names columns it lacks, leaks its label, or looks back for outcomes is refused in a sentence."""
    with pytest.raises(ProfileError, match=f"^profile: .*{sentence}"):
        profile_of(Visitors, **changes)


@pytest.mark.parametrize(
    ("name", "kind", "field"),
    [
        ("month", int, pandera.Field(alias="month_.*", regex=True)),
        ("email", str, pandera.Field(unique=True)),
    ],
    ids=["regex", "unique"],
)
def test_columns_that_cannot_be_checked_in_batches_are_refused(name: str, kind: Any, field: Any) -> None:
    """`regex`, and `unique` for another column than the id, are refused with the column's name."""
    with pytest.raises(ProfileError, match=f"column '{name}.*is not supported"):
        profile_of(_schema(name, kind, field))


def test_unique_id_is_allowed() -> None:
    """The id is unique anyway, and may be declared so."""
    profile = profile_of(_schema("customer_id", str, pandera.Field(unique=True)))

    assert profile.checks.columns["customer_id"].unique


class UniqueTogether(pandera.DataFrameModel):
    """A schema with a rule over all rows."""

    customer_id: str
    visits: int

    class Config:
        """Together unique."""

        unique = ["visits"]  # noqa: RUF012  # pandera's way


class ParsedColumn(pandera.DataFrameModel):
    """A schema that changes a column."""

    customer_id: str
    visits: int

    @pandera.parser("visits")
    @classmethod
    def positive(cls, visits: "pd.Series[int]") -> "pd.Series[int]":
        """Take the sign away."""
        return visits.abs()


class ParsedFrame(pandera.DataFrameModel):
    """A schema that changes the frame."""

    customer_id: str
    visits: int

    @pandera.dataframe_parser
    @classmethod
    def positive(cls, customers: pd.DataFrame) -> pd.DataFrame:
        """Take the sign away."""
        return customers.assign(visits=customers["visits"].abs())


class Dropping(pandera.DataFrameModel):
    """A schema that loses rows."""

    customer_id: str
    visits: int

    class Config:
        """Rows are lost."""

        drop_invalid_rows = True


@pytest.mark.parametrize("schema", [UniqueTogether, ParsedColumn, ParsedFrame, Dropping])
def test_schema_that_does_more_than_check_is_refused(schema: type[pandera.DataFrameModel]) -> None:
    """A schema checks each row: one that changes cells, drops rows or compares all rows is refused."""
    with pytest.raises(ProfileError):
        profile_of(schema)


def test_lists_become_tuples() -> None:
    """An author may write lists; what is kept cannot be changed."""
    profile = profile_of(Visitors, feature_columns=["visits"], past_columns=["since"], slices=["visits"])

    assert (profile.feature_columns, profile.past_columns, profile.slices) == (("visits",), ("since",), ("visits",))
    with pytest.raises(dataclasses.FrozenInstanceError):
        profile.id_column = "visits"  # type: ignore[misc]


def test_label_in_a_word() -> None:
    """A card says what the label is."""
    assert MEMBERS.label.text == "rule over 30 days"
    assert (
        profile_of(Visitors, label=LabelColumn("churned"), feature_columns=("visits",)).label.text == "column churned"
    )


def test_feature_parameters_are_the_signature_s() -> None:
    """Parameters are those of `add_features`: its defaults, overridden by what is configured."""
    assert MEMBERS.feature_parameters({}) == {"few_visits": 3}
    assert MEMBERS.feature_parameters({"few_visits": 5}) == {"few_visits": 5}


def test_unknown_feature_parameter_is_refused() -> None:
    """A misspelt parameter is told with those there are."""
    with pytest.raises(SettingsError, match=r"features: .* members has no parameter few_vists; it takes few_visits"):
        MEMBERS.feature_parameters({"few_vists": 5})


def test_parameter_where_there_are_none_is_refused() -> None:
    """A function without parameters says so."""
    with pytest.raises(SettingsError, match="has no parameter days; it takes none"):
        profile_of(Visitors).feature_parameters({"days": 5})


def test_parameter_without_default_must_be_set() -> None:
    """What `add_features` needs and nobody set is told by name."""

    def needy(customers: pd.DataFrame, *, days: int, weeks: int = 1) -> pd.DataFrame:
        return customers.assign(visits=days * weeks)

    profile = profile_of(Visitors, add_features=needy)

    with pytest.raises(SettingsError, match="features: set days, which add_features needs"):
        profile.feature_parameters({})
    assert profile.feature_parameters({"days": 2}) == {"days": 2, "weeks": 1}


def test_feature_digest_tells_features_apart() -> None:
    """Source, parameters and columns are in the digest; the order in which parameters are set is not."""
    digest = MEMBERS.feature_digest({"a": 1, "b": 2})

    others = [
        MEMBERS.feature_digest({"a": 1, "b": 3}),
        MEMBERS.feature_digest({"a": 1}),
        dataclasses.replace(MEMBERS, source_digest="1" * 64).feature_digest({"a": 1, "b": 2}),
        dataclasses.replace(MEMBERS, feature_columns=MEMBERS.feature_columns[::-1]).feature_digest({"a": 1, "b": 2}),
    ]

    assert MEMBERS.feature_digest({"b": 2, "a": 1}) == digest
    assert digest not in others
    assert len(set(others)) == 4


@pytest.mark.fault("a profile that cannot work")
@pytest.mark.parametrize("twin", ["Visits", "VISITS", "Snapshot_Date"])
def test_columns_that_differ_only_in_case_are_refused(twin: str) -> None:
    """A table cannot tell them apart, and neither one from a column that it adds itself."""
    schema = pandera.DataFrameSchema(
        {"customer_id": pandera.Column(str), "visits": pandera.Column(int), twin: pandera.Column(int)}
    )
    model = type("Members", (pandera.DataFrameModel,), {"to_schema": classmethod(lambda _: schema)})

    with pytest.raises(ProfileError, match=r"differ only in case|which the tables add"):
        profile_of(model, feature_columns=("visits",))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"columns": {"Plan ": "no_such"}}, r"columns= or values= names no_such, which the schema lacks"),
        ({"values": {"no_such": {}}}, r"columns= or values= names no_such, which the schema lacks"),
        ({"columns": {"Plan": "plan", "PLAN": "plan"}}, r"columns= gives plan to more than one column"),
        ({"values": {"plan": {" x": "y"}}}, r"values=\{'plan': ...\} names ' x'; write a cell as trimmed text"),
    ],
)
def test_translations_of_what_is_not_there_are_refused(changes: dict[str, Any], sentence: str) -> None:
    """A translation names columns of the schema, each once, and cells as trimmed text."""
    with pytest.raises(ProfileError, match=sentence):
        dataclasses.replace(MEMBERS, **changes)


def test_translations_are_part_of_the_digest() -> None:
    """What is told of columns and values tells profiles apart, and nothing told is nothing added."""
    told = [
        MEMBERS.translations,
        dataclasses.replace(MEMBERS, values={"plan": {"x": "free"}}).translations,
        dataclasses.replace(MEMBERS, columns={"Plan": "plan"}).translations,
    ]

    assert told[0] == ""
    assert len(set(told)) == 3
