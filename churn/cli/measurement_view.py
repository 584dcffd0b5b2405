"""Shows a measurement on a terminal: the words first, then the figures behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from churn.cli.tables import facts, line, percent, table
from churn.wording import count, money

NAMES = {"plain_effect": "unstratified", "effect": "as assigned", "cuped": "allowing for risk before (CUPED)"}
VERDICTS = {"works": "works", "harms": "HARMS", "open": "not proven"}


def show(document: Mapping[str, Any]) -> None:
    """Print all of one measurement."""
    line(document["words"]["headline"])
    line("")
    for each in document["words"]["story"]:
        line(f"- {each['sentence']}")
    for note in document["words"]["notes"]:
        line(f"! {note}")
    line("")
    table(
        "",
        ["", "assigned", "followed", "left", "rate", "reached", "used the offer"],
        [_arm(name, document["arms"][name]) for name in ("treatment", "holdout")],
        right=range(1, 7),
    )
    if document["effect"] is not None:
        _effects(document)
        _money(document)
        _segments(document)


def show_ledger(rows: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]]) -> None:
    """Print the save ledger, what plans expected beside what was measured, after the alarms still open."""
    for each in alarms:
        line(f"!! {each['message']}")
    if not rows:
        line("No campaign has been planned yet: `churn plan`.")
        return
    shown = []
    for row in rows:
        found, currency = row["ledger"] or {}, row["currency"]
        net, saves = found.get("net_profit"), found.get("saves")
        shown.append(
            (
                row["campaign"],
                count(row["treatment"]),
                count(row["holdout"]),
                _verdict(row),
                _number(found.get("expected_saves")),
                "-" if saves is None else _range(saves, _number),
                "-" if not found else money(found["expected_profit"], currency, cents=False),
                "-" if net is None else _range(net, partial(money, currency=currency, cents=False)),
            )
        )
    names = [
        "campaign",
        "treated",
        "held out",
        "verdict",
        "saves planned",
        "measured",
        "net profit planned",
        "measured",
    ]
    table("Save ledger: planned against measured (95 % interval)", names, shown, right=[1, 2, 4, 5, 6, 7])


def _verdict(row: Mapping[str, Any]) -> str:
    if row["verdict"] is not None:
        assigned, measured = row["treatment"] + row["holdout"], row["measured_customers"]
        later = f", {count(assigned - measured)} joined later" if assigned > measured else ""
        return VERDICTS[row["verdict"]] + later
    if row["status"] == "not_mature":
        return f"ready on {row['ready_date']}"
    return str(row["status"]).replace("_", " ")


def _range(values: Mapping[str, float], write: Callable[[float], str]) -> str:
    return f"{write(values['value'])} ({write(values['low'])} to {write(values['high'])})"


def _number(value: float | None) -> str:
    return "-" if value is None else count(value)


def _arm(name: str, arm: Mapping[str, Any]) -> tuple[str, ...]:
    counts = [count(arm[key]) for key in ("assigned", "measured", "churned")]
    return (name, *counts, percent(arm["churn_rate"]), count(arm["delivered"]), count(arm["accepted"]))


def _effects(document: Mapping[str, Any]) -> None:
    found = [(label, document[key]) for key, label in NAMES.items() if document[key] is not None]
    found = [pair for pair in found if pair[1] != document["effect"] or pair[0] != NAMES["plain_effect"]]
    delivered = (document["delivered"] or {}).get("effect")
    if delivered is not None:
        found.append(("on those reached", delivered))
    rows = [
        (label, *(f"{100 * effect[key]:.2f}" for key in ("delta", "low", "high")), f"{effect['p_value']:.3g}")
        for label, effect in found
    ]
    table("Churn avoided, in points", ["", "effect", "from", "to", "p"], rows, right=[1, 2, 3, 4])


def _money(document: Mapping[str, Any]) -> None:
    found, currency = document["money"], document["currency"]

    whole = partial(money, currency=currency, cents=False)
    facts(
        [
            ("saves", _range(found["saves"], count)),
            ("value of a save", money(found["value_of_save"], currency)),
            ("revenue retained", _range(found["revenue"], whole)),
            ("costs", money(found["costs"]["total"], currency)),
            ("net profit", _range(found["net_profit"], whole)),
            ("return on spend", percent(found["roi"], 0)),
        ]
    )


def _segments(document: Mapping[str, Any]) -> None:
    rows = [
        (
            f"{row['dimension'].replace('_', ' ')} {row['segment']}",
            count(row["treatment"]),
            count(row["holdout"]),
            *(f"{100 * row[key]:.1f}" for key in ("delta", "low", "high")),
            f"{row['p_corrected']:.3g}",
        )
        for row in document["segments"]
    ]
    if rows:
        names = ["", "treated", "held out", "effect", "from", "to", "p corrected"]
        table("Segments, exploratory: questions, not findings", names, rows, right=range(1, 7))
