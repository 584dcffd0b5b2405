"""The ROI simulator: what contacting customers would cost and bring, answered while its terms are dragged."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import HEADERS, environment, page
from churn.api.pages.session import signed_in
from churn.api.pages.simulator import view
from churn.api.pages.simulator.form import State, address, read_state
from churn.api.pages.simulator.view import saved_row
from churn.api.problems import request_id
from churn.api.state import State as Service
from churn.api.state import state_of
from churn.errors import ConfigError, DataError, NotCalibrated
from churn.wording import currency_prefix
from churn.workflows.simulate.document import sentence
from churn.workflows.simulate.live import Answer

router = APIRouter()
Shared = Annotated[Service, Depends(state_of)]
May = Annotated[SignedIn, Depends(signed_in("simulate"))]


@router.get("/simulator")
def simulator(request: Request, service: Shared, user: May) -> Response:
    """Show the simulator in the state that the address holds; it needs no script."""
    return show(request, service, user, read_state(request.query_params))


@router.get("/simulator/answer")
def answer(request: Request, service: Shared, _user: May) -> Response:
    """Answer one state: what the page changes while a slider is dragged."""
    state = read_state(request.query_params)
    try:
        found, state = ask(service, state)
    except (ConfigError, DataError, NotCalibrated) as error:
        return JSONResponse({"refused": error.what, "code": error.code}, headers=HEADERS)
    values = answer_values(service, found, state)
    render = environment().get_template("simulator/_parts.html.j2").make_module(values)
    told = {
        "query": values["query"],
        "sentence": values["sentence"],
        "html": {name: str(getattr(render, name)()) for name in ("answer", "assumptions", "campaign")},
        "charts": view.moved(found),
        "stands": values["stands"],
        "cut": state.cut,
        "wrong": dict(state.wrong),
        "bar": view.bar(found),
    }
    return JSONResponse(told, headers=HEADERS)


@router.post("/simulator/override")
async def override(request: Request, service: Shared, user: May) -> Response:
    """Show amounts in spite of a failed calibration, on record: who, when, and of which model."""
    from starlette.concurrency import run_in_threadpool

    form = await request.form()
    state = read_state(fields_of(str(form.get("query", ""))))
    state = replace(state, request=replace(state.request, allow_uncalibrated=True))

    def record() -> None:
        model = service.simulator.prepared().judgement.model_version
        now = service.context.clock()
        subject = f"simulator, model {model}"
        service.store.requests.audit(user.name, "accept_uncalibrated", subject, now, request_id(request))
        service.context.log.note("accept_uncalibrated", model_version=model, who=user.name)

    await run_in_threadpool(record)
    return RedirectResponse(f"/simulator?{address(state)}", status_code=303)


def ask(service: Service, state: State) -> tuple[Answer, State]:
    """Return the answer to a state; terms that contradict one another are told beside their field and left out.

    Raises ConfigError, DataError, NotCalibrated.
    """
    try:
        return service.simulator.answer(state.request), state
    except ConfigError as error:
        field = {"success_rate": "success_percent"}.get(error.where or "", error.where or "")
        calmer = replace(state.request, success_rate_low=None, success_rate_high=None)
        if calmer == state.request:
            raise
        state = replace(state, request=calmer, wrong={**state.wrong, field: f"{error.what.capitalize()}."})
        return service.simulator.answer(calmer), state


def show(
    request: Request, service: Service, user: SignedIn, state: State, *, status: int = 200, **more: Any
) -> Response:
    """Return the page for a state; `more` is what a form that was refused adds."""
    values: dict[str, Any] = {
        "state": state,
        "saved": saved_rows(service),
        "models": view.MODELS,
        "prefix": currency_prefix(service.context.settings.business.currency),
        "may_push": user.may("push"),
        "refusal": None,
        "nothing": None,
        "form": {},
        "notice": None,
        **more,
    }
    try:
        found, state = ask(service, state)
    except DataError as error:
        values["nothing"] = error
    except NotCalibrated as error:
        values |= {"refusal": error, "query": address(state)}
        values["reasons"] = service.simulator.prepared().judgement.gate.reasons
        values["model_version"] = service.simulator.prepared().judgement.model_version
    except ConfigError as error:
        values |= {"notice": ("warn", f"{error.what.capitalize()}.")}
        found, state = ask(service, read_state({}))
        values |= _whole(service, found, state)
    else:
        values |= _whole(service, found, state)
    return page(
        request,
        "simulator/simulator.html.j2",
        title="ROI simulator",
        active="simulator",
        status=status,
        **values,
    )


def _whole(service: Service, found: Answer, state: State) -> dict[str, Any]:
    curve, drivers = view.figures(found)
    return {**answer_values(service, found, state), "curve": curve, "drivers": drivers}


def answer_values(service: Service, found: Answer, state: State) -> dict[str, Any]:
    """Return what the templates of an answer are filled with."""
    list_date = found.origin.snapshot_date.isoformat() if found.origin.snapshot_date else None
    return {
        "a": found,
        "r": found.result,
        "point": found.result.point,
        "currency": found.origin.currency,
        "state": state,
        "sentence": sentence(found.result, found.origin.currency),
        "stands": view.stands(found),
        "query": address(state, found.economics, list_date=list_date),
        "terminal": view.terminal_line(state),
        "list_date": list_date,
        "business_months": service.context.settings.business.value_months,
    }


def saved_rows(service: Service) -> list[dict[str, Any]]:
    """Return the saved simulations, newest first, with the address that opens each again."""
    return [saved_row(each) for each in service.store.simulations.list()[:50]]


def fields_of(query: str) -> dict[str, str]:
    """Return what an address says, the last of each name."""
    return dict(parse_qsl(query, keep_blank_values=False, max_num_fields=40))
