"""The case's story told by the simulated company: a competitor comes, the monitor says so, a challenger takes over.

`python -m benchmarks.drift_story` plays it on five seeds, beside the same months without a competitor (every alarm is a
false one there), and without any signal (nothing may be sold). It prints what docs/monitoring.md states.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from churn.bootstrap import build_context
from churn.context import Context
from churn.documents.monitoring import MonitoringDocument
from churn.workflows.demo import generate
from churn.workflows.monitor import monitor_model
from churn.workflows.refresh import refresh_warehouse
from churn.workflows.train import TrainedModel, train_model

COMPETITOR_FROM = 13  # index of the first month with a competitor: the fourteenth
# A contact costs $2 and a save is worth six months of margin: at dearer contacts hardly anybody whom the competitor
# pulls can be contacted at a profit, by whatever model, and the contest stays open.
SETTINGS = """
[business]
value_months = 6
[training]
snapshots = 12
max_rows = 40000
tune_minutes = 0
candidates = ["logistic_regression"]
[selection]
bootstrap_draws = 50
[monitoring]
cohorts = 3
"""


@dataclass(frozen=True)
class Told:
    """What one run of the monitors said. `alarms` are findings to act on; recall and level are of the newest cohort."""

    alarms: list[str]
    watched: list[str]
    newest_cohort: date | None
    recall: float | None
    level: float | None
    slope: float | None
    document: MonitoringDocument

    def row(self) -> dict[str, Any]:
        """Return what the page states of it."""
        document, decision = self.document, self.document.retraining
        return {
            "on": document.on,
            "severity": document.severity,
            "alarms": self.alarms,
            "watched": self.watched,
            "newest_cohort": self.newest_cohort,
            "recall": self.recall,
            "level": self.level,
            "slope": self.slope,
            "due": decision is not None and decision.is_due,
            "trained": document.trained,
            "promoted": document.promoted,
        }


def company(home: Path, *, scenario: str, seed: int, customers: int, months: int) -> Context:
    """Simulate a company into `home` and load it."""
    files = generate(home / "data", customers=customers, months=months, seed=seed, scenario=scenario)
    from churn.demo import sources_toml

    config = home / "churn.toml"
    config.write_text(SETTINGS + sources_toml(files), encoding="utf-8")
    context = build_context(home=home, config=config)
    refresh_warehouse(context)
    return context


def month_start(index: int, first: date) -> date:
    """Return the first day of the month `index` months after `first`."""
    months = first.year * 12 + first.month - 1 + index
    return date(months // 12, months % 12 + 1, 1)


def first_month(context: Context) -> date:
    """Return the first month of the company's data."""
    names = sorted(path.name for path in (context.settings.home / "data").glob("sessions-*"))
    return date.fromisoformat(f"{names[0][9:16]}-01")


def at(context: Context, day: date) -> Context:
    """Return the context with the clock standing at the beginning of `day`."""
    return replace(context, clock=lambda: datetime.combine(day, datetime.min.time()))


def train_first(context: Context, months: int = COMPETITOR_FROM) -> TrainedModel:
    """Train the first champion on what is known when `months` months have passed."""
    day = month_start(months, first_month(context))
    return train_model(at(context, day), as_of=day, who="story")


def monthly(context: Context, first: int, last: int) -> Iterator[date]:
    """Yield the twelfth day of the months from index `first` to `last`: by then the month before's cohort is final."""
    for index in range(first, last + 1):
        yield month_start(index, first_month(context)).replace(day=12)


def watch(context: Context, days: Sequence[date] | Iterator[date], *, act: bool) -> Iterator[Told]:
    """Run the monitors on each day; with `act`, trainings and promotions follow by policy."""
    for day in days:
        yield told(monitor_model(at(context, day), day, retrain=act, promote=act).document)


def told(document: MonitoringDocument) -> Told:
    """Return the few words of a document that the story needs."""
    newest = document.cohorts[-1] if document.cohorts else None
    figures = {name: figure.value for name, figure in newest.figures.items()} if newest else {}
    named = [(finding.severity, f"{finding.monitor}: {finding.subject}") for finding in document.findings]
    return Told(
        alarms=[name for severity, name in named if severity == "act"],
        watched=[name for severity, name in named if severity == "watch"],
        newest_cohort=newest.snapshot_date if newest else None,
        recall=figures.get("recall"),
        level=figures.get("level"),
        slope=figures.get("slope"),
        document=document,
    )


def play(scenario: str, seed: int, customers: int) -> dict[str, Any]:
    """Play one scenario on one seed and return what the page states."""
    months = {"competitor": 21, "base": 26, "no-signal": 14}[scenario]
    with tempfile.TemporaryDirectory() as folder:
        context = company(Path(folder), scenario=scenario, seed=seed, customers=customers, months=months)
        first = train_first(context)
        if scenario == "no-signal":
            seen = list(watch(context, monthly(context, 13, 13), act=True))
            return {
                "is_champion": first.is_champion,
                "reason": first.training.selection.reason,
                "summary": seen[0].document.summary,
            }
        last = 20 if scenario == "competitor" else 25
        story = list(watch(context, monthly(context, 14, last), act=scenario == "competitor"))
    return {
        "test_recall": first.training.best.value("recall"),
        "runs": [step.row() for step in story],
        "contests": [contest.as_json() for step in story for contest in step.document.contests],
    }


def main() -> None:
    """Play all scenarios on the seeds asked for and print one line per run."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    asked.add_argument("--customers", type=int, default=8_000)
    asked.add_argument("--out", type=Path)
    options = asked.parse_args()
    found: dict[str, Any] = {"customers": options.customers}
    for seed in options.seeds:
        for scenario in ("competitor", "base", "no-signal"):
            result = play(scenario, seed, options.customers)
            found[f"{scenario}-{seed}"] = result
            print(
                f"--- {scenario}, seed {seed}",
                {k: v for k, v in result.items() if k not in {"runs", "contests"}},
                flush=True,
            )
            for run in result.get("runs", []):
                print("   ", run["on"], run["severity"], run["alarms"], f"watch {len(run['watched'])}", f"recall {run['recall']:.2f}",
                      f"level {run['level']:.2f}", "trained" if run["trained"] else "", "promoted" if run["promoted"] else "", flush=True)  # fmt: skip
            for one in result.get("contests", []):
                if one["is_won"]:
                    print("    won:", one["sentence"], flush=True)
    if options.out:
        options.out.write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")


if __name__ == "__main__":
    main()
