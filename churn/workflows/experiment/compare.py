"""Compares the arms of an experiment as they were drawn: customer by customer, whole groups, or within strata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from churn.decisions.checks import Bools
from churn.decisions.clusters import design_effect, effect_of_groups
from churn.decisions.experiment import newcombe, stratified_effect
from churn.decisions.rollout import PolicyWorth, policy_worth, worth_by_groups
from churn.documents.experiment import ImbalancedColumn
from churn.errors import CampaignError, ConfigError, ContractBroken
from churn.modeling.uplift.balance import alike_in

if TYPE_CHECKING:
    from churn.decisions.experiment import Effect
    from churn.workflows.experiment.file import ExperimentRows

_NAMED: Final = 3  # strata of one arm alone, at most


@dataclass(frozen=True)
class ComparedArms:
    """The arms compared as assigned. `drawn`: groups treated and not, None where customers were drawn one by one.

    `inflation`: of so many customers one counts where those of a group are alike. `mixed`: groups with customers in both arms.
    `strata` (n,): which stratum each customer was drawn in; None where the split was one for all.
    """

    effect: Effect
    everybody: PolicyWorth
    nobody: PolicyWorth
    drawn: tuple[int, int] | None = None
    inflation: float = 1.0
    mixed: int = 0
    strata: NDArray[np.int64] | None = None


def compare_arms(
    rows: ExperimentRows, stayed: Bools, treated: Bools, imbalances: Sequence[ImbalancedColumn]
) -> ComparedArms:
    """Return effect and money of the arms. Raises CampaignError and ContractBroken where groups or strata cannot be compared."""
    net = rows.prices.net(stayed.astype(np.float64), treated)
    all_of_them = np.ones(net.size, dtype=np.bool_)
    if rows.strata is not None:
        strata = _drawn_within(rows, treated)
        return ComparedArms(
            stratified_effect(~stayed, treated, strata, is_on_all=True),
            policy_worth(net, treated, all_of_them, strata=strata),
            policy_worth(net, treated, ~all_of_them, strata=strata),
            strata=strata,
        )
    n_t, n_c = int(treated.sum()), int((~treated).sum())
    effect = newcombe(n_t - int(stayed[treated].sum()), n_t, n_c - int(stayed[~treated].sum()), n_c)
    groups = _assigned_whole(rows, imbalances)
    if groups is None:
        return ComparedArms(effect, policy_worth(net, treated, all_of_them), policy_worth(net, treated, ~all_of_them))
    lost = (~stayed).astype(np.float64)
    arms = (np.unique(groups[treated]), np.unique(groups[~treated]))
    if rows.group is not None and min(arm.size for arm in arms) < 2:
        raise CampaignError(
            f"an arm has a single group of `{rows.group.name}`, and groups of one arm cannot be told from its effect",
            where="--group",
            remedy="Name the column whose values were drawn, several to each arm; or leave it out where customers were drawn.",
        )
    return ComparedArms(
        effect_of_groups(effect, lost, treated, groups),
        worth_by_groups(net, treated, groups, is_everybody=True),
        worth_by_groups(net, treated, groups, is_everybody=False),
        (arms[0].size, arms[1].size),
        design_effect(lost, treated, groups),
        int(np.intersect1d(*arms).size),
    )


def effect_within(rows: ExperimentRows, column: str, stayed: Bools, treated: Bools) -> Effect:
    """Return the effect among customers who are alike in `column`: that of all, were the split drawn within its values."""
    return stratified_effect(~stayed, treated, alike_in(rows.frame, column), is_on_all=True)


def _drawn_within(rows: ExperimentRows, treated: Bools) -> NDArray[np.int64]:
    """Return the stratum of each customer (n,); who has none is in one with the others who have none."""
    import polars as pl

    assert rows.strata is not None
    if rows.group is not None:
        raise ConfigError(
            "groups that were drawn within strata cannot be compared",
            where="--strata",
            remedy="Name the groups alone; or the strata, where customers were drawn within them.",
        )
    names = rows.strata.cast(pl.String).fill_null("(empty)")
    arms = (
        pl.DataFrame({"stratum": names, "is_treated": treated})
        .group_by("stratum")
        .agg(pl.col("is_treated").mean(), pl.len())
    )
    alone = arms.filter(pl.col("is_treated").is_in([0.0, 1.0])).sort("len", "stratum", descending=[True, False])
    if not alone.is_empty():
        shown = ", ".join(f"`{name}`" for name in alone["stratum"][:_NAMED]) + (
            ", ..." if alone.height > _NAMED else ""
        )
        raise ContractBroken(
            f"{int(alone['len'].sum()):,} customers of {shown} are all in one arm, and nobody compares with them",
            where="--strata",
            remedy="Leave their rows out of the file, or name a column of fewer values.",
        )
    return names.rank("dense").cast(pl.Int64).to_numpy() - 1


def _assigned_whole(rows: ExperimentRows, imbalances: Sequence[ImbalancedColumn]) -> NDArray[np.int64] | None:
    """Return the group of each customer (n,) by the column that was named, or that of fewest groups that were assigned as a whole; None for none."""
    import polars as pl

    whole = [rows.frame[imbalance.column] for imbalance in imbalances if imbalance.is_whole]
    columns = whole if rows.group is None else [rows.group.cast(pl.String)]
    if not columns:
        return None
    fewest = min(columns, key=lambda column: column.n_unique())
    codes = fewest.rank("dense").cast(pl.Int64)
    alone = (
        pl.int_range(codes.len(), eager=True).cast(pl.Int64) + codes.len() + 1
    )  # who has no group is one of their own
    return codes.zip_with(codes.is_not_null(), alone).to_numpy()
