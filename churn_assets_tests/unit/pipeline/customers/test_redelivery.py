"""Files that came late or were delivered again are found by their digest, and only on days that somebody scored."""

import datetime as dt
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.options import GateBounds
from churn_assets.pipeline.chain import Chain, RunContext
from churn_assets.pipeline.customers.land import land_customers
from churn_assets.pipeline.customers.redelivery import Delivery, find_deliveries
from churn_assets.storage.source.files import FileSource
from churn_assets.storage.source.sql import SqlSource
from churn_assets_tests.chains import AS_OF, chain_over, export
from churn_assets_tests.databases import database, fill
from churn_assets_tests.factories import member_columns
from churn_assets_tests.storage_factories import keep_model, make_card, publish, score_rows

ONE_DAY = dt.timedelta(days=1)
YESTERDAY = AS_OF - ONE_DAY
RUN = RunContext("tester")


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Two scored days, the earlier one by a model that is no longer champion."""
    chain = chain_over(tmp_path, gates=GateBounds(min_rows=0))
    models = [keep_model(chain.registry, make_card(AS_OF - back * ONE_DAY, profile="members")) for back in (60, 30)]
    for day, model in zip((YESTERDAY, AS_OF), models, strict=True):
        chain.registry.promote(model, actor="tester", reason="it is newer")
        export(tmp_path, day)
        land_customers(chain, day, RUN)
        publish(chain.scores, score_rows(5), day, model_version=model)
    return chain


def later() -> dt.datetime:
    """A time at which nobody has written to the source for long."""
    return dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)


def deliver_again(chain: Chain, day: dt.date, customers: int = 41) -> None:
    """Put another export of a day in the place of the first."""
    shutil.rmtree(chain.layout.data_dir / "source" / f"snapshot_date={day}", ignore_errors=True)
    export(chain.layout.data_dir, day, customers)


def test_what_was_landed_is_no_new_delivery(chain: Chain) -> None:
    """Untouched files are not even read; a file that was written again with the same content is none either."""
    [file] = chain.source.files(AS_OF)
    untouched = find_deliveries(chain, [], {}, later())
    content = file.path.read_bytes()
    file.path.write_bytes(content)

    rewritten = find_deliveries(chain, [], untouched.seen, later())

    assert untouched.new == rewritten.new == []
    assert untouched.seen.keys() == {str(YESTERDAY), str(AS_OF)}
    assert rewritten.seen[str(AS_OF)] != untouched.seen[str(AS_OF)]


def test_a_redelivered_day_is_asked_for_once_with_the_model_that_scored_it(chain: Chain) -> None:
    """A past day by its own model, the newest by the champion; the digest names the content."""
    first = find_deliveries(chain, [], {}, later())
    deliver_again(chain, YESTERDAY)
    deliver_again(chain, AS_OF)

    found = find_deliveries(chain, [], first.seen, later())
    again = find_deliveries(chain, [], found.seen, later())

    past = next(chain.scores.backwards(YESTERDAY)).commit.model_version
    landed = land_customers(chain, AS_OF, RUN)
    assert [(each.day, each.model_version) for each in found.new] == [(YESTERDAY, past), (AS_OF, None)]
    assert found.new[1] == Delivery(AS_OF, landed.batch_id, None)
    assert again.new == []


def test_a_file_that_is_still_written_is_left_for_the_next_look(chain: Chain) -> None:
    """Within a minute of its last change; it is not taken for seen."""
    first = find_deliveries(chain, [], {}, later())
    deliver_again(chain, AS_OF)

    early = find_deliveries(chain, [], first.seen, dt.datetime.now(dt.UTC))

    assert early.new == []
    assert [each.day for each in find_deliveries(chain, [], early.seen, later()).new] == [AS_OF]


def test_a_late_file_is_asked_for_where_its_night_failed(chain: Chain) -> None:
    """A day that nobody tried is left alone, and a failed one as long as there is nothing."""
    late, never = AS_OF + ONE_DAY, AS_OF + 2 * ONE_DAY
    nothing = find_deliveries(chain, [late], {}, later())
    for day in (late, never):
        export(chain.layout.data_dir, day)

    found = find_deliveries(chain, [late], nothing.seen, later())

    assert nothing.new == []
    assert [(each.day, each.model_version) for each in found.new] == [(late, None)]


def test_old_days_and_exports_without_a_day_are_left_alone(chain: Chain) -> None:
    """What lies further back than the window is history; one export stands for every day."""
    publish(chain.scores, score_rows(5), AS_OF + dt.timedelta(days=36))
    deliver_again(chain, YESTERDAY)
    deliver_again(chain, AS_OF)
    static = chain_over(chain.layout.data_dir, source=FileSource("source/*.parquet", chain.layout.data_dir))

    found = find_deliveries(chain, [], {}, later())

    assert [each.day for each in found.new] == []
    assert find_deliveries(static, [AS_OF], {}, later()).new == []


def test_one_look_reads_the_files_of_few_days(chain: Chain) -> None:
    """The rest waits for the next one, so that a look ends soon."""
    days = [AS_OF + more * ONE_DAY for more in range(1, 6)]
    for day in days:
        export(chain.layout.data_dir, day)
        os.utime(chain.source.files(day)[0].path, (1, 1))

    first = find_deliveries(chain, days, {}, later())
    second = find_deliveries(chain, days, first.seen, later())

    assert [each.day for each in first.new] == days[:3]
    assert [each.day for each in second.new] == days[3:]


def test_a_day_of_a_database_is_asked_for_when_it_was_written_again_or_came_late(chain: Chain, tmp_path: Path) -> None:
    """By the time that the query of days tells; the same time again, and days that nobody tried, are none."""
    uri = f"sqlite:///{tmp_path}/shop.db"
    late, never = AS_OF + ONE_DAY, AS_OF + 2 * ONE_DAY
    for day in (AS_OF, late, never):
        columns = member_columns(4, snapshot_date=[str(day)] * 4, written_at=["2026-01-01T01:00:00+00:00"] * 4)
        fill(uri, "members", pa.table(columns))

    def asking_anew() -> Chain:
        of_day = "select * from members where snapshot_date = :snapshot_date"
        days = "select snapshot_date, max(written_at) from members group by snapshot_date"
        return chain_over(chain.layout.data_dir, source=SqlSource(database(uri), of_day, days))

    asking = asking_anew()
    publish(chain.scores, score_rows(5), AS_OF)
    land_customers(asking, AS_OF, RUN)

    untouched = find_deliveries(asking, [late], {}, later())
    now = dt.datetime.now(dt.UTC).isoformat()
    fill(uri, "members", pa.table(member_columns(1, customer_id=["m"], snapshot_date=[str(AS_OF)], written_at=[now])))
    asking = asking_anew()
    written = find_deliveries(asking, [], untouched.seen, later())
    again = find_deliveries(asking, [], written.seen, later())

    assert [each.day for each in untouched.new] == [late]
    assert [each.day for each in written.new] == [AS_OF]
    assert again.new == []
