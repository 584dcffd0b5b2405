"""What the numbers of a column are, by its name: money, shares or plain numbers. A spreadsheet shows each so."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["money", "share", "number"]

MONEY: Final = frozenset(
    {
        "amount",
        "campaign_profit",
        "committed",
        "costs_total",
        "contact_cost",
        "cost",
        "excess_revenue",
        "expected_gain",
        "expected_profit",
        "expected_value",
        "incentive_cost",
        "monthly_fee",
        "monthly_fees",
        "monthly_margin",
        "monthly_revenue",
        "monthly_revenue_lost",
        "money_at_risk_monthly",
        "net_profit",
        "net_profit_high",
        "net_profit_low",
        "perfect_profit",
        "profit",
        "profit_forgone",
        "revenue",
        "spent",
        "value_of_save",
    }
)
SHARES: Final = frozenset(
    {
        "break_even",
        "break_even_effect",
        "change",
        "churn_holdout",
        "churn_probability",
        "churn_rate",
        "churn_treatment",
        "delta",
        "expected_uplift",
        "involuntary_probability",
        "loss_probability",
        "precision",
        "previous_probability",
        "recall",
        "rest_rate",
        "roi",
        "searched_rate",
        "share",
        "success_rate",
        "threshold",
        "uplift",
        "voluntary_probability",
    }
)


_ENDS: Final = ("_low", "_median", "_high", "_value", "_interval", "_expected")


def kind_of(column: str) -> Kind:
    """Return what the numbers in a column of this name are; parts of parts and ends of intervals are what they belong to.

    `net_profit_interval_low` and `optimum_net_profit` are money as `net_profit` is.
    """
    if _belongs(column, MONEY):
        return "money"
    return "share" if _belongs(column, SHARES) or column.startswith(("churn_within_", "within_")) else "number"


def _belongs(column: str, names: frozenset[str]) -> bool:
    if column in names or any(column.endswith(f"_{name}") for name in names):
        return True
    end = next((end for end in _ENDS if column.endswith(end)), None)
    return end is not None and _belongs(column.removesuffix(end), names)
