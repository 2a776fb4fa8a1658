"""To which code location the runs of this process belong: Dagster's timeline and job pages pass over those of none."""

from typing import Any

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

__all__ = ["CODE_LOCATION", "with_origin"]

CODE_LOCATION = "churn_assets"  # by `workspace.yaml`
REPOSITORY = "__repository__"  # how Dagster calls the definitions of a code location


def with_origin(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """The same instance; a run that it creates from now on says that it is one of the code location's jobs.

    `execute_in_process` takes no origin, so the call that it makes for a new run is given one here.
    """
    create = instance.create_run_for_job
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(CODE_LOCATION), REPOSITORY)

    def create_with_origin(job_def: dg.JobDefinition, **given: Any) -> dg.DagsterRun:
        return create(job_def, **given | {"remote_job_origin": repository.get_job_origin(job_def.name)})

    instance.create_run_for_job = create_with_origin  # type: ignore[method-assign, assignment]  # as said above
    return instance
