"""Scoring on a Dask cluster: one task a part, so that a killed worker costs the tasks that it held.

Workers deliver files into an inbox beside the folder that will be published; from there this process
moves one file a part into it. No worker ever knows the published folder, so none can touch it, however
late it wakes. The extra `churn-assets[dask]` brings the library, which is loaded when scoring begins.
"""

import logging
import shutil
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn_assets.core.errors import ChurnError, RunError
from churn_assets.pipeline.execution.parts import PartResult, ScoringJob
from churn_assets.pipeline.execution.remote_parts import TaskResult, run_task, scoring_tasks
from churn_assets.storage.layout import part_name, reasons_folder

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskEngine"]

CONNECT_SECONDS = 30.0
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 5.0
AHEAD = 4  # parts submitted for each thread of the cluster, so that none waits for this process
LEAST_AHEAD = 32  # also where there are no workers yet: a cluster that grows by itself looks at what waits
RETRIES = 2  # of a task that met something unexpected, such as a file system that was away for a moment

logger = logging.getLogger(__name__)


class DaskEngine:
    """The workers of the scheduler at `address`.

    Attributes:
        address: of the scheduler, such as `tcp://dask-scheduler:8786`.
        models: where the model versions lie.
        libraries: the packages whose versions a worker must have as they are here.
        connect_seconds: how long the scheduler may take to answer.
        patience_seconds: how long the cluster may be without any worker.
    """

    def __init__(
        self,
        address: str,
        models: Path,
        libraries: Sequence[str],
        *,
        connect_seconds: float = CONNECT_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.address = address
        self.models = models
        self.libraries = tuple(libraries)
        self.connect_seconds = connect_seconds
        self.patience_seconds = patience_seconds

    def score(self, job: ScoringJob, folder: Path, parts: Sequence[int]) -> Generator[PartResult, None, None]:
        """As `Engine`.

        Raises:
            RunError: the cluster cannot be reached, was lost, has no workers, or some that differ from this process.
        """
        with _inbox(folder) as inbox, self._connected() as client:
            tasks = scoring_tasks(job, parts, inbox, self.models, self.libraries)
            waiting: dict[Future[Any], int] = {}
            results: dict[int, PartResult] = {}
            for part in parts:
                while part not in results:
                    room = self._ahead(client) - len(waiting) - len(results)
                    for task in islice(tasks, max(room, 0)):
                        key = (f"score_part-{folder.name}", task.part)
                        waiting[client.submit(run_task, task, key=key, pure=False, retries=RETRIES)] = task.part
                    for future in self._finished(client, list(waiting)):
                        number = waiting.pop(future)
                        result = self._result_of(future, number)
                        _take(result, folder, number)
                        results[number] = PartResult(
                            result.audit, result.features, result.reasons, excluded=result.excluded
                        )
                yield results.pop(part)

    @contextmanager
    def _connected(self) -> Iterator["Client"]:
        from distributed import Client  # noqa: PLC0415  # an extra, and a second to load: only where it is used

        try:
            client = Client(self.address, timeout=self.connect_seconds, set_as_default=False)
        except (OSError, ValueError) as error:
            raise RunError(
                f"scoring.scheduler {self.address} cannot be reached ({_first_line(error)}); nothing was published: "
                "start the cluster, or score with scoring.engine: local"
            ) from error
        logger.info("scoring on %s: %d threads", self.address, sum(self._threads(client).values()))
        try:
            yield client
        finally:
            with suppress(Exception):  # whatever a scheduler that is gone makes of a farewell
                client.close(timeout=self.connect_seconds)

    def _ahead(self, client: "Client") -> int:
        return max(LEAST_AHEAD, AHEAD * sum(self._threads(client).values()))

    def _threads(self, client: "Client") -> dict[str, int]:
        """How many threads each worker has, as the scheduler knows it now."""
        if client.status != "running":  # it lost the scheduler, and what it had submitted with it
            raise self._lost()
        try:
            threads: dict[str, int] = client.nthreads()
        except (OSError, CancelledError) as error:
            raise self._lost() from error
        return threads

    def _finished(self, client: "Client", futures: list["Future[Any]"]) -> list["Future[Any]"]:
        """Those that are done, at least one; as long as there are workers this may take its time."""
        from distributed import wait  # noqa: PLC0415  # as above

        deserted: float | None = None
        while True:
            try:
                with client.as_current():
                    return list(wait(futures, timeout=POLL_SECONDS, return_when="FIRST_COMPLETED").done)
            except TimeoutError:
                pass
            except (OSError, CancelledError) as error:
                raise self._lost() from error
            if self._threads(client):
                deserted = None
                continue
            now = time.monotonic()
            if deserted is None:
                logger.warning("%s has no workers; waiting %.0f seconds for one", self.address, self.patience_seconds)
                deserted = now
            if now - deserted >= self.patience_seconds:
                raise RunError(
                    f"scoring.scheduler {self.address} has had no workers for {self.patience_seconds:.0f} seconds; "
                    "nothing was published: start some, and run the day again"
                )

    def _result_of(self, future: "Future[Any]", part: int) -> TaskResult:
        """What came of a task.

        Raises:
            ChurnError: what the worker raised, as itself; RunError where it was nothing of ours.
        """
        from distributed import KilledWorker  # noqa: PLC0415  # as above

        try:
            result: TaskResult | ChurnError = future.result()
        except KilledWorker as error:
            raise RunError(
                f"part {part}: {error.allowed_failures + 1} workers died of it, the last one "
                f"{error.last_worker.address}; nothing was published: give workers more memory, or look at their logs"
            ) from error
        except (OSError, CancelledError) as error:
            if future.status != "error":
                raise self._lost() from error
            raise self._failed(part, error) from error
        except Exception as error:
            raise self._failed(part, error) from error
        if isinstance(result, ChurnError):
            raise result
        return result

    def _failed(self, part: int, error: Exception) -> RunError:
        return RunError(
            f"part {part} failed on {self.address} ({type(error).__name__}: {_first_line(error)}); nothing was "
            "published: see the log of the workers, which need the installation that runs this"
        )

    def _lost(self) -> RunError:
        return RunError(
            f"scoring.scheduler {self.address} was lost while it scored; nothing was published: "
            "see to the cluster, and run the day again"
        )


def _take(result: TaskResult, folder: Path, number: int) -> None:
    """Move what came of a part to its place."""
    if result.reasons_file is not None:
        reasons_folder(folder).mkdir(exist_ok=True)
        result.reasons_file.rename(reasons_folder(folder) / part_name(number))
    result.file.rename(folder / part_name(number))


@contextmanager
def _inbox(folder: Path) -> Iterator[Path]:
    """A folder for what workers write, beside `folder`; a straggler that comes later finds it gone."""
    inbox = folder.with_name(f"{folder.name}-inbox")
    inbox.mkdir()
    try:
        yield inbox
    finally:
        shutil.rmtree(inbox, ignore_errors=True)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
