"""Shows the simulator page: the answer to a question, or why there is none, and the forms that keep it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Request, Response

from churn.accounts.sign_in import SignedIn
from churn.api.pages.frame import page
from churn.api.pages.session import signed_in
from churn.api.pages.simulator.figures import draw_figures
from churn.api.pages.simulator.form import FIELDS, FormField, Question, address, offer_name, read_question
from churn.api.pages.simulator.saved import SavedRow, saved_rows
from churn.api.pages.simulator.view import PROFIT_MODELS, AnswerView, ProfitModelChoice, answer_view
from churn.api.state import State, state_of
from churn.campaigns.programmes import load_programme, programme_files
from churn.errors import CampaignError, ChurnError, ConfigError, DataError, NotCalibrated
from churn.languages.words import tr
from churn.reports.charts.svg import Figure
from churn.views.advice import readable_campaigns
from churn.wording import currency_prefix
from churn.workflows.simulate.answer import Answer

Service = Annotated[State, Depends(state_of)]
Reading = Annotated[SignedIn, Depends(signed_in())]
Simulating = Annotated[SignedIn, Depends(signed_in("simulate"))]


@dataclass(frozen=True)
class SaveForm:
    """What the form that saves a simulation holds, and what is wrong with the name."""

    name: str = ""
    name_wrong: str = ""
    is_taken: bool = False


@dataclass(frozen=True)
class CampaignForm:
    """What the form that makes a campaign holds, and what is wrong with it; `campaign` is the short name."""

    title: str = ""
    campaign: str = ""
    channel: str = "email"
    title_wrong: str = ""
    campaign_wrong: str = ""


@dataclass(frozen=True)
class WithheldAmounts:
    """Why amounts are withheld: the model and its reasons; `query` is the address that was asked."""

    model_version: str
    reasons: Sequence[str]
    query: str


@dataclass(frozen=True)
class Shown:
    """An answer with its charts."""

    view: AnswerView
    curve: Figure
    drivers: Figure


@dataclass(frozen=True)
class SimulatorPage:
    """All that the page shows: one of `shown`, `refusal` and `nothing`, and what surrounds it."""

    question: Question
    saved: Sequence[SavedRow]
    prefix: str
    may_save: bool
    may_push: bool
    business_months: float
    has_own_value: bool
    save_form: SaveForm
    campaign_form: CampaignForm
    shown: Shown | None = None
    refusal: WithheldAmounts | None = None
    nothing: str | None = None
    notice: tuple[str, str] | None = None
    fields: Mapping[str, FormField] = field(default_factory=lambda: FIELDS)
    profit_models: Sequence[ProfitModelChoice] = PROFIT_MODELS
    offers: Sequence[tuple[str, str]] = ()  # campaigns, also as they compete in a programme, by the name in an address

    @property
    def offer(self) -> str:
        """The name of the offer asked about; empty for the terms of the form."""
        request = self.question.request
        return "" if request.campaign is None else offer_name(request.campaign, request.programme)


def ask(state: State, question: Question) -> tuple[Answer, Question]:
    """Return the answer; terms that contradict one another are noted beside their field and left out.

    Raises ConfigError, DataError, NotCalibrated.
    """
    try:
        return state.simulator.answer(question.request), question
    except ConfigError as error:
        name = {"success_rate": "success_percent"}.get(error.where or "", error.where or "")
        calmer = replace(question.request, success_rate_low=None, success_rate_high=None)
        if calmer == question.request:
            raise
        wrong = {**question.wrong, name: f"{error.what[:1].upper()}{error.what[1:]}."}
        return state.simulator.answer(calmer), replace(question, request=calmer, wrong=wrong)


def show(
    request: Request,
    state: State,
    user: SignedIn,
    question: Question,
    *,
    status: int = 200,
    save_form: SaveForm | None = None,
    campaign_form: CampaignForm | None = None,
) -> Response:
    """Return the page for a question, its forms empty or as they were refused."""
    business = state.context.settings.business
    readable = readable_campaigns(state.context)
    campaigns = {name: known for name, known in readable.items() if known.archived is None}
    content = SimulatorPage(
        question=question,
        saved=saved_rows(state.store.simulations.list()),
        prefix=currency_prefix(business.currency),
        may_save=user.may("simulate"),
        may_push=user.may("push"),
        business_months=business.value_months,
        has_own_value=state.context.settings.simulation.value_of_save is not None,
        save_form=save_form or SaveForm(),
        campaign_form=campaign_form or CampaignForm(),
        offers=[*((name, campaign.title) for name, campaign in campaigns.items()), *_offers_of_programmes(state)],
    )
    try:
        content = _with_answer(content, state, question)
    except DataError as error:
        if question.request.campaign is None:
            content = replace(content, nothing=error.what)
        else:
            content = _plainly(content, state, error)
    except NotCalibrated:
        judgement = state.simulator.prepared().judgement
        refusal = WithheldAmounts(judgement.model_version, judgement.gate.reasons, address(question))
        content = replace(content, refusal=refusal)
    except (CampaignError, ConfigError) as error:
        content = _plainly(content, state, error)
    return page(
        request,
        "simulator/simulator.html.j2",
        title=tr("ROI simulator"),
        active="simulator",
        status=status,
        content=content,
    )


def _plainly(content: SimulatorPage, state: State, error: ChurnError) -> SimulatorPage:
    """Return the page with the terms of the settings, and why those asked for have no answer."""
    content = replace(content, question=read_question({}))
    content = _with_answer(content, state, content.question)
    return replace(content, notice=("warn", f"{error.what[0].upper()}{error.what[1:]}."))


def _offers_of_programmes(state: State) -> list[tuple[str, str]]:
    """Return the offers of each programme that can be read, with what to call them."""
    home, offers = state.context.settings.home, []
    for name in programme_files(home):
        try:
            programme = load_programme(home, name)
        except ChurnError:  # its page says what is wrong with it
            continue
        if programme.archived is not None:
            continue
        offers += [(offer_name(offer, name), f"{programme.title}: {offer}") for offer in programme.competing]
    return offers


def _with_answer(content: SimulatorPage, state: State, question: Question) -> SimulatorPage:
    answer, question = ask(state, question)
    curve, drivers = draw_figures(answer)
    return replace(content, question=question, shown=Shown(answer_view(answer, question), curve, drivers))
