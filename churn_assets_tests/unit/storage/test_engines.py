"""The engine of one machine."""

from contextlib import closing
from pathlib import Path

import pytest

from churn_assets.storage.engines import LocalEngine
from churn_assets_tests.clusters import PART_ROWS, PARTS, an_evening


def test_parts_come_in_order_and_lie_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is there, whole, when its audit is given; the audits come in the order of the parts."""
    evening = an_evening(tmp_path, monkeypatch)
    folder = tmp_path / "scored"
    folder.mkdir()
    seen = []

    with closing(LocalEngine().score(evening.scoring(evening.rules), folder, range(PARTS))) as run:
        for part, audit in enumerate(run):
            seen.append((audit.first_id, audit.rows, (folder / f"part-{part}.parquet").is_file()))

    assert seen == [(f"c{part * PART_ROWS:05d}", PART_ROWS, True) for part in range(PARTS)]
