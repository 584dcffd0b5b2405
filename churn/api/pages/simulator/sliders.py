"""What each number of the simulator's form stands at after an answer, and how far its slider reaches."""

from __future__ import annotations

from dataclasses import dataclass

from churn.api.pages.simulator.form import FIELDS
from churn.wording import count, separators
from churn.workflows.simulate.answer import Answer


@dataclass(frozen=True)
class SliderStand:
    """What a number stands at (empty where the settings decide), how far its slider reaches, and what is meant if empty."""

    value: str
    most: float
    meant: str


def slider_stands(answer: Answer) -> dict[str, SliderStand]:
    """Return where each number of the form stands, by field."""
    result, terms, request = answer.result, answer.economics, answer.request
    point, last = result.point, result.grid[-1]
    top, cut = 100 * min(1.0, result.grid[0].threshold), min(point.threshold, 1.0)
    # The average monthly margin of churners, derived from the value of a save.
    margin = result.average_value / terms.margin_factor
    budget = point.cost if request.budget is None else request.budget
    has_one_value = request.value is not None or terms.save_value is not None
    months = None if has_one_value else terms.value_months
    return {
        "threshold_percent": _stand("threshold_percent", cut, max(top, 100 * cut), cut),
        "budget": _stand("budget", budget, max(last.cost, 1.0), point.cost),
        "contacts": _stand("contacts", point.contacts, result.customers, point.contacts),
        "contact_cost": _stand("contact_cost", terms.contact_cost, _round_up(4 * terms.contact_cost, 10.0)),
        "incentive_cost": _stand("incentive_cost", terms.incentive_cost, _round_up(3 * terms.incentive_cost, 30.0)),
        "success_percent": _stand("success_percent", terms.success_rate, 100),
        "success_low_percent": _stand("success_low_percent", request.success_rate_low, 100, terms.success_rate_low),
        "success_high_percent": _stand("success_high_percent", request.success_rate_high, 100, terms.success_rate_high),
        "margin": _stand("margin", request.margin, _round_up(3 * margin, 30.0), margin),
        "months": _stand("months", months, 36, terms.value_months),
    }


def _stand(name: str, value: float | None, most: float, meant: float = 0) -> SliderStand:
    return SliderStand(
        value="" if value is None else _shown(name, value), most=most, meant=_shown(name, meant) if meant else ""
    )


def _shown(name: str, value: float) -> str:
    """Return a value as the form shows it: money to the cent, shares to a tenth of a per cent, and no finer."""
    form_field = FIELDS[name]
    if form_field.term.unit == "share":
        return _in_form(form_field.text(round(value, 3)))
    return count(value) if value >= 1000 else _in_form(form_field.text(round(value, 2)))


def _in_form(text: str) -> str:
    return text.replace(".", separators()[0])


def _round_up(value: float, least: float) -> float:
    """Return the next round number above `value`, `least` at the least."""
    if value <= least:
        return least
    size: float = 10.0 ** (len(str(int(value))) - 1)
    return size * (int(value / size) + 1)
