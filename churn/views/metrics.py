"""Gathers metrics of the business for a monitoring system: freshness, risk, jobs, alerts, pushes, money."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from pydantic import JsonValue

from churn.context import Context
from churn.errors import Unreachable
from churn.store.repositories.score_shape import ScoreShape, shape_of
from churn.views.save_ledger import LedgerRow, read_ledger

if TYPE_CHECKING:
    from churn.store import Store


_RUNS = 200  # of the ledger's newest, from which the last of each job is taken


Reading = tuple[tuple[str, ...], float]


@dataclass(frozen=True)
class Metric:
    """One gauge: its readings are pairs of label values, in the order of `labels`, and a number."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    readings: list[Reading] = field(default_factory=list)


def service_metrics(context: Context, shape: ScoreShape | None = None) -> tuple[list[Metric], ScoreShape | None]:
    """Return all gauges as they are now, and the shape of the list they hold.

    `shape` is what an earlier call returned: as long as the list is the same, its customers are not counted again.
    Instants are Unix seconds, so that alert rules and dashboards compute ages themselves; money is in the configured
    currency.
    """
    with context.open_store() as store:
        run = store.scores.current_run()
        if run is None:
            shape = None
        elif shape is None or shape.run_id != run.run_id:
            shape = shape_of(store.database.fetching)
        metrics = [*_scores(store, shape), *_models(store), *_jobs(store), *_alerts(store), *_pushes(store)]
    return [*metrics, *_money(read_ledger(context))], shape


def _scores(store: Store, shape: ScoreShape | None) -> Iterator[Metric]:
    run = store.scores.current_run()
    if run is None or shape is None:
        return
    bands: list[Reading] = [((band,), float(count)) for band, count in sorted(shape.customers.items())]
    yield Metric("churn_scored_customers", "Customers on the current list", ("risk_band",), bands)
    yield _single("churn_expected_churners", "Sum of churn probability over the list", shape.probability_sum)
    if store.published.tells_money(run):
        yield _single("churn_margin_at_risk", "Monthly margin times churn probability, summed", shape.margin_at_risk)
    yield _single("churn_scores_published_timestamp_seconds", "When the list was published", _unix(run.scored_at))
    yield _single("churn_data_cutoff_timestamp_seconds", "Newest fact that the list knows of", _unix(run.data_cutoff))
    yield _single("churn_scores_stale", "1 when the list should have been replaced and was not", float(run.is_stale))


def _models(store: Store) -> Iterator[Metric]:
    champion = store.models.champion()
    if champion is not None:
        reading: list[Reading] = [((champion.version, champion.kind), _unix(champion.created_at))]
        yield Metric(
            "churn_model_trained_timestamp_seconds", "When the champion was trained", ("version", "kind"), reading
        )


def _jobs(store: Store) -> Iterator[Metric]:
    ended = Metric("churn_job_ended_timestamp_seconds", "When a job's newest run ended", ("job", "state"))
    seconds = Metric("churn_job_seconds", "Seconds that a job's newest run took", ("job",))
    good = Metric("churn_job_succeeded_timestamp_seconds", "When a job last ended well", ("job",))
    under_way: dict[tuple[str, ...], float] = {}
    seen: set[str] = set()
    well: set[str] = set()
    for run in store.jobs.list(limit=_RUNS):
        if run.is_under_way:
            key = (run.job, run.state)
            under_way[key] = under_way.get(key, 0) + 1
            continue
        if run.finished_at is None:
            continue
        if run.job not in seen:
            seen.add(run.job)
            ended.readings.append(((run.job, run.state), _unix(run.finished_at)))
            if run.started_at is not None:
                seconds.readings.append(((run.job,), (run.finished_at - run.started_at).total_seconds()))
        if run.state == "done" and run.job not in well:
            well.add(run.job)
            good.readings.append(((run.job,), _unix(run.finished_at)))
    yield from (ended, seconds, good)
    yield Metric("churn_jobs_under_way", "Runs that wait or work", ("job", "state"), sorted(under_way.items()))


def _alerts(store: Store) -> Iterator[Metric]:
    counts = dict.fromkeys(("info", "warning", "critical"), 0)
    for alert in store.alerts.open():
        counts[alert.severity] += 1
    readings: list[Reading] = [((severity,), float(count)) for severity, count in counts.items()]
    yield Metric("churn_alerts_open", "Alerts that nobody has resolved", ("severity",), readings)


def _pushes(store: Store) -> Iterator[Metric]:
    ended = Metric(
        "churn_sync_ended_timestamp_seconds", "When the newest push ended", ("connector", "campaign", "state")
    )
    rows = Metric(
        "churn_sync_rows", "Rows of the newest push by what became of them", ("connector", "campaign", "result")
    )
    seen: set[tuple[str, str]] = set()
    for run in store.sync_runs.history(limit=_RUNS):
        name = (run.connector, run.campaign)
        if run.finished_at is None or name in seen:
            continue
        seen.add(name)
        ended.readings.append(((*name, run.state), _unix(run.finished_at)))
        counts = ((key, value) for key, value in run.counts.items() if isinstance(value, int))
        rows.readings.extend(((*name, key), float(value)) for key, value in counts)
    yield from (ended, rows)


def _money(ledger: Sequence[LedgerRow]) -> Iterator[Metric]:
    assigned = Metric("churn_campaign_customers", "Customers assigned to a campaign", ("campaign", "arm"))
    expected = Metric(
        "churn_campaign_expected_profit", "Profit that the plans expected of those measured", ("campaign",)
    )
    realised = Metric("churn_campaign_net_profit", "Measured net profit and its 95 % interval", ("campaign", "bound"))
    for row in ledger:
        name = row.campaign
        assigned.readings.extend([((name, "treatment"), float(row.treatment)), ((name, "holdout"), float(row.holdout))])
        if row.ledger is None:
            continue
        expected.readings.append(((name,), row.ledger.expected_profit))
        profit = row.ledger.net_profit
        if profit is not None:
            bounds = (("value", profit.value), ("low", profit.low), ("high", profit.high))
            realised.readings.extend(((name, bound), amount) for bound, amount in bounds)
    yield from (assigned, expected, realised)


def _single(name: str, help_: str, value: float) -> Metric:
    return Metric(name, help_, (), [((), value)])


def _unix(instant: datetime) -> float:
    return instant.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class HealthAnswer:
    """What was asked, and what it said."""

    what: str
    details: dict[str, JsonValue]


def service_health(address: str, *, seconds: float) -> HealthAnswer:
    """Ask the service at `address` (http://host:port) whether it can answer requests.

    Raises Unreachable when nothing answers within `seconds`, or when it says that it is not ready.
    """
    opener = build_opener(ProxyHandler({}))  # never through a proxy: this asks the machine it runs on
    try:
        with opener.open(f"{address}/readyz", timeout=seconds) as answer:
            return HealthAnswer("service", json.load(answer))
    except HTTPError as error:
        raise Unreachable(f"it answers {error.code}: not ready", where=address, remedy="See its log.") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unreachable(
            f"no service answers there: {reason}", where=address, remedy="Start it with `churn serve`."
        ) from error


def scheduler_health(context: Context) -> HealthAnswer:
    """Say which schedulers have reported lately. Raises Unreachable when none has."""
    with context.open_store() as store:
        workers = store.schedule.workers(context.clock())
    if not workers:
        raise Unreachable(
            "no scheduler gave a sign of life lately", where="schedule", remedy="Start one with `churn scheduler`."
        )
    return HealthAnswer(
        "scheduler", {"schedulers": [{"owner": w.owner, "seen_at": w.seen_at.isoformat()} for w in workers]}
    )
