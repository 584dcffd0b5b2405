"""Shows a measurement on a terminal, words first, then figures; and the save ledger of all campaigns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from churn.cli.tables import facts, line, percent, table
from churn.documents.document import Range
from churn.documents.measurement import (
    ArmFigures,
    CampaignMoney,
    MeasuredEffect,
    MeasurementDocument,
    RiskAdjustedEffect,
)
from churn.store import Alert
from churn.views.save_ledger import LedgerRow
from churn.wording import count, money

VERDICTS = {"works": "works", "harms": "HARMS", "open": "not proven"}


def show(document: MeasurementDocument) -> None:
    """Print all of one measurement."""
    line(document.words.headline)
    line("")
    for part in document.words.story:
        line(f"- {part.sentence}")
    for note in document.words.notes:
        line(f"! {note}")
    line("")
    table(
        "",
        ["", "assigned", "followed", "left", "rate", "reached", "used the offer"],
        [_arm("treatment", document.arms.treatment), _arm("holdout", document.arms.holdout)],
        right=range(1, 7),
    )
    if document.effect is not None:
        _effects(document, document.effect)
    if document.earned is not None:
        _money(document.earned, document.currency)
        _segments(document)


def show_ledger(rows: Sequence[LedgerRow], alarms: Sequence[Alert]) -> None:
    """Print the save ledger, what plans expected beside what was measured, after the alarms still open."""
    for alarm in alarms:
        line(f"!! {alarm.message}")
    if not rows:
        line("No campaign has been planned yet: `churn plan`.")
        return
    names = [
        "campaign",
        "treated",
        "held out",
        "verdict",
        "saves planned",
        "measured",
        "net profit planned",
        "measured",
    ]
    cells = [_ledger_cells(row) for row in rows]
    table("Save ledger: planned against measured (95 % interval)", names, cells, right=[1, 2, 4, 5, 6, 7])


def _ledger_cells(row: LedgerRow) -> tuple[str, ...]:
    ledger = row.ledger
    whole = partial(money, currency=row.currency, cents=False)
    return (
        row.campaign,
        count(row.treatment),
        count(row.holdout),
        _verdict(row),
        "-" if ledger is None or ledger.expected_saves is None else count(ledger.expected_saves),
        "-" if ledger is None or ledger.saves is None else _range(ledger.saves, count),
        "-" if ledger is None else whole(ledger.expected_profit),
        "-" if ledger is None or ledger.net_profit is None else _range(ledger.net_profit, whole),
    )


def _verdict(row: LedgerRow) -> str:
    if row.verdict is not None:
        assigned, measured = row.treatment + row.holdout, row.measured_customers
        later = f", {count(assigned - measured)} are not in it" if assigned > measured else ""
        return VERDICTS[row.verdict] + later
    if row.status == "not_mature":
        return f"ready on {row.ready_date}"
    return row.status.replace("_", " ")


def _range(values: Range, write: Callable[[float], str]) -> str:
    return f"{write(values.value)} ({write(values.low)} to {write(values.high)})"


def _arm(name: str, arm: ArmFigures) -> tuple[str, ...]:
    counts = (count(arm.assigned), count(arm.measured), count(arm.churned))
    return (name, *counts, percent(arm.churn_rate), count(arm.delivered), count(arm.accepted))


def _effects(document: MeasurementDocument, effect: MeasuredEffect) -> None:
    effects: list[tuple[str, MeasuredEffect | RiskAdjustedEffect | None]] = [
        ("unstratified", document.plain_effect if document.plain_effect != effect else None),
        ("as assigned", effect),
        ("allowing for risk before (CUPED)", document.cuped),
        ("on those reached", document.delivered.effect if document.delivered is not None else None),
    ]
    rows = [
        (label, *(f"{100 * share:.2f}" for share in (shown.delta, shown.low, shown.high)), f"{shown.p_value:.3g}")
        for label, shown in effects
        if shown is not None
    ]
    table("Churn avoided, in points", ["", "effect", "from", "to", "p"], rows, right=[1, 2, 3, 4])


def _money(earned: CampaignMoney, currency: str) -> None:
    whole = partial(money, currency=currency, cents=False)
    facts(
        [
            ("saves", _range(earned.saves, count)),
            ("value of a save", money(earned.value_of_save, currency)),
            ("revenue retained", _range(earned.revenue, whole)),
            ("costs", money(earned.costs.total, currency)),
            ("net profit", _range(earned.net_profit, whole)),
            ("return on spend", percent(earned.roi, 0)),
        ]
    )


def _segments(document: MeasurementDocument) -> None:
    rows = [
        (
            f"{segment.dimension.replace('_', ' ')} {segment.segment}",
            count(segment.treatment),
            count(segment.holdout),
            *(f"{100 * share:.1f}" for share in (segment.delta, segment.low, segment.high)),
            f"{segment.p_corrected:.3g}",
        )
        for segment in document.segments
    ]
    if rows:
        names = ["", "treated", "held out", "effect", "from", "to", "p corrected"]
        table("Segments, exploratory: questions, not findings", names, rows, right=range(1, 7))
