"""Prometheus metrics: what this process answered, and how the list, jobs, pushes and campaigns stand."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from churn.views.metrics import service_metrics

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

    from churn.context import Context
    from churn.store.repositories.score_shape import ScoreShape
    from churn.views.metrics import Metric


CONTENT_TYPE = CONTENT_TYPE_LATEST
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry per application, so that two in one process do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "churn_requests", "Requests answered", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "churn_request_seconds", "Seconds to an answer", ["route"], buckets=_SECONDS, registry=self.registry
        )
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._shape: ScoreShape | None = None
        self._lock = threading.Lock()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; counters are cached, since finding them by labels costs more than adding."""
        key = (method, route, status)
        counters = self._counters.get(key)
        if counters is None:
            known = method if method in _METHODS else "other"  # callers may send any word as a method
            counters = (self.requests.labels(known, route, str(status)), self.seconds.labels(route))
            if known == method:
                self._counters[key] = counters
        counters[0].inc()
        counters[1].observe(seconds)

    def exposed(self, context: Context) -> bytes:
        """Return everything as text. What the store knows is read now; the list is counted once for each score run."""
        with self._lock:  # two scrapes at once would count a new list twice
            gauges, self._shape = service_metrics(context, self._shape)
        business = CollectorRegistry(auto_describe=False)
        business.register(_Gathered(gauges, self._shape))
        return generate_latest(self.registry) + generate_latest(business)


class _Gathered(Collector):
    """Hands gauges that were read before to the library's text writer."""

    def __init__(self, gauges: list[Metric], shape: ScoreShape | None) -> None:
        self._gauges = gauges
        self._shape = shape

    def collect(self) -> Iterable[Family]:
        """Yield each gauge, and the histogram of probability."""
        for gauge in self._gauges:
            family = GaugeMetricFamily(gauge.name, gauge.help, labels=gauge.labels)
            for labels, value in gauge.readings:
                family.add_metric(labels, value)
            yield family
        if self._shape is not None:
            yield _histogram(self._shape)


def _histogram(shape: ScoreShape) -> Family:
    total = 0
    buckets: list[tuple[str, float]] = []
    for number, count in enumerate(shape.bins, start=1):
        total += count
        edge = "+Inf" if number == len(shape.bins) else f"{number / len(shape.bins):g}"
        buckets.append((edge, float(total)))
    family = GaugeHistogramMetricFamily("churn_probability", "Churn probability of the customers on the current list")
    family.add_metric([], buckets, shape.probability_sum)
    return family
