"""What the features of a score version counted, kept beside it."""

from pathlib import Path

import pytest
from deltalake import DeltaTable

from churn_assets.core.evaluation.results import FeatureSummary, Histogram
from churn_assets.storage.layout import Layout, feature_counts_file
from churn_assets.storage.scores.feature_counts import read_feature_counts, write_feature_counts
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.table import Table
from churn_assets.storage.tables.versions import PartitionVersion
from churn_assets_tests.storage_factories import DAY, score_rows, stage

ROWS = 12


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """No scores yet."""
    return Table(Layout(tmp_path).table("churn_scores"))


def _summary(rows: int = ROWS) -> FeatureSummary:
    counted = Histogram(edges=(0.1 + 0.2,), counts=(rows - 3, 2), missing=1)
    return FeatureSummary(rows=rows, duplicate_share=1 / 3, features={"spend": counted})


def _published(table: Table, counted: FeatureSummary, model: str = "m1") -> PartitionVersion:
    """A day's scores, published after what their features counted was written."""
    staged = stage(table, score_rows(ROWS, model))
    write_feature_counts(table.root, staged, counted)
    table.publish(staged, table.current(DAY), Commit("score", "tester"))
    return table.version(DAY)


def test_counts_are_read_as_they_were_written(table: Table) -> None:
    """To the last digit; beside the version and not among its files, where nothing else is left."""
    version = _published(table, _summary())

    assert read_feature_counts(table.root, version) == _summary()
    assert [path.name for path in version.files[0].parent.iterdir()] == ["part-0.parquet"]
    assert feature_counts_file(DAY, "abc") == f"_feature_counts/snapshot_date={DAY}/abc.json"


def test_counts_belong_to_their_version(table: Table) -> None:
    """A rollback brings those of the version that it goes back to."""
    first = _published(table, _summary())
    other = FeatureSummary(rows=ROWS, duplicate_share=0.0, features={})
    second = _published(table, other, model="m2")
    table.rollback(DAY, None, Commit("rollback", "tester"))

    read = [read_feature_counts(table.root, each) for each in (table.version(DAY), first, second)]

    assert read == [_summary(), _summary(), other]


def test_version_of_an_earlier_release_has_none(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    """Where no file was written, there is nothing, and nothing to say."""
    staged = stage(table, score_rows(ROWS))
    table.publish(staged, None, Commit("score", "tester"))

    assert read_feature_counts(table.root, table.version(DAY)) is None
    assert not caplog.records


@pytest.mark.parametrize("content", ["", "{", '{"rows": 12}', "\x00" * 40, "FOLDER"])
def test_torn_file_is_passed_over_with_a_warning(table: Table, content: str, caplog: pytest.LogCaptureFixture) -> None:
    """What a power cut left of it, or anything else, keeps no night from its work."""
    version = _published(table, _summary())
    path = table.root / feature_counts_file(DAY, version.version)
    path.unlink()
    if content == "FOLDER":
        path.mkdir()
    else:
        path.write_text(content)

    assert read_feature_counts(table.root, version) is None
    assert f"{path} is passed over" in caplog.text


def test_counts_that_do_not_add_up_are_passed_over(table: Table, caplog: pytest.LogCaptureFixture) -> None:
    """A digit that was changed makes counts of other rows than the file names."""
    version = _published(table, _summary().model_copy(update={"rows": ROWS + 1}))

    assert read_feature_counts(table.root, version) is None
    assert "do not add up" in caplog.text


def test_a_vacuum_passes_over_counts(table: Table) -> None:
    """Delta's clean-up takes none for a file that nobody needs."""
    _published(table, _summary())
    lost = table.root / f"snapshot_date={DAY}" / "lost.parquet"
    lost.write_bytes(b"")

    removed = DeltaTable(table.root).vacuum(
        retention_hours=0, enforce_retention_duration=False, full=True, dry_run=True
    )

    assert [path for path in removed if "lost" in path]
    assert not [path for path in removed if "_feature_counts" in path]
