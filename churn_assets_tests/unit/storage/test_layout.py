"""Every path below the data folder is the one that other programs know from the design."""

import datetime as dt
from pathlib import Path

from churn_assets.storage.layout import Layout, part_name, partition_folder, version_folder

DATA = Path("/srv/churn/data")


def test_a_table_lies_under_tables_by_its_name() -> None:
    """A table's root is `tables/<name>`."""
    root = Layout(DATA).table("churn_scores")

    assert root.path == DATA / "tables" / "churn_scores"


def test_models_and_dagster_have_folders_of_their_own() -> None:
    """Models and Dagster's state stand beside the tables, apart from each other."""
    layout = Layout(DATA)

    folders = [layout.models.path, layout.dagster]

    assert folders == [DATA / "models", DATA / "dagster"]


def test_asking_for_a_path_makes_no_folder(tmp_path: Path) -> None:
    """A layout only spells paths: nothing appears on disk."""
    layout = Layout(tmp_path / "data")

    spelled = [layout.models.path, layout.dagster, layout.table("customers").path]

    assert not any(path.exists() for path in [layout.data_dir, *spelled])


def test_a_version_stands_in_its_partition_in_hive_style() -> None:
    """A version's folder is `snapshot_date=D/<version>`, whatever the day."""
    day = dt.date(2026, 1, 5)

    folder = version_folder(day, "3f9a1c2b")

    assert folder == "snapshot_date=2026-01-05/3f9a1c2b"
    assert folder == f"{partition_folder(day)}/3f9a1c2b"


def test_files_of_a_version_are_numbered_from_zero() -> None:
    """A version's files are `part-N.parquet`."""
    names = [part_name(number) for number in (0, 1, 12)]

    assert names == ["part-0.parquet", "part-1.parquet", "part-12.parquet"]
