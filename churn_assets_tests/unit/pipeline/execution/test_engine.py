"""The engine of one machine."""

from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.errors import AuditFailed
from churn_assets.core.scoring.partition_audit import ScoreAudit
from churn_assets.pipeline.execution.engine import LocalEngine
from churn_assets.storage.layout import lookup_folder
from churn_assets.storage.lookup.writer import write_staged_lookup
from churn_assets_tests.clusters import PART_ROWS, PARTS, an_evening


def test_parts_come_in_order_and_lie_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is there, whole, when its audit is given; the audits come in the order of the parts."""
    evening = an_evening(tmp_path, monkeypatch)
    folder = tmp_path / "scored"
    folder.mkdir()
    seen = []

    with closing(LocalEngine().score(evening.scoring(evening.rules), folder, range(PARTS))) as run:
        for part, audit in enumerate(result.audit for result in run):
            seen.append((audit.first_id, audit.rows, (folder / f"part-{part}.parquet").is_file()))

    assert seen == [(f"c{part * PART_ROWS:05d}", PART_ROWS, True) for part in range(PARTS)]


def test_a_lookup_is_made_of_what_was_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an app the parts are not read again for the lookup, whose bytes are those that they would have given."""
    evening = an_evening(tmp_path, monkeypatch)
    found = []

    for for_app in (False, True):
        scores = evening.stage(LocalEngine(), evening.fitted, evening.rules, for_app=for_app)
        if for_app:
            for path in scores.staged.folder.glob("*.parquet"):
                path.write_bytes(b"not to be read again")
        write_staged_lookup(tmp_path, scores.staged, scores.segments)
        lookup = tmp_path / lookup_folder(scores.staged.day, scores.staged.version)
        found.append({path.name: path.read_bytes() for path in lookup.iterdir()})

    assert found[0] == found[1]
    assert len(found[0]) == PARTS + 3


@pytest.mark.parametrize("for_app", [False, True])
def test_only_scores_for_an_app_get_a_lookup(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    for_app: bool,  # noqa: FBT001
) -> None:
    """What no app is to read has nothing beside its parts; what is discarded leaves nothing."""
    evening = an_evening(tmp_path, monkeypatch)

    staged = evening.stage(LocalEngine(), evening.rules, for_app=for_app).staged

    assert any(path.is_dir() for path in staged.folder.iterdir()) == for_app
    evening.chain.scores.discard(staged)
    assert evening.left_behind() == []


def test_a_failed_audit_leaves_nothing_of_a_lookup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that were made before a later part is refused go with the parts."""
    evening = an_evening(tmp_path, monkeypatch)
    real = ScoreAudit.check_batch

    def look(self: ScoreAudit, batch: pa.Table) -> None:
        if batch.column("customer_id")[0].as_py() >= f"c{(PARTS - 1) * PART_ROWS:05d}":
            raise AuditFailed("the last part is refused")
        real(self, batch)

    monkeypatch.setattr(ScoreAudit, "check_batch", look)

    with pytest.raises(AuditFailed, match="the last part is refused"):
        evening.stage(LocalEngine(), evening.rules, for_app=True)

    assert evening.left_behind() == []
    assert not list(evening.chain.scores.root.rglob("*.arrow"))
