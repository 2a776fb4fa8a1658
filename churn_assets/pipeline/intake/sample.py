"""Rows of a source to look at, whatever kind it is: of one day, or of its first, middle and last."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from churn_assets.core.errors import SourceFault
from churn_assets.storage.source.files import Source

__all__ = ["Sample", "read_sample"]

ROWS = 200_000  # of a day


@dataclass(frozen=True)
class Sample:
    """The rows of each day that was looked at, as the source gives them; `is_whole` where those are all of its rows."""

    by_day: dict[dt.date, pa.Table]
    is_whole: bool

    @property
    def newest(self) -> pa.Table:
        """The rows of the last day."""
        return self.by_day[max(self.by_day)]

    @property
    def rows(self) -> pa.Table:
        """The rows of all days."""
        return pa.concat_tables(self.by_day.values(), promote_options="permissive")


def read_sample(source: Source, today: dt.date) -> Sample:
    """The first rows of the source's first, middle and last day, or of the one export, which stands for yesterday.

    Raises:
        SourceMissing, SourceFault: there is nothing, or it cannot be read.
    """
    days = source.days() or [today - dt.timedelta(days=1)]
    chosen = sorted({days[0], days[len(days) // 2], days[-1]})
    by_day, whole = {}, True
    for day in chosen:
        batches = list(_first(source, day))
        rows = pa.concat_tables([pa.Table.from_batches([batch]) for batch in batches], promote_options="permissive")
        if not len(rows):
            raise SourceFault(
                f"{', '.join(str(file.path) for file in source.files(day))} holds no rows; export it again"
            )
        whole = whole and len(rows) < ROWS
        by_day[day] = rows.slice(0, ROWS)
    return Sample(by_day, whole)


def _first(source: Source, day: dt.date) -> Iterator[pa.RecordBatch]:
    rows = 0
    for _, batch in source.batches(source.files(day)):
        yield batch
        rows += batch.num_rows
        if rows >= ROWS:
            return
