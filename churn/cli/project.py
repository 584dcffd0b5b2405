"""Commands about the project as a whole: init, demo, generate, check."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn.cli.campaigns import complaint_rows, show_complaints
from churn.cli.common import Session, command
from churn.cli.data import check_rows, show_checks
from churn.cli.demo_programme import play as play_programme
from churn.cli.junit import JUnitFile, write_junit
from churn.cli.models import show_candidates
from churn.cli.tables import facts, line, percent, table
from churn.errors import ConfigError
from churn.wording import money
from churn.workflows.check_project import ProjectCheck, check_project
from churn.workflows.demo import generate as run
from churn.workflows.demo import play_forward, run_demo
from churn.workflows.init_project import init_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from churn.workflows.demo import DemoCampaigns, DemoResult


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app)(init)
    command(app)(demo)
    command(app)(generate)
    command(app)(check)


def init(
    session: Session,
    places: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]", help="Where to write churn.toml; with --from also more files.", show_default=False
        ),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--from", help="Files or folders to propose the [sources] from: --from exports/*.csv."),
    ] = None,
) -> None:
    """Write a commented churn.toml to start from, example campaigns and a programme."""
    home = session.home or Path(os.environ.get("CHURN_HOME", ".churn"))
    # A shell makes several names of --from *.csv, of which the option takes the first.
    more = [place for place in places or [] if files and place.is_file()]
    folders = [place for place in places or [] if place not in more]
    if len(folders) > 1:
        raise ConfigError(
            f"{len(folders)} folders to write to", where="churn init", remedy="Name one; files come after --from."
        )
    folder = folders[0] if folders else Path()
    project = init_project(folder, home, files=[*(files or []), *more], year=datetime.now(UTC).year)

    def render() -> None:
        if project.proposals:
            chosen = [proposal.table for proposal in project.proposals if proposal.is_chosen]
            left = sum(len(proposal.choices) + (not proposal.is_chosen) for proposal in project.proposals)
            for sentence in _proposed(project.settings, chosen, left):
                line(sentence)
            if project.left_out:
                names = ", ".join(str(file) for file in project.left_out[:5]) + (
                    ", ..." if len(project.left_out) > 5 else ""
                )
                line(f"Left out, being neither CSV, Parquet, JSON nor a workbook: {names}.")
        else:
            line(f"Wrote {project.settings}. Name your files under [sources.*], then run `churn refresh`.")
        for path in project.campaigns.values():
            line(f"Wrote {path}, an example of a campaign: change it, copy it under another name, or delete it.")
        if project.unfit:
            needed = sorted({source for sources in project.unfit.values() for source in sources})
            line(
                f"Left out {', '.join(project.unfit)}, examples of campaigns that need {' and '.join(needed)}, "
                "and the example of a programme, in which they compete."
            )
        for path in project.programmes.values():
            line(f"Wrote {path}, an example of a programme: these campaigns compete for the same customers.")

    document: dict[str, object] = {
        "files": {
            "settings": project.settings,
            "campaigns": project.campaigns,
            "programmes": project.programmes,
        }
    }
    if project.proposals:
        document["sources"] = [
            {
                "table": proposal.table,
                "files": proposal.paths,
                "is_chosen": proposal.is_chosen,
                "columns": proposal.columns,
            }
            for proposal in project.proposals
        ]
    session.show(document, render)


def _proposed(settings: Path, chosen: Sequence[str], left: int) -> tuple[str, str]:
    """Return what was made of the files, and what to do next; `left` questions stand in the settings as comments."""
    if not chosen:
        return (
            f"Wrote {settings}. No file is surely one of the tables: each stands in it as a comment, with its columns.",
            "Say there which table it is and what its columns are, then run `churn refresh --dry-run`.",
        )
    wrote = f"Wrote {settings}, with sources as proposed from the files: {', '.join(chosen)}."
    if not left:
        return wrote, "Nothing in it is left open: run `churn refresh --dry-run` to see how it is read."
    questions = "One question is" if left == 1 else f"{left} questions are"
    return wrote, f"{questions} left to you in it, as comments: answer them, then run `churn refresh --dry-run`."


def demo(
    session: Session,
    customers: Annotated[
        int, typer.Option(min=2_000, max=2_000_000, help="Active customers of the simulated company.")
    ] = 12_000,
    seed: Annotated[int, typer.Option(help="Same seed, same company.")] = 7,
    campaigns: Annotated[
        bool,
        typer.Option(
            "--campaigns/--no-campaigns",
            help="Go on to plan, play and measure campaigns, or stop at the risk list and the simulation.",
        ),
    ] = True,
    play_forward: Annotated[
        bool,
        typer.Option(
            "--play-forward",
            help="No new demo: let the next month happen in the demo's company, with what its campaigns assigned.",
        ),
    ] = False,
    programme: Annotated[
        bool,
        typer.Option(
            "--programme",
            help="No new demo: play three rounds of a programme in the demo's company, and show what was learnt beside the truth.",
        ),
    ] = False,
) -> None:
    """Run the whole loop on a simulated company: events, model, risk list, campaigns, and what they caused."""
    if programme:
        play_programme(session)
        return
    if play_forward:
        _play_forward(session)
        return
    result = run_demo(session.context, customers=customers, seed=seed, with_campaigns=campaigns)
    document = {
        "customers": result.company.customers,
        "snapshot_date": result.scores[-1].snapshot_date,
        "model_version": result.model.version,
        "selected": result.model.training.selection.name,
        "reason": result.model.training.selection.reason,
        "listed": result.scores[-1].listed,
        "simulation": result.simulation.as_json(),
        "campaigns": result.campaigns.measured if result.campaigns else [],
        "insights": [insight.sentence for insight in result.closing.explored.document.insights]
        if result.closing
        else [],
        "monitor": result.closing.monitor.document.summary if result.closing else None,
        "files": result.files,
        "seconds": round(result.seconds, 1),
    }
    session.show(document, lambda: _show_demo(result, session.context.settings.business.currency))


def _play_forward(session: Session) -> None:
    played = play_forward(session.context)
    month = played.month
    churn_rate = float(month.outcomes["has_churned"].to_numpy().mean())
    document = {
        "first_date": month.first_date,
        "cutoff_date": month.cutoff_date,
        "contacted": played.contacted,
        "without_effect": played.passed_over,
        "churn_rate": churn_rate,
        "rows": month.counts,
        "files": {**month.files, **({"outcomes": month.answers} if month.answers else {})},
    }

    def render() -> None:
        contacted = ", ".join(f"{name} {count:,}" for name, count in played.contacted.items())
        facts(
            [
                (
                    "played",
                    f"{month.first_date} until {month.cutoff_date}, {sum(month.counts.values()):,} new raw rows",
                ),
                ("left", f"{percent(churn_rate)} of {month.outcomes.height:,} customers within 30 days"),
                ("contacted", contacted or "nobody: no campaign was planned on that day"),
                *([("answers", month.answers)] if month.answers else []),
            ]
        )
        for name, count in played.passed_over.items():
            line(f"The simulation knows no offer of {name}: its {count:,} contacts had no effect.")
        steps = ["`churn refresh`", *(["`churn outcomes import`", "`churn measure`"] if month.answers else [])]
        line(f"Next: {', '.join(steps)}, `churn score`.")

    session.show(document, render)


def _show_demo(result: DemoResult, currency: str) -> None:
    score, company = result.scores[-1], result.company
    show_candidates(result.model, currency)
    facts(
        [
            (
                "company",
                f"{company.customers:,} active customers, {company.months} months, {sum(company.counts.values()):,} raw rows",
            ),
            ("loaded", f"{sum(load.rows for load in result.refresh.loads):,} rows in {result.refresh.seconds:.1f} s"),
            ("model", f"{result.model.version}: {result.model.training.selection.reason}"),
            (
                "scored",
                f"{score.customers:,} customers as of {score.snapshot_date}, mean risk {percent(score.mean_probability)}",
            ),
            ("risk list", f"{score.listed:,} customers at high or critical risk"),
            ("simulation", result.simulation.sentence),
            ("took", f"{result.seconds:.0f} s"),
        ]
    )
    if result.campaigns:
        show_campaigns(result.campaigns, currency)
    if result.closing:
        insights = result.closing.explored.document.insights[:3]
        facts(
            [
                ("monitors", result.closing.monitor.document.summary),
                *(("insight" if n == 0 else "", insight.sentence) for n, insight in enumerate(insights)),
            ]
        )
    table("Files", ["what", "where"], [(name.replace("_", " "), path) for name, path in result.files.items()])
    first = result.files.get("report", result.files["simulation"])
    line(f"Read {first} in a browser; `make serve` or `churn serve --with-scheduler` opens the web pages.")
    line("Next: `churn risk-list --top 10`, `churn explain CUSTOMER`, `churn simulate --budget 5000`.")


def show_campaigns(campaigns: DemoCampaigns, currency: str) -> None:
    """Print what was measured of each campaign, and beside it the truth that only a simulation knows."""
    month = campaigns.played.month

    def points(share: float | None) -> str:
        return "" if share is None else f"{100 * share:+.1f}"

    def whole(amount: float) -> str:
        return money(amount, currency, cents=False)

    def span(middle: float, low: float, high: float, shown: Callable[[float], str]) -> str:
        return f"{shown(middle)}  ({shown(low)} to {shown(high)})"

    rows = [
        (
            row.campaign,
            f"{row.contacted:,}",
            f"{row.holdout:,}",
            span(row.effect.delta, row.effect.low, row.effect.high, points) if row.effect else "unknown",
            points(row.true_effect),
            span(row.net_profit.value, row.net_profit.low, row.net_profit.high, whole) if row.net_profit else "unknown",
            "" if row.true_net_profit is None else whole(row.true_net_profit),
        )
        for row in campaigns.measured
    ]
    columns = ["campaign", "contacted", "held out", "churn avoided, points", "in truth", "net profit", "in truth"]
    table(f"Campaigns, {month.first_date} until {month.cutoff_date}", columns, rows, right=[1, 2, 3, 4, 5, 6])
    for row in campaigns.measured:
        line(f"{row.title}: {row.headline}")
    answers = campaigns.outcomes.kinds if campaigns.outcomes else {}
    judged = [row.is_covered for row in campaigns.measured if row.is_covered is not None]
    facts(
        [
            ("intervals", f"{sum(judged)} of {len(judged)} hold the true effect"),
            ("pushed", f"{sum(push.list_size for push in campaigns.pushed):,} customers as files"),
            ("answers", ", ".join(f"{count:,} {kind}" for kind, count in answers.items()) or "none"),
        ]
    )


def generate(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the raw files go.")],
    customers: Annotated[int, typer.Option(min=100, max=5_000_000, help="Active customers.")] = 12_000,
    months: Annotated[int, typer.Option(min=4, max=60, help="Months of history.")] = 18,
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")] = 7,
    scenario: Annotated[str, typer.Option(help="base, competitor, dirty or no-signal.")] = "base",
    file_format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "parquet",
) -> None:
    """Write only the simulated company's raw files, with the truth beside them."""
    company = run(
        folder,
        customers=customers,
        months=months,
        seed=seed,
        scenario=scenario,
        file_format=file_format,
        progress=session.progress,
    )
    document = {
        "folder": company.folder,
        "files": company.files,
        "truth": company.truth,
        "rows": company.counts,
        "cutoff_date": company.cutoff_date,
        "seconds": round(company.seconds, 1),
    }
    session.show(
        document,
        lambda: table(
            f"{company.folder}, data end {company.cutoff_date}",
            ["table", "rows"],
            [(n, f"{c:,}") for n, c in company.counts.items()],
            right=[1],
        ),
    )


def check(session: Session, junit: JUnitFile = None) -> None:
    """Check settings, campaigns, programmes, SQL and data quality; changes nothing."""
    result = check_project(session.context)
    if junit is not None:
        write_junit(junit, result.checks or [])
    document = {
        "sources": result.sources,
        "sql_models": result.sql_models,
        "campaigns": {"files": result.campaigns.files, "complaints": complaint_rows(result.campaigns.complaints)},
        "checks": None if result.checks is None else check_rows(result.checks),
        "open_files": result.open_files,
        "point_in_time": {"tried": result.tried_features, "leaks": result.leaks},
        "reached": [
            {"what": place.what, "where": place.where, "error": str(place.error) if place.error else None}
            for place in result.reached
        ],
    }

    session.show(document, lambda: _show_check(result, session.context.settings.home))
    if result.checks and any(c.level == "block" and c.defect_count for c in result.checks):
        raise typer.Exit(3)
    if result.leaks:
        raise typer.Exit(3)
    if result.campaigns.complaints:
        raise typer.Exit(2)
    if any(place.error is not None for place in result.reached):
        raise typer.Exit(6)


def _show_check(result: ProjectCheck, home: Path) -> None:
    facts([("sources", ", ".join(result.sources) or "none declared"), ("SQL models", result.sql_models)])
    show_complaints(len(result.campaigns.files), result.campaigns.complaints)
    if result.checks is None:
        line("No warehouse yet: run `churn refresh` to check the data too.")
    else:
        show_checks(result.checks)
    if result.tried_features and not result.leaks:
        line(f"Tried point in time: {', '.join(result.tried_features)}; none knows what was not known yet.")
    for leak in result.leaks:
        line(f"{leak.column} of {leak.file} changes by {', '.join(leak.kinds)}: {leak.example}. {leak.remedy}")
    for place in result.reached:
        line(
            f"{place.what}: {place.where} {'can be reached' if place.error is None else f'cannot be used: {place.error}'}"
        )
    if result.open_files:
        line(
            f"Warning: other accounts may read {len(result.open_files):,} of the home's files: {result.open_files[0]}, ..."
        )
        line(f"They hold customers' data. Close them: chmod -R go= {home}")
