"""Measures what a campaign caused: the arms compared as assigned, what that was worth, and what the plan had promised.

Everything here is numbers; `measurement_words` says them. The effect is churn of the holdout less churn of the treated,
so a positive one means customers kept.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from churn.decisions.bands import BANDS
from churn.decisions.experiment import (
    SAMPLE_RATIO_ALPHA,
    CupedEffect,
    Effect,
    cuped,
    cuped_holds,
    delivered_effect,
    holm,
    incremental_profit,
    joined_strata,
    newcombe,
    sample_ratio_test,
    stratified_effect,
)
from churn.decisions.power import minimum_detectable_effect
from churn.documents.document import Range
from churn.documents.measurement import (
    ArmFigures,
    CampaignCosts,
    CampaignMoney,
    CostsAlone,
    DeliveredFigures,
    IncentiveBasis,
    MeasuredArms,
    MeasuredEffect,
    MeasuredFigures,
    MeasurementStatus,
    PartEffect,
    RiskAdjustedEffect,
    RiskCell,
    SampleRatio,
    SaveLedger,
    SegmentEffect,
    TotalCosts,
    TwoByTwo,
)
from churn.errors import CampaignError

_RISING: Final = {band: place for place, band in enumerate(BANDS)}  # other strata follow, by name


def comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the customers of every split that has both arms: `split`, arm.

    Customers drawn with one share differ from those drawn with another, by date at the least, so an arm alone in its
    split has nobody to be compared with. Where no split has both arms the largest is returned, which says so.
    """
    both = frame.group_by("split").agg(pl.col("arm").n_unique().alias("arms"), pl.len().alias("size"))
    kept = both.filter(pl.col("arms") > 1)["split"]
    if kept.is_empty():
        kept = both.sort(["size", "split"], descending=[True, False])["split"].head(1)
    return frame.filter(pl.col("split").is_in(kept.implode()))


def strata_of(known: pl.DataFrame) -> NDArray[Any]:
    """Return the stratum of each customer (n,), ordered labels: `split`, stratum, arm.

    Strata of a split that lack an arm are joined to the next of higher risk of the same split, where there is one.
    """
    treated = (known["arm"] == "treatment").to_numpy()
    names = sorted(known["stratum"].unique().to_list(), key=lambda name: (_RISING.get(name, len(_RISING)), name))
    risk = known["stratum"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64).to_numpy()
    split = known["split"].to_numpy()
    labels = np.empty(known.height, dtype=object)
    for name in np.unique(split):
        rows = np.flatnonzero(split == name)
        codes = np.unique(risk[rows], return_inverse=True)[1]
        joined = joined_strata(codes, treated[rows])
        labels[rows] = [f"{name} {code:03d}" for code in joined]
    return labels.astype(str)


DIMENSIONS: Final = ("risk_band", "plan", "stratum")
LEAST: Final = 10  # customers in each arm; with fewer, a segment's interval says nothing
NOTABLE: Final = 0.05


def segments(known: pl.DataFrame, confidence: float) -> tuple[SegmentEffect, ...]:
    """Return the effect in every segment that has enough of both arms, with p-values corrected for being several.

    `known`: arm, split, has_churned, risk_band, plan, stratum. Among several segments some stand out by chance: they
    are questions for the next campaign, not its verdict. Correction: Holm, over all segments of all dimensions.
    """
    looks: list[tuple[str, str, Effect]] = []
    seen: set[frozenset[tuple[int, ...]]] = set()
    for dimension in DIMENSIONS:
        parts = known.with_row_index("row").filter(pl.col(dimension).is_not_null())
        groups = [(str(name), part) for (name,), part in parts.group_by([dimension], maintain_order=True)]
        shape = frozenset(tuple(part["row"].to_list()) for _, part in groups)
        if len(groups) < 2 or shape in seen:
            continue  # skip a single segment, which is the whole, and a second name for the same split
        seen.add(shape)
        effects = [(name, _effect(part, confidence)) for name, part in sorted(groups, key=lambda group: group[0])]
        enough = [(dimension, name, effect) for name, effect in effects if effect is not None]
        if len(enough) > 1:  # one alone has nothing to be compared with
            looks += enough
    corrected = holm([effect.p_value for _, _, effect in looks])
    return tuple(
        SegmentEffect(
            dimension=dimension,
            segment=name,
            **dict(part_effect(effect)),
            p_corrected=float(p),
            is_notable=bool(p < NOTABLE),
        )
        for (dimension, name, effect), p in zip(looks, corrected, strict=True)
    )


def two_by_two(known: pl.DataFrame, confidence: float) -> TwoByTwo | None:
    """Return churn of the riskier and the safer half, treated and held out; None where a cell is empty.

    Down a column stands the model's work: do those it calls riskier leave more, within the same arm? Across a row stands
    the campaign's: do those contacted leave less, within the same half? Either can fail, and each has its own remedy.
    """
    cut = float(known["churn_probability"].median())  # type: ignore[arg-type]  # the median of floats is a float
    is_high = known["churn_probability"] >= cut
    high, low = known.filter(is_high), known.filter(~is_high)
    effect_high, effect_low = _effect(high, confidence, least=1), _effect(low, confidence, least=1)
    if effect_high is None or effect_low is None:
        return None
    # Risk against leaving, within each arm, so that contact cannot pass for risk. The safer half stands for "treated".
    ranking = stratified_effect(
        known["has_churned"].to_numpy(), ~is_high.to_numpy(), known["arm"].to_numpy().astype(str), confidence
    )
    cells = (
        _cell(high.filter(arm="treatment"), "high", "treatment"),
        _cell(high.filter(arm="holdout"), "high", "holdout"),
        _cell(low.filter(arm="treatment"), "low", "treatment"),
        _cell(low.filter(arm="holdout"), "low", "holdout"),
    )
    return TwoByTwo(
        cut=cut,
        cells=cells,
        model=part_effect(ranking),
        campaign_high=part_effect(effect_high),
        campaign_low=part_effect(effect_low),
    )


def _cell(rows: pl.DataFrame, risk: Literal["high", "low"], arm: Literal["treatment", "holdout"]) -> RiskCell:
    churned = int(rows["has_churned"].sum())
    return RiskCell(risk=risk, arm=arm, customers=rows.height, churned=churned, churn_rate=churned / rows.height)


def _effect(rows: pl.DataFrame, confidence: float, least: int = LEAST) -> Effect | None:
    arms = [rows.filter(arm=arm)["has_churned"] for arm in ("treatment", "holdout")]
    if min(arm.len() for arm in arms) < least:
        return None
    if rows["split"].n_unique() > 1:
        churned, is_treated = rows["has_churned"].to_numpy(), (rows["arm"] == "treatment").to_numpy()
        return stratified_effect(churned, is_treated, rows["split"].to_numpy().astype(str), confidence)
    treated, held_out = arms
    return newcombe(int(treated.sum()), treated.len(), int(held_out.sum()), held_out.len(), confidence)


def part_effect(effect: Effect) -> PartEffect:
    """Return an effect within a part of the customers as documents hold it."""
    return PartEffect(
        delta=effect.delta,
        low=effect.low,
        high=effect.high,
        p_value=effect.p_value,
        churn_treatment=effect.churn_treatment,
        churn_holdout=effect.churn_holdout,
        treatment=effect.treatment,
        holdout=effect.holdout,
        is_proven=effect.is_proven,
        is_harmful=effect.is_harmful,
    )


def costs_of(frame: pl.DataFrame, *, stayers_take: bool) -> CampaignCosts:
    """Return what was spent on assigned customers, one row each.

    `frame`: arm, has_churned, is_delivered, is_accepted, contact_cost, incentive_cost. Whoever was contacted costs a
    contact, a held-out customer contacted by mistake too. `stayers_take`: without told acceptances, only those who
    stayed are taken to have used the incentive (the incentive profit model), not everyone contacted.
    """
    is_told = bool(frame.filter(arm="treatment")["is_delivered"].any())
    is_contacted = pl.col("is_delivered") if is_told else pl.col("is_delivered") | (pl.col("arm") == "treatment")
    contacted = frame.filter(is_contacted)
    offered = contacted.filter(pl.col("incentive_cost") > 0)
    basis: IncentiveBasis = "none"
    used = offered.clear()
    if frame["is_accepted"].any() and (frame["incentive_cost"] > 0).any():
        basis, used = "outcomes", frame.filter(pl.col("is_accepted") & (pl.col("incentive_cost") > 0))
    elif offered.height:
        basis = "stayers" if stayers_take else "everyone"
        used = offered.filter(~pl.col("has_churned").fill_null(value=False)) if stayers_take else offered
    return CampaignCosts(
        contacted=contacted.height,
        contact_cost=float(contacted["contact_cost"].sum()),
        contact_basis="outcomes" if is_told else "assumed",
        used=used.height,
        incentive_cost=float(used["incentive_cost"].sum()),
        incentive_basis=basis,
    )


def value_of_a_save(known: pl.DataFrame) -> float:
    """Return the money one save was worth among the treated: their values, each weighed by the chance of leaving.

    Only customers who would have left can be saved, so each counts by their probability of leaving.
    """
    treated = known.filter(arm="treatment")
    weight = treated["churn_probability"]
    total = float(weight.sum())
    if total <= 0:
        return float(treated["value_of_save"].mean() or 0.0)  # type: ignore[arg-type]  # a mean of floats is a float
    return float((treated["value_of_save"] * weight).sum()) / total


def money_of(effect: Effect, known: pl.DataFrame, costs: CampaignCosts) -> CampaignMoney:
    """Return saves, revenue retained, costs and net profit, each with the effect's interval."""
    value = value_of_a_save(known)
    profit = incremental_profit(effect, known.filter(arm="treatment").height, value, costs.spent)
    return CampaignMoney(
        value_of_save=value,
        saves=Range(value=profit.saves, low=profit.saves_low, high=profit.saves_high),
        revenue=Range(value=profit.revenue, low=profit.revenue_low, high=profit.revenue_high),
        costs=TotalCosts(**dict(costs), total=costs.spent),
        net_profit=Range(value=profit.net_profit, low=profit.net_profit_low, high=profit.net_profit_high),
        roi=profit.roi if costs.spent > 0 else None,
        break_even_effect=costs.spent / (value * effect.treatment) if value > 0 else None,
    )


def ledger(frame: pl.DataFrame, money: CampaignMoney | None) -> SaveLedger:
    """Return what the plan expected beside what was measured: saves, profit, and churn of those left alone.

    `frame`: all that were assigned, as `measure` takes them. Expected saves are None where the plan named none.
    """
    treated = frame.filter(arm="treatment")
    holdout = frame.filter((pl.col("arm") == "holdout") & pl.col("has_churned").is_not_null())
    named = treated["expected_uplift"].drop_nulls()
    saves = float(named.sum()) if named.len() else None
    profit = float(treated["expected_profit"].sum())
    measured = None if money is None else money.net_profit
    return SaveLedger(
        expected_saves=saves,
        expected_profit=profit,
        holdout=holdout.height,
        holdout_expected_churned=float(holdout["churn_probability"].sum()),
        holdout_churned=int(holdout["has_churned"].sum() or 0),
        saves=None if money is None else money.saves,
        net_profit=measured,
        profit_difference=None if measured is None else measured.value - profit,
        is_profit_within=None if measured is None else measured.low <= profit <= measured.high,
        is_saves_within=None if money is None or saves is None else money.saves.low <= saves <= money.saves.high,
    )


@dataclass(frozen=True)
class MeasurementTerms:
    """What the arms were meant to be and what the campaign cost: `holdout_share` in 0..1, `costs` in money."""

    holdout_share: float
    costs: CampaignCosts
    confidence: float = 0.95


def measure(frame: pl.DataFrame, terms: MeasurementTerms) -> MeasuredFigures:
    """Return the measurement of assigned customers, one row each, whose windows have closed.

    `frame`: customer_id, arm, stratum, split (customers with the same one were drawn with the same share), risk_band,
    plan, churn_probability, value_of_save, expected_uplift, expected_profit, has_churned (null where the customer is
    no longer in the data), is_delivered, is_accepted. Every split has both arms, see `comparable`.
    """
    known = frame.filter(pl.col("has_churned").is_not_null())
    arms = MeasuredArms(treatment=_arm(frame.filter(arm="treatment")), holdout=_arm(frame.filter(arm="holdout")))
    status = _status(arms)
    if status in {"no_holdout", "nobody_treated"}:
        return MeasuredFigures(
            money=CostsAlone(costs=terms.costs),
            ledger=ledger(frame, None),
            status=status,
            arms=arms,
            confidence=terms.confidence,
        )
    if status != "measured":
        return MeasuredFigures(status=status, arms=arms, confidence=terms.confidence)
    ratio = _sample_ratio(arms, terms.holdout_share)
    if ratio.is_broken:
        return MeasuredFigures(sample_ratio=ratio, status="split_broken", arms=arms, confidence=terms.confidence)
    return _with_effects(frame, known, arms, ratio, terms)


def _sample_ratio(arms: MeasuredArms, holdout_share: float) -> SampleRatio:
    n_t, n_c = arms.treatment.measured, arms.holdout.measured
    p_value = sample_ratio_test(n_t, n_c, holdout_share)
    return SampleRatio(
        p_value=p_value,
        expected_share=holdout_share,
        share=n_c / (n_t + n_c),
        threshold=SAMPLE_RATIO_ALPHA,
        is_broken=p_value < SAMPLE_RATIO_ALPHA,
    )


def _with_effects(
    frame: pl.DataFrame, known: pl.DataFrame, arms: MeasuredArms, ratio: SampleRatio, terms: MeasurementTerms
) -> MeasuredFigures:
    treated = (known["arm"] == "treatment").to_numpy()
    churned = known["has_churned"].to_numpy().astype(bool)
    strata = strata_of(known)
    plain = newcombe(
        int(churned[treated].sum()),
        int(treated.sum()),
        int(churned[~treated].sum()),
        int((~treated).sum()),
        terms.confidence,
    )
    effect = plain
    if len(set(strata)) > 1:
        effect = stratified_effect(churned, treated, strata, terms.confidence)
    adjusted = None
    is_one_draw = known["split"].n_unique() == 1  # of several the arms differ by date, which no risk score explains
    if is_one_draw and cuped_holds(int(treated.sum()), int((~treated).sum()), int(churned.sum())):
        adjusted = cuped(churned, treated, known["churn_probability"].to_numpy(), terms.confidence)
    money = money_of(effect, known, terms.costs)
    return MeasuredFigures(
        verdict="works" if effect.is_proven else "harms" if effect.is_harmful else "open",
        sample_ratio=ratio,
        effect=measured_effect(effect),
        plain_effect=measured_effect(plain),
        cuped=None if adjusted is None else _risk_adjusted(adjusted),
        delivered=_delivered(effect, arms),
        money=money,
        two_by_two=two_by_two(known, terms.confidence),
        ledger=ledger(frame, money),
        detectable=minimum_detectable_effect(plain.churn_holdout, plain.treatment, plain.holdout),
        status="measured",
        arms=arms,
        segments=segments(known, terms.confidence),
        confidence=terms.confidence,
    )


def _status(arms: MeasuredArms) -> MeasurementStatus:
    if not arms.holdout.assigned:
        return "no_holdout"
    if not arms.treatment.assigned:
        return "nobody_treated"
    if not arms.treatment.measured or not arms.holdout.measured:
        return "nothing_known"
    return "measured"


def _arm(rows: pl.DataFrame) -> ArmFigures:
    known = rows.filter(pl.col("has_churned").is_not_null())
    churned = int(known["has_churned"].sum() or 0)
    return ArmFigures(
        assigned=rows.height,
        measured=known.height,
        missing=rows.height - known.height,
        churned=churned,
        churn_rate=churned / known.height if known.height else None,
        expected_churned=float(known["churn_probability"].sum()),
        delivered=int(rows["is_delivered"].sum()),
        accepted=int(rows["is_accepted"].sum()),
    )


def _delivered(effect: Effect, arms: MeasuredArms) -> DeliveredFigures | None:
    """The effect on those who were reached, where outcomes say whom the campaign reached; else None."""
    if not arms.treatment.delivered:
        return None
    share_t, share_c = (arm.delivered / arm.assigned for arm in (arms.treatment, arms.holdout))
    try:
        reached = measured_effect(delivered_effect(effect, share_t, share_c))
    except CampaignError:
        reached = None  # reached as often when held out as when treated: there is no effect of delivery to speak of
    return DeliveredFigures(share_treatment=share_t, share_holdout=share_c, effect=reached)


def measured_effect(effect: Effect) -> MeasuredEffect:
    """Return an effect as documents hold it."""
    return MeasuredEffect(**asdict(effect), is_proven=effect.is_proven, is_harmful=effect.is_harmful)


def _risk_adjusted(effect: CupedEffect) -> RiskAdjustedEffect:
    return RiskAdjustedEffect(**asdict(effect), is_proven=effect.is_proven, is_harmful=effect.is_harmful)
