"""What charts of a simulation are drawn from: points of the profit curve, marks on it, and bars of what moves the profit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from churn.decisions.sensitivity import DRIVERS, driver_text
from churn.documents.simulation import SimulatedDriver
from churn.languages.recorded import recorded
from churn.languages.words import tr, within
from churn.wording import money


@dataclass(frozen=True)
class CurveRow:
    """A point of the curve, in whole customers and whole amounts: what the tooltip shows there."""

    contacts: int
    threshold: float
    cost: int
    net_profit: int
    low: int
    high: int


@dataclass(frozen=True)
class CurveMark:
    """A campaign marked on the curve; `dy` moves its words down by so many pixels, `is_right` puts them to its left."""

    contacts: float
    net_profit: float
    label: str
    kind: Literal["best", "chosen"]
    dy: int
    is_right: bool


@dataclass(frozen=True)
class BreakEvenMark:
    """How many customers are above the probability from which a contact pays."""

    contacts: float
    label: str


@dataclass(frozen=True)
class CurveData:
    """What a profit curve shows, each list a data set of the chart."""

    curve: Sequence[CurveRow]
    marks: Sequence[CurveMark]
    pays: Sequence[BreakEvenMark]


@dataclass(frozen=True)
class DriverBar:
    """The net profit where one input alone is at an end of its range, as a bar from the expected profit `center`."""

    label: str
    order: int
    text: str
    at: float
    center: float
    kind: Literal["better", "worse"]


@dataclass(frozen=True)
class AxisEnds:
    """Both ends of an axis."""

    least: float
    most: float


def driver_bars(drivers: Sequence[SimulatedDriver], net_profit: float, currency: str) -> list[DriverBar]:
    """Return two bars for each input, its low and its high end."""
    return [
        DriverBar(
            recorded(DRIVERS[driver.input]),
            order,
            driver_text(driver.input, value, currency),
            float(at),
            net_profit,
            "better" if at >= net_profit else "worse",
        )
        for order, driver in enumerate(drivers)
        for value, at in ((driver.low, driver.net_profit_low), (driver.high, driver.net_profit_high))
    ]


def drivers_in_words(drivers: Sequence[SimulatedDriver], currency: str) -> str:
    """Return the bars as a sentence, for those who do not see them."""
    words = "; ".join(
        tr(
            "{driver} from {input} to {input_2}: {net_profit_low} to {net_profit_high}",
            driver=within(recorded(DRIVERS[driver.input])),
            input=driver_text(driver.input, driver.low, currency),
            input_2=driver_text(driver.input, driver.high, currency),
            net_profit_low=money(driver.net_profit_low, currency),
            net_profit_high=money(driver.net_profit_high, currency),
        )
        for driver in drivers
    )
    return tr("Net profit by {words}.", words=words)
