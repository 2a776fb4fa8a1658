"""A chain over real files below a folder, for tests only."""

import datetime as dt
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from churn_assets.core.options import AuditBounds, Decisions, GateBounds, Recipe, Validation
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.training.train import train_model
from churn_assets.storage.layout import Layout
from churn_assets.storage.source.files import FileSource
from churn_assets_tests.factories import MEMBERS, member_columns

__all__ = ["AS_OF", "HORIZON", "chain_over", "copied", "export", "with_champion"]

AS_OF = dt.date(2026, 4, 30)
HORIZON = dt.timedelta(days=30)


def export(folder: Path, day: dt.date, customers: int = 40, **changes: list[object]) -> None:
    """Write a day's members to the source."""
    path = folder / "source" / f"snapshot_date={day}" / "members.parquet"
    path.parent.mkdir(parents=True)
    visited = [f"{day - dt.timedelta(days=1)}"] * customers
    pq.write_table(pa.table(member_columns(customers, last_visit=visited, **changes)), path)


def chain_over(folder: Path, **changes: object) -> Chain:
    """A chain of members whose source lies below `folder`."""
    given: dict[str, object] = {
        "profile": MEMBERS,
        "parameters": {"few_visits": 3},
        "source": FileSource("source/snapshot_date={snapshot_date}/*.parquet", folder),
        "layout": Layout(folder),
        "validation": Validation(),
        "recipe": Recipe(estimator="hist_gradient_boosting", window_days=14),
        "gates": GateBounds(),
        "decisions": Decisions(),
        "audit": AuditBounds(),
        "start_date": dt.date(2025, 7, 1),
        "timezone": "UTC",
        "code_revision": "unknown",
    }
    return Chain(**(given | changes))  # type: ignore[arg-type]  # each is of its field's type


def with_champion(folder: Path, run: RunContext) -> Chain:
    """A chain over what was exported below `folder`, with a small champion trained as of `AS_OF`."""
    chain = chain_over(folder, recipe=Recipe(window_days=1, parameters={"max_iter": 5}))
    model = train_model(chain, AS_OF, run).card
    chain.registry.promote(model.model_version, actor="tester", reason="the first", force=True)
    return chain


def copied(chain: Chain, folder: Path) -> Chain:
    """The chain over a copy of its data below `folder`, which a test may change."""
    return chain_over(Path(shutil.copytree(chain.layout.data_dir, folder / "data")))
