"""Published scores into the database that is configured for them; the tables stay the truth: `score_sink`."""

import datetime as dt
from dataclasses import dataclass

from churn_assets.storage.scores.sink import ScoreSink
from churn_assets.storage.tables.table import Table

__all__ = ["SunkScores", "sink_scores"]


@dataclass(frozen=True)
class SunkScores:
    """A day's scores as they stand in the database: which version, how many rows, and where."""

    day: dt.date
    version: str
    rows: int
    where: str


def sink_scores(sink: ScoreSink, table: Table, day: dt.date) -> SunkScores:
    """Put the published scores of `day` in place of the day's rows in the sink; the same again changes nothing there.

    Raises:
        UnknownVersion: the day has no scores.
        SinkFault: the database did not take them; what it held is still there.
        PartitionConflict: the day was published anew in the meantime; what the database held is still there.
        DamagedVersion: the published files cannot be read.
    """
    scores = table.version(day)
    rows = sink.replace_day(day, scores.version, scores.batches(), lambda: table.current(day) == scores.version)
    return SunkScores(day, scores.version, rows, sink.label)
