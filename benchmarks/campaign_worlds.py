"""Simulated companies whose campaigns can be judged by the truth: loaded, trained, scored and priced by the product."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from benchmarks import second_company
from benchmarks.company import DATA
from churn.config import load_settings
from churn.demo import OFFERS, generate_company, potential_outcomes, sources_toml
from churn.progress import Progress

if TYPE_CHECKING:
    from churn.context import Context
    from churn.documents.definition import CampaignDefinition
    from churn.warehouse import FeatureDoc

MONTHS = 18
DAY = date(2026, 7, 1)  # when campaigns are planned: the day after the data's end
EARLIER = date(2026, 5, 1)  # the newest month whose outcomes are final on that day
MODEL = "xgboost"


@dataclass(frozen=True)
class Simulator:
    """Who makes the companies: its offers, what writes a company's files and returns the sources to load, and the truth of a day.

    `campaigns` holds the offers' files; None stands for those that are shipped.
    """

    name: str
    offers: tuple[str, ...]
    write: Callable[[Path, int, int], str]
    outcomes: Callable[[Path, date], pl.DataFrame]
    campaigns: Path | None = None


def _write_demo(home: Path, customers: int, seed: int) -> str:
    files = generate_company(home / "data", customers=customers, months=MONTHS, seed=seed)
    here = replace(files, files={name: path.relative_to(home) for name, path in files.files.items()})
    return sources_toml(here)


def _write_second(home: Path, customers: int, seed: int) -> str:
    paths = second_company.generate(home / "data", customers=customers, months=MONTHS, seed=seed)
    return "\n".join(f'[sources.{name}]\npath = "data/{path.name}"\n' for name, path in paths.items())


DEMO = Simulator("campaigns", OFFERS, _write_demo, potential_outcomes)
SECOND = Simulator(
    "second",
    second_company.OFFERS,
    _write_second,
    second_company.outcomes,
    campaigns=Path(__file__).parent / "second_campaigns",
)


@dataclass(frozen=True)
class CampaignWorld:
    """One company.

    `customers` has a row per customer active on DAY, sorted: scores, potential outcomes, and per offer `profit_`,
    `avoided_` and `eligible_` as the product's plan prices and admits them, `admitted_` before it asks whether that pays, and
    `first_` and `second_`, what its rates act on; `may_be_contacted` is consent.
    """

    seed: int
    home: Path
    customers: pl.DataFrame
    simulator: Simulator = DEMO

    def context(self) -> Context:
        """Return the product's context in the home, with the clock at DAY."""
        return _context(self.home)

    def earlier(self) -> pl.DataFrame:
        """Return what `customers` holds, as of EARLIER: made when first asked for."""
        path = self.home / "earlier.parquet"
        if not path.is_file():
            from churn.workflows.score import score_customers

            then = datetime.combine(EARLIER, datetime.min.time())
            score_customers(self.context(), snapshot_date=EARLIER)
            _priced(replace(self.context(), clock=lambda: then), EARLIER, self.simulator).write_parquet(path)
        return pl.read_parquet(path)

    def definitions(self) -> list[CampaignDefinition]:
        """Return the campaigns in the order of the simulator's offers."""
        from churn.campaigns.reading import load_campaign

        return [load_campaign(self.home, name) for name in self.simulator.offers]


def campaign_world(customers: int, seed: int, progress: Progress, simulator: Simulator = DEMO) -> CampaignWorld:
    """Return the company of that size and seed, made if it is not there yet."""
    home = DATA / f"{simulator.name}-{customers}-{seed}"
    ready, scored = home / "priced.parquet", home / "scored"
    if not scored.is_file():
        progress.step(f"Company {seed}: simulating {customers:,} customers")
        home.mkdir(parents=True, exist_ok=True)
        sources = simulator.write(home, customers, seed)
        limits = "[training]\nsnapshots = 12\nmax_rows = 60000\n"
        (home / "churn.toml").write_text(f"{limits}\n{sources}", encoding="utf-8")
        if simulator.campaigns is not None:
            shutil.copytree(simulator.campaigns, home / "campaigns", dirs_exist_ok=True)
        _load_and_score(_context(home), seed, progress)
        scored.touch()
    if not ready.is_file():
        _priced(_context(home), DAY, simulator).write_parquet(ready)
    return CampaignWorld(seed, home, pl.read_parquet(ready), simulator)


def _context(home: Path) -> Context:
    from churn.bootstrap import build_context

    settings = load_settings(config=home / "churn.toml", home=home, environ={})
    now = datetime.combine(DAY, datetime.min.time())
    return replace(build_context(settings=settings), clock=lambda: now)


def _load_and_score(context: Context, seed: int, progress: Progress) -> None:
    from churn.workflows.refresh import refresh_warehouse
    from churn.workflows.score import score_customers
    from churn.workflows.train import train_model

    progress.step(f"Company {seed}: loading, training, scoring")
    refresh_warehouse(context)
    train_model(context, candidates=[MODEL], tune=False, promote=True, who="bench")
    score_customers(context, snapshot_date=DAY)


def _priced(context: Context, day: date, simulator: Simulator) -> pl.DataFrame:
    """Return scores, truth, and what the product's plan thinks of each customer and offer on `day`."""
    from churn.campaigns.facts import read_consent
    from churn.campaigns.reading import load_campaign
    from churn.workflows.plan.eligibility import gather_facts
    from churn.workflows.plan.pricing import price_campaigns
    from churn.workflows.plan.scores import read_scores

    # A window that is still open: an earlier day is priced as it would have been then, though its outcomes are known by now.
    definitions = [
        load_campaign(context.settings.home, name).model_copy(update={"window_days": 365}) for name in simulator.offers
    ]
    with context.open_warehouse("bench") as warehouse:
        scores = read_scores(context, warehouse, day, allow_uncalibrated=True)
        scores = replace(scores, newest_date=day)  # as it was on that day
        facts = gather_facts(context, warehouse, definitions, scores)
        priced = price_campaigns(context, warehouse, definitions, scores, facts)
        consent, _ = read_consent(warehouse)
    agreed = consent.filter(pl.col("has_consent") & ~pl.col("has_objected"))["customer_id"]
    frame = scores.frame.with_columns(
        pl.col("customer_id").is_in(agreed.implode()).alias("may_be_contacted"),
        *(pl.Series(f"profit_{each.definition.name}", each.profit) for each in priced),
        *(pl.Series(f"avoided_{each.definition.name}", each.avoided) for each in priced),
        *(
            pl.Series(f"{part}_{each.definition.name}", values)
            for each in priced
            if each.parts is not None
            for part, values in zip(("first", "second"), each.parts, strict=True)
        ),
        *(pl.Series(f"eligible_{each.definition.name}", each.eligibility.is_eligible) for each in priced),
        *(
            pl.Series(f"admitted_{name}", ~np.logical_or.reduce(list(rules.values())))
            for name, rules in facts.left_out.items()
        ),
    )
    truth = simulator.outcomes(context.settings.home / "data", day).drop("month", "month_start_date", "segment")
    return frame.join(truth, on="customer_id", how="inner").sort("customer_id")


def features_of(world: CampaignWorld, days: Sequence[date]) -> tuple[dict[date, pl.DataFrame], tuple[FeatureDoc, ...]]:
    """Return the features of every customer active on each day, kept once made, and what they mean."""
    from churn.warehouse.models.sql_models import FeatureDoc

    paths = {day: world.home / f"features-{day}.parquet" for day in days}
    words = world.home / "features.json"
    if not (words.is_file() and all(path.is_file() for path in paths.values())):
        from churn.snapshots.dataset import build_snapshots, data_cutoff, scoring_set
        from churn.snapshots.policy import SnapshotPolicy
        from churn.warehouse.models.sql_models import load_models

        context = world.context()
        models, policy = load_models(world.home), SnapshotPolicy.from_settings(context.settings)
        with context.open_warehouse("bench") as warehouse:
            build_snapshots(warehouse, models, policy, days, data_cutoff=data_cutoff(warehouse))
            sets = {day: scoring_set(warehouse, models, policy, day) for day in days}
        for day, found in sets.items():
            found.frame.write_parquet(paths[day])
        names = [doc.name for doc in next(iter(sets.values())).features]
        shared = [name for name in names if all(name in found.frame.columns for found in sets.values())]
        words.write_text(json.dumps(shared), encoding="utf-8")
    docs = tuple(FeatureDoc(name=name, group="", description="") for name in json.loads(words.read_text("utf-8")))
    return {day: pl.read_parquet(path) for day, path in paths.items()}, docs
