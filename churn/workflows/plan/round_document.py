"""Builds what a round of a programme leaves behind: its document, and the log of everybody's probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.plan_words import recalibration_note
from churn.campaigns.programme_words import round_sentences
from churn.campaigns.random_slice import NONE, arm_probabilities
from churn.config import Settings
from churn.documents.programme import LEAVE_ALONE
from churn.documents.programme_round import (
    OfferNotTried,
    OfferOnTrial,
    PlannedOffer,
    RoundArm,
    RoundDocument,
    SliceOfRound,
    SwitchedOff,
)

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from churn.decisions.checks import Floats
    from churn.documents.plan import PlanDocument, PlanInputs
    from churn.workflows.plan.document import PlanningRun
    from churn.workflows.plan.rounds import OpenRound


@dataclass(frozen=True)
class PlannedRound:
    """A round as it was planned: what it is part of, the run of the plan with its document, and which offers are off."""

    opened: OpenRound
    run: PlanningRun
    document: PlanDocument
    inputs: Mapping[str, PlanInputs]  # by the names of the campaigns' files
    off: Sequence[SwitchedOff]
    trials: Sequence[OfferOnTrial]
    budget: float | None
    basis: str  # see `basis_of`

    @property
    def offers(self) -> tuple[str, ...]:
        """The offers in the order of the arms."""
        return self.opened.programme.competing

    @property
    def logged(self) -> NDArray[np.intp]:
        """The rows of everybody whom any offer might be made."""
        return np.flatnonzero(np.any([offer.eligibility.is_possible for offer in self.run.priced], axis=0))

    @property
    def profit(self) -> Floats:
        """Expected profit of each offer (n, k)."""
        return np.column_stack([offer.profit for offer in self.run.priced])


def round_document(settings: Settings, planned: PlannedRound) -> RoundDocument:
    """Return the round's document, its sentences included."""
    programme, run, opened = planned.opened.programme, planned.run, planned.opened
    expires = programme.approval.expires_days
    is_draft = programme.approval.required
    document = RoundDocument(
        programme=programme.name,
        title=programme.title,
        round=opened.number,
        is_draft=is_draft,
        expires_at=run.planned_at + timedelta(days=expires) if is_draft else None,
        planned_at=run.planned_at,
        snapshot_date=run.scores.snapshot_date,
        model_version=run.scores.model_version,
        run_id=run.scores.run_id,
        currency=settings.business.currency,
        customers=run.scores.frame.height,
        eligible=planned.logged.size,
        budget=planned.budget,
        budget_used_before=_cents(sum(used.month_committed for used in opened.used.values())),
        committed=planned.document.allocation.committed,
        holdout_share=programme.holdout.share,
        random_slice=_slice(planned),
        arms=(*(_arm(planned, k, offer) for k, offer in enumerate(planned.offers)), _leave_alone(planned)),
        switched_off=tuple(planned.off),
        on_trial=tuple(planned.trials),
        offers=tuple(_planned_offer(planned, k, offer) for k, offer in enumerate(planned.offers)),
        plan=planned.document,
        sentences=(),
    )
    recalibration = run.priced[0].recalibration if run.priced else None
    level = () if recalibration is None else (recalibration_note(recalibration),)
    return document.model_copy(update={"sentences": (*round_sentences(document), *level)})


def _planned_offer(planned: PlannedRound, position: int, offer: str) -> PlannedOffer:
    priced, inputs = planned.run.priced[position], planned.inputs[offer]
    return PlannedOffer(
        offer=offer,
        campaign=priced.definition.name,
        plan_id=planned.run.plan_ids[position],
        definition=priced.definition,
        profit_model=priced.economics.profit_model,
        window_days=inputs.window_days,
        inputs=inputs,
    )


def _arm(planned: PlannedRound, position: int, offer: str) -> RoundArm:
    priced, choice = planned.run.priced[position], planned.run.choice
    part = planned.document.campaign(priced.definition.name)
    treated, used = choice.treated(position), planned.opened.used[offer]
    return RoundArm(
        offer=offer,
        title=priced.definition.title,
        campaign=priced.definition.name,
        eligible=int(np.count_nonzero(priced.eligibility.is_possible)),
        chosen=int(np.count_nonzero((choice.policy == position) & ~choice.is_random)),
        contacted=treated.size,
        held_out=choice.held_out(position).size,
        at_random=int(np.count_nonzero(choice.is_random[treated])),
        expected_cost=part.expected.cost if part else 0.0,
        expected_profit=part.expected.profit if part else 0.0,
        committed=_cents(priced.committed(treated)),
        capacity=priced.definition.limits.contacts,
        taken_before=used.month_contacts,
    )


def _leave_alone(planned: PlannedRound) -> RoundArm:
    choice, rows = planned.run.choice, planned.logged
    is_alone = (choice.campaign[rows] == NONE) | choice.is_holdout[rows]
    return RoundArm(
        offer=LEAVE_ALONE,
        title="Leave alone",
        campaign=None,
        eligible=rows.size,
        chosen=int(np.count_nonzero((choice.policy[rows] == NONE) & ~choice.is_random[rows])),
        contacted=0,
        held_out=int(np.count_nonzero(choice.is_holdout[rows])),
        at_random=int(np.count_nonzero(is_alone & choice.is_random[rows])),
        expected_cost=0.0,
        expected_profit=0.0,
        committed=0.0,
        capacity=None,
        taken_before=0,
    )


def _slice(planned: PlannedRound) -> SliceOfRound:
    choice, terms = planned.run.choice, planned.opened.programme.random_slice
    drawn = choice.drawn
    rows = np.flatnonzero(drawn.is_member)
    return SliceOfRound(
        wanted_share=terms.share,
        share=round(drawn.share, 6),
        leave_alone=terms.leave_alone,
        customers=rows.size,
        left_alone=int(np.count_nonzero(drawn.is_left_alone)),
        cost=_cents(choice.slice_cost),
        not_tried=_not_tried(planned),
    )


def _not_tried(planned: PlannedRound) -> tuple[OfferNotTried, ...]:
    offers = []
    for name, priced in zip(planned.offers, planned.run.priced, strict=True):
        possible = priced.eligibility.is_possible
        if lost := int(np.count_nonzero(possible & ~priced.is_worth_trying)):
            offers.append(OfferNotTried(offer=name, customers=lost, of=int(np.count_nonzero(possible))))
    return tuple(offers)


def log_of(planned: PlannedRound) -> pl.DataFrame:
    """Return a row for everybody whom any offer might be made, with the columns of `LOG_COLUMNS` but those of the round."""
    import polars as pl

    run, choice, rows = planned.run, planned.run.choice, planned.logged
    names = np.array([*planned.offers, LEAVE_ALONE], dtype=object)
    offer = choice.campaign[rows]
    is_contacted = (offer != NONE) & ~choice.is_holdout[rows]
    probabilities = arm_probabilities(choice.drawn, choice.policy, _held_out(planned))[rows]
    possible = np.column_stack([priced.eligibility.is_possible[rows] for priced in run.priced])
    profits = np.where(possible, planned.profit[rows], np.nan)
    picked = np.maximum(offer, 0)

    def of_offer(columns: Sequence[Floats | float | None]) -> pl.Series:
        """Return for each row the value of its own offer; null where it has none, or the offer knows none."""
        table = np.column_stack(
            [
                np.full(rows.size, np.nan) if column is None else np.broadcast_to(np.asarray(column), run_size)[rows]
                for column in columns
            ]
        )
        values = np.where(offer == NONE, np.nan, table[np.arange(rows.size), picked])
        return pl.Series(values).fill_nan(None)

    run_size = (run.scores.frame.height,)
    priced = run.priced
    return (
        run.scores.frame[rows]
        .select("customer_id", "churn_probability", "risk_band", "percentile")
        .with_columns(
            pl.Series("arm", names[np.where(is_contacted, offer, len(names) - 1)], dtype=pl.String),
            pl.Series("policy_arm", names[choice.policy[rows]], dtype=pl.String),
            pl.Series("offer", [None if at == NONE else names[at] for at in offer.tolist()], dtype=pl.String),
            pl.Series("is_random", choice.is_random[rows]),
            pl.Series("is_holdout", choice.is_holdout[rows] & (offer != NONE)),
            _as_json("probabilities", probabilities, digits=8),
            _as_json("expected_profits", np.column_stack([profits, np.zeros(rows.size)]), digits=4),
            value_of_save=of_offer([offered.value for offered in priced]).fill_null(
                run.scores.frame["value_of_save"][rows]
            ),
            expected_uplift=of_offer([offered.avoided for offered in priced]),
            contact_cost=of_offer(
                [_term(offered.terms.contact_cost, offered.economics.contact_cost) for offered in priced]
            ),
            incentive_cost=of_offer(
                [_term(offered.terms.incentive_cost, offered.economics.incentive_cost) for offered in priced]
            ),
            voluntary_part=of_offer([None if offered.parts is None else offered.parts[0] for offered in priced]),
            involuntary_part=of_offer([None if offered.parts is None else offered.parts[1] for offered in priced]),
        )
    )


def _term(by_customer: Floats | None, number: float) -> Floats | float:
    return number if by_customer is None else by_customer


def _held_out(planned: PlannedRound) -> Floats:
    """Return the share of those chosen for the same offer, in the same band, who were left alone by chance (n,)."""
    choice, wanted = planned.run.choice, planned.opened.programme.holdout.share
    bands = planned.run.scores.frame["risk_band"].to_numpy()
    share = np.full(choice.policy.size, wanted)
    is_drawn = ~choice.is_random & (choice.campaign != NONE)
    for position in range(len(planned.run.priced)):
        for band in np.unique(bands):
            alike = (choice.policy == position) & (bands == band)
            drawn = alike & is_drawn
            if drawn.any():
                share[alike] = float(choice.is_holdout[drawn].mean())
    return share


def _as_json(name: str, table: Floats, *, digits: int) -> pl.Series:
    """Return the rows of `table` as JSON arrays, what is no number as null."""
    import polars as pl

    columns = [
        pl.Series(table[:, k]).round(digits).cast(pl.String).str.replace("NaN", "null", literal=True)
        for k in range(table.shape[1])
    ]
    frame = pl.DataFrame([column.alias(str(k)) for k, column in enumerate(columns)])
    return frame.select(pl.format("[{}]", pl.concat_str(pl.all(), separator=",")).alias(name)).to_series()


def _cents(amount: float) -> float:
    return round(float(amount), 2)
