"""A source that is a query of PostgreSQL, against `psql`, and a night of it against one of files, in turn.

    python benchmarks/sql_source.py WORK_FOLDER [--rows 5000000] [--rounds 5] [--customers 1000000] [--nights 3]

Twenty columns of a table are read as a night reads them, without anything done to the rows, and by
psql's copy to standard output, which is the fastest way out of PostgreSQL that everybody has. Seconds are of whole
processes of `psql`, and of the reading without the start of Python. The server is started for it, on loopback.
"""

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import adbc_driver_postgresql.dbapi
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import CHURN_ASSETS, Run, machine, run, self_told
from preparing import prepare, without_day

from churn_assets.storage.databases.database import Database
from churn_assets.storage.source.sql import SqlSource
from churn_assets_tests.postgres import PostgresServer, postgres_server

DAY = dt.date(2026, 7, 1)
SMALL = 1_000_000
TABLE = """
create unlogged table customers as select
  date '2026-07-01' as snapshot_date, 'c' || lpad(n::text, 9, '0') as customer_id, n % 90 as age,
  (array['basic', 'plus', 'pro'])[1 + n % 3] as plan, (array['web', 'app', 'shop', 'phone'])[1 + n % 4] as channel,
  'city' || n % 500 as city, date '2020-01-01' + n % 2000 as signup_date,
  timestamp '2026-06-01' + n % 86400 * interval '1s' as last_login,
  n % 2 = 0 as active, n % 31 as days_active, n % 7 as tickets, n % 13 as devices, n::int8 * 7 as points,
  n % 1000 / 7.0::float8 as spend, n % 997 / 3.0::float8 as spend_before, n % 11 / 10.0::float8 as discount,
  sqrt(n) as usage, case when n % 10 > 0 then n % 100 / 9.0::float8 end as rating, ln(n) as engagement, n % 5 as family
from generate_series(1, {rows}) n
"""
QUERY = "select * from customers where snapshot_date = :snapshot_date"
COPY = "\\copy (select * from customers where snapshot_date = '2026-07-01') to stdout"


def main() -> None:
    """Fill a server, then time both in turn and print the ratios pair by pair; the same for two nights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        print(_read(os.environ["BENCHMARK_URI"]))
        return
    print(machine())
    with postgres_server() as server:
        for rows in sorted({min(SMALL, given.rows), given.rows}):
            server.sql("drop table if exists customers")
            server.sql(TABLE.format(rows=rows))
            server.sql("vacuum analyze customers")
            _compare(server, rows, given.rounds if rows == given.rows else 1)
        server.sql("drop table customers")
        if given.nights:
            _nights(server, given.work, given.customers, given.nights)


def _read(uri: str) -> str:
    """Every row as a night reads it; what a process that did nothing else says of itself."""
    source = SqlSource(Database("source", uri, "", Path("/")), QUERY)
    started = time.perf_counter()
    return self_told(started, sum(batch.num_rows for _, batch in source.batches(source.files(DAY))))


def _compare(server: PostgresServer, rows: int, rounds: int) -> None:
    ratios = []
    for _ in range(rounds):
        ours = run([sys.executable, __file__, "-", "--read"], BENCHMARK_URI=server.uri())
        if ours.told["rows"] != rows:
            raise SystemExit(f"{ours.told['rows']} rows of {rows} were read")
        theirs = _copied(server)
        ratios.append(theirs / ours.told["seconds"])
        told = f"read {ours.told['seconds']:6.2f} s, peak {ours.peak:5.0f} MiB   psql {theirs:6.2f} s"
        print(f"{rows:,} rows: {told}   {ratios[-1]:.2f} of its rows a second", flush=True)
    print(f"{rows:,} rows: {statistics.median(ratios):.2f} of the rows a second of psql, median of {rounds}")


def _copied(server: PostgresServer) -> float:
    """The seconds that `psql` takes to write the same rows to nowhere."""
    command = ["psql", "-X", "-q", "-c", COPY, server.uri()]
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _nights(server: PostgresServer, work: Path, customers: int, rounds: int) -> None:
    day = prepare(work, customers, ordered=True)
    export = work / "source" / f"snapshot_date={day}" / "customers.parquet"
    names = _load(server, export, day)
    query = f"select {', '.join(names)} from night where snapshot_date = :snapshot_date order by customer_id"  # noqa: S608  # its own
    sql = {"kind": "sql", "uri": server.uri(), "query": query}
    night = [CHURN_ASSETS, "run", "--date", str(day), "--accept-shift", "--reason", "a benchmark", "--json"]
    ratios = []
    for _ in range(rounds):
        without_day(work, day)
        of_files = run(night)
        without_day(work, day)
        of_query = run(night, CHURN_SOURCE=json.dumps(sql))
        ratios.append((of_query.seconds / of_files.seconds, of_query.cpu / of_files.cpu))
        print(
            _told("night of files", of_files),
            _told("of a query", of_query),
            f"{ratios[-1][0]:.2f}",
            sep="   ",
            flush=True,
        )
    seconds, cpu = (statistics.median(each) for each in zip(*ratios, strict=True))
    print(
        f"{customers:,} customers: a query takes {seconds:.2f} times the time and {cpu:.2f} of our processor's seconds"
    )


def _load(server: PostgresServer, export: Path, day: dt.date) -> list[str]:
    """The night's export as a table with an index that gives its order; the names of its columns."""
    with adbc_driver_postgresql.dbapi.connect(server.uri()) as connection, connection.cursor() as cursor:
        file = pq.ParquetFile(export)
        for batch in file.iter_batches(131_072):
            plain = [each.dictionary_decode() if pa.types.is_dictionary(each.type) else each for each in batch.columns]
            days = pa.array([day] * batch.num_rows, pa.date32())
            rows = pa.table([*plain, days], names=[*batch.schema.names, "snapshot_date"])
            cursor.adbc_ingest("night", rows, mode="create_append")
        connection.commit()
    server.sql('create index on night (snapshot_date, customer_id collate "C")')
    server.sql("vacuum analyze night")
    return list(file.schema_arrow.names)


def _told(name: str, one: Run) -> str:
    return f"{name} {one.cpu:6.1f} processor s {one.seconds:6.1f} s {one.peak:6.0f} MiB"


if __name__ == "__main__":
    main()
