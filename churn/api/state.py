"""What every request shares: the context, one open store, the champion in memory, and the rates of each key."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from churn.accounts.keys import Keyring
from churn.accounts.sso.provider import Provider
from churn.api.bounded import Bounded
from churn.api.callers import Callers
from churn.api.metrics import Metrics
from churn.api.rates import Rates
from churn.context import Context
from churn.errors import ChurnError, StoreBusy
from churn.views.buying import NewestBuying
from churn.views.champion import load_champion
from churn.views.formula_values import NewestFormulaValues
from churn.views.newest_terms import NewestTerms
from churn.views.next_offers import NextOffers
from churn.views.online_scores import score_rows
from churn.views.risk_index import RiskIndexes
from churn.workflows.decide import Deciders
from churn.workflows.define import AudiencePreviews
from churn.workflows.simulate.live import Simulator

if TYPE_CHECKING:
    from churn.modeling import ServedModel
    from churn.store import ModelVersion, Store
    from churn.store.repositories.score_reader import ScoreReader

T = TypeVar("T")

ASKING_SECONDS = 20.0  # somebody looks at the page meanwhile
_ASKED_AT_ONCE = 4
_SURE_SECONDS = 1.0


class Champion:
    """The serving model, held in memory; a promotion is noticed within a second, and the old one serves until then."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._held: tuple[ModelVersion, ServedModel] | None = None
        self._sure_until = 0.0

    def held(self) -> tuple[ModelVersion, ServedModel] | None:
        """Return version and model if they were the champion within the last second; None if `get` must look again."""
        return self._held if time.monotonic() < self._sure_until else None

    def forget(self) -> None:
        """Forget the champion, so that the next request looks again: this process has promoted another."""
        self._sure_until = 0.0

    def get(self) -> tuple[ModelVersion, ServedModel]:
        """Return version and model. Raises NoChampion before the first promotion."""
        held = self.held()
        if held is not None:
            return held
        began = time.monotonic()
        with self._context.open_store() as store:
            version = store.models.champion()
        with self._lock:  # load once, however many requests wait
            held = self._held
            if held is None or version is None or held[0].version != version.version:
                held = load_champion(self._context)
                self._held = held
            self._sure_until = began + _SURE_SECONDS
        return held


@dataclass
class State:
    """Built once per application."""

    context: Context
    store: Store
    champion: Champion
    rates: Rates
    metrics: Metrics
    risk_lists: RiskIndexes
    callers: Callers
    simulator: Simulator
    formulas: NewestFormulaValues
    buying: NewestBuying
    newest_terms: NewestTerms
    next_offers: NextOffers
    deciders: Deciders
    previews: AudiencePreviews
    provider: Provider  # of sign-in, where [sso] names one
    others: Bounded  # other systems, asked while somebody waits

    def close(self) -> None:
        """Give back what was opened."""
        self.store.close()

    async def ask(self, question: Callable[[ScoreReader], T]) -> T:
        """Return what `question` reads from the current list, for the most frequent routes.

        Reading a file is faster than handing the read to a thread, so it happens here unless another process has locked
        the file; a database server is read in a thread.
        """
        if self.store.prompt is not None:
            with suppress(StoreBusy):
                return question(self.store.prompt)
        return await run_in_threadpool(question, self.store.published)

    def warm(self) -> None:
        """Load the champion, score a row of unknowns and prepare the rounds in force, so that no caller waits for them."""
        with suppress(ChurnError):  # reported to callers who ask for a decision
            self.deciders.warm()
        try:
            version, model = self.champion.get()
            score_rows(self.context, version, model, [("", {})], with_reasons=True)
        except ChurnError as error:  # reported to callers who ask for a score; the rest of the service works without it
            self.context.log.note("champion_not_loaded", error=error.code)


def build_state(context: Context) -> State:
    """Open the store once for all requests, and give workflows a context that hands them this one."""
    store = context.open_store().__enter__()
    # Open it here, before requests of several threads could open it twice.
    with store.database.read():
        pass

    def shared() -> AbstractContextManager[Any]:
        return nullcontext(store)  # workflows close what they open; this one stays open for the next request

    within = replace(context, open_store=shared)
    formulas = NewestFormulaValues(context.settings.home)
    return State(
        within,
        store,
        Champion(within),
        Rates(context.settings.api.requests_per_minute),
        Metrics(),
        RiskIndexes(context.settings.home),
        Callers(Keyring(store, context.clock)),
        Simulator(within),
        formulas,
        NewestBuying(context.settings.home),
        NewestTerms(within, formulas),
        NextOffers(within),
        Deciders(within),
        AudiencePreviews(within),
        Provider(context.settings.sso),
        Bounded(most=_ASKED_AT_ONCE, seconds=ASKING_SECONDS),
    )


def state_in(request: Request) -> State:
    """Return the application's state."""
    state: State = request.scope["app"].churn
    return state


async def state_of(request: Request) -> State:
    """Return the application's state. An async dependency, since FastAPI calls others in a thread."""
    return state_in(request)
