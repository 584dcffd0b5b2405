"""Shows a programme on a terminal: its rounds, its offers, and one round whole."""

from __future__ import annotations

from churn.cli.tables import facts, line, percent, table
from churn.documents.document import Range
from churn.documents.programme_round import RoundDocument
from churn.views.programmes import ShownProgramme
from churn.wording import count, money


def show_round(document: RoundDocument) -> None:
    """Print a round: its sentences, its arms, and what its plan says."""
    for sentence in document.sentences:
        line(sentence)

    def whole(amount: float) -> str:
        return money(amount, document.currency, cents=False)

    table(
        f"Round {document.round} of {document.snapshot_date}",
        ["arm", "eligible", "chosen", "contacted", "held out", "at random", "expected cost", "expected profit"],
        [
            (
                arm.offer,
                count(arm.eligible),
                count(arm.chosen),
                count(arm.contacted),
                count(arm.held_out),
                count(arm.at_random),
                whole(arm.expected_cost),
                whole(arm.expected_profit),
            )
            for arm in document.arms
        ],
        right=range(1, 8),
    )


def show_programme_page(shown: ShownProgramme) -> None:
    """Print a programme: what it is, its rounds, its offers, and the newest round."""
    currency = shown.newest.currency if shown.newest else "USD"

    def whole(amount: float) -> str:
        return money(amount, currency, cents=False)

    def span(amount: Range | None) -> str:
        return "-" if amount is None else f"{whole(amount.value)} ({whole(amount.low)} to {whole(amount.high)})"

    rows = [("programme", f"{shown.title} ({shown.name})")]
    if shown.owner:
        rows.append(("owner", shown.owner))
    if shown.description:
        rows.append(("for", shown.description))
    if shown.error:
        rows.append(("file", shown.error))
    facts(rows)
    for alert in shown.alerts:
        line(f"Alert: {alert}")
    if not shown.rounds:
        line(f"No round yet: `churn plan {shown.name}` plans one.")
        return
    table(
        "Rounds",
        [
            "round",
            "state",
            "as of",
            "contacted",
            "held out",
            "at random",
            "committed",
            "expected",
            "measured net profit",
        ],
        [
            (
                row.round,
                f"{row.state} by {row.decided_by}" if row.decided_by else row.state,
                row.snapshot_date,
                count(row.contacted),
                count(row.held_out),
                count(row.at_random),
                whole(row.committed),
                whole(row.expected_profit),
                span(row.net_profit),
            )
            for row in shown.rounds
        ],
        right=range(3, 9),
    )
    table(
        "Offers",
        ["offer", "contacted", "spent in measured rounds", "churn avoided", "net profit", "believed now"],
        [
            (
                f"{offer.offer} (off)" if offer.is_off else offer.offer,
                count(offer.contacted),
                whole(offer.spent),
                "-"
                if offer.effect is None
                else f"{percent(offer.effect.delta, 1)} ({percent(offer.effect.low, 1)} to {percent(offer.effect.high, 1)})",
                span(offer.net_profit),
                "; ".join(offer.words),
            )
            for offer in shown.offers
        ],
        right=range(1, 5),
    )
    if shown.newest is not None:
        show_round(shown.newest)
