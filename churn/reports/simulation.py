"""The page of one simulation: what the document says, as something to read, print and hand on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from churn.reports.charts.svg import profit_curve, token_css, tornado
from churn.reports.render import render
from churn.wording import SYMBOLS, count, money, percent

INPUTS = {
    "success_rate": "Success rate",
    "value_of_save": "Value of a save",
    "churners_reached": "Churners reached",
    "contact_cost": "Cost of a contact",
    "incentive_cost": "Cost of an incentive",
}
SHARES = (0.01, 0.02, 0.05, 0.10, 0.20, 0.30, 0.50, 1.0)


def render_simulation(document: Mapping[str, Any], *, home: Path) -> str:
    """Return the self-contained HTML page of a simulation's document; the same document gives the same bytes."""
    return render(
        "simulation/simulation.html",
        home=home,
        d=document,
        tokens=token_css(),
        curve=_curve(document),
        drivers=_drivers(document),
        choices=_choices(document),
        inputs=INPUTS,
    )


def _curve(document: Mapping[str, Any]) -> Markup | None:
    bands = document["bands"]
    if len(bands) < 3:
        return None
    currency, best = document["currency"], document["optimum"]
    marks = []
    is_best = best["contacts"] == document["contacts"]
    if best["contacts"]:
        marks.append({**_at(best), "label": "Optimum, chosen" if is_best else "Optimum", "kind": "best", "dy": -14})
    if document["contacts"] and not is_best:
        marks.append({**_at(document), "label": "This campaign", "kind": "chosen", "dy": 16})
    last = bands[-1]
    peak = f"highest at {count(best['contacts'])} customers with {money(best['net_profit'], currency)}"
    describe = (
        f"Net profit by customers contacted: {peak if best['contacts'] else 'nowhere above zero'}; "
        f"{money(last['net_profit'], currency)} if all {count(last['contacts'])} are contacted. "
        "The shaded band holds 90 % of the draws."
    )
    return profit_curve(
        bands, marks, break_even=_break_even(document), currency_prefix=_prefix(currency), describe=describe
    )


def _break_even(document: Mapping[str, Any]) -> tuple[float, str] | None:
    at = document["break_even"]
    paying = [b["contacts"] for b in document["bands"] if at is not None and b["threshold"] >= at]
    return (paying[-1], f"break-even {percent(at, 1)}") if paying else None


def _drivers(document: Mapping[str, Any]) -> Markup | None:
    currency = document["currency"]
    if document["contacts"] <= 0:
        return None
    rows = [
        {
            "label": INPUTS[row["input"]],
            "low_text": value_text(row["input"], row["low"], currency),
            "high_text": value_text(row["input"], row["high"], currency),
            "at_low": row["net_profit_low"],
            "at_high": row["net_profit_high"],
        }
        for row in document["tornado"]
    ]
    told = "; ".join(
        f"{r['label'].lower()} from {r['low_text']} to {r['high_text']}: "
        f"{money(r['at_low'], currency)} to {money(r['at_high'], currency)}"
        for r in rows
    )
    return tornado(
        rows, center=document["net_profit"], currency_prefix=_prefix(currency), describe=f"Net profit by {told}."
    )


def value_text(name: str, value: float, currency: str) -> str:
    """Return an input's value in its own unit."""
    if name == "success_rate":
        return percent(value, 0)
    return count(value) if name == "churners_reached" else money(value, currency)


def _choices(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A few cuts side by side: round shares of customers, this campaign, and the optimum; fewest contacts first."""
    if len(document["curve"]) < 3:
        return []
    named = {document["contacts"]: "this campaign"}
    best = document["optimum"]["contacts"]
    if best:
        named[best] = "optimum" if best != document["contacts"] else "optimum, this campaign"
    rows = {p["contacts"]: (p, band) for p, band in zip(document["curve"], document["bands"], strict=True)}
    wanted = {min(rows, key=lambda c: abs(c - share * document["customers"])) for share in SHARES}
    wanted |= {contacts for contacts in named if contacts in rows}
    return [
        {**rows[c][0], "low": rows[c][1]["low"], "high": rows[c][1]["high"], "name": named.get(c)}
        for c in sorted(wanted)
    ]


def _at(point: Mapping[str, Any]) -> dict[str, float]:
    return {"contacts": point["contacts"], "net_profit": point["net_profit"]}


def _prefix(currency: str) -> str:
    return SYMBOLS.get(currency, f"{currency} " if currency.isalpha() else "")
