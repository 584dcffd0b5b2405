"""One customer: how likely to leave and why, what to do, what would change it, and what has happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from churn.accounts.sign_in import SignedIn
from churn.api.pages.customer.rights import rights_block
from churn.api.pages.customer.words import changes_of, grouped
from churn.api.pages.frame import fragment, page
from churn.api.pages.people import LONGEST_ID, customer_path
from churn.api.pages.session import signed_in
from churn.api.problems import ApiError
from churn.api.state import State, state_of
from churn.documents.reason import RiskReason
from churn.errors import ChurnError, NotFound
from churn.languages.recorded import recorded
from churn.languages.words import tr
from churn.reports.charts.customer import risk_history, usage_bars, waterfall
from churn.reports.charts.svg import Figure
from churn.views.advice import AdviceSubject, advise, campaign_profit, readable_campaigns
from churn.views.customer import CustomerView, MonthOfUse, RiskStep, customer_view, last_known
from churn.views.customer import waterfall as steps_of
from churn.views.formula_values import own_terms_of
from churn.views.offer_evidence import taught_of_offers
from churn.views.what_if import Dial, Lever, dials_of, explained, levers_of, overrides_of, what_if
from churn.wording import count, decimal, month, percent

router = APIRouter(include_in_schema=False)

_STEPS = 8  # reasons shown in the waterfall from the average customer
_DIAL = "dial."  # prefix of a form field that changes a feature


@router.get("/customers")
def customer_by_query(
    request: Request,
    user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
    customer_id: Annotated[str, Query(alias="id", max_length=LONGEST_ID)] = "",
) -> Response:
    """Show a customer whose id cannot stand in a path."""
    return _customer(request, state, customer_id, user)


@router.get("/customers/{customer_id:path}")
def customer(
    request: Request,
    customer_id: str,
    user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
) -> Response:
    """Show one customer."""
    return _customer(request, state, customer_id, user)


@router.get("/what-if")
def what_if_panel(
    request: Request,
    _user: Annotated[SignedIn, Depends(signed_in())],
    state: Annotated[State, Depends(state_of)],
) -> Response:
    """Score the customer as the form's levers and dials say; a question, which changes nothing."""
    form = request.query_params
    customer_id = form.get("customer_id", "")[:LONGEST_ID]
    dials = {name.removeprefix(_DIAL): value for name, value in form.items() if name.startswith(_DIAL)}
    return _answer(request, state, customer_id, form.getlist("lever"), dials)


def _answer(request: Request, state: State, customer_id: str, levers: list[str], dials: dict[str, str]) -> Response:
    version, model = state.champion.get()
    view = customer_view(state.context, customer_id)
    overrides = overrides_of(view.features, levers, dials)
    mixed = what_if(state.context, version, model, [(customer_id, overrides)], with_reasons=False)
    return fragment(request, "customer/what_if.html.j2", score=mixed.scores[0], changes=len(overrides))


def _customer(request: Request, state: State, customer_id: str, user: SignedIn) -> Response:
    if not 0 < len(customer_id) <= LONGEST_ID:
        raise ApiError(
            404, "not_found", tr("There is no customer of this id."), remedy=tr("Look for them in the risk list.")
        )
    try:
        view = customer_view(state.context, customer_id)
    except NotFound:
        return _gone(request, state, customer_id)
    live = _explained(state, view)
    steps = view.steps if live.steps is None else live.steps
    bounds = state.context.settings.risk_bands
    subject: AdviceSubject = {
        "expected_profit": view.expected_profit,
        "risk_band": view.risk_band,
        "reasons": [
            {
                "feature": reason.feature,
                "value": reason.value,
                "text": reason.text,
                "is_actionable": reason.is_actionable,
                "points": reason.points,
            }
            for reason in view.reasons
        ],
    }
    definitions = readable_campaigns(state.context)
    advice = advise(subject, view.campaigns, definitions, live.groups)
    address = customer_path(customer_id)
    return page(
        request,
        "customer/customer.html.j2",
        title=customer_id if len(customer_id) <= 60 else f"{customer_id[:57]}…",
        active="risk-list",
        view=view,
        live=live,
        rights=rights_block(state, user, customer_id),
        advice=advice,
        next_best_offer=state.next_offers.of(view.campaigns),
        buying=state.buying.of(view.run_id, customer_id),
        campaign_profit=None
        if view.expected_profit is None
        else campaign_profit(
            advice,
            definitions,
            state.context.settings,
            churn_probability=view.churn_probability,
            involuntary_probability=view.involuntary_probability,
            monthly_margin=view.monthly_margin,
            value_of_save=view.value_of_save,
            months_after_save=None if view.ahead is None else view.ahead.months_after_save,
            taught=taught_of_offers(state.store, list(definitions)),
            terms_of=partial(own_terms_of, state.formulas.of(view.run_id), ids=[customer_id]),
        ),
        to=customer_path,
        changes=changes_of(view.change_reasons),
        months=grouped(view.facts, state.context.settings.business.currency),
        charts=_charts(
            view,
            steps,
            (("medium", bounds.medium), ("high", bounds.high), ("critical", bounds.critical)),
            are_drawn=request.query_params.get("charts") == "drawn",
        ),
        charts_at=f"{address}{'&' if '?' in address else '?'}charts=drawn",
        horizon=(state.context.settings.churn.lead_days, state.context.settings.churn.horizon_days),
    )


def _gone(request: Request, state: State, customer_id: str) -> Response:
    """Answer for somebody who is not on the list, saying whether they ever were."""
    return page(
        request,
        "customer/gone.html.j2",
        title=tr("Not on the current list"),
        active="risk-list",
        status=404,
        customer_id=customer_id,
        # Files may still hold somebody whose erasure is under way.
        last=None if state.store.privacy.erased_at(customer_id) else last_known(state.context, customer_id),
    )


@dataclass(frozen=True)
class LiveExplanation:
    """What the model at hand says of a customer whom it scored: finer steps, more reasons, levers and dials.

    `is_live` is false where it is another model, or there is none; then only the groups of features may be known.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    is_live: bool = False
    steps: Sequence[RiskStep] | None = None
    reasons: Sequence[RiskReason] | None = None
    levers: Sequence[Lever] = ()
    dials: Sequence[Dial] = ()


def _explained(state: State, view: CustomerView) -> LiveExplanation:
    try:
        version, model = state.champion.get()
    except ChurnError:  # the page shows the published score without it
        return LiveExplanation()
    groups = {doc.name: doc.group for doc in model.features}
    if not view.features or version.version != view.model_version:
        return LiveExplanation(groups)
    features = {name: view.features.get(name) for name in model.feature_names}
    base, reasons = explained(state.context, model, view.customer_id, features)
    return LiveExplanation(
        groups=groups,
        is_live=True,
        steps=steps_of(base, view.churn_probability, reasons, mean=view.mean_probability, shown=_STEPS, groups=groups),
        reasons=reasons,
        levers=levers_of(features),
        dials=dials_of(model, features, reasons, view.usual),
    )


def _charts(
    view: CustomerView, steps: Sequence[RiskStep], bounds: Sequence[tuple[str, float]], *, are_drawn: bool
) -> dict[str, Figure | None]:
    """Return the drawings there is something to draw for: waterfall, history, usage; None for one that is drawn later.

    Drawing them takes several times as long as all else on the page, and what is above them can be read meanwhile.
    """
    drawings: dict[str, Callable[[], Figure]] = {}
    if steps:
        drawings["waterfall"] = lambda: _waterfall(view, steps)
    if len(view.history) > 1:
        drawings["history"] = lambda: _history(view, bounds)
    if view.usage is not None and any(month.sessions for month in view.usage.months):
        months = view.usage.months
        drawings["usage"] = lambda: _usage(months)
    return {name: draw() if are_drawn else None for name, draw in drawings.items()}


def _signed(points: float) -> str:
    plus = "" if points < 0 else "+"
    return f"{plus}{decimal(100 * points, 1)}"


def _waterfall(view: CustomerView, steps: Sequence[RiskStep]) -> Figure:
    average = steps[0].start
    parts = "; ".join(
        tr("{words}: {points} points", words=recorded(step.text), points=_signed(step.points)) for step in steps
    )
    return waterfall(
        [vars(replace(step, text=recorded(step.text))) for step in steps],
        base=average,
        probability=view.churn_probability,
        describe=tr(
            "From {average} for the average customer to {churn_probability} here. {parts}.",
            average=percent(average),
            churn_probability=percent(view.churn_probability),
            parts=parts,
        ),
    )


def _history(view: CustomerView, bounds: Sequence[tuple[str, float]]) -> Figure:
    first, last = view.history[0], view.history[-1]
    return risk_history(
        [vars(score) for score in view.history],
        bounds=bounds,
        describe=tr(
            "Probability of leaving in {history} runs: {churn_probability} on {snapshot_date}, "
            "{churn_probability_2} on {snapshot_date_2}.",
            history=count(len(view.history)),
            churn_probability=percent(first.churn_probability),
            snapshot_date=first.snapshot_date,
            churn_probability_2=percent(last.churn_probability),
            snapshot_date_2=last.snapshot_date,
        ),
    )


def _usage(months: Sequence[MonthOfUse]) -> Figure:
    return usage_bars(
        [vars(month) for month in months],
        describe=tr("Logins by month: ") + ", ".join(f"{month(m.month)} {m.sessions}" for m in months) + ".",
    )
