"""What Prometheus reads: requests, latency, errors by class, the age of the scores and the version in force."""

from functools import cache

from fastapi import Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from churn_assets.app.scores.current import CurrentScores

__all__ = ["Metrics"]

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}


class Metrics:
    """The metrics of one service."""

    def __init__(self, current: CurrentScores) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_ServedCollector(current))
        requests = Counter(
            "churn_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        seconds = Histogram(
            "churn_request_seconds", "Seconds to an answer", ["route"], buckets=BUCKETS, registry=self._registry
        )
        errors = Counter("churn_errors", "Refusals and failures by class", ["kind"], registry=self._registry)
        self._requests = cache(requests.labels)  # labels are few, and looked up for every request
        self._seconds = cache(seconds.labels)
        self._errors = cache(errors.labels)

    def count(self, method: str, route: str, status: int, kind: str, seconds: float) -> None:
        """Count one answer; `kind` is empty where it was none of a failure."""
        self._requests(method if method in METHODS else "other", route, str(status)).inc()
        self._seconds(route).observe(seconds)
        if kind:
            self._errors(kind).inc()

    def page(self) -> Response:
        """The text that Prometheus reads."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


class _ServedCollector(Collector):
    """What is in force, asked at the moment it is scraped."""

    def __init__(self, current: CurrentScores) -> None:
        self.current = current

    def collect(self) -> list[Metric]:
        """The current values."""
        swaps = CounterMetricFamily("churn_hot_swaps", "Versions put in force while serving", value=self.current.swaps)
        failures = CounterMetricFamily(
            "churn_refresh_failures", "Looks at the table that failed", value=self.current.failures
        )
        age = GaugeMetricFamily("churn_score_age_seconds", "Seconds since the end of the newest snapshot day")
        rows = GaugeMetricFamily("churn_scores", "Customers with a score on the newest snapshot day")
        version = InfoMetricFamily("churn_scores_in_force", "The newest day's version and model")
        snapshot = self.current.served.newest
        if snapshot is not None:
            age.add_metric([], (self.current.clock() - snapshot.ended).total_seconds())
            rows.add_metric([], snapshot.published.rows)
            fields = {"snapshot_date": str(snapshot.day), "score_version": snapshot.version}
            version.add_metric([], fields | {"model_version": snapshot.published.model_version})
        return [swaps, failures, age, rows, version]
