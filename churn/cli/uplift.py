"""Command `uplift`: learns from a campaign's holdout whom contact persuades."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.options import LanguageOption
from churn.cli.tables import facts, line, percent, table
from churn.documents.uplift import DecileEffect, UsedCustomers
from churn.workflows.learn_uplift import LearntUplift, learn_uplift


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app)(uplift)


def uplift(
    session: Session,
    campaign: Annotated[str, typer.Argument(help="A planned campaign whose outcomes are mature.")],
    *,
    learner: Annotated[
        list[str] | None, typer.Option(help="t_learner, x_learner, class_transformation; repeat. Default: all.")
    ] = None,
    base: Annotated[
        list[str] | None,
        typer.Option(help="Candidate inside; repeat. Default: logistic_regression, random_forest, xgboost."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for the customers with their uplift, and why to leave some alone: .csv, .parquet, .xlsx."
        ),
    ] = None,
    language: LanguageOption = None,
) -> None:
    """Learn whom contact persuades: uplift out of fold, its Qini with an interval, who is better left alone.

    Of an experiment in a file: `churn experiment FILE`.
    """
    learnt = learn_uplift(session.context, campaign, learners=learner, bases=base, out=out, language=language)
    files = {"page": learnt.page, "bundle": learnt.bundle, "list": learnt.list_file}
    session.show({**learnt.document.as_json(), **files}, lambda: _show(learnt))


def _show(learnt: LearntUplift) -> None:
    document = learnt.document
    line(document.sentence)
    for column in document.imbalances:
        line(f"! {column.sentence}")
    qini, auuc = document.qini, document.auuc
    facts(
        [
            ("customers", f"{document.treated:,} contacted, {document.held_out:,} left alone by chance"),
            ("left out", _left_out(document.counts)),
            ("model", document.selected.title),
            ("Qini", f"{qini.value:.3f} ({qini.low:.3f} to {qini.high:.3f}, allowing for the choice)"),
            ("AUUC", f"{auuc.value:.4f} ({auuc.low:.4f} to {auuc.high:.4f})"),
            ("convention", document.convention),
        ]
    )
    table(
        f"Effect on {document.outcome} by tenth of predicted uplift, in points",
        ["tenth", "customers", "left alone", "predicted", "measured", "from", "to"],
        [_decile(row) for row in document.deciles],
        right=range(1, 7),
    )
    line(document.harm.sentence)
    if document.harm.groups:
        table(
            "",
            ["better left alone", "customers", "share", "found", "confirmed"],
            [
                (
                    group.text,
                    f"{group.customers:,}",
                    percent(group.share),
                    _points(group.found[0]),
                    _points(group.confirmed[0]),
                )
                for group in document.harm.groups
            ],
            right=range(1, 5),
        )
    if (to_leave := document.do_not_contact) is not None:
        line(f"{to_leave.customers:,} of {to_leave.of:,} customers belong to such a group.")
    for file in filter(None, (learnt.list_file, learnt.page)):
        line(f"Wrote {file}")


def _left_out(counts: UsedCustomers) -> str:
    reasons = [
        (counts.not_mature, "not mature yet"),
        (counts.not_known, "outcome not known"),
        (counts.other_share, "of plans with another holdout share"),
        (counts.sampled_out, "not needed, drawn by chance"),
    ]
    return ", ".join(f"{number:,} {words}" for number, words in reasons if number) or "nobody"


def _decile(row: DecileEffect) -> tuple[str, ...]:
    effect = row.effect
    measured = ("-", "-", "-") if effect is None else tuple(map(_points, (effect.delta, effect.low, effect.high)))
    alone = "-" if row.held_out is None else f"{row.held_out:,}"
    return (str(row.decile), f"{row.customers:,}", alone, _points(row.predicted), *measured)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
