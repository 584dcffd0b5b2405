"""Commands about models: train, and the registry."""

from __future__ import annotations

import getpass
import math
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

import typer

from churn.cli.common import Session, command
from churn.cli.mirror_view import mirror_document, show_mirror
from churn.cli.tables import facts, line, table
from churn.documents.candidate_figures import CandidateFigures, Ends
from churn.errors import ConfigError
from churn.modeling import card_markdown
from churn.views.registry import compare_models, list_models, show_model
from churn.wording import money, percent
from churn.workflows.mirror import mirror_if_configured
from churn.workflows.train import promote_model, rollback_model, train_model

_NONE = "No model is trained yet: run `churn train`."

if TYPE_CHECKING:
    from churn.store import ModelVersion
    from churn.store.records import ModelChange
    from churn.workflows.train import TrainedModel


# The case the product was born from, as its table prints it (random split, 75/15/10).
CASE_TABLE = {"logistic_regression": 0.76, "random_forest": 0.84, "xgboost": 0.87, "mlp": 0.85}

# What stands between AUC and net profit, and how it is written.
FIGURES: tuple[tuple[Callable[[CandidateFigures], float | None], str], ...] = (
    (attrgetter("recall"), ".2f"),
    (attrgetter("precision"), ".2f"),
    (attrgetter("pr_auc"), ".3f"),
    (attrgetter("brier"), ".4f"),
    (attrgetter("ece"), ".3f"),
    (attrgetter("empc"), ".3f"),
)


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app)(train)
    registry = typer.Typer(help="The registry of models: who served when, promote, roll back.", no_args_is_help=True)
    command(registry, "list")(list_)
    command(registry)(show)
    command(registry)(compare)
    command(registry)(promote)
    command(registry)(rollback)
    app.add_typer(registry, name="models")


def train(
    session: Session,
    model: Annotated[list[str] | None, typer.Option(help="Train only these candidates; repeat for more.")] = None,
    split: Annotated[str | None, typer.Option(help="temporal or random.")] = None,
    no_tune: Annotated[bool, typer.Option("--no-tune", help="Use each candidate's defaults.")] = False,
    promote: Annotated[bool, typer.Option("--promote", help="Make the result the champion.")] = False,
) -> None:
    """Train all candidates, compare them on the same later data, and register the selected one."""
    if split not in {None, "temporal", "random"}:
        raise ConfigError(f"no split `{split}`", where="--split", remedy="Choose temporal or random.")
    result = train_model(
        session.context, candidates=model, split=split, tune=not no_tune, promote=promote, who=getpass.getuser()
    )
    document = {
        "candidates": [figures.as_json() for figures in _shown_candidates(result)],
        "selected": result.training.selection.name,
        "reason": result.training.selection.reason,
        "model_version": result.version,
        "is_champion": result.is_champion,
        "split": result.split,
        "snapshot_dates": [str(d) for d in result.snapshot_dates],
        "counts": result.counts,
        "customers_share": result.training.card.customers_share,
        "seconds": round(result.seconds, 1),
        **({} if result.mirror is None else {"mlflow": mirror_document(result.mirror)}),
    }

    def render() -> None:
        show_candidates(result, session.context.settings.business.currency)
        if (share := result.training.card.customers_share) < 1:
            line(
                f"All rows are of {percent(share)} of the customers, chosen by a hash of their id "
                "(training.max_snapshot_rows)."
            )
        if reasons := result.training.card.calibration.reasons:
            line(f"! Its probabilities cannot be turned into money: {'; '.join(reasons)}. No amounts are shown by it.")
        line(f"{result.version}: {result.training.selection.reason}")
        line(_standing(result))
        show_mirror(result.mirror)

    session.show(document, render)


def _standing(result: TrainedModel) -> str:
    """Return whether the model serves, and if not what to do instead."""
    selection, command = result.training.selection, f"`churn models promote {result.version}`"
    if result.is_champion:
        return "It is the champion."
    if not selection.has_signal:
        return (
            "Registered, not promoted: it learnt nothing. Load more history or further sources and train again; "
            f"{command} lets it serve nevertheless."
        )
    if selection.better_rule is not None:
        return (
            f"Registered, not promoted: a rule does as well ({selection.better_rule}). Go by the rule, or let the model "
            f"serve nevertheless with {command}."
        )
    return f"Registered. Promote it with {command}."


def _shown_candidates(result: TrainedModel) -> list[CandidateFigures]:
    """Return what is shown of the candidates: no profit of any where the selected one's probabilities are no money."""
    figures = [candidate.figures() for candidate in result.training.candidates]
    return figures if result.training.best.is_calibrated else [row.without_money() for row in figures]


def show_candidates(result: TrainedModel, currency: str) -> None:
    """Print the comparison table; beside the case's own figures when the split is the case's."""
    is_case = result.is_simulated_company and result.split.startswith("random")
    columns = ["candidate", "AUC (95 %)", "recall", "precision", "PR-AUC", "Brier", "ECE", "EMPC", "net profit (95 %)"]
    rows = []
    for figures in _shown_candidates(result):
        mark = " *" if figures.name == result.training.selection.name else ""
        row = [
            figures.title + mark,
            _with_span(figures.auc, figures.auc_interval, ".3f"),
            *(_figure(value(figures), form) for value, form in FIGURES),
            _amount_with_span(figures.net_profit, figures.net_profit_interval, currency),
        ]
        if is_case:
            row.insert(1, _figure(CASE_TABLE.get(figures.name), ".2f"))
        rows.append(row)
    if is_case:
        columns.insert(1, "case AUC")
    title = f"Candidates on the same test rows ({result.split} split; * selected)"
    table(title, columns, rows, right=list(range(1, len(columns))))


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _with_span(value: float | None, ends: Ends, form: str) -> str:
    low, high = ends
    text = _figure(value, form)
    return text if low is None or high is None else f"{text} ({low:{form}} to {high:{form}})"


def _amount(value: float | None, currency: str) -> str:
    return "-" if value is None or math.isnan(value) else money(value, currency, cents=False)


def _amount_with_span(value: float | None, ends: Ends, currency: str) -> str:
    low, high = ends
    text = _amount(value, currency)
    return text if low is None or high is None else f"{text} ({_amount(low, currency)} to {_amount(high, currency)})"


def list_(session: Session) -> None:
    """List every registered version, newest first."""
    models, currency = list_models(session.context), session.context.settings.business.currency
    rows = []
    for model in models:
        auc, net_profit = (model.metrics.auc, model.metrics.shown.net_profit) if model.metrics else (math.nan, math.nan)
        rows.append((model.version, model.status, _figure(auc, ".3f"), _amount(net_profit, currency), model.reason))
    session.show(
        {"models": [_version(model) for model in models]},
        lambda: table(
            "Models",
            ["version", "status", "AUC", "net profit", "why it was selected"],
            rows,
            right=[2, 3],
            nothing=_NONE,
        ),
    )


def show(
    session: Session, version: Annotated[str | None, typer.Argument(help="Default: the champion.")] = None
) -> None:
    """Show a version's model card and its history."""
    model = show_model(session.context, version)
    document = {
        "model": _version(model.version),
        "card": model.card.shown.as_json(),
        "history": [_event(change) for change in model.history],
    }

    def render() -> None:
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(card_markdown(model.card)))
        facts([(f"{e.served_from:%Y-%m-%d %H:%M}", f"{e.action} by {e.who}: {e.why}") for e in model.history])

    session.show(document, render)


def compare(
    session: Session,
    first: Annotated[str, typer.Argument(help="A registered version.")],
    second: Annotated[str, typer.Argument(help="The version to lay beside it.")],
) -> None:
    """Compare the recorded metrics of two versions."""
    rows = compare_models(session.context, first, second)
    document = {"first": first, "second": second, "metrics": {row.name: [row.first, row.second] for row in rows}}
    numbers = [
        (row.name, _number(row.first), _number(row.second))
        for row in rows
        if isinstance(row.first, int | float) and isinstance(row.second, int | float)
    ]
    session.show(document, lambda: table("", ["metric", first, second], numbers, right=[1, 2]))


def promote(
    session: Session,
    version: Annotated[str, typer.Argument(help="The registered version that is to score from now on.")],
    why: Annotated[str, typer.Option(help="Kept in the history.")] = "asked for on the command line",
) -> None:
    """Make a version the champion from the next scoring on."""
    champion = promote_model(session.context, version, who=getpass.getuser(), why=why)
    _show_champion(session, champion, "is the champion. It scores from the next `churn score` on.")


def rollback(
    session: Session, why: Annotated[str, typer.Option(help="Kept in the history.")] = "asked for on the command line"
) -> None:
    """Make the previous champion the champion again."""
    champion = rollback_model(session.context, who=getpass.getuser(), why=why)
    _show_champion(session, champion, "is the champion again.")


def _show_champion(session: Session, champion: ModelVersion, words: str) -> None:
    mirror = mirror_if_configured(session.context)
    document = {
        "champion": _version(champion),
        **({} if mirror is None else {"mlflow": mirror_document(mirror)}),
    }

    def render() -> None:
        line(f"{champion.version} {words}")
        show_mirror(mirror)

    session.show(document, render)


def _version(model: ModelVersion) -> dict[str, object]:
    return {
        "version": model.version,
        "kind": model.kind,
        "status": model.status,
        "created_at": model.created_at,
        "reason": model.reason,
        "fingerprint": model.fingerprint,
        "metrics": model.metrics.shown.as_json() if model.metrics else {},
    }


def _event(change: ModelChange) -> dict[str, object]:
    return {
        "version": change.version,
        "action": change.action,
        "who": change.who,
        "why": change.why,
        "served_from": change.served_from,
        "served_until": change.served_until,
    }


def _number(value: float) -> str:
    return f"{value:,.4g}"
