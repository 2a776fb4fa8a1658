"""A run in the words of OpenLineage."""

import datetime as dt
import uuid
from dataclasses import replace

from churn_assets.core.monitoring.openlineage import LineageRun, WrittenTable, run_event

WHEN = dt.datetime(2026, 11, 2, 2, 5, tzinfo=dt.UTC)
RUN = LineageRun(
    run_id=str(uuid.UUID(int=7)),
    job="nightly",
    namespace="churn_assets.profiles.subscription",
    day=dt.date(2026, 11, 1),
    inputs=["/data/source/*.parquet"],
    outputs=[WrittenTable("/data/tables/churn_scores", "0123456789abcdef", 99), WrittenTable("/data/models")],
)


def test_an_event_holds_what_the_specification_asks_for() -> None:
    """Type, time, run, job, producer and schema; datasets with version and rows where these are known."""
    event = run_event("COMPLETE", RUN, WHEN)

    assert event["eventType"] == "COMPLETE"
    assert event["eventTime"] == "2026-11-02T02:05:00+00:00"
    assert event["run"]["runId"] == str(uuid.UUID(int=7))
    assert event["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-11-01T00:00:00Z"
    assert event["job"]["namespace"] == "churn_assets.profiles.subscription"
    assert event["schemaURL"].startswith("https://openlineage.io/spec/")
    assert event["inputs"] == [{"namespace": "file", "name": "/data/source/*.parquet"}]
    scores, models = event["outputs"]
    assert scores["facets"]["version"]["datasetVersion"] == "0123456789abcdef"
    assert scores["outputFacets"]["outputStatistics"]["rowCount"] == 99
    assert models == {"namespace": "file", "name": "/data/models"}


def test_every_facet_says_who_made_it_and_by_which_schema() -> None:
    """As the specification demands of each; a failure has its sentence, a run without a day no nominal time."""
    failed = LineageRun(RUN.run_id, "freshness", RUN.namespace, None, error="the disk is full")

    event = run_event("FAIL", failed, WHEN)

    facets = event["run"]["facets"] | event["job"]["facets"]
    assert facets.keys() == {"errorMessage", "jobType"}
    assert facets["errorMessage"]["message"] == "the disk is full"
    assert all(facet["_producer"] and facet["_schemaURL"].endswith("Facet.json") for facet in facets.values())


def test_a_table_in_a_bucket_is_named_by_it() -> None:
    """As the specification names objects: the bucket is the namespace, the key the name."""
    event = run_event("START", replace(RUN, outputs=[WrittenTable("s3://our-bucket/churn/tables/customers")]), WHEN)

    assert event["outputs"] == [{"namespace": "s3://our-bucket", "name": "churn/tables/customers"}]
