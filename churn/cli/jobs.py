"""Commands of jobs: run one now, list them with their runs, and the scheduler itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from churn.cli.common import Session, command, read_date
from churn.cli.options import DAY
from churn.cli.tables import facts, table
from churn.errors import ConfigError
from churn.jobs.catalog import job_named
from churn.jobs.job import Job, ParameterKind
from churn.jobs.now import Worked, nights, request_run, tell_alerts, work_now
from churn.jobs.processes import run_scheduler, work_claimed
from churn.jobs.schedule import next_times
from churn.jobs.view import JobsView, RunView, jobs_view, run_view

if TYPE_CHECKING:
    from churn.store.service_records import JobParameterValue, ScheduledRun


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app)(run)
    command(app)(jobs)
    command(app)(scheduler)
    command(app, hidden=True)(work)


def run(
    session: Session,
    job: Annotated[str, typer.Argument(metavar="JOB", help="nightly, monthly, retention, or another of `churn jobs`.")],
    date: Annotated[str | None, typer.Option(metavar=DAY, help="The night to work. Default: today's.")] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar=DAY, help="First of several nights, with --to.")
    ] = None,
    to: Annotated[str | None, typer.Option(metavar=DAY, help="Last of several nights, with --from.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the job; repeat for more.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also a night that is done.")] = False,
    retry: Annotated[bool, typer.Option(help="Try again when a remote system or a lock fails.")] = True,
) -> None:
    """Work a job now, step by step, with each step in the ledger; one that was cut off goes on where it stood.

    A past night loads and scores, and contacts nobody. The exit code is that of the first failure.
    """
    first, last, day = read_date(from_, "--from"), read_date(to, "--to"), read_date(date, "--date")
    if (first is None) != (last is None) or (day and first):
        raise ConfigError("give either --date, or --from and --to", where="churn run")
    parameters = _parameters(job_named(job), settings or [])
    context = session.context
    worked: list[Worked] = []
    for night in nights(first, last) if first and last else [day]:
        requested = request_run(context, job, day=night, parameters=parameters, requested_by="cli", again=again)
        worked.append(work_now(context, requested, tell=context.progress.step, retries=retry))
        if worked[-1].run.state != "done":
            break
    _show(session, worked)
    tell_alerts(context)
    _end(worked[-1])


def _parameters(job: Job, settings: list[str]) -> dict[str, JobParameterValue]:
    parameters: dict[str, JobParameterValue] = {}
    for text in settings:
        name, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"`{text}` is not NAME=VALUE", where="--set", remedy="Such as --set promote=true.")
        kind = job.parameters[name].kind if name in job.parameters else "text"
        parameters[name] = _value(kind, value)
    return parameters


def _value(kind: ParameterKind, text: str) -> JobParameterValue:
    if kind == "flag" and text.lower() in {"true", "false", "yes", "no"}:
        return text.lower() in {"true", "yes"}
    if kind == "texts":
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind == "number":
        try:
            return float(text)
        except ValueError:
            return text  # refused by the job, in its words
    return text


def _show(session: Session, worked: list[Worked]) -> None:
    document = {"runs": [_WorkedRun(**vars(run_view(outcome.run)), was_done=outcome.was_done) for outcome in worked]}

    def render() -> None:
        for outcome in worked:
            show_run(outcome.run, was_done=outcome.was_done)

    session.show(document, render)


@dataclass(frozen=True)
class _WorkedRun(RunView):
    """A run as `churn run --json` shows it: whether it had been done before."""

    was_done: bool


def show_run(run: ScheduledRun, *, was_done: bool) -> None:
    """Print a run and its steps."""
    of = f" of {run.logical_date}" if run.logical_date else ""
    before = " before; --again works it once more" if was_done else ""
    table(
        f"{run.job}{of}: {run.state}{before}",
        ["step", "state", "rows", "seconds", "what"],
        [
            (
                step.name,
                step.state,
                None if step.rows is None else f"{step.rows:,}",
                None if step.seconds is None else f"{step.seconds:.1f}",
                step.error or step.outcome,
            )
            for step in run.steps
        ],
        right=[2, 3],
    )


def _end(last: Worked) -> None:
    if last.run.state == "done":
        return
    typer.echo(f"churn: {last.run.job}: {last.run.state}: {last.run.error}", err=True)
    raise typer.Exit(last.errors[0].exit_code if last.errors else 1)


def jobs(
    session: Session,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="Only the runs of this one.")] = None,
    limit: Annotated[int, typer.Option(help="Runs to show.", min=1, max=1_000)] = 10,
) -> None:
    """List the jobs, when each is due, whether a scheduler is running, and the newest runs."""
    if job is not None:
        job_named(job)
    context = session.context
    with context.open_store() as store:
        view = jobs_view(context, store)
        runs = [run_view(run) for run in store.jobs.list(job, limit)]

    def render() -> None:
        _show_jobs(view)
        _show_runs(runs)

    session.show(_JobsAndRuns(view.jobs, view.timezone, view.schedulers, runs), render)


@dataclass(frozen=True)
class _JobsAndRuns(JobsView):
    """The jobs as `churn jobs --json` shows them: with the newest runs."""

    runs: list[RunView]


def _show_jobs(view: JobsView) -> None:
    workers = [f"{worker.name}, since {worker.started_at:%Y-%m-%d %H:%M}" for worker in view.schedulers]
    none = "none: start `churn scheduler`, or `churn serve --with-scheduler`"
    facts([("scheduler", "; ".join(workers) or none), ("times in", view.timezone)])
    table(
        "Jobs",
        ["job", "schedule", "next (UTC)", "last run", "what it does"],
        [
            (
                job.name,
                job.schedule or "on request",
                f"{job.next_at:%Y-%m-%d %H:%M}" if job.next_at else None,
                f"{job.last_run.state} {job.last_run.requested_at:%Y-%m-%d}" if job.last_run else None,
                job.title,
            )
            for job in view.jobs
        ],
    )


def _show_runs(runs: list[RunView]) -> None:
    table(
        "Runs",
        ["run", "job", "date", "state", "asked by", "asked at (UTC)", "seconds", "error"],
        [
            (
                run.run_id,
                run.job,
                run.logical_date,
                run.state,
                run.requested_by,
                f"{run.requested_at:%Y-%m-%d %H:%M:%S}",
                f"{sum(step.seconds or 0 for step in run.steps):.1f}",
                run.error,
            )
            for run in runs
        ],
        right=[0, 6],
        nothing="No job has run yet: start one by `churn run JOB`.",
    )


def scheduler(
    session: Session,
    parent: Annotated[int | None, typer.Option(hidden=True, help="Stop when this process is gone.")] = None,
) -> None:
    """Work the schedule in the foreground until Ctrl-C: nightly, monthly and retention at their times, and what is asked for.

    Several may run at once: none works what another one works. A run that was cut off goes on where it stood.
    """
    context = session.context
    due = next_times(context.settings, context.clock())  # report a wrong schedule before anything starts

    def tell(text: str) -> None:
        if not session.quiet:
            typer.echo(f"{context.clock():%Y-%m-%d %H:%M:%S} {text}")  # flushed, for other processes read it

    tell(
        f"The scheduler is running. Next: {', '.join(f'{job} {at:%Y-%m-%d %H:%M} UTC' for job, at in due.items()) or 'nothing'}."
    )
    run_scheduler(context, config=session.config, tell=tell, parent=parent)


def work(
    session: Session,
    run_id: Annotated[int, typer.Argument(help="A run that a scheduler has claimed.")],
    owner: Annotated[str, typer.Option(help="As whom.")],
) -> None:
    """Work a run that a scheduler has claimed: what the scheduler starts for each."""
    state = work_claimed(session.context, run_id, owner)
    session.show({"run_id": run_id, "state": state}, lambda: None)
