"""What the simulator page is asked: read from an address or a form, checked field by field, written back as an address."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, get_args
from urllib.parse import parse_qsl, urlencode

from churn.decisions.choices import Mode, ProfitModel
from churn.decisions.profit import Economics
from churn.decisions.simulation_request import CUTS, TERMS, SavedInput, SimulationRequest, Term, request_from
from churn.languages.words import tr
from churn.wording import separators

MODES: Final[tuple[Mode, ...]] = get_args(Mode)
PERCENT: Final = 100.0
DECIMALS: Final = 4
# Where a language groups thousands by points: what is so many thousands, and what has a comma for its decimals.
_GROUPED: Final = re.compile(r"-?[1-9]\d{0,2}(\.\d{3})+(,\d+)?")
_COMMA: Final = re.compile(r"-?\d+,\d+")


@dataclass(frozen=True)
class FormField:
    """One number of the form: its term, its bounds as they are typed, and the factor from the term's unit to them."""

    term: Term
    scale: float
    low: float
    high: float

    @classmethod
    def of(cls, term: Term) -> FormField:
        """Return the field of a term: shares are typed in per cent."""
        scale = PERCENT if term.unit == "share" else 1.0
        return cls(term, scale, term.least * scale, term.most_served * scale)

    @property
    def name(self) -> str:
        """The name in the form and in the address."""
        return self.term.field

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are taken."""
        return self.term.unit == "count"

    def text(self, number: float) -> str:
        """Return a number of the term's unit as the form takes it: no more digits than it has."""
        text = f"{number * self.scale:.{DECIMALS}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text


FIELDS: Final = {term.field: FormField.of(term) for term in TERMS}
_FIELD_OF: Final = {term.name: term.field for term in TERMS}


@dataclass(frozen=True)
class Question:
    """What the page is asked: the request, what decides the cut, what is wrong with which field, and what was typed there.

    `list_date` is the day of the list that a link was made on.
    """

    request: SimulationRequest
    cut: Mode = "optimum"
    wrong: Mapping[str, str] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)
    list_date: str | None = None


def read_address(query: str) -> Question:
    """Read an address, the part behind the question mark; of a name that stands twice the last counts."""
    return read_question(dict(parse_qsl(query, keep_blank_values=False, max_num_fields=40)))


def read_question(query: Mapping[str, str]) -> Question:
    """Read a query or a form; what is absent or empty comes from the settings, what is wrong is said and left out."""
    numbers, wrong = _numbers(query)
    cut = _cut(query, wrong)
    given: dict[str, SavedInput] = {}
    for name, number in numbers.items():
        term = FIELDS[name].term
        if term.name not in CUTS or term.name == cut:
            amount = number / FIELDS[name].scale
            given[term.name] = int(amount) if FIELDS[name].is_whole else amount
    if cut not in given:
        cut = "optimum"
    programme, _, campaign = query.get("offer", "").rpartition("/")
    if campaign:  # its file decides every other term
        given = {name: amount for name, amount in given.items() if name in CUTS}
        given |= {"campaign": campaign} | ({"programme": programme} if programme else {})
    if "value" in given:  # a value of a save already covers all its months
        given = {name: amount for name, amount in given.items() if name not in {"margin", "months"}}
    model = query.get("profit_model", "")
    if model in get_args(ProfitModel) and not campaign:
        given["profit_model"] = model
    elif model and not campaign:
        wrong["profit_model"] = tr("There is no such way of counting profit.")
    if query.get("uncalibrated") == "accepted":
        given["allow_uncalibrated"] = True
    request = _in_order(request_from(given), wrong)
    typed = {name: query.get(name, "") for name in FIELDS if name in wrong}
    return Question(request, cut, wrong, typed, query.get("list") or None)


def _numbers(query: Mapping[str, str]) -> tuple[dict[str, float], dict[str, str]]:
    """Return the numbers of the form by field, as they are typed, and what is wrong with the others."""
    numbers: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for name, form_field in FIELDS.items():
        text = query.get(name, "").strip()
        if text:
            number, complaint = _number(form_field, text)
            if complaint:
                wrong[name] = complaint
            else:
                numbers[name] = number
    return numbers, wrong


def _number(form_field: FormField, text: str) -> tuple[float, str]:
    """Return the number that people mean, or a complaint: `1,200`, `40 %` and `$2.50` are numbers too."""
    plain = text.replace("\u00a0", " ").strip(" %$€£").replace(" ", "")
    decimal, group = separators()
    if group == "." and form_field.term.unit != "share" and _GROUPED.fullmatch(plain):
        plain = plain.replace(group, "")
    if decimal == "," and _COMMA.fullmatch(plain):
        plain = plain.replace(decimal, ".")
    if "," in plain and "." not in plain and len(plain.rpartition(",")[2]) != 3:
        plain = plain.replace(",", ".")
    try:
        number = float(plain.replace(",", ""))
    except ValueError:
        return 0.0, tr("“{words}” is not a number.", words=text[:20])
    if not math.isfinite(number) or not form_field.low <= number <= form_field.high:
        top = tr(" to {high}", high=f"{form_field.high:g}") if form_field.high <= 120 else tr(" or more")
        return 0.0, tr("Give a number, {low}{top}.", low=f"{form_field.low:g}", top=top)
    if form_field.is_whole and number != int(number):
        return 0.0, tr("Give a whole number.")
    return number, ""


def _cut(query: Mapping[str, str], wrong: Mapping[str, str]) -> Mode:
    given = (cut for cut in CUTS if query.get(_FIELD_OF[cut], "").strip() and _FIELD_OF[cut] not in wrong)
    return next((mode for mode in MODES if mode == query.get("cut")), next(given, "optimum"))


def _in_order(request: SimulationRequest, wrong: dict[str, str]) -> SimulationRequest:
    """Say when the range of the success rate does not hold it, and take the range from the settings then."""
    low, rate, high = request.success_rate_low, request.success_rate, request.success_rate_high
    if rate is not None and low is not None and low > rate:
        wrong["success_low_percent"] = tr("The low end lies above the expected rate.")
        request = replace(request, success_rate_low=None)
    if rate is not None and high is not None and high < rate:
        wrong["success_high_percent"] = tr("The high end lies below the expected rate.")
        request = replace(request, success_rate_high=None)
    return request


def question_of(request: SimulationRequest) -> Question:
    """Return the question that a request, such as one saved, answers."""
    return Question(request, next((cut for cut in CUTS if getattr(request, cut) is not None), "optimum"))


def address(question: Question, economics: Economics | None = None, *, list_date: str | None = None) -> str:
    """Return the address that asks this again, the terms written out so that later settings do not change it."""
    request = question.request
    query: dict[str, str] = {"cut": question.cut}
    if request.campaign is not None:
        query["offer"], economics = offer_name(request.campaign, request.programme), None
    for name, form_field in FIELDS.items():
        number = getattr(request, form_field.term.name)
        if number is None and economics is not None:
            number = _of_economics(form_field.term, request, economics)
        if number is not None:
            query[name] = form_field.text(number)
    if economics is not None or request.profit_model is not None:
        query["profit_model"] = economics.profit_model if economics is not None else str(request.profit_model)
    if request.allow_uncalibrated:
        query["uncalibrated"] = "accepted"
    if list_date is not None:
        query["list"] = list_date
    return urlencode(query)


def offer_name(campaign: str, programme: str | None) -> str:
    """Return the name of an offer in an address: a campaign, or `programme/campaign`."""
    return campaign if programme is None else f"{programme}/{campaign}"


def _of_economics(term: Term, request: SimulationRequest, economics: Economics) -> float | None:
    """Return what a term that was left out stands at; None for what another term decides."""
    moves_with_rate = term.name in {"success_rate_low", "success_rate_high"}
    if term.name == "value":
        return economics.save_value
    is_in_value = term.name == "months" and (request.value is not None or economics.save_value is not None)
    if not term.economics or moves_with_rate or is_in_value:
        return None
    number: float = getattr(economics, term.economics)
    return number
