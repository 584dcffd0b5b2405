"""Command `simulate`: what contacting customers would cost and bring."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from churn.cli.common import Session, command
from churn.cli.simulation_view import show, show_side_by_side
from churn.decisions.choices import ProfitModel
from churn.decisions.simulation_request import CUTS, TERMS, SimulationRequest, SimulationTerms, Term
from churn.workflows.simulate import check_ending, compare_simulations, simulate_campaign, write_simulation

WHOM, OFFER, OUTPUT = "Whom to contact (one of)", "Terms of the offer (default: churn.toml)", "Data and output"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(simulate)


def one_option_per_term(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command, in place of its argument `terms`, one option for each of a simulation's terms."""
    wanted = inspect.signature(function, eval_str=True)

    @wraps(function)
    def run(session: Session, **options: Any) -> None:
        terms = SimulationTerms(**{term.name: options.pop(_parameter(term)) for term in TERMS})
        function(session, terms=terms, **options)

    parameters: list[inspect.Parameter] = []
    for parameter in wanted.parameters.values():
        parameters += [_option(term) for term in TERMS] if parameter.name == "terms" else [parameter]
    run.__signature__ = wanted.replace(parameters=parameters)  # type: ignore[attr-defined]  # `command` reads it
    return run


def _parameter(term: Term) -> str:
    return term.option.replace("-", "_")


def _option(term: Term) -> inspect.Parameter:
    amount = int | None if term.unit == "count" else float | None
    panel = WHOM if term.name in CUTS else OFFER
    option = typer.Option(min=term.least, max=term.most, help=term.meaning, rich_help_panel=panel)
    return inspect.Parameter(
        _parameter(term), inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[amount, option]
    )


@one_option_per_term
def simulate(
    session: Session,
    *,
    terms: SimulationTerms,
    campaign: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Price by this campaign's file: rates by cause, harm, own costs and values, limits, what was measured.",
            rich_help_panel=OFFER,
        ),
    ] = None,
    programme: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="With --campaign: as it competes there.", rich_help_panel=OFFER),
    ] = None,
    profit_model: Annotated[
        ProfitModel | None, typer.Option(help="How profit is counted.", rich_help_panel=OFFER)
    ] = None,
    preset: Annotated[
        Literal["case-study"] | None, typer.Option(help="A known campaign; needs no data.", rich_help_panel=OUTPUT)
    ] = None,
    on: Annotated[
        Literal["scores", "evaluation"],
        typer.Option(help="Published scores, or past customers whose outcomes are known.", rich_help_panel=OUTPUT),
    ] = "scores",
    compare: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Show beside: an earlier --out FILE.json, the name of a saved one, or a .toml list of scenarios.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write: .csv (curve), .json, .html (a page), or .xlsx (tables).", rich_help_panel=OUTPUT
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Of the page: en, de. Default: that of [reporting].", rich_help_panel=OUTPUT)
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
    session.context.speaking(language)  # a language without words is refused before the draws
    request = SimulationRequest(
        **asdict(terms),
        campaign=campaign,
        programme=programme,
        profit_model=profit_model,
        preset=preset,
        on=on,
        allow_uncalibrated=allow_uncalibrated,
        save=save,
        seed=seed,
    )
    document = simulate_campaign(session.context, request)
    others = [] if compare is None else compare_simulations(session.context, request, compare)
    written = None if out is None else write_simulation(session.context, document, out, language=language)

    def render() -> None:
        show(document)
        if others:
            show_side_by_side([document, *others])
        if written is not None:
            typer.echo(f"Wrote {written}")

    shown = {**document.as_json(), "file": None if written is None else str(written)}
    if compare is not None:
        shown["scenarios"] = [other.as_json() for other in others]
    session.show(shown, render)
