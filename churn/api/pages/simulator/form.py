"""The state of the simulator page: read from an address or a form, checked field by field, written back as an address."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, get_args
from urllib.parse import urlencode

from churn.decisions.choices import Mode, ProfitModel
from churn.decisions.profit import Economics
from churn.decisions.simulation_request import CUTS, TERMS, SimulationRequest, Term

MODES: Final = get_args(Mode)
PERCENT: Final = 100.0
DECIMALS: Final = 4


@dataclass(frozen=True)
class Field:
    """One number of the form: its term, its bounds as they are typed, and the factor from the term's unit to them."""

    term: Term
    scale: float
    low: float
    high: float

    @classmethod
    def of(cls, term: Term) -> Field:
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


FIELDS: Final = tuple(Field.of(term) for term in TERMS)


@dataclass(frozen=True)
class State:
    """What the page was asked: the request, which cut decides, what is wrong with which field, and what was typed."""

    request: SimulationRequest
    cut: str
    wrong: Mapping[str, str]
    typed: Mapping[str, str]
    list_date: str | None = None


def read_state(query: Mapping[str, str]) -> State:
    """Read a query or a form; what is absent or empty comes from the settings, what is wrong is said and left out."""
    numbers: dict[str, float] = {}
    wrong: dict[str, str] = {}
    for field in FIELDS:
        text = query.get(field.name, "").strip()
        if text:
            value, complaint = _number(field, text)
            if complaint:
                wrong[field.name] = complaint
            else:
                numbers[field.name] = value
    cut = _cut(query, wrong)
    given: dict[str, float | int] = {}
    for field in FIELDS:
        if field.name in numbers and (field.term.name not in CUTS or field.term.name == cut):
            number = numbers[field.name] / field.scale
            given[field.term.name] = int(number) if field.is_whole else number
    if cut != "optimum" and cut not in given:
        cut = "optimum"
    if "value" in given and ("margin" in given or "months" in given):
        given = {name: number for name, number in given.items() if name not in {"margin", "months"}}
    model = query.get("profit_model", "")
    profit_model: ProfitModel | None = None
    if model in get_args(ProfitModel):
        profit_model = model  # type: ignore[assignment]  # one of them, by the line above
    elif model:
        wrong["profit_model"] = "There is no such way of counting profit."
    request = SimulationRequest(
        profit_model=profit_model,
        allow_uncalibrated=query.get("uncalibrated") == "accepted",
        **given,  # type: ignore[arg-type]  # each by the type its field says
    )
    request = _in_order(request, wrong)
    typed = {field.name: query.get(field.name, "") for field in FIELDS if field.name in wrong}
    return State(request, cut, wrong, typed, query.get("list") or None)


def _number(field: Field, text: str) -> tuple[float, str]:
    """The number that people mean: `1,200`, `40 %` and `$2.50` are numbers too."""
    plain = text.replace("\u00a0", " ").strip(" %$€£").replace(" ", "")
    if "," in plain and "." not in plain and len(plain.rpartition(",")[2]) != 3:
        plain = plain.replace(",", ".")
    try:
        value = float(plain.replace(",", ""))
    except ValueError:
        return 0.0, f"“{text[:20]}” is not a number."
    if not math.isfinite(value) or not field.low <= value <= field.high:
        top = f" to {field.high:g}" if field.high <= 120 else " or more"
        return 0.0, f"Give a number, {field.low:g}{top}."
    if field.is_whole and value != int(value):
        return 0.0, "Give a whole number."
    return value, ""


def _cut(query: Mapping[str, str], wrong: Mapping[str, str]) -> str:
    cut = query.get("cut", "")
    if cut in MODES:
        return cut
    names = {field.name: field.term.name for field in FIELDS if field.term.name in CUTS}
    given = [cut for name, cut in names.items() if query.get(name, "").strip() and name not in wrong]
    return given[0] if given else "optimum"


def _in_order(request: SimulationRequest, wrong: dict[str, str]) -> SimulationRequest:
    """Say when the range of the success rate does not hold it, and take the range from the settings then."""
    low, rate, high = request.success_rate_low, request.success_rate, request.success_rate_high
    if rate is not None and low is not None and low > rate:
        wrong["success_low_percent"] = "The low end lies above the expected rate."
        request = replace(request, success_rate_low=None)
    if rate is not None and high is not None and high < rate:
        wrong["success_high_percent"] = "The high end lies below the expected rate."
        request = replace(request, success_rate_high=None)
    return request


def state_of_request(request: SimulationRequest) -> State:
    """Return the page's state for a request, such as one saved."""
    cut = next((name for name in CUTS if getattr(request, name) is not None), "optimum")
    return State(request, cut, {}, {})


def address(state: State, economics: Economics | None = None, *, list_date: str | None = None) -> str:
    """Return the query that opens this state again, the terms written out so that later settings do not change it."""
    request = state.request
    told: dict[str, str] = {"cut": state.cut}
    for field in FIELDS:
        term = field.term
        number = getattr(request, term.name)
        if number is None and economics is not None and term.economics and term.name not in _LEFT_OUT:
            is_in_value = term.name == "months" and request.value is not None
            number = None if is_in_value else getattr(economics, term.economics)
        if number is not None:
            told[field.name] = written(field, number)
    if economics is not None or request.profit_model is not None:
        told["profit_model"] = economics.profit_model if economics is not None else str(request.profit_model)
    if request.allow_uncalibrated:
        told["uncalibrated"] = "accepted"
    if list_date is not None:
        told["list"] = list_date
    return urlencode(told)


_LEFT_OUT: Final = {"success_rate_low", "success_rate_high"}  # they move with the rate


def written(field: Field, number: float) -> str:
    """Write a number as the form takes it: no more digits than it has."""
    text = f"{number * field.scale:.{DECIMALS}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
