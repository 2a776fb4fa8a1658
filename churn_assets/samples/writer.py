"""Write a simulated subscription business to the source, as its warehouse would export it."""

import datetime as dt
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from churn_assets.core.days import DayTemplate
from churn_assets.core.errors import InputError
from churn_assets.samples.simulation import simulate
from churn_assets.settings import Settings
from churn_assets.storage.source.files import FileSource

__all__ = ["write_sample"]


def write_sample(
    settings: Settings, customers: int, days: int, until: dt.date | None, seed: int
) -> tuple[dt.date, dt.date]:
    """Write `days` daily snapshots of about `customers` customers, up to `until` (yesterday where None).

    Returns:
        The first and the last day.

    Raises:
        InputError: the source holds data already, or is no folder of Parquet files by day; `until` is at the
            end of the calendar.
    """
    if settings.source.kind != "files":
        raise InputError("source.kind is sql: a sample is written to files; set it to files to try one")
    template = settings.source.path
    if not DayTemplate(template).is_dated or not template.endswith(".parquet"):
        raise InputError(f"source.path {template} is no template of daily .parquet files, which is what a sample is")
    if settings.source.manifest:
        raise InputError("source.manifest asks for a file that a sample has not: leave it out to try one")
    if held := FileSource(template, settings.local_dir).days():
        raise InputError(f"the source holds {len(held)} days already, up to {held[-1]}: nothing was written")
    last = until or dt.datetime.now(ZoneInfo(settings.timezone)).date() - dt.timedelta(days=1)
    if last.year == dt.MAXYEAR:
        raise InputError(f"a sample up to {last} would know of days after the calendar; ask for an earlier one")
    try:
        first = last - dt.timedelta(days=days - 1)
    except OverflowError as error:
        raise InputError(f"{days} days before {last} is before start_date and the calendar; ask for fewer") from error
    if first < settings.start_date:
        raise InputError(
            f"the sample would begin on {first}, before start_date {settings.start_date}: lower start_date"
        )
    settings.local_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".sample-", dir=settings.local_dir) as staging:
        written = {}
        for day, frame in simulate(customers, days, last, seed):
            written[day] = Path(staging) / f"{day}.parquet"
            frame.to_parquet(written[day], index=False)
        for day, file in written.items():  # all of it or nothing: a part would look like a source with little history
            path = settings.local_dir / DayTemplate(template).on(day).replace("*", "customers")
            path.parent.mkdir(parents=True, exist_ok=True)
            file.replace(path)
    return first, last
