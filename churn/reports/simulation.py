"""The page of one simulation: what the document says, as something to read, print and hand on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from churn.decisions.sensitivity import DRIVERS
from churn.documents.simulation import Number, SimulatedCut, SimulationDocument
from churn.languages.words import N_, tr, trc
from churn.reports.charts.simulation import profit_curve, tornado
from churn.reports.charts.simulation_rows import BreakEvenMark, CurveMark, driver_bars, drivers_in_words
from churn.reports.charts.svg import Figure, token_css
from churn.reports.render import render
from churn.wording import count, currency_prefix, money, percent

_BASES: Final = {
    "scores": N_("published scores"),
    "evaluation": N_("past customers"),
    "case_study": N_("case study"),
}
_SEVERITIES: Final = {"wrong": N_("Wrong"), "caution": N_("Caution")}
SHARES = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30, 0.50, 1.0)


@dataclass(frozen=True)
class CutChoice:
    """A row of the table of cuts: where 90 % of the draws lie, and what this cut is called, if anything."""

    cut: SimulatedCut
    low: Number
    high: Number
    name: str | None
    is_chosen: bool


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
        basis=tr(_BASES[document.basis]),
        severities={severity: tr(words) for severity, words in _SEVERITIES.items()} | {"note": trc("caveat", "Note")},
    )


def _curve(document: SimulationDocument) -> Figure | None:
    bands = document.bands
    if len(bands) < 3:
        return None
    currency, best, last = document.currency, document.optimum, bands[-1]
    marks = []
    is_best = best.contacts == document.contacts
    peak = tr("nowhere above zero")
    if best.contacts and best.net_profit is not None:
        label = tr("Optimum, chosen") if is_best else tr("Optimum")
        is_right = best.contacts > 0.6 * last.contacts
        marks.append(CurveMark(best.contacts, best.net_profit, label, "best", -14, is_right))
        peak = tr(
            "highest at {number} customers with {profit}",
            number=count(best.contacts),
            profit=money(best.net_profit, currency),
        )
    if document.contacts and not is_best:
        is_right = document.contacts > 0.6 * last.contacts
        marks.append(CurveMark(document.contacts, document.net_profit, tr("This campaign"), "chosen", 16, is_right))
    describe = tr(
        "Net profit by customers contacted: {peak}; {profit} if all {number} are contacted. The shaded band holds 90 % of the draws.",
        peak=peak,
        profit=money(last.net_profit, currency),
        number=count(last.contacts),
    )
    return profit_curve(bands, marks, _break_even(document), prefix=currency_prefix(currency), describe=describe)


def _break_even(document: SimulationDocument) -> BreakEvenMark | None:
    at = document.break_even
    if at is None or document.mode != "threshold":  # by expected profit there is no one probability to mark
        return None
    paying = [band.contacts for band in document.bands if band.threshold >= at]
    return BreakEvenMark(paying[-1], tr("break-even {share}", share=percent(at, 1))) if paying else None


def _drivers(document: SimulationDocument) -> Figure | None:
    if document.contacts <= 0:
        return None
    currency = document.currency
    return tornado(
        driver_bars(document.tornado, document.net_profit, currency),
        center=document.net_profit,
        prefix=currency_prefix(currency),
        describe=drivers_in_words(document.tornado, currency),
    )


def _choices(document: SimulationDocument) -> list[CutChoice]:
    """A few cuts side by side: round shares of customers, this campaign, and the optimum; fewest contacts first."""
    if len(document.curve) < 3:
        return []
    named = {document.contacts: tr("this campaign")}
    best = document.optimum.contacts
    if best:
        named[best] = tr("optimum") if best != document.contacts else tr("optimum, this campaign")
    choices = {
        cut.contacts: CutChoice(cut, band.low, band.high, named.get(cut.contacts), cut.contacts == document.contacts)
        for cut, band in zip(document.curve, document.bands, strict=True)
    }
    wanted = {min(choices, key=lambda contacts: abs(contacts - share * document.customers)) for share in SHARES}
    wanted |= {contacts for contacts in named if contacts in choices}
    return [choices[contacts] for contacts in sorted(wanted)]
