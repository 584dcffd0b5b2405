"""Answers simulations while somebody drags a slider: the current list is held in memory, prepared for any terms."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from churn.campaigns.economics import economics_from
from churn.context import Context
from churn.decisions.audit import audit, by_severity
from churn.decisions.live_simulation import LiveCustomers
from churn.decisions.simulation_request import SimulationRequest, lay_over, mode_of, value_for_all
from churn.errors import ChurnError, ConfigError, DataError
from churn.workflows.simulate.answer import Answer
from churn.workflows.simulate.document import Origin
from churn.workflows.simulate.offer import OfferPopulation, needs_own_terms, price_published
from churn.workflows.simulate.simulate import (
    Population,
    about_the_data,
    asked_offer,
    offer_answer,
    published_scores,
    stale_reason,
)

if TYPE_CHECKING:
    from churn.store.records import ScoreRun
    from churn.views.judgement import Judgement


_TAUGHT_SECONDS: Final = 60.0  # what a new measurement taught of an offer is noticed within them


@dataclass(frozen=True)
class Prepared:
    """One list, ready to be asked about: of which run, by which judgement, and the customers who may be contacted.

    `contacts` counts what the store knew of contacts, objections and plans when it was prepared.
    """

    run_id: str
    contacts: tuple[int, ...]
    customers: LiveCustomers | None  # None where nobody may be contacted
    population: Population
    judgement: Judgement
    origin: Origin
    has_own_months: bool = False


class Simulator:
    """Answers from memory. The first question after a new list prepares it in a thread, and is answered by the old one."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._held: Prepared | None = None
        self._offer: tuple[tuple[object, ...], OfferPopulation] | None = None

    def prepared(self) -> Prepared:
        """Return the list held; only the first question waits for it. Raises DataError before the first list."""
        return self._current()[0]

    def answer(self, request: SimulationRequest) -> Answer:
        """Return what `request` comes to on the current list, in milliseconds.

        Expected values are those of `simulate_campaign`, bands agree within the error of drawing. Raises ConfigError for
        a request that contradicts itself or asks for other customers, DataError before the first list, NotCalibrated
        when the probabilities fail the gate and the request does not allow that.
        """
        if request.preset is not None or request.on != "scores" or request.seed != 7:
            raise ConfigError("only the current list is held ready", where="simulation", remedy="Run `churn simulate`.")
        mode, amount = mode_of(request)
        is_offer = request.campaign is not None or request.programme is not None
        if is_offer or needs_own_terms(self._context.settings, request):
            return offer_answer(self._context, self._priced(request), request, mode, amount)
        economics = lay_over(economics_from(self._context.settings), request)
        held, run = self._current()
        held.judgement.require(allow_uncalibrated=request.allow_uncalibrated)
        value = value_for_all(request, economics)
        if held.customers is None:
            held.population.require_somebody()
            raise DataError("there are no customers to contact", where="scores", remedy="Run `churn score` first.")
        result = held.customers.answer(economics, mode=mode, amount=amount, value=value)
        currency = self._context.settings.business.currency
        origin = replace(held.origin, currency=currency, name=request.name or request.save)
        if run.run_id == held.run_id:
            origin = replace(origin, stale_reason=stale_reason(run))
        audited = audit(
            result,
            economics,
            currency=currency,
            value_is_given=request.value is not None or economics.save_value is not None,
            has_own_months=held.has_own_months and request.margin is None,
        )
        about = about_the_data(held.judgement.gate, origin, result)
        findings = by_severity([*about, *held.population.caveats, *audited])
        funnel = held.population.funnel(economics, value, result.point)
        return Answer(request, economics, result, tuple(findings), origin, held.judgement.gate, held.run_id, funnel)

    def _priced(self, request: SimulationRequest) -> OfferPopulation:
        """Return the list as a campaign prices it; the last one is held while list, contacts and terms stay the same."""
        definition = asked_offer(self._context, request)
        with self._context.open_store() as store:
            run, contacts = store.published.current_run(), store.published.contact_counts()
        taught = time.monotonic() // _TAUGHT_SECONDS
        key = (run and (run.run_id, run.is_stale), contacts, definition.hash, request.programme, request.budget, taught)
        held = self._offer
        if held is None or held[0] != key:
            priced = price_published(self._context, definition, programme=request.programme, budget=request.budget)
            self._offer = held = (key, priced)
        return held[1]

    def _current(self) -> tuple[Prepared, ScoreRun]:
        with self._context.open_store() as store:
            run, contacts = store.published.current_run(), store.published.contact_counts()
        if run is None:
            raise DataError("no scores have been published yet", where="scores", remedy="Run `churn score` first.")
        held = self._held
        if held is None:
            with self._lock:
                held = self._held = self._held or self._prepare()
        elif (held.run_id, held.contacts) != (run.run_id, contacts) and self._lock.acquire(blocking=False):
            try:
                threading.Thread(target=self._follow, name="simulator", daemon=True).start()
            except RuntimeError:  # no thread could be started: the next question tries again
                self._lock.release()
        return held, run

    def _follow(self) -> None:
        """Prepare the new list, and release the lock that the caller has taken."""
        try:
            self._held = self._prepare()
        except ChurnError as error:
            self._context.log.note("simulator_not_prepared", error=error.code)
        finally:
            self._lock.release()

    def _prepare(self) -> Prepared:
        with self._context.open_store() as store:
            contacts = store.published.contact_counts()
        population = published_scores(self._context)
        who, draws = population.is_admitted, self._context.settings.simulation.draws
        customers = None
        if who.any():
            customers = LiveCustomers(
                population.probability[who],
                population.margin[who],
                draws=draws,
                level_error=population.judgement.level_error,
            )
        return Prepared(
            str(population.run_id),
            contacts,
            customers,
            population,
            population.judgement,
            population.origin,
            population.has_own_months,
        )
