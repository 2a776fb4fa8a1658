"""A run in the words of OpenLineage 2-0-2 (https://openlineage.io/spec): plain JSON values, aggregates only.

A run has one START event and one of COMPLETE, FAIL and ABORT. Jobs and tables have the names they have here; a
dataset's version is that of the partition, so that a lineage server tells which bytes went into which.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

__all__ = ["EventType", "LineageRun", "WrittenTable", "run_event"]

EventType = Literal["START", "COMPLETE", "FAIL", "ABORT"]
PRODUCER = f"urn:churn-assets:{version('churn-assets')}"
EVENT_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = "https://openlineage.io/spec/facets"
S3 = "s3://"


@dataclass(frozen=True)
class WrittenTable:
    """What a run made: a place, the version of the partition, empty where there is none, and its rows."""

    path: str
    version: str = ""
    rows: int | None = None


@dataclass(frozen=True)
class LineageRun:
    """A run of a job.

    Attributes:
        run_id: a UUID.
        job: its name.
        namespace: of the installation's jobs.
        day: the snapshot date, None for a job without partitions.
        inputs: places that were read.
        outputs: what is written, or is to be.
        error: the sentence of a failure, empty for none.
    """

    run_id: str
    job: str
    namespace: str
    day: dt.date | None
    inputs: Sequence[str] = ()
    outputs: Sequence[WrittenTable] = ()
    error: str = ""


def run_event(kind: EventType, run: LineageRun, when: dt.datetime) -> dict[str, Any]:
    """The event of a run that began or ended at `when`, a time with a zone."""
    facets: dict[str, Any] = {}
    if run.day is not None:
        facets["nominalTime"] = _facet("1-0-1/NominalTimeRunFacet", nominalStartTime=f"{run.day}T00:00:00Z")
    if run.error:
        facets["errorMessage"] = _facet("1-0-1/ErrorMessageRunFacet", message=run.error, programmingLanguage="Python")
    job_type = _facet("2-0-3/JobTypeJobFacet", processingType="BATCH", integration="DAGSTER", jobType="JOB")
    return {
        "eventType": kind,
        "eventTime": when.isoformat(),
        "run": {"runId": run.run_id, "facets": facets},
        "job": {"namespace": run.namespace, "name": run.job, "facets": {"jobType": job_type}},
        "inputs": [_dataset(path) for path in run.inputs],
        "outputs": [_output(table) for table in run.outputs],
        "producer": PRODUCER,
        "schemaURL": EVENT_SCHEMA,
    }


def _dataset(path: str) -> dict[str, Any]:
    """A data set by its place: the namespace of what lies in an object store is its bucket."""
    if path.startswith(S3):
        bucket, _, key = path.removeprefix(S3).partition("/")
        return {"namespace": f"{S3}{bucket}", "name": key}
    return {"namespace": "file", "name": path}


def _output(table: WrittenTable) -> dict[str, Any]:
    output = _dataset(table.path)
    if table.version:
        output["facets"] = {"version": _facet("1-0-1/DatasetVersionDatasetFacet", datasetVersion=table.version)}
    if table.rows is not None:
        statistics = _facet("1-0-2/OutputStatisticsOutputDatasetFacet", rowCount=table.rows)
        output["outputFacets"] = {"outputStatistics": statistics}
    return output


def _facet(schema: str, **values: Any) -> Mapping[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{FACETS}/{schema}.json", **values}
