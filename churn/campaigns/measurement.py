"""Measures what a campaign caused: the arms compared as assigned, what that was worth, and what the plan had promised.

Everything here is numbers; `measurement_words` says them. The effect is churn of the holdout less churn of the treated,
so a positive one means customers kept.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    delivered_effect,
    holm,
    incremental_profit,
    joined_strata,
    newcombe,
    sample_ratio_test,
    stratified_effect,
)
from churn.decisions.power import minimum_detectable_effect
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
    for each in np.unique(split):
        rows = np.flatnonzero(split == each)
        codes = np.unique(risk[rows], return_inverse=True)[1]
        joined = joined_strata(codes, treated[rows])
        labels[rows] = [f"{each} {code:03d}" for code in joined]
    return labels.astype(str)


DIMENSIONS: Final = ("risk_band", "plan", "stratum")
LEAST: Final = 10  # customers in either arm: below that a segment's interval says nothing
NOTABLE: Final = 0.05


def segments(known: pl.DataFrame, confidence: float) -> list[dict[str, Any]]:
    """Return the effect in every segment that has enough of both arms, with p-values corrected for being several.

    `known`: arm, split, has_churned, risk_band, plan, stratum. Several looks find something by chance: these are questions
    for the next campaign, never its verdict. Correction: Holm, over all segments of all dimensions.
    """
    found: list[dict[str, Any]] = []
    seen: set[frozenset[tuple[int, ...]]] = set()
    for dimension in DIMENSIONS:
        rows = []
        parts = known.with_row_index("row").filter(pl.col(dimension).is_not_null())
        groups = [(str(name), part) for (name,), part in parts.group_by([dimension], maintain_order=True)]
        shape = frozenset(tuple(part["row"].to_list()) for _, part in groups)
        if len(groups) < 2 or shape in seen:
            continue  # one segment is the whole, and two names for the same split say the same twice
        seen.add(shape)
        for name, part in sorted(groups, key=lambda group: group[0]):
            effect = _effect(part, confidence)
            if effect is not None:
                rows.append({"dimension": dimension, "segment": name, **_told(effect)})
        if len(rows) > 1:  # one alone has nothing to be compared with
            found += rows
    corrected = holm([row["p_value"] for row in found])
    return [
        {**row, "p_corrected": float(p), "is_notable": bool(p < NOTABLE)}
        for row, p in zip(found, corrected, strict=True)
    ]


def two_by_two(known: pl.DataFrame, confidence: float) -> dict[str, Any] | None:
    """Return churn of the riskier and the safer half, treated and held out; None where a cell is empty.

    Down a column stands the model's work: do those it calls riskier leave more, within the same arm? Across a row stands
    the campaign's: do those contacted leave less, within the same half? It can fail by either, and is mended differently.
    """
    cut = known["churn_probability"].median()
    is_high = known["churn_probability"] >= cut
    halves = {"high": known.filter(is_high), "low": known.filter(~is_high)}
    effects = {half: _effect(rows, confidence, least=1) for half, rows in halves.items()}
    if effects["high"] is None or effects["low"] is None:
        return None
    # Risk against leaving, within each arm, so that contact cannot pass for risk. The safer half stands for "treated".
    ranking = stratified_effect(
        known["has_churned"].to_numpy(), ~is_high.to_numpy(), known["arm"].to_numpy().astype(str), confidence
    )
    return {
        "cut": cut,
        "cells": [
            {
                "risk": half,
                "arm": arm,
                "customers": rows.filter(arm=arm).height,
                "churned": int(rows.filter(arm=arm)["has_churned"].sum()),
                "churn_rate": float(rows.filter(arm=arm)["has_churned"].mean()),  # type: ignore[arg-type]  # of booleans
            }
            for half, rows in halves.items()
            for arm in ("treatment", "holdout")
        ],
        "model": _told(ranking),
        "campaign_high": _told(effects["high"]),
        "campaign_low": _told(effects["low"]),
    }


def _effect(rows: pl.DataFrame, confidence: float, least: int = LEAST) -> Effect | None:
    arms = [rows.filter(arm=arm)["has_churned"] for arm in ("treatment", "holdout")]
    if min(arm.len() for arm in arms) < least:
        return None
    if rows["split"].n_unique() > 1:
        churned, is_treated = rows["has_churned"].to_numpy(), (rows["arm"] == "treatment").to_numpy()
        return stratified_effect(churned, is_treated, rows["split"].to_numpy().astype(str), confidence)
    treated, held_out = arms
    return newcombe(int(treated.sum()), treated.len(), int(held_out.sum()), held_out.len(), confidence)


def _told(effect: Effect) -> dict[str, Any]:
    kept = ("delta", "low", "high", "p_value", "churn_treatment", "churn_holdout", "treatment", "holdout")
    values = asdict(effect)
    return {name: values[name] for name in kept} | {"is_proven": effect.is_proven, "is_harmful": effect.is_harmful}


@dataclass(frozen=True)
class Costs:
    """What a campaign cost. Money; `contacted` and `used` count customers.

    `contact_basis`: `outcomes` where someone told whom the campaign reached, `assumed` where all treated are taken to
    have been contacted. `incentive_basis`: `outcomes` where acceptances were told, else `stayers` (every contacted
    customer who stayed) or `everyone` (every contacted one), as the plan's profit model assumed, or `none`.
    """

    contacted: int
    contact_cost: float
    contact_basis: str
    used: int
    incentive_cost: float
    incentive_basis: str

    @property
    def total(self) -> float:
        """Everything that was spent."""
        return self.contact_cost + self.incentive_cost


def costs_of(frame: pl.DataFrame, *, stayers_take: bool) -> Costs:
    """Return what was spent on assigned customers, one row each.

    `frame`: arm, has_churned, is_delivered, is_accepted, contact_cost, incentive_cost. Whoever was contacted costs a
    contact, a held-out customer contacted by mistake too. `stayers_take`: without told acceptances, only those who
    stayed are taken to have used the incentive (the incentive profit model), not everyone contacted.
    """
    is_told = bool(frame.filter(arm="treatment")["is_delivered"].any())
    is_contacted = pl.col("is_delivered") if is_told else pl.col("is_delivered") | (pl.col("arm") == "treatment")
    contacted = frame.filter(is_contacted)
    offered = contacted.filter(pl.col("incentive_cost") > 0)
    basis = "none"
    used = offered.clear()
    if frame["is_accepted"].any() and (frame["incentive_cost"] > 0).any():
        basis, used = "outcomes", frame.filter(pl.col("is_accepted") & (pl.col("incentive_cost") > 0))
    elif offered.height:
        basis = "stayers" if stayers_take else "everyone"
        used = offered.filter(~pl.col("has_churned").fill_null(value=False)) if stayers_take else offered
    return Costs(
        contacted=contacted.height,
        contact_cost=float(contacted["contact_cost"].sum()),
        contact_basis="outcomes" if is_told else "assumed",
        used=used.height,
        incentive_cost=float(used["incentive_cost"].sum()),
        incentive_basis=basis,
    )


def value_of_a_save(known: pl.DataFrame) -> float:
    """Return the money one save was worth among the treated: their values, each weighed by the chance of leaving.

    Only who would have left can be saved, so a customer counts as much as they were likely to leave.
    """
    treated = known.filter(arm="treatment")
    weight = treated["churn_probability"]
    total = float(weight.sum())
    if total <= 0:
        return float(treated["value_of_save"].mean() or 0.0)  # type: ignore[arg-type]  # a mean of floats is a float
    return float((treated["value_of_save"] * weight).sum()) / total


def money_of(effect: Effect, known: pl.DataFrame, costs: Costs) -> dict[str, Any]:
    """Return saves, revenue retained, costs and net profit, each with the effect's interval."""
    value = value_of_a_save(known)
    profit = incremental_profit(effect, known.filter(arm="treatment").height, value, costs.total)
    return {
        "value_of_save": value,
        "saves": {"value": profit.saves, "low": profit.saves_low, "high": profit.saves_high},
        "revenue": {"value": profit.revenue, "low": profit.revenue_low, "high": profit.revenue_high},
        "costs": {**asdict(costs), "total": costs.total},
        "net_profit": {"value": profit.net_profit, "low": profit.net_profit_low, "high": profit.net_profit_high},
        "roi": profit.roi if costs.total > 0 else None,
        "break_even_effect": costs.total / (value * effect.treatment) if value > 0 else None,
    }


def ledger(frame: pl.DataFrame, effect: Effect | None, money: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the plan expected beside what was measured: saves, profit, and churn of those left alone.

    `frame`: all that were assigned, as `measure` takes them. Expected saves are null where the plan named none.
    """
    treated = frame.filter(arm="treatment")
    holdout = frame.filter((pl.col("arm") == "holdout") & pl.col("has_churned").is_not_null())
    named = treated["expected_uplift"].drop_nulls()
    expected_saves = float(named.sum()) if named.len() else None
    expected_profit = float(treated["expected_profit"].sum())
    found: dict[str, Any] = {
        "expected_saves": expected_saves,
        "expected_profit": expected_profit,
        "holdout": holdout.height,
        "holdout_expected_churned": float(holdout["churn_probability"].sum()),
        "holdout_churned": int(holdout["has_churned"].sum() or 0),
        "saves": None,
        "net_profit": None,
        "profit_difference": None,
        "is_profit_within": None,
        "is_saves_within": None,
    }
    if effect is None or money is None:
        return found
    saves, profit = money["saves"], money["net_profit"]
    return found | {
        "saves": saves,
        "net_profit": profit,
        "profit_difference": profit["value"] - expected_profit,
        "is_profit_within": profit["low"] <= expected_profit <= profit["high"],
        "is_saves_within": None if expected_saves is None else saves["low"] <= expected_saves <= saves["high"],
    }


Status = Literal["measured", "not_mature", "split_broken", "no_holdout", "nobody_treated", "nothing_known"]
Verdict = Literal["works", "harms", "open"]


@dataclass(frozen=True)
class Terms:
    """What the arms were meant to be and what the campaign cost: `holdout_share` in 0..1, `costs` in money."""

    holdout_share: float
    costs: Costs
    confidence: float = 0.95


def measure(frame: pl.DataFrame, terms: Terms) -> dict[str, Any]:
    """Return the measurement of assigned customers, one row each, whose windows have closed.

    `frame`: customer_id, arm, stratum, split (customers with the same one were drawn with the same share), risk_band,
    plan, churn_probability, value_of_save, expected_uplift, expected_profit, has_churned (null where the customer is
    no longer in the data), is_delivered, is_accepted. Keys of the result: status, verdict, arms, sample_ratio, effect,
    plain_effect, cuped, delivered, money, segments, two_by_two, ledger, detectable (the smallest
    effect that arms of this size find four times in five); None where there is nothing to say. Every split has both
    arms, see `comparable`.
    """
    known = frame.filter(pl.col("has_churned").is_not_null())
    arms = {arm: _arm(frame.filter(arm=arm)) for arm in ("treatment", "holdout")}
    result: dict[str, Any] = dict.fromkeys(
        (
            "verdict",
            "sample_ratio",
            "effect",
            "plain_effect",
            "cuped",
            "delivered",
            "money",
            "two_by_two",
            "ledger",
            "detectable",
        )
    )
    result |= {"status": _status(arms), "arms": arms, "segments": [], "confidence": terms.confidence}
    if result["status"] in {"no_holdout", "nobody_treated"}:
        result["ledger"] = ledger(frame, None, None)
        result["money"] = {"costs": asdict(terms.costs)}
    if result["status"] != "measured":
        return result
    n_t, n_c = arms["treatment"]["measured"], arms["holdout"]["measured"]
    p_value = sample_ratio_test(n_t, n_c, terms.holdout_share)
    result["sample_ratio"] = {
        "p_value": p_value,
        "expected_share": terms.holdout_share,
        "share": n_c / (n_t + n_c),
        "threshold": SAMPLE_RATIO_ALPHA,
        "is_broken": p_value < SAMPLE_RATIO_ALPHA,
    }
    if p_value < SAMPLE_RATIO_ALPHA:
        return result | {"status": "split_broken"}
    return result | _effects(frame, known, arms, terms)


def _effects(
    frame: pl.DataFrame, known: pl.DataFrame, arms: Mapping[str, Mapping[str, Any]], terms: Terms
) -> dict[str, Any]:
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
    if is_one_draw and min(treated.sum(), (~treated).sum()) >= 2:
        adjusted = cuped(churned, treated, known["churn_probability"].to_numpy(), terms.confidence)
    money = money_of(effect, known, terms.costs)
    return {
        "verdict": "works" if effect.is_proven else "harms" if effect.is_harmful else "open",
        "effect": effect_document(effect),
        "plain_effect": effect_document(plain),
        "cuped": None if adjusted is None else effect_document(adjusted),
        "delivered": _delivered(effect, arms),
        "money": money,
        "segments": segments(known, terms.confidence),
        "two_by_two": two_by_two(known, terms.confidence),
        "ledger": ledger(frame, effect, money),
        "detectable": minimum_detectable_effect(plain.churn_holdout, plain.treatment, plain.holdout),
    }


def _status(arms: Mapping[str, Mapping[str, Any]]) -> Status:
    if not arms["holdout"]["assigned"]:
        return "no_holdout"
    if not arms["treatment"]["assigned"]:
        return "nobody_treated"
    if not arms["treatment"]["measured"] or not arms["holdout"]["measured"]:
        return "nothing_known"
    return "measured"


def _arm(rows: pl.DataFrame) -> dict[str, Any]:
    known = rows.filter(pl.col("has_churned").is_not_null())
    churned = int(known["has_churned"].sum() or 0)
    return {
        "assigned": rows.height,
        "measured": known.height,
        "missing": rows.height - known.height,
        "churned": churned,
        "churn_rate": churned / known.height if known.height else None,
        "expected_churned": float(known["churn_probability"].sum()),
        "delivered": int(rows["is_delivered"].sum()),
        "accepted": int(rows["is_accepted"].sum()),
    }


def _delivered(effect: Effect, arms: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The effect on those who were reached, where anyone told us whom the campaign reached; else None."""
    if not arms["treatment"]["delivered"]:
        return None
    share_t, share_c = (arms[arm]["delivered"] / arms[arm]["assigned"] for arm in ("treatment", "holdout"))
    told: dict[str, Any] = {"share_treatment": share_t, "share_holdout": share_c, "effect": None}
    try:
        told["effect"] = effect_document(delivered_effect(effect, share_t, share_c))
    except CampaignError:
        return told  # reached as often when held out as when treated: there is no effect of delivery to speak of
    return told


def effect_document(effect: Effect | CupedEffect) -> dict[str, Any]:
    """Return an effect as plain values."""
    return {**asdict(effect), "is_proven": effect.is_proven, "is_harmful": effect.is_harmful}
