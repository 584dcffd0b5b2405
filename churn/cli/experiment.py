"""Commands on finished experiments of any tool: experiment FILE, and experiment apply, list, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from churn.cli.common import Session, command
from churn.cli.options import LanguageOption
from churn.cli.tables import facts, line, percent, table
from churn.reports.experiment import policy_rows
from churn.views.experiments import experiment, experiments
from churn.workflows.experiment import ExperimentFile, amount_of, analyse_experiment, apply_experiment, options_of

if TYPE_CHECKING:
    from churn.documents.experiment import ExperimentDocument
    from churn.documents.measurement import EffectInterval

ANALYSE = "analyse"
OptionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help='How the file is written, as a source says it: delim=";", decimal_separator=",", encoding=cp1252; repeat.',
    ),
]
CustomerOption = Annotated[
    str | None, typer.Option(metavar="COL", help="Column of the customer's id; customer_id if there is one.")
]


class _FileFirst(TyperGroup):
    """`experiment FILE` is short for `experiment analyse FILE`: whatever is no command of the group is a file."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [ANALYSE, *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    group = typer.Typer(
        cls=_FileFirst,
        no_args_is_help=True,
        help="Say what a finished A/B test of any tool proves, what each policy earns, and whom to contact.",
    )
    command(group, ANALYSE)(analyse)
    command(group)(apply)
    command(group, "list")(listed)
    command(group)(show)
    app.add_typer(group, name="experiment")


def analyse(
    session: Session,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A row per customer: .csv, .parquet, .json; also gzipped.")
    ],
    *,
    treatment: Annotated[str, typer.Option(metavar="COL", help="Column of the arm.")],
    outcome: Annotated[
        str,
        typer.Option(
            metavar="COL|SQL", help="Column of the outcome, 0 or 1 for every customer, or SQL such as 'spent > 0'."
        ),
    ],
    control: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Value of --treatment for those left alone.")
    ] = None,
    treated: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="Value of --treatment for those treated, where there are more than two."),
    ] = None,
    unwanted: Annotated[
        bool | None,
        typer.Option("--unwanted/--wanted", help="Whether 1 is what the treatment was to prevent, such as churn."),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option(
            metavar="AMOUNT|COL|SQL", help="What one wanted outcome is worth; a column may hold what was spent."
        ),
    ] = None,
    cost: Annotated[str | None, typer.Option(metavar="AMOUNT|COL|SQL", help="What one contact costs.")] = None,
    incentive: Annotated[
        str | None,
        typer.Option(metavar="AMOUNT|COL|SQL", help="What each treated customer with the wanted outcome costs on top."),
    ] = None,
    planned_share: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="Share of the compared customers that was to be treated, such as 0.5."),
    ] = None,
    customer: CustomerOption = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="Column whose values, such as stores, were assigned as a whole; found where it is plain.",
        ),
    ] = None,
    strata: Annotated[
        str | None,
        typer.Option(
            metavar="COL",
            help="Column within whose values the split was drawn, at shares of their own: each is compared within itself.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Known only after the contact; repeat for more.")
    ] = None,
    option: OptionOption = None,
    name: Annotated[str | None, typer.Option(help="Name to keep it under.")] = None,
    learner: Annotated[
        list[str] | None, typer.Option(help="t_learner, x_learner, class_transformation; repeat. Default: all.")
    ] = None,
    base: Annotated[
        list[str] | None,
        typer.Option(help="Candidate inside; repeat. Default: logistic_regression, random_forest, xgboost."),
    ] = None,
    language: LanguageOption = None,
) -> None:
    """Analyse a finished experiment; `churn experiment FILE` is enough.

    Split against plan, effect over all rows as assigned, money of contacting everybody, nobody and those a model picks,
    effect by tenth, groups that are harmed; verdict: broken split, harm, no proof, works.
    """
    asked_for = ExperimentFile(
        path=file,
        treatment=treatment,
        outcome=outcome,
        control=control,
        treated=treated,
        is_unwanted=unwanted,
        customer=customer,
        group=group,
        strata=strata,
        exclude=tuple(exclude or ()),
        value=amount_of(value),
        cost=amount_of(cost),
        incentive=amount_of(incentive),
        planned_share=planned_share,
        options=options_of(option),
        name=name,
    )
    analysed = analyse_experiment(session.context, asked_for, learners=learner, bases=base, language=language)

    def render() -> None:
        _show(analysed.document)
        line(f"Wrote {analysed.page}")

    session.show({**dict(analysed.document), "page": analysed.page}, render)


def apply(
    session: Session,
    name: Annotated[str, typer.Argument(help="Name of an analysed experiment.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Customers to decide about, with the experiment's columns.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="File for the list: .csv, .parquet or .xlsx.")],
    customer: CustomerOption = None,
    option: OptionOption = None,
) -> None:
    """Decide for the customers of another file whom to contact, as the experiment advises."""
    applied = apply_experiment(
        session.context, name, file, out, customer=customer, options=options_of(option) if option else None
    )

    def render() -> None:
        line(applied.sentence)
        line(f"Wrote {out}")

    session.show({**dict(applied), "list": out}, render)


def listed(session: Session) -> None:
    """List the experiments that were analysed, the newest first."""
    rows = experiments(session.context)

    def render() -> None:
        if not rows:
            line(
                "No experiment was analysed yet: `churn experiment FILE --treatment COL --control VALUE --outcome COL`."
            )
            return
        table(
            "",
            ["experiment", "analysed", "verdict", "says"],
            [(row.name, f"{row.analysed_at:%Y-%m-%d}", row.verdict.replace("_", " "), row.headline) for row in rows],
        )

    session.show({"experiments": rows}, render)


def show(session: Session, name: Annotated[str, typer.Argument(help="Name of an analysed experiment.")]) -> None:
    """Show an experiment that was analysed."""
    document = experiment(session.context, name)
    session.show(document, lambda: _show(document))


def _show(d: ExperimentDocument) -> None:
    line(d.words.headline)
    line(d.words.advice)
    for note in d.words.notes:
        line(f"! {note}")
    facts([(part.code.replace("_", " "), part.sentence) for part in d.words.story])
    if d.policies:
        table(
            "What each policy brings",
            ["contact", "customers", "comes to", "against nobody", "against everybody"],
            policy_rows(d),
            right=range(1, 5),
        )
    if d.ranking is None:
        return
    what = f"{'fewer' if d.terms.is_unwanted else 'more'} `{d.terms.outcome}`"
    line(f"Effect by tenth of predicted effect, in points of {what}")
    table(
        "",
        ["tenth", "customers", "predicted", "measured", "from", "to"],
        [
            (tenth.tenth, f"{tenth.customers:,}", _points(tenth.predicted), *_ends(tenth.effect))
            for tenth in d.ranking.tenths
        ],
        right=range(1, 6),
    )
    if d.ranking.groups:
        table(
            "Harmed groups (exploratory)",
            ["group", "customers", "share", "found", "confirmed"],
            [
                (
                    group.text,
                    f"{group.customers:,}",
                    percent(group.share),
                    _points(group.found.delta),
                    _points(group.confirmed.delta),
                )
                for group in d.ranking.groups
            ],
            right=range(1, 5),
        )


def _ends(effect: EffectInterval | None) -> tuple[str, str, str]:
    if effect is None:
        return "-", "-", "-"
    return _points(effect.delta), _points(effect.low), _points(effect.high)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
