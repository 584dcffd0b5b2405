"""What the simulator page shows of an answer, and what of it changes while a term is dragged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from churn.api.pages.simulator.figures import (
    CURVE,
    DRIVERS,
    CurveUpdate,
    TornadoUpdate,
    curve_update,
    tornado_update,
)
from churn.api.pages.simulator.form import Question, address
from churn.api.pages.simulator.sliders import SliderStand, slider_stands
from churn.campaigns.plan_words import rate_words
from churn.decisions.choices import ProfitModel
from churn.documents.simulation import SimulatedStep
from churn.languages.words import N_
from churn.wording import count, money
from churn.workflows.simulate.answer import Answer
from churn.workflows.simulate.document import sentence, shown_step


@dataclass(frozen=True)
class ProfitModelChoice:
    """A way of counting profit, and what it means."""

    key: ProfitModel
    label: str
    meaning: str


PROFIT_MODELS: Final = (
    ProfitModelChoice(
        "case_study", N_("Every contact costs the same"), N_("The whole cost falls on everybody contacted.")
    ),
    ProfitModelChoice(
        "incentive", N_("Stayers take the incentive too"), N_("Those who would have stayed anyway take it as well.")
    ),
    ProfitModelChoice(
        "uplift",
        N_("Only churn avoided counts"),
        N_("Churn avoided is taken as success x risk until a campaign has measured it."),
    ),
)


@dataclass(frozen=True)
class AnswerView:
    """An answer as the page shows it; `query` is the address that asks it again."""

    answer: Answer
    question: Question
    sentence: str
    stands: Mapping[str, SliderStand]
    query: str
    list_date: str | None
    funnel: tuple[SimulatedStep, ...] = ()
    rates: tuple[str, ...] = ()  # what the offer of a campaign is believed to do


def answer_view(answer: Answer, question: Question) -> AnswerView:
    """Return what the page shows of the answer to a question."""
    day = answer.origin.snapshot_date
    list_date = None if day is None else day.isoformat()
    return AnswerView(
        answer=answer,
        question=question,
        sentence=sentence(answer.result, answer.origin.currency),
        stands=slider_stands(answer),
        query=address(question, answer.economics, list_date=list_date),
        list_date=list_date,
        funnel=tuple(shown_step(step) for step in answer.funnel),
        rates=() if answer.offer is None else tuple(map(rate_words, answer.offer.rates)),
    )


@dataclass(frozen=True)
class AnswerHtml:
    """The parts of the page that an answer replaces."""

    answer: str
    funnel: str
    assumptions: str
    campaign: str


@dataclass(frozen=True)
class AnswerBar:
    """The three numbers that stay in sight on a phone."""

    net: str
    contacts: str
    cost: str


@dataclass(frozen=True)
class AnswerUpdate:
    """What the page changes while a slider is dragged; the script reads it as JSON."""

    query: str
    sentence: str
    html: AnswerHtml
    charts: Mapping[str, CurveUpdate | TornadoUpdate]
    stands: Mapping[str, SliderStand]
    cut: str
    wrong: Mapping[str, str]
    bar: AnswerBar


def answer_update(view: AnswerView, html: AnswerHtml) -> AnswerUpdate:
    """Return what changes on a page that shows another answer."""
    point, currency = view.answer.result.point, view.answer.origin.currency
    return AnswerUpdate(
        query=view.query,
        sentence=view.sentence,
        html=html,
        charts={CURVE: curve_update(view.answer), DRIVERS: tornado_update(view.answer)},
        stands=view.stands,
        cut=view.question.cut,
        wrong=view.question.wrong,
        bar=AnswerBar(money(point.net_profit, currency), count(point.contacts), money(point.cost, currency)),
    )
