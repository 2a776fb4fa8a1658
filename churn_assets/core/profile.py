"""What a business's customers look like, what the model sees of them, and when one has left."""

import datetime as dt
import hashlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import pandas as pd
import pandera.pandas as pa
from pandas.api.types import is_datetime64_any_dtype
from pydantic import TypeAdapter, ValidationError

from churn_assets.core.errors import ProfileError, SettingsError
from churn_assets.core.telling.families import Family, ReasonFamily, check_families, families_of

__all__ = ["LabelColumn", "LabelRule", "Profile", "ReasonFamily"]


RESERVED = {"snapshot_date", "rescued_data", "faults"}


@dataclass(frozen=True)
class LabelColumn:
    """The snapshot itself says who left: a labelled export, with no time in it.

    `name` is a column of the schema: bool, 0/1, or Yes/No text; it is never a feature.
    """

    name: str
    is_dated: ClassVar[bool] = False
    horizon: ClassVar[dt.timedelta] = dt.timedelta()

    @property
    def column(self) -> str | None:
        """The column that no feature may see."""
        return self.name

    @property
    def text(self) -> str:
        """The label in a word, for a model's card."""
        return f"column {self.name}"


@dataclass(frozen=True)
class LabelRule:
    """A customer of day D has churned when `churned(then, later)` says so.

    `then` holds the customers of D, `later` the same customers (same index, nullable types) as
    they stand in the snapshot of D + `horizon_days`, all null for those who are gone.
    """

    horizon_days: int
    churned: Callable[[pd.DataFrame, pd.DataFrame], "pd.Series[bool]"]
    is_dated: ClassVar[bool] = True
    column: ClassVar[str | None] = None

    @property
    def horizon(self) -> dt.timedelta:
        """How long after a snapshot its outcomes are known."""
        return dt.timedelta(days=self.horizon_days)

    @property
    def text(self) -> str:
        """The label in a word, for a model's card."""
        return f"rule over {self.horizon_days} days"


@dataclass(frozen=True)
class Profile:
    """One business: schema, features and label; see `docs/bring-your-own-customers.md`.

    Attributes:
        schema: pandera model of the raw columns: types, ranges, allowed values.
        add_features: pure, row-local function of customers (with `snapshot_date`) to a frame
            with the same rows; its keyword parameters are set under `features:`.
        feature_columns: the columns the model sees, in order.
        label: where it is known who left.
        id_column: the key, unique within a snapshot.
        past_columns: date columns that cannot lie after the snapshot.
        slices: columns by which quality is compared between groups.
        columns: names of the source's columns that differ from the schema's: the source's, then the schema's.
        values: by column, cells of the source and what each stands for (None: missing); a cell that is not named is
            read as it is.
        rules: a probability of churn for each row of customers (with `snapshot_date`), row by row;
            a model without training, which every trained one must beat.
        build_estimator: an unfitted estimator of these parameters and this seed, which `training.estimator: profile`
            asks for; it is given the features as they are.
        reasons: families of features by name, with what a person is told of each.
        name: the importable module, filled in when it is loaded.
        source_digest: digest of that module's source, filled in when it is loaded.
    """

    schema: type[pa.DataFrameModel]
    add_features: Callable[..., pd.DataFrame]
    feature_columns: tuple[str, ...]
    label: LabelColumn | LabelRule
    id_column: str = "customer_id"
    past_columns: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    rules: "Callable[[pd.DataFrame], pd.Series[float]] | None" = None
    build_estimator: Callable[[dict[str, Any], int], Any] | None = None
    reasons: Mapping[str, ReasonFamily] = field(default_factory=dict, hash=False)
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    name: str = field(default="", kw_only=True)
    source_digest: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        for listed in ("feature_columns", "past_columns", "slices"):
            object.__setattr__(self, listed, tuple(getattr(self, listed)))
        self._check_names()
        self._check_schema()
        check_families(self.reasons, self.feature_columns)
        self._check_translations()

    def _check_names(self) -> None:
        columns = self.checks.columns
        wanted = {self.id_column, *self.past_columns, *self.slices}
        if isinstance(self.label, LabelColumn):
            wanted.add(self.label.name)
            if self.label.name in self.feature_columns:
                raise ProfileError(f"profile: the label {self.label.name!r} stands in feature_columns; take it out")
        elif self.label.horizon_days < 1:
            raise ProfileError(f"profile: the label's horizon_days is {self.label.horizon_days}; it must be 1 or more")
        if missing := sorted(wanted - columns.keys()):
            raise ProfileError(f"profile: the schema lacks the column(s) {', '.join(missing)}")
        folded = [name.casefold() for name in columns]
        if alike := sorted(name for name in columns if folded.count(name.casefold()) > 1):
            raise ProfileError(
                f"profile: the columns {', '.join(alike)} differ only in case, which a table cannot tell apart; rename"
            )
        if reserved := sorted(name for name in columns if name.casefold() in RESERVED):
            raise ProfileError(
                f"profile: the schema has the column(s) {', '.join(reserved)}, which the tables add; rename"
            )
        if not self.feature_columns or len(set(self.feature_columns)) != len(self.feature_columns):
            raise ProfileError("profile: feature_columns must name at least one column, and each only once")
        if self.id_column in self.feature_columns:
            raise ProfileError(f"profile: the key {self.id_column!r} stands in feature_columns; take it out")

    def _check_schema(self) -> None:
        """A schema checks each row, and never changes one or looks at others."""
        checks = self.checks
        if checks.parsers or checks.drop_invalid_rows:
            raise ProfileError("profile: a schema checks and never changes; remove its parsers and drop_invalid_rows")
        if checks.unique or checks.index is not None:
            raise ProfileError("profile: a schema judges each row; remove its `unique` and its index")
        for name in self.past_columns:
            if not is_datetime64_any_dtype(getattr(checks.columns[name].dtype, "type", object)):
                raise ProfileError(
                    f"profile: past_columns names {name!r}, which is no date; annotate it as pd.Timestamp"
                )
        for name, column in checks.columns.items():
            if column.regex or (column.unique and name != self.id_column):
                raise ProfileError(
                    f"profile: column {name!r}: `regex` is not supported, and `unique` only for the id_column"
                )
            if column.parsers:
                raise ProfileError(f"profile: column {name!r}: a schema checks and never changes; remove its parsers")

    def _check_translations(self) -> None:
        """Translations are of columns that are there, each of which comes from one column."""
        columns = self.checks.columns
        if unknown := sorted({*self.columns.values(), *self.values} - columns.keys()):
            raise ProfileError(f"profile: columns= or values= names {', '.join(unknown)}, which the schema lacks")
        named = list(self.columns.values())
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise ProfileError(f"profile: columns= gives {', '.join(twice)} to more than one column of the source")
        for name, cells in self.values.items():
            if odd := [cell for cell in cells if not isinstance(cell, str) or cell != cell.strip()]:
                raise ProfileError(f"profile: values={{{name!r}: ...}} names {odd[0]!r}; write a cell as trimmed text")

    @cached_property
    def checks(self) -> pa.DataFrameSchema:
        """The schema as pandera's object form."""
        with _without_dask_frames():
            return self.schema.to_schema()

    def families(self, features: tuple[str, ...]) -> tuple[Family, ...]:
        """The families of reasons of a model with these `features`; those of a slice are hidden."""
        return families_of(self.reasons, features, self.slices)

    @property
    def protected_features(self) -> list[str]:
        """Features that the model sees and no reason may tell: slices, and families that are marked."""
        families = self.families(self.feature_columns)
        return [feature for family in families if family.is_hidden for feature in family.features]

    def feature_parameters(self, configured: Mapping[str, Any]) -> dict[str, Any]:
        """The keyword parameters `add_features` runs with: its defaults, overridden by `configured`.

        Raises:
            SettingsError: `configured` names a parameter that `add_features` does not have, or
                lacks one that has no default.
        """
        parameters = list(inspect.signature(self.add_features, eval_str=True).parameters.values())[1:]
        known = {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD}
        if unknown := sorted(configured.keys() - known.keys()):
            raise SettingsError(
                f"features: add_features of {self.name or 'the profile'} has no parameter "
                f"{', '.join(unknown)}; it takes {', '.join(known) or 'none'}"
            )
        chosen = known | dict(configured)
        if unset := [name for name, value in chosen.items() if value is inspect.Parameter.empty]:
            raise SettingsError(f"features: set {', '.join(unset)}, which add_features needs")
        return {name: _checked(name, value, parameters) for name, value in chosen.items()}

    @property
    def translations(self) -> str:
        """What `columns` and `values` say, for a digest; empty where they say nothing."""
        if not (self.columns or self.values):
            return ""
        return json.dumps([dict(self.columns), {name: dict(cells) for name, cells in self.values.items()}], default=str)

    def feature_digest(self, parameters: Mapping[str, Any]) -> str:
        """Digest of the feature code and its parameters: equal digests mean equal features."""
        content = json.dumps([self.source_digest, self.feature_columns, sorted(parameters.items())], default=str)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def _checked(name: str, value: Any, parameters: list[inspect.Parameter]) -> Any:
    """The value as the type that the parameter is annotated with."""
    annotation = next(p.annotation for p in parameters if p.name == name)
    if annotation is inspect.Parameter.empty:
        return value
    try:
        return TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        raise SettingsError(f"features.{name} is {value!r}: {error.errors()[0]['msg']}") from error


@contextmanager
def _without_dask_frames() -> Iterator[None]:
    """Keep pandera from loading `dask.dataframe` where that is installed: half a second and 20 MiB, for nothing."""
    name = "dask.dataframe"
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]  # Python's way to say that there is none
    try:
        yield
    finally:
        sys.modules.pop(name, None)
