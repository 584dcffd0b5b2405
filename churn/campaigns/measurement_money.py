"""What a measured effect came to in money, with every cost counted, and beside what the plan had promised."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from churn.decisions.experiment import Effect, incremental_profit


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
