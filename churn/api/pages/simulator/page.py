"""The ROI simulator: what contacting customers would cost and bring, answered while its terms are dragged."""

from __future__ import annotations

import json
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from churn.api.pages.frame import HEADERS, environment
from churn.api.pages.one_format import in_one_format
from churn.api.pages.simulator.form import address, read_address, read_question
from churn.api.pages.simulator.show import Reading, Service, Simulating, ask, show
from churn.api.pages.simulator.view import AnswerHtml, AnswerView, answer_update, answer_view
from churn.api.problems import request_id
from churn.errors import CampaignError, ConfigError, DataError, NotCalibrated

router = APIRouter(include_in_schema=False)


@router.get("/simulator")
def simulator(request: Request, state: Service, user: Reading) -> Response:
    """Show the simulator as the address asks; it needs no script."""
    return show(request, state, user, read_question(request.query_params))


@router.get("/simulator/answer")
def answer(request: Request, state: Service, _user: Reading) -> Response:
    """Answer one question: what the page changes while a slider is dragged."""
    try:
        answered, question = ask(state, read_question(request.query_params))
    except (CampaignError, ConfigError, DataError, NotCalibrated) as error:
        return JSONResponse({"refused": error.what, "code": error.code}, headers=HEADERS)
    view = answer_view(answered, question)
    update = answer_update(view, _html(view))
    text = json.dumps(update, default=vars, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text, media_type="application/json", headers=HEADERS)


def _html(view: AnswerView) -> AnswerHtml:
    template = environment().get_template("simulator/_parts.html.j2")
    parts = template.make_module({"view": view, "currency": view.answer.origin.currency})
    return AnswerHtml(
        **{name: in_one_format(str(getattr(parts, name)())) for name in ("answer", "funnel", "assumptions", "campaign")}
    )


@router.post("/simulator/override")
async def override(request: Request, state: Service, user: Simulating) -> Response:
    """Show amounts in spite of a failed calibration, on record: who, when, and of which model."""
    from starlette.concurrency import run_in_threadpool

    form = await request.form()
    question = read_address(str(form.get("query", "")))
    question = replace(question, request=replace(question.request, allow_uncalibrated=True))

    def record() -> None:
        model = state.simulator.prepared().judgement.model_version
        now = state.context.clock()
        subject = f"simulator, model {model}"
        state.store.requests.audit(user.name, "accept_uncalibrated", subject, now, request_id(request))
        state.context.log.note("accept_uncalibrated", model_version=model, who=user.name)

    await run_in_threadpool(record)
    return RedirectResponse(f"/simulator?{address(question)}", status_code=303)
