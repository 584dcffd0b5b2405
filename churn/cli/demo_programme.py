"""Shows the rounds of a programme that the demo played, beside the truth that only a simulation knows."""

from __future__ import annotations

from churn.cli.common import Session
from churn.cli.tables import facts, line, table
from churn.wording import money
from churn.workflows.demo import PlayedProgramme, play_programme


def play(session: Session) -> None:
    """Play three rounds of a programme in the demo's company, and show what was learnt."""
    context = session.context
    played = play_programme(context)
    session.show(played, lambda: _show(played, context.settings.business.currency))


def _show(played: PlayedProgramme, currency: str) -> None:
    def points(share: float | None) -> str:
        return "-" if share is None else f"{100 * share:+.1f}"

    def whole(amount: float) -> str:
        return money(amount, currency, cents=False)

    rows = [
        (
            offer.round,
            offer.offer,
            f"{offer.contacted:,}",
            f"{offer.holdout:,}",
            points(offer.expected),
            "unknown"
            if offer.effect is None
            else f"{points(offer.effect.delta)} ({points(offer.effect.low)} to {points(offer.effect.high)})",
            points(offer.true_effect),
        )
        for offer in played.offers
    ]
    columns = ["round", "offer", "contacted", "held out", "expected, points", "measured", "in truth"]
    table(f"Programme {played.name}, churn avoided per contacted", columns, rows, right=range(2, 7))
    net = played.net_profit
    facts(
        [
            ("rounds", ", ".join(day.isoformat() for day in played.days)),
            ("promised", whole(played.promised)),
            ("measured", "unknown" if net is None else f"{whole(net.value)} ({whole(net.low)} to {whole(net.high)})"),
            ("in truth", whole(played.true_net_profit)),
            *((title, "; ".join(words)) for title, words in played.believed),
        ]
    )
    line(
        f"Next: `churn programmes show {played.name}`, `churn programmes evaluate {played.name} --policy leave_alone`."
    )
