"""An object store that answers badly: what was asked is done, or refused in a sentence, and never half or twice."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pytest

from churn_assets.core.errors import ChurnError, RunError
from churn_assets.core.object_store import ObjectStore, StorageOptions
from churn_assets.core.table_schemas import PROMOTIONS
from churn_assets.storage.layout import Layout
from churn_assets.storage.migration import commit_columns
from churn_assets.storage.tables.commits import Commit
from churn_assets.storage.tables.ledger import Ledger, Row
from churn_assets.storage.tables.table import Table
from churn_assets_tests.fault_tally import Tally
from churn_assets_tests.faulty_s3 import Fault, Kind, inject
from churn_assets_tests.s3_server import ACCESS_KEY, SECRET_KEY, make_bucket, object_store, proxied, serving_s3
from churn_assets_tests.storage_factories import DAY, KEY, publish, score_rows

pytestmark = pytest.mark.fault("an object store answers badly")

COMMITS, PARTS = r"_delta_log/\d+\.json", r"part-\d+\.parquet"
KINDS_AT_ONCE: list[Kind] = ["500", "half", "unheard"]
IMPATIENT = StorageOptions(connect_seconds=1, request_seconds=0.5, attempts=3)
KINDS = [*KINDS_AT_ONCE, *(pytest.param(kind, marks=pytest.mark.campaign) for kind in ("503", "cut", "slow"))]
GOING_ON = [
    ("503", "PUT|POST", PARTS),
    ("unheard", "PUT", COMMITS),
    ("cut", "GET|HEAD", COMMITS),
    *(
        pytest.param(kind, method, path, marks=pytest.mark.campaign)
        for kind in ("500", "slow", "cut", "unheard")
        for method, path in (("PUT|POST", PARTS), ("PUT", COMMITS), ("GET|HEAD", COMMITS))
    ),
]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A proxy in front of an S3 server."""
    with serving_s3() as server, proxied(server) as proxy:
        yield proxy


@dataclass
class Machines:
    """Machines that share a data folder in a bucket, each with a mirror of its own."""

    endpoint: str
    store: ObjectStore
    made: int = 0

    def layout(self) -> Layout:
        """As a machine sees it that has fetched nothing."""
        self.made += 1
        return Layout.of(replace(self.store, mirror=self.store.mirror / str(self.made)))

    def scores(self) -> Table:
        """The table of the scores, there."""
        return Table(self.layout().table("churn_scores"))


@pytest.fixture
def machines(endpoint: str, tmp_path: Path) -> Iterator[Machines]:
    """A data folder with a published day; no fault befalls anybody until the test says so, and after it."""
    inject(endpoint)
    made = Machines(endpoint, object_store(endpoint, make_bucket(endpoint), tmp_path, IMPATIENT))
    publish(made.scores(), score_rows(30))
    yield made
    inject(endpoint)


def told_well(error: ChurnError) -> bool:
    """Whether a person gets one line that says where it is and what to do, and no key."""
    text = str(error)
    return (
        "\n" not in text and "s3://" in text and "again" in text and ACCESS_KEY not in text and SECRET_KEY not in text
    )


def record(ledger: Ledger, reason: str) -> Row | None:
    """Record a promotion, whatever was recorded before."""
    when = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
    row = {"promoted_at": when, "from_version": None, "to_version": "v", "actor": "a", "forced": False}
    return ledger.append(lambda _: row | {"reason": reason})


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_that_fails_once_is_made_again(machines: Machines, kind: Kind, tally: Tally) -> None:
    """A part that is stored, a commit, a record and a read each meet the fault once: all is done, and done once."""
    rows, layout = score_rows(40), machines.layout()
    table, ledger = Table(layout.table("churn_scores")), Ledger(layout.table("promotions"), PROMOTIONS)
    record(ledger, "the first")

    met = []
    for path in (PARTS, COMMITS):
        inject(machines.endpoint, Fault(kind, "PUT|POST", rf"churn_scores/.*{path}", times=1))
        publish(table, rows if path is PARTS else score_rows(41))
        met.append(inject(machines.endpoint))
    inject(machines.endpoint, Fault(kind, "PUT", rf"promotions/{COMMITS}", times=1))
    record(ledger, "the second")
    met.append(inject(machines.endpoint, Fault(kind, "GET", PARTS, times=1)))
    elsewhere = machines.scores()
    read = elsewhere.version(DAY).verified().read()
    met.append(inject(machines.endpoint))
    events, reasons = elsewhere.history(DAY), [row["reason"] for row in ledger.rows()]

    assert met == [1, 1, 1, 1]
    tally.tried(4)
    tally.found(lost=read.num_rows != 41 or len(events) < 3, doubled=len(events) > 3 or len(reasons) > 2)
    assert not tally.faults, (read.num_rows, events, reasons)
    assert reasons == ["the first", "the second"]


@pytest.mark.parametrize(("kind", "method", "path"), GOING_ON)
def test_one_that_goes_on_failing_is_refused_in_a_sentence(
    machines: Machines, kind: Kind, method: str, path: str, tally: Tally
) -> None:
    """What was published is read meanwhile; afterwards the same work is done by doing it again, and done once."""
    writer, rows = machines.scores(), score_rows(40)
    inject(machines.endpoint, Fault(kind, method, path))

    try:
        publish(writer, rows)
    except RunError as error:
        tally.found(words=not told_well(error))
    else:
        tally.found(wrong=kind not in {"unheard", "slow"})  # what was done all the same, or late, is found to be ours
    befallen = inject(machines.endpoint)
    between = machines.scores().version(DAY).verified().rows
    publish(writer, rows)
    events = machines.scores().history(DAY)

    assert befallen
    tally.tried()
    tally.found(lost=between not in {30, 40} or len(events) < 2, doubled=len(events) > 2)
    assert not tally.faults, (between, events)
    assert machines.scores().version(DAY).verified().rows == 40


KILLED = """
import sys
from pathlib import Path
from churn_assets.core.object_store import ObjectStore
from churn_assets.storage.layout import Layout
from churn_assets.storage.tables.table import Table
from churn_assets_tests.storage_factories import publish, score_rows
layout = Layout.of(ObjectStore(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
publish(Table(layout.table("churn_scores")), score_rows(40))
"""


def test_a_writer_killed_before_its_commit_leaves_only_what_nobody_sees(
    machines: Machines, tmp_path: Path, tally: Tally
) -> None:
    """SIGKILL between the upload and the commit: parts lie there that no reader meets, and the next run uses them."""
    inject(machines.endpoint, Fault("slow", "PUT", COMMITS, seconds=60))
    command = [sys.executable, "-c", KILLED, machines.store.uri, str(tmp_path / "killed"), machines.endpoint]
    root = machines.layout().table("churn_scores")
    before = set(root.listed())

    writer = subprocess.Popen(command, env=os.environ)
    while not any("part-" in name for name in set(root.listed()) - before):
        assert writer.poll() is None
        time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    inject(machines.endpoint)
    reader = machines.scores()
    seen, orphans = (reader.version(DAY).rows, len(reader.history(DAY))), set(root.listed()) - before
    publish(machines.scores(), score_rows(40))
    events = machines.scores().history(DAY)

    tally.tried()
    tally.found(wrong=seen != (30, 1), lost=len(events) < 2, doubled=len(events) > 2)
    assert not tally.faults, (seen, events)
    assert all("part-" in name for name in orphans)
    assert machines.scores().version(DAY).verified().rows == 40


@pytest.mark.parametrize("anew", [False, True], ids=["a column more", "every day written anew"])
def test_a_migration_whose_answer_was_lost_is_made_once(machines: Machines, anew: bool, tally: Tally) -> None:  # noqa: FBT001  # a case
    """The table has its new columns by one commit, and nobody is told that a day was published meanwhile."""
    table, rows = machines.scores(), score_rows(30).append_column("region", pa.nulls(30, pa.string()))
    before = table.version(DAY)
    written = {DAY: (before.version, table.write(DAY, rows.schema, KEY, [rows]))} if anew else None
    inject(machines.endpoint, Fault("unheard", "PUT", COMMITS, times=1))

    commit_columns(table, rows.schema, Commit("migrate", "tester", "a column more"), written)
    befallen = inject(machines.endpoint)
    there = machines.scores()
    commits = [name for name in there.folder.listed("_delta_log") if name.endswith(".json")]

    tally.tried()
    tally.found(lost=there.version(DAY).verified().rows != 30, doubled=len(commits) > 3)
    assert not tally.faults, commits
    assert befallen == 1
    assert (there.columns() or pa.schema([])).names == rows.schema.names
    assert (there.current(DAY) == before.version) != anew
