"""Experiments: finished A/B tests of any tool, each with its verdict, its figures and what to do; takes a file to analyse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, File, Form, Request, Response, UploadFile
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from churn.accounts.sign_in import SignedIn
from churn.api.pages.charts import chart_html
from churn.api.pages.editor import error_in_words
from churn.api.pages.frame import fragment, page
from churn.api.pages.session import signed_in
from churn.api.problems import request_id
from churn.api.state import State, state_of
from churn.errors import ConfigError
from churn.jobs.requests import ExperimentRequest, ask_experiment, experiments_at_work
from churn.languages.words import tr
from churn.reports.experiment import policy_rows, tenths_chart
from churn.views.experiments import experiment, experiments

router = APIRouter(include_in_schema=False)

Here = Annotated[State, Depends(state_of)]
Reader = Annotated[SignedIn, Depends(signed_in())]
Text = Annotated[str, Form(max_length=200)]

_ENTERED: Final = (
    "treatment", "outcome", "control", "treated", "direction", "value", "cost", "incentive", "planned_share", "group", "strata", "exclude", "option",
    "name",
)  # fmt: skip
_FIELDS: Final = {
    "planned_share": "planned_share",
    "--option": "option",
}  # of the form, by where an error is; else its file


@router.get("/experiments")
def experiment_list(request: Request, state: Here, user: Reader) -> Response:
    """Show every experiment with its verdict, what is being analysed, and a form for the next."""
    return _shown(request, state, user, {}, {})


@router.get("/experiments/work")
def work(request: Request, state: Here, _user: Reader) -> Response:
    """Return what is under way; once all is done the page is loaded anew."""
    under_way = experiments_at_work(state.context)
    answer = fragment(request, "experiments/_work.html.j2", work=under_way)
    if not under_way.is_under_way:
        answer.headers["HX-Refresh"] = "true"
    return answer


@router.get("/experiments/{name}")
def one_experiment(
    name: Annotated[str, InPath(min_length=1, max_length=100)], request: Request, state: Here, _user: Reader
) -> Response:
    """Show one experiment."""
    document = experiment(state.context, name)
    drawn = tenths_chart(document)
    return page(
        request,
        "experiments/experiment.html.j2",
        title=document.name,
        active="experiments",
        d=document,
        policies=policy_rows(document),
        tenths=None if drawn is None else chart_html("tenths", drawn),
    )


@router.post("/experiments")
def analyse(
    *,
    request: Request,
    state: Here,
    user: Annotated[SignedIn, Depends(signed_in("push"))],
    file: Annotated[UploadFile, File()],
    treatment: Text,
    outcome: Text,
    control: Text = "",
    treated: Text = "",
    direction: Annotated[Literal["wanted", "unwanted", ""], Form()] = "",
    value: Text = "",
    cost: Text = "",
    incentive: Text = "",
    planned_share: Text = "",
    group: Text = "",
    strata: Text = "",
    exclude: Text = "",
    option: Text = "",
    name: Text = "",
) -> Response:
    """Ask for the analysis of a file that is sent; a form that cannot be is shown again, with what is wrong beside its field."""
    entered = {
        "treatment": treatment,
        "outcome": outcome,
        "control": control,
        "treated": treated,
        "direction": direction,
        "value": value,
        "cost": cost,
        "incentive": incentive,
        "planned_share": planned_share,
        "group": group,
        "strata": strata,
        "exclude": exclude,
        "option": option,
        "name": name,
    }
    text = {field: words.strip() for field, words in entered.items()}
    try:
        asked_for = ExperimentRequest(
            treatment=text["treatment"],
            outcome=text["outcome"],
            control=text["control"] or None,
            treated=text["treated"] or None,
            direction=direction or None,
            value=text["value"] or None,
            cost=text["cost"] or None,
            incentive=text["incentive"] or None,
            planned_share=_share(text["planned_share"]),
            group=text["group"] or None,
            strata=text["strata"] or None,
            exclude=tuple(column.strip() for column in exclude.split(",") if column.strip()),
            options=tuple(option.split()),
            name=text["name"] or None,
        )
        file_name = file.filename or "experiment.csv"
        run = ask_experiment(state.context, asked_for, file_name=file_name, content=file.file.read(), who=user.name)
    except ConfigError as error:
        wrong = {_FIELDS.get(error.where or "", "file"): error_in_words(error)}
        return _shown(request, state, user, entered, wrong, status=422)
    state.store.requests.audit(
        user.name, "analyse_experiment", f"run {run.run_id}", state.context.clock(), request_id(request)
    )
    return RedirectResponse("/experiments#work", status_code=303)


def _shown(
    request: Request,
    state: State,
    user: SignedIn,
    entered: Mapping[str, str],
    wrong: Mapping[str, str],
    *,
    status: int = 200,
) -> Response:
    return page(
        request,
        "experiments/list.html.j2",
        title=tr("Experiments"),
        active="experiments",
        status=status,
        rows=experiments(state.context),
        work=experiments_at_work(state.context),
        may_push=user.may("push"),
        entered=dict.fromkeys(_ENTERED, "") | dict(entered),
        wrong=dict.fromkeys((*_ENTERED, "file"), "") | dict(wrong),
    )


def _share(text: str) -> float | None:
    """Return a planned share, written as 0.5, 50 % or 50."""
    if not text:
        return None
    try:
        number = float(text.removesuffix("%").strip())
    except ValueError as error:
        raise ConfigError(
            tr("`{words}` is no share", words=text), where="planned_share", remedy=tr("Write it as 0.5 or 50 %.")
        ) from error
    return number / 100 if number >= 1 or text.endswith("%") else number
