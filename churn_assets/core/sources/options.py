"""What `config.yaml` may set about the source of customers: files, or a query of a database."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.days import PLACEHOLDER, DayTemplate
from churn_assets.core.sources.queries import names_day, query_fault

__all__ = ["SourceSettings"]

OF_SQL = ("uri", "driver", "query", "days")
OF_FILES = ("path", "follow_links", "manifest", "row_number", "csv")


class SourceSettings(BaseModel):
    """Where the warehouse's exports lie, or which database is asked for them, and what.

    `uri` is an address, or `env:NAME` for one that stands in an environment variable, since it holds a password.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["files", "sql"] = "files"
    path: Annotated[str, Field(min_length=1)] = "source/snapshot_date={snapshot_date}/*.parquet"
    follow_links: bool = False
    manifest: str = ""
    row_number: str = ""
    csv: CsvDialect = CsvDialect()
    uri: SecretStr = SecretStr("")
    driver: Annotated[str, Field(pattern=r"^[a-z0-9_]*$")] = ""
    query: str = ""
    days: str = ""

    @field_validator("path", "manifest")
    @classmethod
    def _is_a_template_of_files(cls, path: str) -> str:
        if fault := DayTemplate(path).fault():
            raise ValueError(fault)
        return path

    @field_validator("query", "days")
    @classmethod
    def _is_one_select(cls, query: str) -> str:
        if query and (fault := query_fault(query)):
            raise ValueError(fault)
        return query

    @property
    def conflict(self) -> str:
        """Which keys do not go together, in words; empty where all do."""
        foreign = OF_FILES if self.kind == "sql" else OF_SQL
        if odd := [name for name in foreign if getattr(self, name) != type(self).model_fields[name].default]:
            other = "files" if self.kind == "sql" else "sql"
            return f"{', '.join(odd)} is of kind {other}, and kind is {self.kind}: correct kind, or leave it out"
        if self.kind == "sql" and not (self.uri.get_secret_value() and self.query):
            return "kind sql needs uri, such as env:CHURN_SOURCE_URI, and query"
        if self.days and names_day(self.days):
            return "days asks for all days: leave :snapshot_date out of it"
        if self.days and not names_day(self.query):
            return "days needs a query of one day: write :snapshot_date in query, or leave days out"
        return ""

    @model_validator(mode="after")
    def _rows_are_counted_once(self) -> Self:
        if self.row_number and DayTemplate(self.path).is_dated:
            message = "row_number is for one export: of daily ones a row's number is another customer each day"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _manifest_is_of_a_day(self) -> Self:
        if self.manifest and DayTemplate(self.path).is_dated != DayTemplate(self.manifest).is_dated:
            message = f"manifest must name {PLACEHOLDER} where path does, and only there: each export has its own"
            raise ValueError(message)
        return self
