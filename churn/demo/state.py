"""The state of the simulated company at the end of its files, saved beside them so that the simulation can continue."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from churn.demo.membership import NOT_YET, Membership
from churn.demo.seats import Seats
from churn.demo.tables import Arrays
from churn.demo.timeline import DAY, Timeline
from churn.demo.writers import write_frame
from churn.errors import ConfigError

_FACTS = "company.json"
FOLDER = "state"


@dataclass(frozen=True)
class CompanyState:
    """The company as the first day after its files begins.

    The tickets that are open then and the subscriptions that were canceled but still run are rows whose end is decided
    and not yet delivered. Counts are of all so far, so that numbering goes on.
    """

    seed: int
    scenario: str
    month_starts: tuple[date, ...]  # the last one is the day after the files' end
    payments: int
    tickets: int
    customers: int
    subscriptions: int
    seats: Seats
    open_tickets: Arrays
    ending_subscriptions: Arrays

    @property
    def calendar(self) -> Timeline:
        """The calendar up to the end of the files."""
        return Timeline(months=len(self.month_starts) - 1, month_starts=self.month_starts)

    def membership(self) -> Membership:
        """Return a membership that continues from here, with seats of its own."""
        own = Seats(**{field.name: getattr(self.seats, field.name).copy() for field in fields(Seats)})
        return Membership(own, self.customers, self.subscriptions)


def undelivered(rows: Arrays, ended: str, cutoff_day: int) -> Arrays:
    """Return the rows whose `ended` (seconds) is decided and lies at or after the cutoff."""
    later = (rows[ended] >= cutoff_day * DAY) & (rows[ended] < NOT_YET)
    return {name: values[later] for name, values in rows.items()}


def save_state(state: CompanyState, folder: Path) -> None:
    """Keep `state` in `folder`/state, in place of an earlier one. Raises ResourceError when the disk refuses."""
    home = folder / FOLDER / state.month_starts[-1].isoformat()
    home.mkdir(parents=True, exist_ok=True)
    seats = {field.name: getattr(state.seats, field.name) for field in fields(Seats)}
    for name, columns in {
        "seats": seats,
        "open_tickets": state.open_tickets,
        "ending_subscriptions": state.ending_subscriptions,
    }.items():
        write_frame(pl.DataFrame(columns), home / f"{name}.parquet")
    facts = {
        "seed": state.seed,
        "scenario": state.scenario,
        "month_starts": [day.isoformat() for day in state.month_starts],
        "payments": state.payments,
        "tickets": state.tickets,
        "customers": state.customers,
        "subscriptions": state.subscriptions,
    }
    (home / _FACTS).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")  # last: it makes the state whole
    forget_state(folder, but=home)


def forget_state(folder: Path, but: Path | None = None) -> None:
    """Remove the states kept in `folder`, and nothing else."""
    for facts in (folder / FOLDER).glob(f"*/{_FACTS}"):
        if facts.parent != but:
            shutil.rmtree(facts.parent)


def load_state(folder: Path) -> CompanyState:
    """Return the newest state kept in `folder`. Raises ConfigError when there is none."""
    whole = sorted((folder / FOLDER).glob(f"*/{_FACTS}"))
    if not whole:
        raise ConfigError(
            "holds no state of a simulated company to go on from",
            where=str(folder / FOLDER),
            remedy="Run `churn demo` first; it keeps one.",
        )
    # As `save_state` wrote them: CompanyState names and types them below.
    facts: dict[str, Any] = json.loads(whole[-1].read_text(encoding="utf-8"))
    read = {
        name: {c.name: c.to_numpy().copy() for c in pl.read_parquet(whole[-1].with_name(f"{name}.parquet"))}
        for name in ("seats", "open_tickets", "ending_subscriptions")
    }
    return CompanyState(
        **{**facts, "month_starts": tuple(date.fromisoformat(day) for day in facts["month_starts"])},
        seats=Seats(**{field.name: np.ascontiguousarray(read["seats"][field.name]) for field in fields(Seats)}),
        open_tickets=read["open_tickets"],
        ending_subscriptions=read["ending_subscriptions"],
    )
