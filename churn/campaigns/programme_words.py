"""Says a round of a programme in words: what competes, what it may cost, what chance decides, and what waits for a yes."""

from __future__ import annotations

from churn.documents.height import HeightDocument
from churn.documents.off_policy import NoPolicyProfit, PolicyProfit
from churn.documents.programme import LEAVE_ALONE, ProgrammeDefinition
from churn.documents.programme_round import OfferOnTrial, RoundArm, RoundDocument, SliceOfRound, SwitchedOff
from churn.languages.words import in_english
from churn.wording import count, money, percent

OFFER_OFF = "programme_offer_off"  # the kind of alert


@in_english
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
    sentences += [trial_words(trial) for trial in document.on_trial]
    if document.left_out:
        sentences.append(
            f"{count(document.left_out)} of the draft were left out when it was approved: by then they had objected, left, come into "
            "another campaign or been contacted."
        )
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


@in_english
def slice_words(drawn: SliceOfRound, currency: str) -> list[str]:
    """Return what the random slice is and costs; nothing where none was asked for."""
    if not drawn.wanted_share:
        return []
    cut = (
        ""
        if drawn.share >= drawn.wanted_share
        else f", not {percent(drawn.wanted_share, 1)}, as more would break a limit"
    )
    whom = "those with whom an offer may pay" if drawn.not_tried else "them"
    if not drawn.share:
        return ["Nobody is in the random slice: no offer can pay with anybody to whom it may be made."]
    return [
        (
            f"The random slice is {percent(drawn.share, 1)} of {whom}{cut}: {count(drawn.customers)} customers, "
            f"{count(drawn.left_alone)} of them left alone. It is expected to cost {_whole(drawn.cost, currency)} of profit."
        ),
        *(
            f"It does not draw `{offer.offer}` for {count(offer.customers)} of {count(offer.of)}: with them the offer loses even in the best "
            "case of its range."
            for offer in drawn.not_tried
        ),
    ]


def off_words(programme: str, off: SwitchedOff) -> str:
    """Return that an offer is off, why, and what to do."""
    return (
        f"`{off.offer}` is off in `{programme}`: {off.why} Look at the offer; `churn plan {programme} --despite-alarm` makes it "
        "all the same."
    )


def trial_words(trial: OfferOnTrial) -> str:
    """Return that an offer is on trial, why, and on how many."""
    known = f"by {count(trial.rounds)} measured rounds" if trial.rounds else "by its file, as nothing was measured yet"
    return (
        f"`{trial.offer}` is on trial: {known} it earns its cost with {percent(trial.chance, 0)} chance, so of the "
        f"{count(trial.of)} whom it is expected to pay for {count(trial.customers)}, drawn by chance, may get it until outcomes say more."
    )


def harm_reason(off_effect: float, certainty: float, rounds: int) -> str:
    """Return why an offer is taken to do harm."""
    after = "one measured round" if rounds == 1 else f"{count(rounds)} measured rounds"
    return (
        f"after {after} contact is believed to change churn by {-100 * off_effect:+.2f} points on "
        f"average, and to do harm with {percent(certainty)} certainty."
    )


def _whole(amount: float, currency: str) -> str:
    return money(amount, currency, cents=False)


@in_english
def height_words(height: HeightDocument, programme: ProgrammeDefinition, currency: str) -> tuple[str, ...]:
    """Return what the height post says: the verdict first, then what it rests on."""
    months = f"{height.months} months"
    verdict = {
        "pays_back": f"`{programme.name}` is expected to earn {_whole(height.gain, currency)} more than the static plan within {months}.",
        "nothing_to_learn": f"`{programme.name}` has hardly anything to learn: keep the static plan, without a random slice.",
        "slice_costs_more": (
            f"`{programme.name}` does not pay back its random slice within {months}: learn from the holdout alone, "
            f"worth {_whole(height.gain_without_slice, currency)}, and leave the slice out."
        ),
        "learns_too_slowly": f"`{programme.name}` does not pay back within {months}: keep the static plan.",
    }[height.reason]
    proof = {
        "tall_enough": f"It is large enough to prove by then that it beats the plain risk rule: {percent(height.chance_to_certify)} chance.",
        "open": f"Whether it proves by then that it beats the plain risk rule is open: {percent(height.chance_to_certify)} chance.",
        "too_small": f"It is too small to prove by then that it beats the plain risk rule: {percent(height.chance_to_certify)} chance.",
    }[height.height]
    return (
        verdict,
        proof,
        (
            f"The random slice costs {_whole(height.slice_cost, currency)} a month; the static plan earns "
            f"{_whole(height.static_profit, currency)}, the risk rule {_whole(height.rule_profit, currency)}, and knowing the offers' true "
            f"numbers would add {_whole(height.knowable, currency)}."
        ),
        (
            f"To learn the offers apart it takes {_months(height.months_to_learn)}, or {_customers(height.customers_to_learn, months)}; to "
            f"prove itself {_months(height.months_to_certify)}, or {_customers(height.customers_to_certify, months)}. It has "
            f"{count(round(height.customers))} a month."
        ),
    )


def _months(months: int | None) -> str:
    return "more than two years" if months is None else f"{count(months)} month{'s' if months > 1 else ''}"


def _customers(customers: float | None, months: str) -> str:
    return (
        f"more customers than were looked at for {months}"
        if customers is None
        else f"{count(round(customers))} customers a month for {months}"
    )


@in_english
def policy_words(answer: PolicyProfit | NoPolicyProfit, decisions: str, currency: str) -> tuple[str, ...]:
    """Return what a policy would have earned, or why that cannot be told; `decisions` says of which rounds."""
    policy = answer.policy.replace("_", " ")
    if isinstance(answer, NoPolicyProfit):
        if answer.reason == "no_support":
            return (
                (
                    f"What `{policy}` would have earned cannot be told: {percent(answer.unsupported, 1)} of it was never tried "
                    f"({percent(answer.allowed_unsupported, 1)} at most is allowed). A random slice over all offers tries it."
                ),
            )
        return (
            (
                f"What `{policy}` would have earned cannot be told: its decisions are worth {count(round(answer.effective))} of equal "
                f"weight, and it takes {count(round(answer.needed_effective))}. More rounds, or a larger random slice, help."
            ),
        )
    amount = f"{_whole(answer.profit, currency)} ({_whole(answer.low, currency)} to {_whole(answer.high, currency)})"
    gain = (
        f"more than `{answer.against.replace('_', ' ')}`"
        if answer.against
        else "in all, what those who stay are worth included"
    )
    return (
        f"`{policy}` would have earned {amount} {gain}, over {decisions}.",
        (
            f"The interval is one of {percent(answer.confidence)}; the decisions are worth {count(round(answer.effective))} of equal "
            f"weight, and {percent(answer.clipped, 1)} of the policy was cut at a weight of {answer.largest_weight:,.0f}, which the interval "
            "allows for."
        ),
    )


def other_rounds_words(others: int) -> tuple[str, ...]:
    """Return that rounds of other offers are no part of an evaluation; nothing where there are none."""
    if not others:
        return ()
    if others == 1:
        return ("One approved round had other offers and is left out.",)
    return (f"{count(others)} approved rounds had other offers and are left out.",)
