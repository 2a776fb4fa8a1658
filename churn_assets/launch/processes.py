"""Runs whose process died: found by host, boot, process id and start time, and ended in Dagster's storage.

A run of the command line is executed by a process that Dagster did not start, so nobody else would notice its end.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus

from churn_assets.core.errors import SettingsError
from churn_assets.storage.run_locks import is_abandoned

__all__ = ["RUN_TAG", "UNFINISHED", "ProcessMonitor", "RunProcess", "dead_runs", "end_dead_runs"]

HOST_TAG = "churn_assets/host"
BOOT_TAG = "churn_assets/boot"
PID_TAG = "churn_assets/pid"
STARTED_TAG = "churn_assets/process_start"
RUN_TAG = "churn_assets/run"  # its own id: a run that repeats another one carries the tags of that one
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
PROC = Path("/proc")
ABANDONED = (
    "the process that executed this run is gone: it was killed, or its code server or machine went down; what it had "
    "published stands, so run the day again if its scores are missing"
)


@dataclass(frozen=True)
class RunProcess:
    """The process that executes a run.

    Attributes:
        host: the name of its machine, and the name space in which the machine counts process ids: containers may
            share the one, and not the other.
        boot: the id of the machine's boot.
        pid: its process id.
        started: its start, in clock ticks since the boot: a process id is given again.
    """

    host: str
    boot: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Self | None:
        """The process that asks; None where the operating system does not say (no Linux)."""
        try:
            state = _state_and_start(os.getpid())
            host = f"{socket.gethostname()} {(PROC / 'self/ns/pid').readlink()}"
            boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return cls(host, boot, os.getpid(), state[1])

    @classmethod
    def of(cls, run: dg.DagsterRun) -> Self | None:
        """The process that a run names; None where it names none.

        A run that Dagster launched may carry the tags of the run that it repeats. Runs of earlier releases have no
        origin where a process of ours executes them, and do not name themselves.
        """
        if run.remote_job_origin is not None and run.tags.get(RUN_TAG) != run.run_id:
            return None
        try:
            tags = run.tags
            return cls(tags[HOST_TAG], tags[BOOT_TAG], int(tags[PID_TAG]), int(tags[STARTED_TAG]))
        except (KeyError, ValueError):
            return None

    @property
    def tags(self) -> dict[str, str]:
        """What a run of this process is tagged with."""
        return {HOST_TAG: self.host, BOOT_TAG: self.boot, PID_TAG: str(self.pid), STARTED_TAG: str(self.started)}

    def is_dead(self) -> bool:
        """Whether it has certainly ended: never so for a process of another host."""
        here = self.current()
        if here is None or self.host != here.host:
            return False
        if self.boot != here.boot:
            return True
        try:
            state, started = _state_and_start(self.pid)
        except OSError:
            return not _exists(self.pid)
        return started != self.started or state in "ZX"  # killed, and its parent has not asked for it yet


def _state_and_start(pid: int) -> tuple[str, int]:
    """State and start of a process, fields 3 and 22 of its `stat`; field 2, a name, may hold anything."""
    fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _exists(pid: int) -> bool:
    """Whether there is such a process: `/proc` may hide those of other users."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def dead_runs(instance: dg.DagsterInstance) -> list[tuple[dg.DagsterRun, str]]:
    """The unfinished runs whose process died, each with what became of it in words; none is ended."""
    found = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        process = RunProcess.of(run)
        if process is None or not process.is_dead():
            continue
        last = instance.get_run_by_id(run.run_id)  # read again: it may have ended well before its process did
        if last is not None and not last.is_finished:
            found.append((last, _sentence(process)))
    return found


def end_dead_runs(instance: dg.DagsterInstance) -> None:
    """End the unfinished runs whose process died, so that they hold no place in Dagster's queue."""
    for run, sentence in dead_runs(instance):
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, sentence)
        else:
            instance.report_run_failed(run, sentence)


def _sentence(process: RunProcess) -> str:
    return (
        f"process {process.pid} on {process.host.split()[0]}, which executed this run, is gone: it was killed, or the "
        "machine went down; what it had published stands, so run the day again if its scores are missing"
    )


class ProcessMonitor(DefaultRunLauncher):
    """Dagster's launcher, whose health check knows of every run whether its process is alive: `dagster.yaml` names it.

    The daemon asks it about each started run. A run of the command line is told by its process, one that the daemon
    launched, whose code server may have gone down with it, by its lock; where neither tells, it counts as alive.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: the daemon's run monitoring asks."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Failed where the run's process died, running otherwise."""
        process = RunProcess.of(run)
        if process is not None and process.is_dead():
            return CheckRunHealthResult(WorkerStatus.FAILED, _sentence(process))
        if self._is_abandoned(run.run_id):
            return CheckRunHealthResult(WorkerStatus.FAILED, ABANDONED)
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def _is_abandoned(self, run_id: str) -> bool:
        from churn_assets.settings import load_settings  # noqa: PLC0415  # the webservers load this module too, and
        from churn_assets.storage.layout import Layout  # noqa: PLC0415  # never ask: seventy MiB of each

        try:
            settings = load_settings()
        except SettingsError:  # the daemon may lack what the code server has: then `max_runtime` ends what died
            return False
        return is_abandoned(Layout.of(settings.data_dir).run_locks, run_id)
