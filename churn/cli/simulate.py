"""Command `simulate`: what contacting customers would cost and bring."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from churn.cli.common import Session, command
from churn.cli.simulation_view import show, show_side_by_side
from churn.workflows.simulate.compare import compare_simulations
from churn.workflows.simulate.document import check_ending
from churn.workflows.simulate.request import SimulationRequest
from churn.workflows.simulate.simulate import simulate_campaign, write_simulation

WHOM, TERMS, OUTPUT = "Whom to contact (one of)", "Terms of the offer (default: churn.toml)", "Data and output"


class ProfitModels(StrEnum):
    """The three profit models."""

    case_study = "case_study"
    incentive = "incentive"
    uplift = "uplift"


class Presets(StrEnum):
    """Known campaigns that need no data."""

    case_study = "case-study"


class Bases(StrEnum):
    """Whom to choose from."""

    scores = "scores"
    evaluation = "evaluation"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(simulate)


def simulate(
    session: Session,
    *,
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Everyone at or above this probability.", rich_help_panel=WHOM)
    ] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="As many as this money pays for.", rich_help_panel=WHOM)
    ] = None,
    contacts: Annotated[
        int | None, typer.Option(min=0, help="This many, the likeliest first.", rich_help_panel=WHOM)
    ] = None,
    contact_cost: Annotated[
        float | None, typer.Option(min=0, help="Money one contact costs.", rich_help_panel=TERMS)
    ] = None,
    incentive_cost: Annotated[
        float | None, typer.Option(min=0, help="Money one incentive costs.", rich_help_panel=TERMS)
    ] = None,
    success_rate: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of contacted churners who stay because of it.", rich_help_panel=TERMS),
    ] = None,
    success_low: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Its 5 % point. Default: moves with the rate.", rich_help_panel=TERMS),
    ] = None,
    success_high: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Its 95 % point. Default: moves with the rate.", rich_help_panel=TERMS),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(min=0, help="A month's margin, the same for every customer.", rich_help_panel=TERMS),
    ] = None,
    value: Annotated[
        float | None,
        typer.Option(
            min=0, help="Money a save is worth. Default: each customer's margin over --months.", rich_help_panel=TERMS
        ),
    ] = None,
    months: Annotated[
        int | None, typer.Option(min=1, max=600, help="Months of margin a save is worth.", rich_help_panel=TERMS)
    ] = None,
    profit_model: Annotated[
        ProfitModels | None, typer.Option(help="How profit is counted.", rich_help_panel=TERMS)
    ] = None,
    preset: Annotated[
        Presets | None, typer.Option(help="A known campaign; needs no data.", rich_help_panel=OUTPUT)
    ] = None,
    on: Annotated[
        Bases,
        typer.Option(help="Published scores, or past customers whose outcomes are known.", rich_help_panel=OUTPUT),
    ] = Bases.scores,
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Show beside: an earlier --out FILE.json, the name of a saved one, or a .toml list of scenarios.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .csv (curve), .json, or .html (a page).", rich_help_panel=OUTPUT)
    ] = None,
    save: Annotated[
        str | None, typer.Option(metavar="NAME", help="Keep it under this name.", rich_help_panel=OUTPUT)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.", rich_help_panel=OUTPUT)] = 7,
    allow_uncalibrated: Annotated[
        bool,
        typer.Option(
            "--allow-uncalibrated",
            help="Go on with probabilities that fail the gate; said everywhere.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
) -> None:
    """Say what a campaign would cost and bring: the best cut, how sure it is, what matters most, what it assumes.

    Without options: the optimum on the published scores.
    """
    if out is not None:
        check_ending(out)
    request = SimulationRequest(
        threshold=threshold,
        budget=budget,
        contacts=contacts,
        contact_cost=contact_cost,
        incentive_cost=incentive_cost,
        success_rate=success_rate,
        success_rate_low=success_low,
        success_rate_high=success_high,
        margin=margin,
        value=value,
        months=months,
        profit_model=None if profit_model is None else profit_model.value,
        preset=None if preset is None else "case-study",
        on=on.value,
        allow_uncalibrated=allow_uncalibrated,
        save=save,
        seed=seed,
    )
    simulation = simulate_campaign(session.context, request)
    others = [] if compare is None else compare_simulations(session.context, request, compare)
    written = None if out is None else write_simulation(session.context, simulation, out)
    document: dict[str, Any] = {**simulation.document, "file": written}
    if compare is not None:
        document["scenarios"] = others

    def render() -> None:
        show(simulation.document)
        if others:
            show_side_by_side([simulation.document, *others])
        if written is not None:
            typer.echo(f"Wrote {written}")

    session.show(document, render)


def headline(document: Mapping[str, Any]) -> str:
    """Return a simulation's answer as one sentence."""
    return str(document["sentence"])
