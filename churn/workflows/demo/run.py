"""The whole loop on the simulated company, from raw events to what its campaigns caused."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.config import load_settings
from churn.context import Context
from churn.decisions.simulation_request import SimulationRequest
from churn.demo import generate_company, sources_toml
from churn.documents.simulation import SimulationDocument
from churn.errors import ConfigError
from churn.views.home import MARKER, is_demo_home
from churn.views.risk_list import read_risk_list
from churn.workflows.demo.campaigns import DemoCampaigns, run_campaigns
from churn.workflows.explore import ExploreResult, explore_data
from churn.workflows.monitor import MonitorResult, monitor_model
from churn.workflows.publish import publish_tables
from churn.workflows.refresh import RefreshResult, refresh_warehouse
from churn.workflows.report import ReportResult, publish_report
from churn.workflows.score import ScoreResult, score_customers
from churn.workflows.simulate import simulate_campaign, write_simulation
from churn.workflows.train import TrainedModel, train_model

if TYPE_CHECKING:
    from churn.demo import CompanyFiles


@dataclass(frozen=True)
class DemoClosing:
    """What each stage found."""

    scores: list[ScoreResult]
    monitor: MonitorResult
    explored: ExploreResult
    report: ReportResult
    files: dict[str, Path]


def close_demo(context: Context, campaigns: DemoCampaigns) -> DemoClosing:
    """Score as of the month's end and of the newest fact, monitor, explore, and report the month of the campaigns.

    The clock stands at the end of the played month.
    """
    month = campaigns.played.month
    end = datetime.combine(month.cutoff_date, datetime.min.time())
    later = replace(context, clock=lambda: end)
    # As of the first of the month, for the report of who was at risk when the month ended.
    days = dict.fromkeys((month.cutoff_date.replace(day=1), month.cutoff_date))
    scores = [score_customers(later, snapshot_date=day)[0] for day in days]
    monitor = monitor_model(later)
    explored = explore_data(later)
    report = publish_report(later)
    publish_tables(later)
    files = {"report": report.files["report"], "insights": explored.files.page}
    return DemoClosing(scores, monitor, explored, report, files)


OWN_FILES = ("warehouse.duckdb", "warehouse.duckdb.wal", "store.sqlite", "store.sqlite-wal", "store.sqlite-shm")
OWN_FOLDERS = ("facts", "models", "reports", "data", "lists", "serving", "tables", "tmp")
DEMO_TUNE_MINUTES = 0.5
DEMO_SETTINGS = f"""{MARKER}

[training]
snapshots = 12
max_rows = 40000
tune_minutes = {DEMO_TUNE_MINUTES}
"""


@dataclass(frozen=True)
class DemoResult:
    """What each stage did, and where its files lie."""

    company: CompanyFiles
    refresh: RefreshResult
    model: TrainedModel
    scores: list[ScoreResult]
    simulation: SimulationDocument
    campaigns: DemoCampaigns | None
    closing: DemoClosing | None
    files: dict[str, Path]
    seconds: float


def run_demo(context: Context, *, customers: int, seed: int, with_campaigns: bool = True) -> DemoResult:
    """Simulate the company into the home, then load, train, score, price, contact and measure; an earlier demo goes.

    The clock stands at the end of the simulated data, and then at that of the month played after it. Raises ConfigError when the home holds something else.
    """
    began = time.monotonic()
    home = context.settings.home
    _clear(context, home)
    company = generate_company(
        home / "data", customers=customers, seed=seed, is_playable=True, progress=context.progress
    )
    context = _on_company(context, company)
    refresh = refresh_warehouse(context)
    model = train_model(context, who="demo")
    # Two runs a week apart, so that the list can say what changed.
    scores = [
        score_customers(context, snapshot_date=day)[0]
        for day in (company.cutoff_date - timedelta(days=7), company.cutoff_date)
    ]
    context.progress.step("Simulating the return of a campaign")
    simulation = simulate_campaign(context, SimulationRequest())
    files = {
        "risk_list": home / "reports" / "risk-list.csv",
        "simulation": home / "reports" / "simulation.html",
        "model_card": context.settings.models_path / model.version / "card.md",
        "settings": home / "churn.toml",
        "warehouse": context.settings.warehouse_path,
    }
    read_risk_list(context, out=files["risk_list"])
    write_simulation(context, simulation, files["simulation"])
    campaigns = run_campaigns(context) if with_campaigns else None
    closing = None
    if campaigns is None:
        publish_tables(context)
    else:
        closing = close_demo(context, campaigns)
        scores += closing.scores
        read_risk_list(context, out=files["risk_list"])  # of the day on which the data now end
        files = closing.files | files | campaigns.files
    seconds = time.monotonic() - began
    return DemoResult(company, refresh, model, scores, simulation, campaigns, closing, files, seconds)


def _clear(context: Context, home: Path) -> None:
    """Remove an earlier demo, recognised by the marker in churn.toml, and nothing else."""
    config = home / "churn.toml"
    taken = [name for name in OWN_FILES if (home / name).exists()]
    if (config.exists() or taken) and not is_demo_home(home):
        raise ConfigError(
            "holds something other than a demo",
            where=str(home),
            remedy="Give the demo its own folder: `churn demo --home demo`.",
        )
    if (home / "warehouse.duckdb").exists():
        with context.open_warehouse("churn demo"):
            pass  # raises WarehouseBusy rather than pulling the files from under another process
    for name in OWN_FILES:
        (home / name).unlink(missing_ok=True)
    for name in OWN_FOLDERS:
        shutil.rmtree(home / name, ignore_errors=True)
    config.write_text(DEMO_SETTINGS, encoding="utf-8")


def _on_company(context: Context, company: CompanyFiles) -> Context:
    """Return the context of the simulated company: its sources, and the clock at the end of its data."""
    home = context.settings.home
    config = home / "churn.toml"
    here = replace(company, files={table: path.relative_to(home) for table, path in company.files.items()})
    config.write_text(f"{DEMO_SETTINGS}\n{sources_toml(here)}", encoding="utf-8")
    end = datetime.combine(company.cutoff_date, datetime.min.time())
    return replace(context, settings=load_settings(config=config, home=home), clock=lambda: end)
