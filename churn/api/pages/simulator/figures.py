"""The charts of the simulator page: drawn once, then handed new rows while a term is dragged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from churn.decisions.threshold import CurvePoint
from churn.languages.recorded import recorded
from churn.languages.words import tr
from churn.reports.charts.simulation_rows import (
    AxisEnds,
    BreakEvenMark,
    CurveData,
    CurveMark,
    CurveRow,
    DriverBar,
    driver_bars,
    drivers_in_words,
)
from churn.reports.charts.simulator import moving_curve, moving_tornado, reach
from churn.reports.charts.svg import Figure
from churn.wording import count, currency_prefix, money, percent
from churn.workflows.simulate.answer import Answer
from churn.workflows.simulate.document import drivers_of, sentence

CURVE, DRIVERS = "profit-curve", "profit-drivers"  # ids of the charts on the page
_NOBODY: Final = CurveRow(contacts=0, threshold=1.0, cost=0, net_profit=0, low=0, high=0)


@dataclass(frozen=True)
class CurveUpdate:
    """New rows of the profit curve, and the curve in words."""

    data: CurveData
    describe: str


@dataclass(frozen=True)
class TornadoData:
    """What the tornado shows."""

    drivers: Sequence[DriverBar]


@dataclass(frozen=True)
class TornadoUpdate:
    """New bars of the tornado, the ends of its axis, and the bars in words."""

    data: TornadoData
    params: AxisEnds
    describe: str


def curve_update(answer: Answer) -> CurveUpdate:
    """Return what the profit curve shows of an answer."""
    result = answer.result
    rows = [_NOBODY]
    rows += [
        CurveRow(
            contacts=round(point.contacts),
            threshold=round(point.threshold, 4),
            cost=round(point.cost),
            net_profit=round(point.net_profit),
            low=round(band.low),
            high=round(band.high),
        )
        for point, band in zip(result.grid, result.bands, strict=True)
    ]
    paying = [row.contacts for row in rows if row.threshold >= result.break_even]
    pays = []
    # By expected profit there is no one probability at which contacts stop paying.
    if result.mode == "threshold" and paying and paying[-1] and result.break_even <= 1.0:
        pays.append(BreakEvenMark(paying[-1], f"break-even {percent(result.break_even, 1)}"))
    return CurveUpdate(CurveData(rows, _marks(answer), pays), _curve_words(answer))


def _marks(answer: Answer) -> list[CurveMark]:
    result, best = answer.result, answer.result.optimum
    marks = []
    is_best = best is not None and best.point.contacts == result.point.contacts
    if best is not None and best.point.contacts > 0:
        label = tr("Best profit, chosen") if is_best else tr("Best profit")
        marks.append(_mark(best.point, label, "best", -14, result.customers))
    if result.point.contacts > 0 and not is_best:
        marks.append(_mark(result.point, tr("This campaign"), "chosen", 17, result.customers))
    return marks


def _mark(point: CurvePoint, label: str, kind: Literal["best", "chosen"], dy: int, customers: int) -> CurveMark:
    is_right = point.contacts > 0.6 * customers
    return CurveMark(round(point.contacts), round(point.net_profit), label, kind, dy, is_right)


def _curve_words(answer: Answer) -> str:
    """Return the curve in words, for those who do not see it."""
    result, currency, best = answer.result, answer.origin.currency, answer.result.optimum
    peak = tr("nowhere above zero")
    if best is not None and best.point.contacts > 0:
        peak = tr(
            "highest at {contacts} customers with {net_profit}",
            contacts=count(best.point.contacts),
            net_profit=money(best.point.net_profit, currency),
        )
    return tr(
        "Net profit by customers contacted: {peak}; {net_profit} if all {customers} are "
        "contacted. This campaign: {result}",
        peak=peak,
        net_profit=money(result.grid[-1].net_profit, currency),
        customers=count(result.customers),
        result=recorded(sentence(result, currency)),
    )


def tornado_update(answer: Answer) -> TornadoUpdate:
    """Return what the tornado shows of an answer."""
    net_profit, currency = round(answer.result.point.net_profit, 2), answer.origin.currency
    drivers = drivers_of(answer.result)
    bars = driver_bars(drivers, net_profit, currency)
    return TornadoUpdate(
        TornadoData(bars), reach(bars, answer.result.point.net_profit), drivers_in_words(drivers, currency)
    )


def draw_figures(answer: Answer) -> tuple[Figure, Figure]:
    """Return the profit curve and the tornado, drawn."""
    prefix, curve, tornado = currency_prefix(answer.origin.currency), curve_update(answer), tornado_update(answer)
    return (
        moving_curve(curve.data, customers=answer.result.customers, prefix=prefix, describe=curve.describe),
        moving_tornado(tornado.data.drivers, tornado.params, prefix=prefix, describe=tornado.describe),
    )
