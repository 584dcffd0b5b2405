"""Generates the simulated company into a folder: the raw tables of the canonical schema, and the truth beside them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from churn.demo import deliveries, faults, tables
from churn.demo.engagement import cut_sessions
from churn.demo.life import Life
from churn.demo.outcomes import named_truth
from churn.demo.scenarios import Scenario, scenario_named
from churn.demo.state import CompanyState, forget_state, save_state, undelivered
from churn.demo.streams import Streams
from churn.demo.timeline import DAY, Timeline, timeline
from churn.demo.writers import FileFormat, prepare_folder, write_frame
from churn.errors import ConfigError
from churn.progress import SILENT, Progress

TABLES = ("customers", "subscriptions", "payments", "sessions", "support_tickets", "contacts")
_MOST_CUSTOMERS = 5_000_000
_MOST_MONTHS = 60


@dataclass(frozen=True)
class CompanyFiles:
    """What was written where. `files` maps each table to its file, or to the glob of its monthly files."""

    folder: Path
    files: dict[str, Path]
    truth: Path
    customers: int
    months: int
    first_date: date
    cutoff_date: date  # facts end before this day begins
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def generate_company(
    folder: Path,
    *,
    customers: int,
    months: int = 18,
    seed: int = 7,
    scenario: str = "base",
    file_format: FileFormat = "parquet",
    is_playable: bool = False,
    progress: Progress = SILENT,
) -> CompanyFiles:
    """Simulate `customers` active customers over `months` months and write the tables and `truth.parquet` to `folder`.

    The same arguments give the same bytes. With `is_playable` the state at the end is kept beside them, so that
    `play_month` can go on from there, and each table is declared as a glob that takes in its later parts. Raises ConfigError for arguments out of range or an unknown scenario,
    ResourceError when the folder cannot be written.
    """
    began = time.perf_counter()
    world = scenario_named(scenario)
    _check_size(customers, months, seed, file_format)
    calendar = timeline(months)
    prepare_folder(folder, (*TABLES, "truth"))
    forget_state(folder)
    writer = _SimulatedCompany(folder, calendar, Streams(seed), world, customers, file_format)
    days = calendar.lived_days
    for day in days:
        if is_playable and day == calendar.cutoff_day:
            writer.keep_state(seed, scenario)
        writer.life.live_day(day)
        if writer.is_month_told(day):
            done = (day - days.start) / len(days)
            progress.step(f"Simulating {calendar.month_starts[calendar.month_of(day)]:%B %Y}", 0.9 * done)
            writer.write_sessions(calendar.month_of(day))
    writer.life.finish()
    progress.step("Writing the tables", 0.92)
    writer.write_tables()
    progress.step("Writing the truth", 0.97)
    writer.write_truth()
    ending = file_format
    files = {name: folder / f"{name}.{ending}" for name in TABLES if name != "sessions"}
    files["sessions"] = folder / f"sessions-*.{ending}"
    if is_playable:
        files = {name: folder / f"{name}*.{ending}" for name in TABLES}
    return CompanyFiles(
        folder=folder,
        files={name: files[name] for name in TABLES},
        truth=folder / "truth.parquet",
        customers=customers,
        months=months,
        first_date=calendar.first_date,
        cutoff_date=calendar.cutoff_date,
        counts=writer.counts,
        seconds=round(time.perf_counter() - began, 3),
    )


def _check_size(customers: int, months: int, seed: int, file_format: str) -> None:
    for name, value, least, most in (
        ("--customers", customers, 1, _MOST_CUSTOMERS),
        ("--months", months, 1, _MOST_MONTHS),
        ("--seed", seed, 0, 2**63 - 1),
    ):
        if not least <= value <= most:
            raise ConfigError(f"{value} is out of range", where=name, remedy=f"Give a number from {least} to {most}.")
    if file_format not in ("csv", "parquet"):
        raise ConfigError(
            f"no file format is called `{file_format}`", where="--format", remedy="Choose csv or parquet."
        )


class _SimulatedCompany:
    """Runs the simulation and writes its tables: sessions month by month, the others at the end."""

    def __init__(
        self,
        folder: Path,
        calendar: Timeline,
        streams: Streams,
        world: Scenario,
        customers: int,
        file_format: FileFormat,
    ) -> None:
        self.folder = folder
        self.calendar = calendar
        self.streams = streams
        self.world = world
        self.ending = file_format
        self.life = Life(customers, calendar, streams, world)
        self.counts = dict.fromkeys(TABLES, 0)
        self.cutoff = calendar.cutoff_day * DAY
        self._ids = pl.Series("id", [], dtype=pl.String)

    def is_month_told(self, day: int) -> bool:
        """Whether `day` is the last day of a delivered month."""
        month = self.calendar.month_of(day)
        return 0 <= month < self.calendar.months and self.calendar.month_of(day + 1) != month

    def keep_state(self, seed: int, scenario: str) -> None:
        """Save the state of the company at the start of the first day that is not delivered."""
        life, last = self.life, self.calendar.cutoff_day
        tickets = life.tickets.columns()
        tickets["number"] = np.arange(life.tickets.rows)
        state = CompanyState(
            seed=seed,
            scenario=scenario,
            month_starts=self.calendar.month_starts,
            payments=life.payments.rows,
            tickets=life.tickets.rows,
            customers=life.membership.customer_count,
            subscriptions=life.membership.subscription_count,
            seats=life.seats,
            open_tickets=undelivered(tickets, "closed_at", last),
            ending_subscriptions=undelivered(life.membership.subscriptions.columns(), "ended_at", last),
        )
        save_state(state, self.folder)

    def _customer_ids(self) -> pl.Series:
        known = self.life.membership.customer_count
        if len(self._ids) < known:
            self._ids = tables.customer_ids(known)
        return self._ids

    def _write(self, table: str, frame: pl.DataFrame, name: str | None = None) -> None:
        self.counts[table] = self.counts.get(table, 0) + len(frame)
        write_frame(frame, self.folder / f"{name or table}.{self.ending}")

    def write_sessions(self, month: int) -> None:
        """Cut the month's sessions and write its file."""
        random = self.streams.of("sessions", month)
        rows = cut_sessions(self.life.sessions.drain(), random)
        frame = tables.sessions_table(rows, self._customer_ids())
        frame = deliveries.with_duplicates(frame, random)
        if self.world.is_dirty:
            frame = faults.spoil("sessions", frame, self.calendar, random, self.ending, month=month)
        self._write("sessions", frame, f"sessions-{self.calendar.month_starts[month]:%Y-%m}")

    def write_tables(self) -> None:
        """Write every table but the sessions."""
        life, ids, random = self.life, self._customer_ids(), self.streams.of("deliveries")
        subscriptions = tables.subscriptions_table(life.membership.subscriptions.columns(), ids, self.cutoff)
        customers = tables.customers_table(life.membership.customers.columns(), ids)
        customers = customers.join(subscriptions, on="customer_id", how="semi", maintain_order="left")
        customers = deliveries.as_typed(customers, random)
        customers = deliveries.with_corrections(customers, life.membership.objections.columns(), ids)
        payments = tables.payments_table(life.payments.columns(), ids)
        payments = deliveries.with_late_facts(payments, "attempted_at", self.cutoff, random)
        tickets = tables.tickets_table(life.tickets.columns(), ids, self.cutoff, np.arange(life.tickets.rows))
        tickets = deliveries.with_late_facts(tickets, "opened_at", self.cutoff, random)
        contacts = tables.contacts_table(life.contacts.columns(), ids)
        for name, frame in {
            "customers": deliveries.with_duplicates(customers, random),
            "subscriptions": deliveries.with_duplicates(subscriptions, random),
            "payments": deliveries.with_redeliveries(payments, "attempted_at", self.cutoff, random),
            "support_tickets": deliveries.with_redeliveries(tickets, "opened_at", self.cutoff, random),
            "contacts": deliveries.with_duplicates(contacts, random),
        }.items():
            spoiled = faults.spoil(name, frame, self.calendar, random, self.ending) if self.world.is_dirty else frame
            self._write(name, spoiled)

    def write_truth(self) -> None:
        """Write the truth, one row per customer and month."""
        truth = named_truth(pl.concat(self.life.truth), self._customer_ids())
        self.counts["truth"] = len(truth)
        write_frame(truth, self.folder / "truth.parquet")


def sources_toml(files: CompanyFiles) -> str:
    """Return the `[sources.*]` tables of a churn.toml that loads these files."""
    lines = []
    for table, path in files.files.items():
        lines += [f"[sources.{table}]", f"path = {_quoted(path.as_posix())}", ""]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
