"""Says whom a draft may not contact any more when it is approved, and what the round is without them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from churn.campaigns.programme_words import round_sentences
from churn.context import Context
from churn.decisions.checks import Bools
from churn.documents.plan import PlanDocument, PlanExpectation, ProfitInterval, ReturnInterval
from churn.documents.programme import LEAVE_ALONE
from churn.documents.programme_round import RoundArm, RoundDocument
from churn.workflows.plan.rules import ContactRules, facts_from_words, left_out_by, read_history, unknown_facts

if TYPE_CHECKING:
    import polars as pl

    from churn.store import ProgrammeRound
    from churn.workflows.plan.rules import ContactFacts


def left_out_since(context: Context, planned: ProgrammeRound, log: pl.DataFrame) -> Bools:
    """Return who of `log` may not be made one of the offers any more that they might have drawn (n,).

    The rules are those of plans, by what is known now: what the store was told, and what the newest list knows of the data. The
    arm that was drawn makes no difference, so that those who stay are compared as they were drawn, and the logged
    probabilities hold for them.
    """
    import polars as pl

    ids, day = log["customer_id"], planned.snapshot_date
    facts, has_gone = _facts(context, planned, ids)
    history = read_history(context, day)
    names = [offer.campaign for offer in planned.result.offers]
    elsewhere = replace(history, running=history.running.filter(~pl.col("campaign").is_in(names)))
    profits = log["expected_profits"].str.json_decode(pl.List(pl.Float64))
    order = [arm.offer for arm in planned.result.arms]
    out = has_gone.copy()
    for offer in planned.result.offers:
        rules = ContactRules.of(offer.definition)
        hits = left_out_by(rules, context.settings, ids, day, facts, elsewhere)
        might = profits.list.get(order.index(offer.offer)).is_not_null().to_numpy()
        out |= might & np.any(list(hits.values()), axis=0)
    return out


def _facts(context: Context, planned: ProgrammeRound, ids: pl.Series) -> tuple[ContactFacts, Bools]:
    """Return what the newest list knows of contacting `ids`, and who is not on it any more (n,).

    A round that is planned on that list knew as much when it was planned.
    """
    import polars as pl

    nobody = np.zeros(ids.len(), dtype=np.bool_)
    with context.open_store() as store:
        run = store.scores.current_run()
        if run is None or run.run_id == planned.score_run_id or run.snapshot_date < planned.snapshot_date:
            return unknown_facts(ids), nobody
        listed = store.scores.page(limit=None, order=None, columns=["customer_id", "contact_facts"]).frame
    mine = pl.DataFrame({"customer_id": ids}).join(listed, on="customer_id", how="left", maintain_order="left")
    has_gone = ~ids.is_in(listed["customer_id"].implode()).to_numpy()
    words = pl.when(pl.Series(has_gone)).then(pl.lit("left")).otherwise(pl.col("contact_facts"))
    known = mine.with_columns(contact_facts=words)
    return facts_from_words(known) or unknown_facts(ids), np.asarray(has_gone, dtype=np.bool_)


@dataclass(frozen=True)
class _LeftOut:
    """What some customers of a draft were expected to cost and bring, who are contacted by it no more."""

    contacts: int
    cost: float
    committed: float
    saves: float
    value: float
    profit: float

    @classmethod
    def of(cls, treated: pl.DataFrame) -> _LeftOut:
        """Return the sums over `treated`, rows of the log with their `profit`."""
        profit, saves = float(treated["profit"].sum()), float(treated["expected_uplift"].sum())
        value = float((treated["expected_uplift"] * treated["value_of_save"]).sum())
        committed = float((treated["contact_cost"] + treated["incentive_cost"]).sum())
        return cls(treated.height, value - profit, committed, saves, value, profit)

    def off(self, expected: PlanExpectation) -> PlanExpectation:
        """Return what is expected without them; the interval of the profit moves as the profit does."""
        if not self.contacts:
            return expected
        band, is_anybody = expected.profit_interval, expected.contacts > self.contacts
        cost, profit = _cents(expected.cost - self.cost), _cents(expected.profit - self.profit)
        low, median, high = (
            _cents(at - self.profit) if is_anybody else 0.0 for at in (band.low, band.median, band.high)
        )
        pays = cost > 0.0
        return expected.model_copy(
            update={
                "contacts": expected.contacts - self.contacts,
                "cost": cost,
                "committed": _cents(expected.committed - self.committed),
                "saves": round(expected.saves - self.saves, 1) + 0.0,
                "value": _cents(expected.value - self.value),
                "profit": profit,
                "profit_interval": ProfitInterval(low=low, median=median, high=high),
                "roi": round(profit / cost, 4) if pays else None,
                "roi_interval": ReturnInterval(low=round(low / cost, 4), high=round(high / cost, 4)) if pays else None,
                "loss_probability": expected.loss_probability if is_anybody else 0.0,
            }
        )


def without_left_out(result: RoundDocument, log: pl.DataFrame, out: Bools) -> RoundDocument:
    """Return the document of a round that is approved: counts and money of those alone whom it assigns.

    `log` is the draft's, `out` (n,) says who of it is left out.
    """
    import polars as pl

    arms = [arm.offer for arm in result.arms]
    gone = log.filter(pl.Series(out)).with_columns(
        profits=pl.col("expected_profits").str.json_decode(pl.List(pl.Float64)),
        place=pl.col("arm").replace_strict(arms, list(range(len(arms))), return_dtype=pl.Int64),
    )
    gone = gone.with_columns(profit=pl.col("profits").list.get(pl.col("place")))
    chosen, drawn = gone.filter(pl.col("offer").is_not_null()), gone.filter("is_random")
    fewer = [_without(arm, position, gone) for position, arm in enumerate(result.arms)]
    document = result.model_copy(
        update={
            "is_draft": False,
            "expires_at": None,
            "eligible": result.eligible - gone.height,
            "left_out": chosen.height,
            "committed": _cents(sum(arm.committed for arm in fewer)),
            "arms": tuple(fewer),
            "random_slice": result.random_slice.model_copy(
                update={
                    "customers": result.random_slice.customers - drawn.height,
                    "left_alone": result.random_slice.left_alone - drawn.filter("is_holdout").height,
                }
            ),
            "plan": _plan_without(result, gone),
        }
    )
    of_draft = round_sentences(result)
    others = [sentence for sentence in result.sentences if sentence not in of_draft]
    return document.model_copy(update={"sentences": (*round_sentences(document), *others)})


def _without(arm: RoundArm, position: int, gone: pl.DataFrame) -> RoundArm:
    import polars as pl

    drew, policy = gone.filter(arm=arm.offer), gone.filter(~pl.col("is_random"), policy_arm=arm.offer)
    might = gone.filter(pl.col("profits").list.get(position).is_not_null())
    is_offer = arm.offer != LEAVE_ALONE
    held = (gone.filter(offer=arm.offer) if is_offer else gone).filter("is_holdout")
    taken = _LeftOut.of(drew if is_offer else drew.clear())
    return arm.model_copy(
        update={
            "eligible": arm.eligible - might.height,
            "chosen": arm.chosen - policy.height,
            "contacted": arm.contacted - taken.contacts,
            "held_out": arm.held_out - held.height,
            "at_random": arm.at_random - drew.filter("is_random").height,
            "expected_cost": _cents(arm.expected_cost - taken.cost),
            "expected_profit": _cents(arm.expected_profit - taken.profit),
            "committed": _cents(arm.committed - taken.committed),
        }
    )


def _plan_without(result: RoundDocument, gone: pl.DataFrame) -> PlanDocument:
    import polars as pl

    plan, parts = result.plan, []
    for part in plan.campaigns:
        mine = gone.filter(offer=result.offer_of(part.name))
        treated = mine.filter(~pl.col("is_holdout"))
        parts.append(
            part.model_copy(
                update={
                    "chosen": part.chosen - mine.height,
                    "treatment": part.treatment - treated.height,
                    "holdout": part.holdout - mine.height + treated.height,
                    "expected": _LeftOut.of(treated).off(part.expected),
                }
            )
        )
    everybody = gone.filter(pl.col("offer").is_not_null(), ~pl.col("is_holdout"))
    changed = {"campaigns": tuple(parts), "expected": _LeftOut.of(everybody).off(plan.expected)}
    return plan.model_copy(update=changed)


def _cents(amount: float) -> float:
    return round(float(amount), 2) + 0.0  # never -0.0
