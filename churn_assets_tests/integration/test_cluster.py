"""A day scored on a Dask cluster: the same bytes, whatever becomes of its workers; nothing, where all is lost."""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import LocalCluster

from churn_assets.core.errors import AuditFailed, RunError
from churn_assets.pipeline.execution import dask_engine as cluster_module
from churn_assets.pipeline.execution.dask_engine import DaskEngine
from churn_assets.pipeline.execution.engine import LocalEngine
from churn_assets.pipeline.libraries import installed_libraries
from churn_assets.storage.tables.parquet import write_part
from churn_assets_tests.clusters import PARTS, Evening, an_evening, serve_cluster
from churn_assets_tests.factories import customers_of, member_columns
from churn_assets_tests.storage_factories import running

pytestmark = [pytest.mark.integration, pytest.mark.fault("a worker of a cluster is killed or late")]

WORKERS = 2
LIBRARIES = sorted(installed_libraries().keys() - {"python"})
PATIENCE = 60


@pytest.fixture(scope="module")
def evening_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    """A day in eight parts; the processes that are started later find its profile."""
    with pytest.MonkeyPatch.context() as patched:
        yield an_evening(tmp_path_factory.mktemp("evening"), patched)


@pytest.fixture
def evening(evening_once: Evening) -> Evening:
    """The same, with no calls counted yet."""
    evening_once.forget_calls()
    return evening_once


@pytest.fixture(scope="module")
def cluster(evening_once: Evening) -> Iterator[LocalCluster]:
    """Two worker processes of one thread."""
    del evening_once  # it comes first: workers take over the path to its profile
    with LocalCluster(
        n_workers=WORKERS, threads_per_worker=1, dashboard_address=":0", silence_logs=50, host="127.0.0.1"
    ) as started:
        yield started


def engine_at(address: str, evening: Evening, **seconds: float) -> DaskEngine:
    """The engine of a cluster."""
    return DaskEngine(address, evening.chain.layout.models.path, LIBRARIES, **seconds)


@pytest.mark.parametrize("canary", [False, True])
def test_cluster_gives_the_bytes_of_one_machine(
    evening: Evening,
    cluster: LocalCluster,
    canary: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """Parts scored by other processes make the version that this process makes, with a canary too."""
    models = [evening.fitted, evening.rules] if canary else [evening.fitted]
    here = evening.stage(LocalEngine(), *models)

    there = evening.stage(engine_at(cluster.scheduler_address, evening), *models)

    assert there.staged.version == here.staged.version
    names = [sorted(path.name for path in each.staged.folder.iterdir()) for each in (there, here)]
    assert names[0] == names[1]
    assert (there.audit.summary(), there.audit.models) == (here.audit.summary(), here.audit.models)
    assert there.features.summary() == here.features.summary()
    assert there.features.summary().features == evening.bins  # of the champion's whole day, also beside a canary
    assert len(there.audit.models) == len(models)


def test_killed_worker_costs_its_shard_only(evening: Evening, cluster: LocalCluster) -> None:
    """A worker killed at work: its part is scored once more, every other one once, and the bytes are the same."""
    here = evening.stage(LocalEngine(), evening.rules).staged
    evening.forget_calls()
    evening.hold.touch()

    with ThreadPoolExecutor(1) as other:
        staging = other.submit(evening.stage, engine_at(cluster.scheduler_address, evening), evening.rules)
        at_work = evening.wait_for_calls(WORKERS)
        victims_part, victim = at_work[0]
        os.kill(victim, signal.SIGKILL)
        evening.hold.unlink()
        scores = staging.result(PATIENCE)

    assert scores.staged.version == here.version
    assert scores.audit.rows == evening.chain.customers.version(here.day).rows
    scored = [part for part, _ in evening.calls()]
    assert len(scored) == PARTS + 1
    assert scored.count(victims_part) == 2


def test_audit_that_fails_in_a_worker_comes_through(evening: Evening, cluster: LocalCluster, tmp_path: Path) -> None:
    """A part whose customers are out of order is refused in the very words of one machine; nothing stays."""
    columns = member_columns(20)
    columns["customer_id"][3] = "c99999"
    broken = customers_of(evening.chain.profile, columns)
    path = write_part(tmp_path, 0, broken.schema, "customer_id", [broken])
    [given] = evening.scoring(evening.fitted).inputs
    files = (*given.files[:5], path, *given.files[6:])
    scoring = replace(evening.scoring(evening.fitted), inputs=(replace(given, files=files),))
    told = []

    for name, engine in (("here", LocalEngine()), ("there", engine_at(cluster.scheduler_address, evening))):
        (tmp_path / name).mkdir()
        with pytest.raises(AuditFailed) as raised, closing(engine.score(scoring, tmp_path / name, range(PARTS))) as run:
            list(run)
        told.append(str(raised.value))

    assert told[0] == told[1]
    assert "out of order" in told[0]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["here", "part-0.parquet", "there"]


def test_worker_that_differs_is_refused(evening: Evening, cluster: LocalCluster) -> None:
    """Workers with another profile than the one that is to score do not score, and the sentence says why."""
    other = replace(evening.chain.profile, source_digest="e" * 64)
    there = replace(evening, chain=replace(evening.chain, profile=other))
    before = evening.left_behind()

    with pytest.raises(
        RunError, match=rf"may give other scores: profile {other.name} is \w+ there and e+ here"
    ) as told:
        there.stage(engine_at(cluster.scheduler_address, evening), evening.rules)

    assert "nothing was published" in str(told.value)
    assert evening.left_behind() == before


def test_cluster_without_workers_is_given_up(evening: Evening, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler that has no workers is waited for as long as the engine has patience."""
    monkeypatch.setattr(cluster_module, "POLL_SECONDS", 0.1)
    before = evening.left_behind()

    with (
        LocalCluster(
            n_workers=0, processes=False, protocol="tcp://", dashboard_address=":0", silence_logs=50, host="127.0.0.1"
        ) as deserted,
        pytest.raises(RunError, match="has had no workers for 0 seconds; nothing was published"),
    ):
        evening.stage(engine_at(deserted.scheduler_address, evening, patience_seconds=0.0), evening.rules)

    assert evening.left_behind() == before


def test_scheduler_that_cannot_be_reached_is_told(evening: Evening) -> None:
    """An address where nobody listens fails the run in a sentence, after a bounded wait."""
    before = evening.left_behind()

    with pytest.raises(RunError, match=r"scoring\.scheduler tcp://127\.0\.0\.1:1 cannot be reached"):
        evening.stage(engine_at("tcp://127.0.0.1:1", evening, connect_seconds=0.5), evening.rules)

    assert evening.left_behind() == before


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_lost_cluster_fails_the_run(evening: Evening) -> None:
    """Scheduler and worker killed while they score: the run fails in a sentence, and nothing is published or stays."""
    port = free_port()
    engine = engine_at(f"tcp://127.0.0.1:{port}", evening, connect_seconds=PATIENCE)
    before = evening.left_behind()
    evening.hold.touch()

    with running(serve_cluster, port) as everything, ThreadPoolExecutor(1) as other:
        staging = other.submit(evening.stage, engine, evening.rules)
        evening.wait_for_calls(1)
        everything.kill()
        error = staging.exception(PATIENCE)

    assert isinstance(error, RunError)
    assert f"{engine.address} was lost while it scored; nothing was published" in str(error)
    assert evening.left_behind() == before
    assert evening.chain.scores.days() == []
