"""A profile and a configuration for an export that nobody has described yet."""

import datetime as dt
import os.path
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import yaml

from churn_assets.core.customers.dialect import CsvDialect
from churn_assets.core.errors import InputError
from churn_assets.core.intake.cells import cell_dialect, with_quoted_words
from churn_assets.core.intake.columns import Column, read_columns
from churn_assets.core.intake.draft import Draft, choose_key, draft_profile
from churn_assets.core.intake.names import profile_names
from churn_assets.core.intake.sniffing import sniff
from churn_assets.core.intake.source_code import profile_module
from churn_assets.core.options import GateBounds
from churn_assets.pipeline.intake.sample import Sample, read_sample
from churn_assets.storage.source.files import FileSource
from churn_assets.storage.source.reading import head_of, is_csv
from churn_assets.storage.source.templates import find_template, first_file

__all__ = ["Proposal", "Wishes", "propose"]

KEY_OF_ROWS = "customer_id"
HORIZON = 30
EARLIEST = dt.date(2020, 1, 1)  # the default of start_date
HEADING = "# What `churn-assets init` found; docs/configuration.md lists every other key.\n"


@dataclass(frozen=True)
class Wishes:
    """What a person said: the key, the label or the horizon of a rule, the business's name; None where nothing."""

    key: str | None = None
    label: str | None = None
    gone_after: int | None = None
    name: str | None = None


@dataclass(frozen=True)
class Proposal:
    """What `init` writes and prints: module and configuration by their text, the decisions, and doubts beside them."""

    name: str
    module: str
    configuration: str
    draft: Draft
    day: dt.date
    is_dated: bool
    doubts: tuple[str, ...]


def propose(given: str, wishes: Wishes, folder: Path, today: dt.date) -> Proposal:
    """Look at an export, and draft what it takes to score its customers.

    Args:
        given: a file, a folder of daily exports, or a template.
        wishes: what a person said.
        folder: where module and configuration are to lie.
        today: the day it is.

    Raises:
        InputError: there is no such export, column or label.
        SourceFault: it cannot be read.
    """
    template = find_template(given)
    sampled = first_file(template)
    dialect = sniff(head_of(sampled)) if is_csv(sampled) else CsvDialect()
    source = FileSource(template, folder, csv=dialect)
    sample = read_sample(source, today)
    if is_csv(sampled):
        dialect = cell_dialect(_texts(sample.rows), dialect)
        sample = read_sample(FileSource(template, folder, csv=dialect), today)
        dialect = with_quoted_words(_texts(sample.rows), dialect)
    if wishes.gone_after and not source.dated:
        raise InputError(f"--gone-after asks for daily snapshots, and {given} is one export: give --label COLUMN")
    doubts = [] if sample.is_whole else ["only the first rows of a day were looked at"]
    key = choose_key(sample.newest, wishes.key)
    numbered = key is None
    if key is None:
        if source.dated:
            raise InputError("no column is unique and named like a key; give --id COLUMN, by which customers are known")
        key = _free_name(sample)
        sample = _numbered(sample, key)
        doubts.append(f"there is no key: rows are numbered, as {key}, which holds only while the export stays as it is")
    draft, assumed = _draft(sample, dialect, key, wishes, source)
    doubts += assumed
    name = wishes.name or _name_of(given)
    configuration = _configuration(name, template, folder, dialect, key if numbered else "", min(sample.by_day))
    origin = Path(template).name if not source.dated else "a daily export"
    return Proposal(
        name=name,
        module=profile_module(draft, name, origin),
        configuration=configuration,
        draft=draft,
        day=max(sample.by_day),
        is_dated=source.dated,
        doubts=tuple(doubts),
    )


def _draft(
    sample: Sample, dialect: CsvDialect, key: str, wishes: Wishes, source: FileSource
) -> tuple[Draft, list[str]]:
    columns: list[Column] = read_columns(sample.rows, dialect, keys=[key])
    day = pd.Timestamp(max(sample.by_day), tz="UTC")
    bound = GateBounds().max_feature_roc_auc or 1.0
    people = len(sample.newest)
    try:
        draft = draft_profile(
            columns, key, label=wishes.label, gone_after=wishes.gone_after, day=day, people=people, leak=bound
        )
    except InputError:
        if wishes.label or wishes.gone_after or not source.dated:
            raise
        draft = draft_profile(columns, key, label=None, gone_after=HORIZON, day=day, people=people, leak=bound)
        return draft, [f"no label was given or found: a customer has left after {HORIZON} days (--gone-after)"]
    return draft, []


def _texts(rows: pa.Table) -> dict[str, pa.Array]:
    return {
        name: rows.column(name).combine_chunks()
        for name in rows.schema.names
        if pa.types.is_string(rows.schema.field(name).type)
    }


def _free_name(sample: Sample) -> str:
    taken = profile_names(sample.newest.schema.names).values()
    return KEY_OF_ROWS if KEY_OF_ROWS not in taken else "row_number"


def _numbered(sample: Sample, key: str) -> Sample:
    tables = {day: rows.append_column(key, pa.array(range(1, len(rows) + 1))) for day, rows in sample.by_day.items()}
    return Sample(tables, sample.is_whole)


def _name_of(given: str) -> str:
    stem = (
        Path(given).name.split(".")[0].split("{")[0].split("*")[0].rstrip("_-=") or Path(given).absolute().parent.name
    )
    return next(iter(profile_names([stem]).values()))


def _configuration(name: str, template: str, folder: Path, dialect: CsvDialect, row_number: str, first: dt.date) -> str:
    """The text of `config.yaml`: what differs from the defaults."""
    data_dir = folder / "data"
    below = Path(template).is_relative_to(folder)
    source: dict[str, object] = {"path": os.path.relpath(template, data_dir) if below else template}
    if row_number:
        source["row_number"] = row_number
    if told := dialect.model_dump(mode="json", exclude_defaults=True):
        source["csv"] = told
    settings: dict[str, object] = {"profile": name, "data_dir": "data"}
    if first < EARLIEST:
        settings["start_date"] = str(first)
    text = yaml.safe_dump(settings | {"source": source}, sort_keys=False, allow_unicode=True, width=1000)
    return HEADING + text
