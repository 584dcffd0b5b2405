"""Says a round of a programme in words: what competes, what it may cost, what chance decides, and what waits for a yes."""

from __future__ import annotations

from churn.documents.programme import LEAVE_ALONE
from churn.documents.programme_round import RoundArm, RoundDocument, SliceOfRound, SwitchedOff
from churn.wording import count, money, percent

OFFER_OFF = "programme_offer_off"  # the kind of alert


def round_sentences(document: RoundDocument) -> tuple[str, ...]:
    """Return the round in sentences, the most important first."""
    offers = [arm for arm in document.arms if arm.offer != LEAVE_ALONE]
    contacted, currency = sum(arm.contacted for arm in offers), document.currency
    left = count(document.eligible - contacted)
    sentences = [
        (
            f"Round {document.round} of `{document.programme}`: of {count(document.eligible)} customers whom an offer may be made, "
            f"{count(contacted)} get one and {left} are left alone."
        ),
        *(_arm(arm, currency) for arm in offers if arm.contacted or arm.held_out),
    ]
    if document.budget is not None:
        sentences.append(
            f"It commits {_whole(document.committed, currency)} of the {_whole(document.budget, currency)} a month, of which "
            f"earlier rounds took {_whole(document.budget_used_before, currency)}."
        )
    sentences += slice_words(document.random_slice, currency)
    sentences += [off_words(document.programme, off) for off in document.switched_off]
    if document.is_draft:
        until = f" until {document.expires_at:%Y-%m-%d %H:%M}" if document.expires_at else ""
        sentences.append(
            f"It is a draft{until}: nobody is assigned or pushed before `churn programmes approve {document.programme} "
            f"--round {document.round}`."
        )
    return tuple(sentences)


def _arm(arm: RoundArm, currency: str) -> str:
    capacity = (
        "" if arm.capacity is None else f", {count(arm.capacity - arm.taken_before)} contacts were left this month"
    )
    return (
        f"{arm.title}: {count(arm.contacted)} contacted ({count(arm.at_random)} of them at random), {count(arm.held_out)} held "
        f"out; expected to cost {_whole(arm.expected_cost, currency)} and earn {_whole(arm.expected_profit, currency)}{capacity}."
    )


def slice_words(drawn: SliceOfRound, currency: str) -> list[str]:
    """Return what the random slice is and costs; nothing where none was asked for."""
    if not drawn.wanted_share:
        return []
    cut = (
        ""
        if drawn.share >= drawn.wanted_share
        else f", not {percent(drawn.wanted_share, 1)}, as more would break a limit"
    )
    return [
        (
            f"The random slice is {percent(drawn.share, 1)} of them{cut}: {count(drawn.customers)} customers, "
            f"{count(drawn.left_alone)} of them left alone. It is expected to cost {_whole(drawn.cost, currency)} of profit."
        )
    ]


def off_words(programme: str, off: SwitchedOff) -> str:
    """Return that an offer is off, why, and what to do."""
    return (
        f"`{off.offer}` is off in `{programme}`: {off.why} Look at the offer; `churn plan {programme} --despite-alarm` makes it "
        "all the same."
    )


def harm_reason(off_effect: float, certainty: float, rounds: int) -> str:
    """Return why an offer is taken to do harm."""
    return (
        f"after {count(rounds)} measured rounds contact is believed to change churn by {-100 * off_effect:+.2f} points on "
        f"average, and to do harm with {percent(certainty)} certainty."
    )


def _whole(amount: float, currency: str) -> str:
    return money(amount, currency, cents=False)
