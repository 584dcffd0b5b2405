"""Shows a simulation on a terminal: the sentence, a small table, the profit curve, what matters, and the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from churn.cli.plot import BAND, CURVE, MARK, band_plot
from churn.cli.tables import facts, line, percent, table
from churn.wording import count, money, short_money

LABELS = {
    "success_rate": "success rate",
    "value_of_save": "value of a save",
    "churners_reached": "churners reached",
    "contact_cost": "cost of a contact",
    "incentive_cost": "cost of an incentive",
}
MARKS = {"wrong": "!!", "caution": "! ", "note": "- "}


def show(document: Mapping[str, Any]) -> None:
    """Print all of one simulation."""
    currency = document["currency"]
    line(document["sentence"])
    if document["calibration"]["is_overridden"]:
        line("NOT CALIBRATED: these amounts rest on probabilities that failed the gate.")
    facts(_headline(document))
    if len(document["bands"]) > 2:
        _plot(document)
    rows = [
        (
            LABELS[row["input"]],
            _input(row["input"], row["low"], currency),
            money(row["net_profit_low"], currency),
            _input(row["input"], row["high"], currency),
            money(row["net_profit_high"], currency),
        )
        for row in document["tornado"]
    ]
    table(
        "What matters most: net profit if",
        ["", "is as low as", "then", "is as high as", "then"],
        rows,
        right=[1, 2, 3, 4],
    )
    line("What this assumes")
    _audit(document["audit"])


def show_side_by_side(documents: Sequence[Mapping[str, Any]]) -> None:
    """Print scenarios beside one another."""
    names = [d["name"] or "this one" for d in documents]

    def row(label: str, *values: str) -> tuple[str, ...]:
        return (label, *values)

    def whole(amount: float, d: Mapping[str, Any]) -> str:
        return money(amount, d["currency"], cents=False)

    def each(key: str) -> list[str]:
        return [whole(d[key], d) for d in documents]

    rows = [
        row("contacts", *(count(d["contacts"]) for d in documents)),
        row("spend", *each("cost")),
        row("retained", *(count(d["retained"]) for d in documents)),
        row("revenue", *each("revenue")),
        row("net profit", *each("net_profit")),
        row("  90 % from", *(whole(d["net_profit_interval"]["low"], d) for d in documents)),
        row("  to", *(whole(d["net_profit_interval"]["high"], d) for d in documents)),
        row("return on spend", *(percent(d["roi"], 0) for d in documents)),
        row("chance of a loss", *(percent(d["loss_probability"]) for d in documents)),
        row("break-even", *(percent(d["break_even"]) for d in documents)),
        row("threshold", *(percent(d["threshold"]) for d in documents)),
        row("value of a save", *(money(d["value_of_save"], d["currency"]) for d in documents)),
        row("profit model", *(str(d["profit_model"]) for d in documents)),
    ]
    table("Side by side", ["", *names], rows, right=range(1, len(names) + 1))


def _headline(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    currency, best = document["currency"], document["optimum"]
    rows = [
        ("contacts", f"{count(document['contacts'])} of {count(document['customers'])}, {_cut(document)}"),
        (
            "hit rate",
            f"{percent(document['precision'])} of them churn; that is {percent(document['recall'])} of all churners",
        ),
        ("spend", f"{money(document['cost'], currency)}"),
        (
            "retained",
            f"{count(document['retained'])} customers, {money(document['revenue'], currency)}",
        ),
        ("net profit", f"{money(document['net_profit'], currency)}, {percent(document['roi'], 0)} of what is spent"),
        ("value of a save", f"{money(document['value_of_save'], currency)} on average"),
        ("break-even", f"churn probability {percent(document['break_even'])}"),
    ]
    if best["contacts"] is not None:
        low, high = (count(best["contacts_interval"][end]) for end in ("low", "high"))
        earns = money(best["net_profit"], currency)
        rows.append(("optimum", f"{count(best['contacts'])} contacts ({low} to {high}), {earns} net"))
    of = {"scores": "published scores", "evaluation": "past customers", "case_study": "the case study"}
    when = f" of {document['snapshot_date']}, model {document['model_version']}" if document["model_version"] else ""
    rows.append(("basis", f"{of[document['basis']]}{when}"))
    rows.append(("profit model", f"{document['profit_model']}: {document['profit_model_description']}"))
    return rows


def _cut(document: Mapping[str, Any]) -> str:
    return "nobody" if document["threshold"] is None else f"from a probability of {percent(document['threshold'])} up"


def _input(name: str, value: float, currency: str) -> str:
    if name == "success_rate":
        return percent(value, 0)
    return count(value) if name == "churners_reached" else money(value, currency)


def _plot(document: Mapping[str, Any]) -> None:
    """Draw net profit against contacts with its 90 % range."""
    from rich.console import Console
    from rich.text import Text

    bands, console = document["bands"], Console()
    lines = band_plot(
        [b["contacts"] for b in bands],
        *([b[key] for b in bands] for key in ("net_profit", "low", "high")),
        mark=(document["contacts"], document["net_profit"]) if document["contacts"] else None,
        x_label=count,
        y_label=lambda amount: short_money(amount, document["currency"]),
        width=min(console.width, 96),
    )
    console.print(f"\nNet profit by customers contacted: {CURVE} expected, {BAND} 90 % of draws, {MARK} this campaign")
    for each in lines:
        text = Text(each, no_wrap=True)
        text.highlight_regex(BAND, "blue dim")
        text.highlight_regex(CURVE, "bold cyan")
        text.highlight_regex(MARK, "bold yellow")
        console.print(text)
    console.print()


def _audit(findings: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    styles = {"wrong": "bold red", "caution": "yellow", "note": "dim"}
    for each in findings:
        text = Text.assemble((MARKS[each["severity"]] + " ", styles[each["severity"]]), each["sentence"])
        console.print(Padding(text, (0, 0, 0, 2)))
