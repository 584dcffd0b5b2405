"""The page of one simulation: what the document says, as something to read, print and hand on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from churn.decisions.sensitivity import DRIVERS, driver_text
from churn.documents.simulation import Number, SimulatedCut, SimulationDocument
from churn.reports.charts.svg import profit_curve, token_css, tornado
from churn.reports.render import render
from churn.wording import count, currency_prefix, money, percent

SHARES = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30, 0.50, 1.0)


@dataclass(frozen=True)
class CutChoice:
    """A row of the table of cuts: where 90 % of the draws lie, and what this cut is called, if anything."""

    cut: SimulatedCut
    low: Number
    high: Number
    name: str | None


def render_simulation(document: SimulationDocument, *, home: Path) -> str:
    """Return the self-contained HTML page of a simulation's document; the same document gives the same bytes."""
    return render(
        "simulation/simulation.html",
        home=home,
        d=document,
        tokens=token_css(),
        curve=_curve(document),
        drivers=_drivers(document),
        choices=_choices(document),
        inputs=DRIVERS,
    )


def _curve(document: SimulationDocument) -> Markup | None:
    bands = document.bands
    if len(bands) < 3:
        return None
    currency, best = document.currency, document.optimum
    marks: list[dict[str, Number | str]] = []
    is_best = best.contacts == document.contacts
    peak = "nowhere above zero"
    if best.contacts and best.net_profit is not None:
        label = "Optimum, chosen" if is_best else "Optimum"
        marks.append(
            {"contacts": best.contacts, "net_profit": best.net_profit, "label": label, "kind": "best", "dy": -14}
        )
        peak = f"highest at {count(best.contacts)} customers with {money(best.net_profit, currency)}"
    if document.contacts and not is_best:
        at = {"contacts": document.contacts, "net_profit": document.net_profit}
        marks.append({**at, "label": "This campaign", "kind": "chosen", "dy": 16})
    last = bands[-1]
    describe = (
        f"Net profit by customers contacted: {peak}; "
        f"{money(last.net_profit, currency)} if all {count(last.contacts)} are contacted. "
        "The shaded band holds 90 % of the draws."
    )
    return profit_curve(
        [dict(band) for band in bands],
        marks,
        break_even=_break_even(document),
        currency_prefix=currency_prefix(currency),
        describe=describe,
    )


def _break_even(document: SimulationDocument) -> tuple[float, str] | None:
    at = document.break_even
    if at is None:
        return None
    paying = [band.contacts for band in document.bands if band.threshold >= at]
    return (paying[-1], f"break-even {percent(at, 1)}") if paying else None


def _drivers(document: SimulationDocument) -> Markup | None:
    currency = document.currency
    if document.contacts <= 0:
        return None
    rows = [
        {
            "label": DRIVERS[driver.input],
            "low_text": driver_text(driver.input, driver.low, currency),
            "high_text": driver_text(driver.input, driver.high, currency),
            "at_low": driver.net_profit_low,
            "at_high": driver.net_profit_high,
        }
        for driver in document.tornado
    ]
    words = "; ".join(
        f"{DRIVERS[driver.input].lower()} from {driver_text(driver.input, driver.low, currency)} to "
        f"{driver_text(driver.input, driver.high, currency)}: {money(driver.net_profit_low, currency)} to "
        f"{money(driver.net_profit_high, currency)}"
        for driver in document.tornado
    )
    return tornado(
        rows, center=document.net_profit, currency_prefix=currency_prefix(currency), describe=f"Net profit by {words}."
    )


def _choices(document: SimulationDocument) -> list[CutChoice]:
    """A few cuts side by side: round shares of customers, this campaign, and the optimum; fewest contacts first."""
    if len(document.curve) < 3:
        return []
    named = {document.contacts: "this campaign"}
    best = document.optimum.contacts
    if best:
        named[best] = "optimum" if best != document.contacts else "optimum, this campaign"
    choices = {
        cut.contacts: CutChoice(cut, band.low, band.high, named.get(cut.contacts))
        for cut, band in zip(document.curve, document.bands, strict=True)
    }
    wanted = {min(choices, key=lambda contacts: abs(contacts - share * document.customers)) for share in SHARES}
    wanted |= {contacts for contacts in named if contacts in choices}
    return [choices[contacts] for contacts in sorted(wanted)]
