"""Prometheus metrics of the service and of what it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from churn.api.state import State

CONTENT_TYPE = CONTENT_TYPE_LATEST
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
        self.customers = Gauge("churn_scored_customers", "Customers on the current list", registry=self.registry)
        self.age = Gauge(
            "churn_scores_age_seconds", "Seconds since the current list was published", registry=self.registry
        )
        self.is_stale = Gauge("churn_scores_stale", "1 when the current list is stale", registry=self.registry)
        self.model_age = Gauge(
            "churn_model_age_seconds", "Seconds since the champion was trained", registry=self.registry
        )


def exposed(state: State) -> bytes:
    """Return the metrics as text, with those of the list as they are now."""
    found, now = state.metrics, state.context.clock()
    run, champion = state.store.published.current_run(), state.store.models.champion()
    if run is not None:
        found.customers.set(run.customers)
        found.age.set((now - run.scored_at).total_seconds())
        found.is_stale.set(run.is_stale)
    if champion is not None:
        found.model_age.set((now - champion.created_at).total_seconds())
    return generate_latest(found.registry)
