"""Measures what a campaign caused: the arms compared as assigned, what that was worth, and what the plan had promised.

Everything here is numbers; `measurement_words` says them. The effect is churn of the holdout less churn of the treated,
so a positive one means customers kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from churn.campaigns.measurement_money import Costs, ledger, money_of
from churn.campaigns.measurement_segments import segments, two_by_two
from churn.campaigns.measurement_strata import strata_of
from churn.decisions.experiment import (
    SAMPLE_RATIO_ALPHA,
    CupedEffect,
    Effect,
    cuped,
    delivered_effect,
    newcombe,
    sample_ratio_test,
    stratified_effect,
)
from churn.decisions.power import minimum_detectable_effect
from churn.errors import CampaignError

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
