"""How often the interval of a measured campaign holds the truth: planned campaigns, their holdouts drawn again and again.

Each time a campaign of the product's own plan is cut to a size, its holdout is drawn by the product's own draw under
another seed, outcomes are the simulation's potential outcomes of the arm, and the product measures. Potential outcomes are
fixed and only who is treated is random, so there are two truths. The effect on those treated moves with the draw: the
error against it is that of two samples of churn without contact, and an interval that takes the treated arm's own churn,
lower where the campaign works, comes out a little narrow. The effect on all chosen is fixed, and against it the interval
is a little wide, for the spread of the effect between customers is not at stake (Neyman 1923).
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from benchmarks.campaign_worlds import CampaignWorld, campaign_world
from churn.campaigns.assignment import held_out
from churn.campaigns.measurement import MeasurementTerms, measure
from churn.decisions.experiment import wilson
from churn.demo import OFFERS
from churn.documents.measurement import CampaignCosts, MeasuredFigures
from churn.progress import Progress

CUSTOMERS = 60_000
SEED = 7
SIZES = (100, 300, 1_000)
SHARES = (0.1, 0.4)
DRAWS = 100  # of each campaign, size and share
LEAST, MOST = 0.92, 0.98  # must hold over all campaigns


@dataclass
class Counted:
    """Intervals that held the effect on the treated, and on all chosen; `width` adds up. No verdict is counted apart."""

    campaigns: int = 0
    covered: int = 0
    covered_all: int = 0
    without_verdict: int = 0
    width: float = 0.0

    def add(self, measured: MeasuredFigures, on_treated: float, on_all: float) -> None:
        """Count one measured campaign."""
        effect = measured.effect
        if effect is None:
            self.without_verdict += 1
            return
        self.campaigns += 1
        self.covered += effect.low <= on_treated <= effect.high
        self.covered_all += effect.low <= on_all <= effect.high
        self.width += effect.high - effect.low

    def row(self) -> dict[str, Any]:
        """Return the coverage with its interval, and the mean width of the campaigns' intervals."""
        low, high = wilson(self.covered, self.campaigns)
        return {
            "campaigns": self.campaigns,
            "without_verdict": self.without_verdict,
            "coverage": self.covered / self.campaigns,
            "coverage_low": low,
            "coverage_high": high,
            "coverage_of_all": self.covered_all / self.campaigns,
            "mean_width": self.width / self.campaigns,
        }


def run(progress: Progress, *, customers: int = CUSTOMERS, draws: int = DRAWS, seed: int = SEED) -> dict[str, Any]:
    """Return the coverage over all campaigns, and by campaign, size and holdout share."""
    began = time.monotonic()
    world = campaign_world(customers, seed, progress)
    total = Counted()
    groups: dict[tuple[str, int, float], Counted] = {}
    for k, offer in enumerate(OFFERS):
        plan = _planned(world, offer)
        for size in [*(size for size in SIZES if size < plan.height), plan.height]:
            for share in SHARES:
                progress.step(f"{offer}: {draws} campaigns of {size:,} with {share:.0%} held out")
                counted = groups.setdefault((offer, size, share), Counted())
                for draw in range(draws):
                    measured = _campaign(plan, offer, size, share, seed=1_000_000 * k + 1_000 * size + draw)
                    counted.add(*measured)
                    total.add(*measured)
    rows = [
        {"campaign": name, "customers": size, "holdout_share": share, **counted.row()}
        for (name, size, share), counted in groups.items()
    ]
    overall = total.row()
    return {
        "company": customers,
        "seed": seed,
        "draws": draws,
        "overall": overall,
        "is_met": LEAST <= overall["coverage"] <= MOST,
        "rows": rows,
        "seconds": round(time.monotonic() - began, 1),
    }


def _planned(world: CampaignWorld, offer: str) -> pl.DataFrame:
    """Return whom the product's plan would choose for `offer` if money were no limit, with both potential outcomes."""
    best = pl.max_horizontal(
        pl.when(f"eligible_{name}").then(pl.col(f"profit_{name}")).otherwise(-np.inf) for name in OFFERS
    )
    mine = pl.col(f"eligible_{offer}") & (pl.col(f"profit_{offer}") == best)
    return world.customers.filter(mine).select(
        "customer_id",
        "risk_band",
        "churn_probability",
        "value_of_save",
        pl.col("risk_band").alias("stratum"),
        pl.lit("one").alias("split"),
        pl.lit(None, dtype=pl.String).alias("plan"),
        pl.col(f"avoided_{offer}").alias("expected_uplift"),
        pl.col(f"profit_{offer}").alias("expected_profit"),
        pl.col("churn_without_contact").alias("alone"),
        pl.col(f"churn_under_{offer}").alias("contacted"),
    )


def _campaign(
    plan: pl.DataFrame, offer: str, size: int, share: float, seed: int
) -> tuple[MeasuredFigures, float, float]:
    """Return one campaign as the product measures it, and the average effect on those it treated and on all it chose."""
    frame = plan.sample(size, seed=seed, shuffle=True)
    is_held = held_out(
        frame["customer_id"].to_list(), frame["stratum"].to_list(), campaign=offer, seed=seed, share=share
    )
    frame = frame.with_columns(
        pl.Series("arm", np.where(is_held, "holdout", "treatment"), dtype=pl.String),
        pl.when(pl.Series(is_held)).then("alone").otherwise("contacted").alias("has_churned"),
        pl.Series("is_delivered", ~is_held),
        pl.lit(value=False).alias("is_accepted"),
    )
    free = CampaignCosts(
        contacted=int((~is_held).sum()),
        contact_cost=0.0,
        contact_basis="outcomes",
        used=0,
        incentive_cost=0.0,
        incentive_basis="none",
    )
    avoided = (frame["alone"].cast(pl.Float64) - frame["contacted"].cast(pl.Float64)).to_numpy()
    measured = measure(frame, MeasurementTerms(holdout_share=share, costs=free))
    return measured, float(avoided[~is_held].mean()), float(avoided.mean())


def told(found: dict[str, Any]) -> str:
    """Return the coverage as a section of a page."""
    over = found["overall"]
    lines = [
        "## Do the intervals of measured campaigns hold the truth?",
        "",
        f"{over['campaigns']:,} campaigns on a simulated company of {found['company']:,} customers (seed {found['seed']}): the",
        "product's own plan cut to a size, its holdout drawn by the product's own draw under another seed each time, outcomes from",
        "the simulation's potential outcomes, measured by the product. The truth is the average effect on those treated.",
        "",
        f"The 95 % intervals hold it in **{over['coverage']:.1%}** ({over['coverage_low']:.1%} to {over['coverage_high']:.1%});",
        f"between {LEAST:.0%} and {MOST:.0%} was wanted: {'met' if found['is_met'] else 'missed'}.",
        f"The effect on all chosen, treated or held out, lies in {over['coverage_of_all']:.1%} of them.",
        *(
            [f"{over['without_verdict']:,} further campaigns got no verdict, as their arms were too unlike their plan."]
            if over["without_verdict"]
            else []
        ),
        "",
        "| campaign | customers | held out | campaigns | coverage | 95 % interval of it | of the effect on all chosen | mean width, points |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['campaign']} | {row['customers']:,} | {row['holdout_share']:.0%} | {row['campaigns']} | {row['coverage']:.1%} "
        f"| {row['coverage_low']:.1%} to {row['coverage_high']:.1%} | {row['coverage_of_all']:.1%} | {100 * row['mean_width']:.1f} |"
        for row in found["rows"]
    ]
    lines += [
        "",
        "Potential outcomes are fixed here and only who is treated is random, so there are two truths. The effect on those treated moves",
        "with the draw; the error against it is that of two samples of churn without contact, while the interval takes the treated arm's",
        "own churn, lower where the campaign works, and so comes out a little narrow, the more so the larger the holdout. The effect on all",
        "chosen is fixed, and against it the interval is a little wide: the spread of the effect between customers is not at stake.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    from benchmarks.campaign_page import main

    sys.exit(main(["coverage"]))
