"""Points about what lies outside: a source that answers, and a sink that holds what is published."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.errors import SinkFault, SourceFault
from churn_assets.pipeline.readiness.databases import sink_point, source_point
from churn_assets.pipeline.scoring.sink import sink_scores
from churn_assets.storage.scores.sink import ScoreSink
from churn_assets.storage.source.sql import SqlSource
from churn_assets_tests.chains import AS_OF, chain_over, export
from churn_assets_tests.databases import database, fill
from churn_assets_tests.factories import member_columns
from churn_assets_tests.storage_factories import publish, score_rows

TOMORROW = AS_OF + dt.timedelta(days=1)
OF_DAY = "select * from members where snapshot_date = :snapshot_date"


def test_a_source_tells_the_newest_day_it_holds(tmp_path: Path) -> None:
    """Of files by their paths, of a database by its query of days, or of yesterday alone where it has none."""
    uri = f"sqlite:///{tmp_path}/shop.db"
    fill(uri, "members", pa.table(member_columns(4, snapshot_date=[str(AS_OF)] * 4)))
    export(tmp_path / "files", AS_OF)
    listing = SqlSource(database(uri), OF_DAY, "select distinct snapshot_date from members")

    empty = source_point(chain_over(tmp_path / "empty"), TOMORROW)
    files = source_point(chain_over(tmp_path / "files"), TOMORROW)
    listed = source_point(chain_over(tmp_path, source=listing), TOMORROW)
    asked = source_point(chain_over(tmp_path, source=SqlSource(database(uri), OF_DAY)), TOMORROW)
    export_of_all = SqlSource(database(uri), "select * from members")

    assert (empty.passed, files.passed, listed.passed, asked.passed) == (False, True, True, True)
    assert files.finding.endswith(f"holds 1 days, the newest {AS_OF}")
    assert listed.finding == f"sqlite:{tmp_path}/shop.db holds 1 days, the newest {AS_OF}"
    assert asked.finding.endswith(f"answers, and holds {AS_OF}; source.days is not set")
    assert source_point(chain_over(tmp_path, source=export_of_all), TOMORROW).finding.endswith("is one export")
    with pytest.raises(SourceFault, match="there is no such file"):
        source_point(chain_over(tmp_path, source=SqlSource(database("sqlite:////no.db"), OF_DAY)), TOMORROW)


def test_a_sink_passes_once_it_holds_the_newest_published_scores(tmp_path: Path) -> None:
    """Where it lags behind, the command that brings it is named; none at all is none missing."""
    sink = ScoreSink(database(f"sqlite:///{tmp_path}/sink.db", "sink"), "churn_scores")
    chain = chain_over(tmp_path, sink=sink)
    none = sink_point(chain_over(tmp_path))
    unscored = sink_point(chain)
    publish(chain.scores, score_rows(5), AS_OF)
    with pytest.raises(SinkFault, match="there is no such file"):
        sink_point(chain)

    sunk = sink_scores(sink, chain.scores, AS_OF)
    held = sink_point(chain)
    publish(chain.scores, score_rows(6), AS_OF)
    behind = sink_point(chain)

    assert (none.passed, unscored.passed, held.passed, behind.passed) == (True, False, True, False)
    assert (sunk.rows, sunk.version) == (5, sink.version(AS_OF))
    assert behind.advice == f"`churn-assets scores sink --date {AS_OF}` brings it"
