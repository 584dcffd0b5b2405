from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from churn.bootstrap import build_context
from churn.config import Settings
from churn.context import Context, Log
from churn.jobs.job import Job, Step, StepResult
from churn.store import ScheduledRun, open_store
from tests.store.builders import run as score_run
from tests.store.builders import score_list


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class House:
    """A home with a store and nothing else, its clock, and what was logged."""

    context: Context
    clock: Clock
    logged: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def with_settings(self, **sections: dict[str, Any]) -> House:
        changed = {
            name: getattr(self.context.settings, name).model_copy(update=values) for name, values in sections.items()
        }
        return replace(self, context=replace(self.context, settings=self.context.settings.model_copy(update=changed)))

    def runs(self, job: str | None = None) -> list[ScheduledRun]:
        with self.context.open_store() as store:
            return store.jobs.list(job)[::-1]

    def claim(self, owner: str = "me") -> ScheduledRun:
        with self.context.open_store() as store:
            found = store.jobs.claim(owner, now=self.clock(), lease_seconds=60)
        assert found is not None
        return found

    def request(self, job: str, **values: Any) -> ScheduledRun:
        with self.context.open_store() as store:
            return store.jobs.request(job, requested_by="test", at=self.clock(), **values)

    def alerts(self) -> list[tuple[str, str]]:
        with self.context.open_store() as store:
            return sorted((alert.kind, alert.severity) for alert in store.alerts.open())


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    open_store(f"sqlite:///{home / 'store.sqlite'}").close()
    return home


@pytest.fixture
def house(empty_home: Path, tmp_path: Path) -> House:
    home = tmp_path / "house"
    shutil.copytree(empty_home, home)
    clock = Clock(datetime(2026, 7, 1, 1, 0))
    logged: list[tuple[str, dict[str, Any]]] = []
    log = Log(lambda event, fields: logged.append((event, dict(fields))))
    return House(replace(build_context(settings=Settings(home=home)), clock=clock, log=log), clock, logged)


@pytest.fixture
def job_of() -> Callable[..., Callable[[str], Job]]:
    """Give a catalog of one job whose steps do what they are told: a StepResult, an exception, or a call."""

    def build(**does: Any) -> Callable[[str], Job]:
        gates = does.pop("gates", ())

        def step(what: Any) -> Callable[[Context, ScheduledRun], StepResult]:
            def work(context: Context, run: ScheduledRun) -> StepResult:
                found = what(context, run) if callable(what) and not isinstance(what, type) else what
                if isinstance(found, BaseException):
                    raise found
                return found if isinstance(found, StepResult) else StepResult(1, "Done.")

            return work

        steps = tuple(Step(name, step(what), is_gate=name in gates) for name, what in does.items())
        return lambda name: Job(name, f"the job {name}", steps, is_dated=True)

    return build


@pytest.fixture
def published() -> Callable[[House], None]:
    """Publish a list as of the house's clock."""

    def publish(house: House) -> None:
        at = house.clock()
        with house.context.open_store() as store:
            store.scores.publish(
                score_run(f"run-{at:%d%H%M}", snapshot_date=at.date(), scored_at=at, data_cutoff=at), score_list()
            )

    return publish
