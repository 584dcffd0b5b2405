"""The page of a finished experiment: verdict, what to do, effect, money of each policy, for whom it does more."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from churn.documents.experiment import ExperimentDocument, OpenRange
from churn.languages.words import N_, tr
from churn.reports.charts.svg import Figure, token_css
from churn.reports.charts.uplift import decile_bars
from churn.reports.render import render
from churn.reports.uplift import EffectRow, points
from churn.wording import count, money, signed

POLICY_NAMES: Final = {"nobody": N_("Nobody"), "everybody": N_("Everybody"), "some": N_("Those the model picks")}


def render_experiment(document: ExperimentDocument, *, home: Path) -> str:
    """Return the self-contained HTML page of an experiment; the same document gives the same bytes."""
    return render(
        "experiment/experiment.html",
        home=home,
        d=document,
        tokens=token_css(),
        tenths=tenths_chart(document),
        policies=policy_rows(document),
        points=points,
    )


def tenths_chart(document: ExperimentDocument) -> Figure | None:
    """Return the measured effect by tenth of predicted effect, drawn; None where fewer than two can be told."""
    ranking, effect = document.ranking, document.effect
    if ranking is None or effect is None:
        return None
    rows: list[EffectRow] = [
        {
            "decile": str(tenth.tenth),
            "predicted": 100 * tenth.predicted,
            "delta": 100 * tenth.effect.delta,
            "low": 100 * tenth.effect.low,
            "high": 100 * tenth.effect.high,
        }
        for tenth in ranking.tenths
        if tenth.effect is not None
    ]
    if len(rows) < 2:
        return None
    average = 100 * effect.delta
    tenths = "; ".join(
        tr(
            "{tenth}: {delta} points, predicted {predicted}",
            tenth=row["decile"],
            delta=signed(row["delta"], 1),
            predicted=signed(row["predicted"], 1),
        )
        for row in rows
    )
    return decile_bars(
        rows,
        average=average,
        outcome=document.terms.outcome,
        describe=tr(
            "Measured effect by tenth of predicted effect, the highest first. {tenths}. On average {average}.",
            tenths=tenths,
            average=signed(average, 1),
        ),
    )


def policy_rows(document: ExperimentDocument) -> list[tuple[str, str, str, str, str]]:
    """Return the table of policies: name, contacted, what it comes to, against nobody, against everybody."""
    return [
        (
            tr(POLICY_NAMES[policy.policy]),
            count(policy.contacted),
            _amount(document, policy.total, sign=False),
            _amount(document, policy.gain, sign=True),
            _amount(document, policy.over_everybody, sign=True),
        )
        for policy in document.policies
    ]


def _amount(document: ExperimentDocument, amount: OpenRange, *, sign: bool) -> str:
    value, low, high = (_written(document, end, sign=sign) for end in (amount.value, amount.low, amount.high))
    return value if low == value == high else f"{value} ({tr('{low} to {high}', low=low, high=high)})"


def _written(document: ExperimentDocument, amount: float | None, *, sign: bool) -> str:
    if amount is None:
        return tr("unknown")
    plus = "+" if sign and amount > 0 else ""
    text = money(amount, document.currency, cents=False) if document.unit == "money" else count(amount)
    return f"{plus}{text}"
