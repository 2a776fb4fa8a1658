"""Made-up exports of customers nobody has described, and the rows that a drafted profile lands of them."""

import datetime as dt
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from churn_assets.core.customers.landing import check_columns, land_batch, reading_of, renamed
from churn_assets.core.profile import Profile
from churn_assets.core.profile_schemas import raw_schema
from churn_assets.pipeline.intake.proposal import Proposal
from churn_assets.settings import SourceSettings
from churn_assets.storage.source.files import FileSource

__all__ = ["TODAY", "customers", "landed", "profile_in"]

TODAY = dt.date(2026, 11, 1)


def customers(rows: int, seed: int) -> pd.DataFrame:
    """Labelled customers: the fewer visits, the likelier they left."""
    rng = np.random.default_rng(seed)
    visits = rng.integers(0, 1_500, rows)
    leaves = rng.random(rows) < 1 / (1 + np.exp((visits - 400) / 150))
    return pd.DataFrame(
        {
            "Customer ID": [f"c{number:05d}" for number in rng.permutation(rows)],
            "Signup Date": [dt.date(2024, 1, 1) + dt.timedelta(days=int(day)) for day in rng.integers(0, 600, rows)],
            "Plan": rng.choice(["basic", "pro, yearly", 'the "gold" one'], rows),
            "Region": pd.Series(rng.choice(["Zürich", "Genève"], rows)).where(rng.random(rows) > 0.2),
            "Visits": visits,
            "Spend": np.where(rng.random(rows) < 0.1, np.nan, np.round(rng.uniform(0, 20_000, rows), 2)),
            "Newsletter": rng.random(rows) < 0.5,
            "Churned": np.where(leaves, "Attrited Customer", "Existing Customer"),
        }
    )


def profile_in(proposal: Proposal, folder: Path) -> Profile:
    """The profile that a proposal writes, imported from a file in `folder`."""
    path = folder / f"{proposal.name}.py"
    path.write_text(proposal.module, "utf-8")
    spec = importlib.util.spec_from_file_location(proposal.name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    profile: Profile = module.PROFILE
    return profile


def landed(proposal: Proposal, folder: Path) -> pa.Table:
    """The rows that the proposal's profile and configuration land of the source, by id."""
    profile = profile_in(proposal, folder)
    told: dict[str, Any] = yaml.safe_load(proposal.configuration)["source"]
    settings = SourceSettings(**told)
    source = FileSource(settings.path, folder / "data", csv=settings.csv, row_number=settings.row_number)
    schema, tables = raw_schema(profile), []
    for path, batch in source.batches(source.files(proposal.day)):
        rows = renamed(batch, profile.columns)
        check_columns(rows.schema.names, schema, str(path))
        reading = reading_of(profile, source.dialect_of(path))
        tables.append(land_batch(rows, schema, proposal.day, str(path), (), profile.id_column, reading))
    return pa.concat_tables(tables).sort_by(profile.id_column)
