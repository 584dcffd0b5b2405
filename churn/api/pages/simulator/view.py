"""What the simulator page shows of an answer: rows of its charts, what its sliders stand at, and what each is told as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from churn.api.pages.simulator.form import FIELDS, State, address, state_of_request, written
from churn.decisions.sensitivity import DRIVERS, driver_text
from churn.reports.charts.simulator import moving_curve, moving_tornado, reach
from churn.store.records import Simulation
from churn.wording import count, currency_prefix, money, percent
from churn.workflows.simulate.document import sentence

if TYPE_CHECKING:
    from churn.decisions.threshold import CurvePoint
    from churn.reports.charts.svg import Figure
    from churn.workflows.simulate.live import Answer


CURVE_CHART, DRIVERS_CHART = "profit-curve", "profit-drivers"
_BY_NAME: Final = {field.name: field for field in FIELDS}
MODELS: Final = (
    ("case_study", "Every contact costs the same", "The whole cost falls on everybody contacted."),
    ("incentive", "Stayers take the incentive too", "Those who would have stayed anyway take it as well."),
    (
        "uplift",
        "Only churn avoided counts",
        "Churn avoided is taken as success x risk until a campaign has measured it.",
    ),
)


def curve_data(answer: Answer) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the profit curve, its marks, and where break-even lies."""
    result = answer.result
    rows = [{"contacts": 0, "threshold": 1.0, "cost": 0, "net_profit": 0, "low": 0, "high": 0}]
    rows += [
        {
            "contacts": round(point.contacts),
            "threshold": round(point.threshold, 4),
            "cost": round(point.cost),
            "net_profit": round(point.net_profit),
            "low": round(band.low),
            "high": round(band.high),
        }
        for point, band in zip(result.grid, result.bands, strict=True)
    ]
    paying = [row["contacts"] for row in rows if row["threshold"] >= result.break_even]
    told = f"break-even {percent(result.break_even, 1)}"
    pays = [{"contacts": paying[-1], "label": told}] if paying and result.break_even <= 1.0 else []
    return {"curve": rows, "marks": _marks(answer), "pays": pays if pays and pays[0]["contacts"] else []}


def _marks(answer: Answer) -> list[dict[str, Any]]:
    result, best = answer.result, answer.result.optimum
    marks = []
    is_best = best is not None and best.point.contacts == result.point.contacts
    if best is not None and best.point.contacts > 0:
        words = "Best profit, chosen" if is_best else "Best profit"
        marks.append(_mark(best.point, words, "best", -14, result.customers))
    if result.point.contacts > 0 and not is_best:
        marks.append(_mark(result.point, "This campaign", "chosen", 17, result.customers))
    return marks


def _mark(point: CurvePoint, label: str, kind: str, dy: int, customers: int) -> dict[str, Any]:
    return {
        "contacts": round(point.contacts),
        "net_profit": round(point.net_profit),
        "label": label,
        "kind": kind,
        "dy": dy,
        "is_right": point.contacts > 0.6 * customers,
    }


def curve_words(answer: Answer) -> str:
    """Return the curve in words, for those who do not see it."""
    result, currency, best = answer.result, answer.origin.currency, answer.result.optimum
    peak = "nowhere above zero"
    if best is not None and best.point.contacts > 0:
        peak = f"highest at {count(best.point.contacts)} customers with {money(best.point.net_profit, currency)}"
    return (
        f"Net profit by customers contacted: {peak}; {money(result.grid[-1].net_profit, currency)} if all "
        f"{count(result.customers)} are contacted. This campaign: {sentence(result, currency)}"
    )


def driver_data(answer: Answer) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return the bars of the tornado and the ends of its axis."""
    net, currency = answer.result.point.net_profit, answer.origin.currency
    rows: list[dict[str, Any]] = [
        {
            "label": DRIVERS[row.name],
            "order": order,
            "text": driver_text(row.name, value, currency),
            "at": round(at, 2),
            "center": round(net, 2),
            "kind": "better" if at >= net else "worse",
        }
        for order, row in enumerate(answer.result.tornado)
        for value, at in ((row.low, row.profit_at_low), (row.high, row.profit_at_high))
    ]
    return rows, reach([row["at"] for row in rows], net)


def driver_words(answer: Answer) -> str:
    """Return the tornado in words."""
    currency = answer.origin.currency
    told = "; ".join(
        f"{DRIVERS[row.name].lower()} from {driver_text(row.name, row.low, currency)} to "
        f"{driver_text(row.name, row.high, currency)}: {money(row.profit_at_low, currency)} to "
        f"{money(row.profit_at_high, currency)}"
        for row in answer.result.tornado
    )
    return f"Net profit by {told}."


def figures(answer: Answer) -> tuple[Figure, Figure]:
    """Return both charts, drawn."""
    prefix = currency_prefix(answer.origin.currency)
    rows, ends = driver_data(answer)
    curve = moving_curve(
        curve_data(answer), customers=answer.result.customers, prefix=prefix, describe=curve_words(answer)
    )
    return curve, moving_tornado({"drivers": rows}, ends, prefix=prefix, describe=driver_words(answer))


def moved(answer: Answer) -> dict[str, Any]:
    """Return what the charts that stand on the page already are to show instead."""
    rows, ends = driver_data(answer)
    return {
        CURVE_CHART: {"data": curve_data(answer), "describe": curve_words(answer)},
        DRIVERS_CHART: {"data": {"drivers": rows}, "params": ends, "describe": driver_words(answer)},
    }


def bar(answer: Answer) -> dict[str, str]:
    """Return the three numbers that stay in sight on a phone."""
    point, currency = answer.result.point, answer.origin.currency
    return {
        "net": money(point.net_profit, currency),
        "contacts": count(point.contacts),
        "cost": money(point.cost, currency),
    }


def stands(answer: Answer) -> dict[str, dict[str, Any]]:
    """Return, for each number of the form, what it stands at, how far its slider reaches, and what is meant if empty."""
    result, terms, request = answer.result, answer.economics, answer.request
    last = result.grid[-1]
    point = result.point
    top = 100 * min(1.0, result.grid[0].threshold)
    found = min(point.threshold, 1.0)
    values: dict[str, tuple[float | None, float, float]] = {
        "threshold_percent": (found, max(top, 100 * found), found),
        "budget": (request.budget if request.budget is not None else point.cost, max(last.cost, 1.0), point.cost),
        "contacts": (point.contacts, result.customers, point.contacts),
        "contact_cost": (terms.contact_cost, _round_up(4 * terms.contact_cost, 10.0), 0),
        "incentive_cost": (terms.incentive_cost, _round_up(3 * terms.incentive_cost, 30.0), 0),
        "success_percent": (terms.success_rate, 100, 0),
        "success_low_percent": (request.success_rate_low, 100, terms.success_rate_low),
        "success_high_percent": (request.success_rate_high, 100, terms.success_rate_high),
        "margin": (request.margin, _round_up(3 * _margin(answer), 30.0), _margin(answer)),
        "months": (None if request.value is not None else terms.value_months, 36, terms.value_months),
    }
    return {
        name: {
            "value": "" if value is None else _shown(name, value),
            "most": most,
            "meant": _shown(name, meant) if meant else "",
        }
        for name, (value, most, meant) in values.items()
    }


def _shown(name: str, value: float) -> str:
    """A value as the form shows it: money to the cent, shares to a tenth of a per cent, as long as that is exact enough."""
    field = _BY_NAME[name]
    if field.scale != 1.0:
        return written(field, round(value, 3))
    return f"{value:,.0f}" if value >= 1000 else written(field, round(value, 2))


def _margin(answer: Answer) -> float:
    """The average month's margin of those who churn, as the value of a save says it."""
    return answer.result.average_value / answer.economics.value_of_save(1.0)


def _round_up(value: float, least: float) -> float:
    if value <= least:
        return least
    size: float = 10.0 ** (len(str(int(value))) - 1)
    return size * (int(value / size) + 1)


def terminal_line(state: State) -> str:
    """Return the command that gives the same answer on a terminal."""
    request, parts = state.request, ["churn simulate"]
    parts += [f"--{term.option} {amount:.10g}" for term, amount in request.amounts()]
    if request.profit_model is not None:
        parts.append(f"--profit-model {request.profit_model}")
    return " ".join(parts)


def saved_row(each: Simulation) -> dict[str, Any]:
    """Return what a list of saved simulations shows of one; no address where it was not made on the current list."""
    return {
        "name": each.name,
        "saved_at": each.saved_at,
        "contacts": each.document.contacts,
        "net_profit": each.document.net_profit,
        "address": address_of(each),
    }


def address_of(each: Simulation) -> str | None:
    """Return the query that opens a saved simulation again; None where its inputs are no terms of the simulator."""
    request = each.request
    if request.preset is not None or request.on != "scores":
        return None
    state = state_of_request(request)
    day = each.document.snapshot_date
    return f"/simulator?{address(state, list_date=None if day is None else day.isoformat())}"
