"""Shows a simulation on a terminal: the sentence, a small table, the profit curve, what matters, and the audit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from churn.campaigns.plan_words import rate_words
from churn.cli.plot import BAND, CURVE, MARK, band_plot
from churn.cli.tables import facts, line, percent, shown, table
from churn.decisions.sensitivity import DRIVERS, driver_text
from churn.documents.simulation import SimulatedOffer, SimulationCaveat, SimulationDocument
from churn.wording import count, money, short_money

MARKS = {"wrong": "!!", "caution": "! ", "note": "- "}


def show(document: SimulationDocument) -> None:
    """Print all of one simulation."""
    currency = document.currency
    line(document.sentence)
    if document.calibration.is_overridden:
        line("NOT CALIBRATED: these amounts rest on probabilities that failed the gate.")
    if document.offer is not None:
        line(_offer(document.offer))
    facts(_headline(document))
    if document.funnel:
        _funnel(document)
    if len(document.bands) > 2:
        _plot(document)
    rows = [
        (
            DRIVERS[driver.input].lower(),
            driver_text(driver.input, driver.low, currency),
            money(driver.net_profit_low, currency),
            driver_text(driver.input, driver.high, currency),
            money(driver.net_profit_high, currency),
        )
        for driver in document.tornado
    ]
    table(
        "What matters most: net profit if",
        ["", "is as low as", "then", "is as high as", "then"],
        rows,
        right=[1, 2, 3, 4],
    )
    line("What this assumes")
    _audit(document.audit)


def show_side_by_side(documents: Sequence[SimulationDocument]) -> None:
    """Print scenarios beside one another."""
    names = [document.name or "this one" for document in documents]

    def row(label: str, shown: Callable[[SimulationDocument], str]) -> tuple[str, ...]:
        return (label, *map(shown, documents))

    def whole(amount: Callable[[SimulationDocument], float]) -> Callable[[SimulationDocument], str]:
        return lambda document: money(amount(document), document.currency, cents=False)

    rows = [
        row("contacts", lambda d: count(d.contacts)),
        row("spend", whole(lambda d: d.cost)),
        row("retained", lambda d: count(d.retained)),
        row("revenue", whole(lambda d: d.revenue)),
        row("net profit", whole(lambda d: d.net_profit)),
        row("  90 % from", whole(lambda d: d.net_profit_interval.low)),
        row("  to", whole(lambda d: d.net_profit_interval.high)),
        row("return on spend", lambda d: percent(d.roi, 0)),
        row("chance of a loss", lambda d: percent(d.loss_probability)),
        row("break-even", lambda d: percent(d.break_even)),
        row("threshold", lambda d: percent(d.threshold)),
        row("value of a save", lambda d: money(d.value_of_save, d.currency)),
        row("profit model", lambda d: d.profit_model),
    ]
    table("Side by side", ["", *names], rows, right=range(1, len(names) + 1))


def _headline(document: SimulationDocument) -> list[tuple[str, str]]:
    currency, best = document.currency, document.optimum
    rows = [
        ("contacts", f"{count(document.contacts)} of {count(document.customers)}, {_cut(document)}"),
        (
            "hit rate",
            f"{percent(document.precision)} of them churn; that is {percent(document.recall)} of all churners",
        ),
        ("spend", f"{money(document.cost, currency)}"),
        (
            "retained",
            f"{count(document.retained)} customers, {money(document.revenue, currency)}",
        ),
        ("net profit", f"{money(document.net_profit, currency)}, {percent(document.roi, 0)} of what is spent"),
        ("value of a save", f"{money(document.value_of_save, currency)} on average"),
        (
            "break-even",
            "differs by customer" if document.offer else f"churn probability {percent(document.break_even)}",
        ),
    ]
    low, high = best.contacts_interval.low, best.contacts_interval.high
    if best.contacts is not None and best.net_profit is not None and low is not None and high is not None:
        earns = money(best.net_profit, currency)
        rows.append(("optimum", f"{count(best.contacts)} contacts ({count(low)} to {count(high)}), {earns} net"))
    of = {"scores": "published scores", "evaluation": "past customers", "case_study": "the case study"}
    when = f" of {document.snapshot_date}, model {document.model_version}" if document.model_version else ""
    rows.append(("basis", f"{of[document.basis]}{when}"))
    rows.append(("profit model", f"{document.profit_model}: {document.profit_model_description}"))
    return rows


def _offer(offer: SimulatedOffer) -> str:
    """Return whose terms the amounts rest on, and what the offer is believed to do."""
    named = f"{offer.title} ({offer.campaign})" if offer.campaign else offer.title
    within = f", as it competes in {offer.programme}" if offer.programme else ""
    rates = f": {'; '.join(map(rate_words, offer.rates))}" if offer.rates else ""
    held = f" {count(offer.held_out)} of the chosen are left alone to measure it." if offer.held_out else ""
    return f"By the terms of {named}{within}{rates}.{held}"


def _funnel(document: SimulationDocument) -> None:
    """Print whom it would pay to contact, and why not all of them are."""
    rows = [
        (
            step.label,
            count(step.customers),
            money(step.expected_profit, document.currency, cents=False),
            "; ".join(f"{count(reason.removed)} {reason.label}" for reason in step.reasons),
        )
        for step in document.funnel
    ]
    table("Who can be contacted", ["", "customers", "would earn", "left out"], rows, right=[1, 2])


def _cut(document: SimulationDocument) -> str:
    if document.threshold is None:
        return "nobody"
    cut = percent(document.threshold)
    if document.mode == "threshold" or document.basis == "case_study":
        return f"from a probability of {cut} up"
    if document.offer is not None:
        return "as a plan would choose them"
    return f"of highest expected profit, at probabilities of {cut} and more"


def _plot(document: SimulationDocument) -> None:
    """Draw net profit against contacts with its 90 % range."""
    from rich.console import Console
    from rich.text import Text

    bands, console = document.bands, Console()
    lines = band_plot(
        [band.contacts for band in bands],
        [band.net_profit for band in bands],
        [band.low for band in bands],
        [band.high for band in bands],
        mark=(document.contacts, document.net_profit) if document.contacts else None,
        x_label=count,
        y_label=lambda amount: short_money(amount, document.currency),
        width=min(console.width, 96),
    )
    console.print(f"\nNet profit by customers contacted: {CURVE} expected, {BAND} 90 % of draws, {MARK} this campaign")
    for row in lines:
        text = Text(row, no_wrap=True)
        text.highlight_regex(BAND, "blue dim")
        text.highlight_regex(CURVE, "bold cyan")
        text.highlight_regex(MARK, "bold yellow")
        console.print(text)
    console.print()


def _audit(caveats: Sequence[SimulationCaveat]) -> None:
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    styles = {"wrong": "bold red", "caution": "yellow", "note": "dim"}
    for caveat in caveats:
        text = Text.assemble((MARKS[caveat.severity] + " ", styles[caveat.severity]), shown(caveat.sentence))
        console.print(Padding(text, (0, 0, 0, 2)))
