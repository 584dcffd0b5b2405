"""Prepares what the benches work on, once, under benchmarks/data: the simulated company, its warehouse, trained models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from churn.config import load_settings
from churn.progress import Progress

if TYPE_CHECKING:
    from churn.context import Context

DATA = Path(__file__).parent / "data"
DATED = {
    "sessions": "started_at",
    "payments": "attempted_at",
    "support_tickets": "opened_at",
    "contacts": "contacted_at",
}
WHOLE = ("customers", "subscriptions")  # delivered whole every day, as a table dump is
MODELS = ("xgboost", "random_forest")


@dataclass(frozen=True)
class BenchCompany:
    """A simulated company on disk. `files` holds all of it; `home` a warehouse that knows all but the last day."""

    customers: int
    months: int
    folder: Path
    cutoff: date

    @property
    def files(self) -> Path:
        """The Parquet files as generated."""
        return self.folder / "files"

    @property
    def home(self) -> Path:
        """A home that has been loaded, trained and scored up to the day before the last."""
        return self.folder / "home"

    def context(self, home: Path | None = None, *, day: date | None = None) -> Context:
        """Return the product's context in `home`, with the clock at the beginning of `day`, by default the cutoff."""
        from churn.bootstrap import build_context

        chosen = home or self.home
        now = datetime.combine(day or self.cutoff, datetime.min.time())
        settings = load_settings(config=chosen / "churn.toml", home=chosen, environ={})
        return replace(build_context(settings=settings), clock=lambda: now)


def company_files(customers: int, months: int, progress: Progress) -> Path:
    """Return the folder of the files of the company of that size, generated if it is not there yet."""
    folder = DATA / f"company-{customers}x{months}"
    note = folder / "company.json"
    if not note.is_file():
        from churn.demo import generate_company

        made = generate_company(folder / "files", customers=customers, months=months, progress=progress)
        note.write_text(json.dumps({"cutoff": made.cutoff_date.isoformat(), "counts": made.counts}), encoding="utf-8")
    return folder / "files"


def company(customers: int, months: int, progress: Progress) -> BenchCompany:
    """Return the company of that size, generated and loaded if it is not there yet."""
    folder = company_files(customers, months, progress).parent
    note = folder / "company.json"
    cutoff = date.fromisoformat(json.loads(note.read_text(encoding="utf-8"))["cutoff"])
    found = BenchCompany(customers, months, folder, cutoff)
    if not (found.home / "loaded").is_file():
        _load(found, progress)
    return found


def trained(found: BenchCompany, progress: Progress) -> dict[str, str]:
    """Return the version of each of `MODELS`; the first is champion. Trains and scores yesterday if need be."""
    note = found.home / "trained.json"
    if not note.is_file():
        from churn.workflows.score import score_customers
        from churn.workflows.train import train_model

        context = found.context()
        versions = {}
        for name in MODELS:
            progress.step(f"Training {name}")
            model = train_model(
                context, candidates=[name], tune=False, split="random", promote=name == MODELS[0], who="bench"
            )
            versions[name] = model.version
        progress.step("Scoring the day before")
        score_customers(context, snapshot_date=found.cutoff - timedelta(days=1))
        note.write_text(json.dumps(versions), encoding="utf-8")
    versions = json.loads(note.read_text(encoding="utf-8"))
    return {name: str(version) for name, version in versions.items()}


@contextmanager
def as_it_was(found: BenchCompany) -> Iterator[Path]:
    """Lend the home to a bench that changes it, and put it back after; the path stays, as loads are known by it."""
    kept = found.folder / "home-as-it-was"
    if kept.exists():  # an earlier run was ended before it could put it back
        shutil.rmtree(found.home, ignore_errors=True)
        kept.rename(found.home)
    found.home.rename(kept)
    try:
        shutil.copytree(kept, found.home)
        yield found.home
    finally:
        shutil.rmtree(found.home, ignore_errors=True)
        kept.rename(found.home)


def deliver_last_day(found: BenchCompany, home: Path) -> int:
    """Put the last day's files where `home` looks for them; return the bytes delivered."""
    moved = 0
    for path in sorted((found.folder / "last_day").glob("*.parquet")):
        shutil.copyfile(path, home / "data" / path.name)
        moved += path.stat().st_size
    return moved


def _load(found: BenchCompany, progress: Progress) -> None:
    from churn.workflows.refresh import refresh_warehouse

    shutil.rmtree(found.home, ignore_errors=True)
    _split_last_day(found, progress)
    tables = (*DATED, *WHOLE)
    declared = "\n".join(f'[sources.{name}]\npath = "data/{name}*.parquet"\n' for name in tables)
    (found.home / "churn.toml").write_text(
        f"[training]\nsnapshots = 2\nmax_rows = 60000\n\n{declared}", encoding="utf-8"
    )
    progress.step(f"Loading {found.customers:,} customers")
    refresh_warehouse(found.context(day=found.cutoff - timedelta(days=1)))
    (found.home / "loaded").touch()


def _split_last_day(found: BenchCompany, progress: Progress) -> None:
    """Cut the files in two deliveries: all days but the last into the home, the last day beside it."""
    import polars as pl

    data, last_day = found.home / "data", found.folder / "last_day"
    for folder in (data, last_day):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    begins = datetime.combine(found.cutoff - timedelta(days=1), datetime.min.time())
    for path in sorted(found.files.glob("*.parquet")):
        name = path.stem.split("-")[0]
        if name == "truth":
            continue
        progress.step(f"Splitting {path.name}")
        frame = pl.read_parquet(path)
        if name in WHOLE:
            born = "signed_up_at" if name == "customers" else "started_at"
            frame.filter(pl.col(born).is_null() | (pl.col(born) < begins)).write_parquet(data / path.name)
            frame.write_parquet(last_day / path.name)
            continue
        late = frame.filter(pl.col(DATED[name]) >= begins)
        frame.filter(pl.col(DATED[name]).is_null() | (pl.col(DATED[name]) < begins)).write_parquet(data / path.name)
        if late.height:
            late.write_parquet(last_day / f"{name}-last-day.parquet")
