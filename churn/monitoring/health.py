"""Checks the machinery: a night computed twice is the same, the list does not change by itself, pushes arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

import numpy as np
import polars as pl

from churn.decisions.severity import Severity
from churn.documents.monitoring import Finding, ListRun
from churn.wording import percent

_SKEW_WATCH, _SKEW_ACT = 0.001, 0.01  # share of customers whose features differ
_LIST_WATCH = 0.40  # of the list gone since the run before
_LEAST_LIST = 50


@dataclass(frozen=True)
class NewestPush:
    """The newest push of one campaign to one connector."""

    connector: str
    campaign: str
    started_at: datetime
    state: str
    rows: int
    rejected: int
    run_id: str
    is_over: bool = False  # its window has closed, or it is measured: nothing more is to be sent


@dataclass(frozen=True)
class AwaitedOutcomes:
    """A campaign whose outcomes are waited for: customers to contact, and days since its window closed (negative: open)."""

    campaign: str
    contacted: int
    is_heard_of: bool
    days_since_close: int


def skew_finding(
    served: pl.DataFrame, again: pl.DataFrame, features: Sequence[str], *, day: date, run_id: str
) -> Finding:
    """Compare the features of a past night as it served them with the same night computed now, customer by customer.

    `served` and `again` hold customer_id and features. They must agree to the last float but for 1e-6: the same SQL over
    the same facts known then. A difference means facts changed under their date, or the code did.
    """
    names = [name for name in features if name in served.columns and name in again.columns]
    both = served.select("customer_id", *names).join(
        again.select("customer_id", *names), on="customer_id", how="full", coalesce=True, suffix="_again"
    )
    strangers = int(both.height - served.join(again, on="customer_id", how="semi").height)
    if not both.height or not names:
        return _skew(day, "unknown", f"No night is kept to compare with {day}.", run_id)
    differing = {name: int(_differs(both, name).sum()) for name in names}
    rows = int(pl.select(pl.any_horizontal([_differs(both, name) for name in names]).sum()).item())
    share = max(rows, strangers) / both.height
    severity: Severity = "act" if share > _SKEW_ACT else "watch" if share > _SKEW_WATCH else "ok"
    if not rows and not strangers:
        sentence = f"The night of {day}, computed again, gives the same {len(names)} features for all {served.height:,} customers."
        return _skew(day, "ok", sentence, run_id, share=0.0)
    worst = sorted((n for n in names if differing[n]), key=lambda n: (-differing[n], n))[:3]
    listed = ", ".join(f"`{name}` for {differing[name]:,}" for name in worst)
    sentence = (
        f"The night of {day}, computed again, differs for {rows:,} of {both.height:,} customers"
        f"{f' ({listed})' if listed else ''}{f'; {strangers:,} customers are in only one of the two' if strangers else ''}. "
        "Facts have been changed under a date already scored, or the SQL has."
    )
    return _skew(day, severity, sentence, run_id, share=share)


def _skew(day: date, severity: Severity, sentence: str, run_id: str, *, share: float | None = None) -> Finding:
    return Finding(
        monitor="skew",
        subject=str(day),
        severity=severity,
        sentence=sentence,
        value=share,
        limit=None if share is None else _SKEW_WATCH,
        run_ids=(run_id,),
    )


def _differs(both: pl.DataFrame, name: str) -> pl.Series:
    served, again = both[name], both[f"{name}_again"]
    if served.dtype.is_numeric() and again.dtype.is_numeric():
        a, b = served.cast(pl.Float64).to_numpy(), again.cast(pl.Float64).to_numpy()
        return pl.Series(~(np.isclose(a, b, rtol=1e-5, atol=1e-6) | (np.isnan(a) & np.isnan(b))))
    return served.cast(pl.String).ne_missing(again.cast(pl.String))


def score_skew_finding(served: pl.DataFrame, again: pl.DataFrame, *, day: date, run_id: str) -> Finding:
    """Compare probabilities of a past night with the same night scored now: what remains when features were not kept."""
    both = served.join(again, on="customer_id", suffix="_again")
    if not both.height:
        return _skew(day, "unknown", f"No night is kept to compare with {day}.", run_id)
    gap = (both["churn_probability"] - both["churn_probability_again"]).abs()
    rows = int((gap > 1e-4).sum()) + max(served.height, again.height) - both.height
    share = rows / max(served.height, again.height)
    severity: Severity = "act" if share > _SKEW_ACT else "watch" if share > _SKEW_WATCH else "ok"
    if not rows:
        sentence = f"The night of {day}, scored again, gives the same probability for all {both.height:,} customers."
    else:
        sentence = (
            f"The night of {day}, scored again, differs for {rows:,} customers, by up to {percent(float(gap.max() or 0))}. "  # type: ignore[arg-type]  # a maximum of floats
            "Facts have been changed under a date already scored, or the SQL has."
        )
    return _skew(day, severity, sentence, run_id, share=share)


def turnover_finding(runs: Sequence[ListRun]) -> Finding:
    """Judge how much of the risk list changed in the newest of `runs`, oldest first.

    Watched above 40 % and twice what is usual. A model change explains a jump, and the sentence about it is elsewhere.
    """
    shares = [run.left for run in runs if run.left is not None]
    if not shares:
        return Finding(
            monitor="turnover",
            subject="risk list",
            severity="unknown",
            sentence="There is no earlier list to compare with.",
        )
    newest = [run for run in runs if run.left is not None][-1]
    left = shares[-1]
    usual = median(shares[:-1]) if len(shares) > 3 else None
    limit = max(_LIST_WATCH, 2.0 * (usual or 0.0))
    sentence = (
        f"Since the run before, {percent(left)} of the risk list has left it "
        f"({newest.listed:,} customers on {newest.snapshot_date})"
    )
    if usual is not None:
        sentence += f"; usual are {percent(usual)}"
    return Finding(
        monitor="turnover",
        subject="risk list",
        severity="watch" if left > limit and newest.listed >= _LEAST_LIST else "ok",
        sentence=f"{sentence}.",
        value=left,
        limit=limit,
        run_ids=(newest.run_id,),
    )


def push_findings(
    pushes: Sequence[NewestPush], *, now: datetime, silent_days: int, rejected_share: float
) -> list[Finding]:
    """Judge the newest push of each destination: that there was one lately unless the campaign is over, that it ended, that few rows were refused."""
    return [_push(push, now, silent_days, rejected_share) for push in pushes]


def _push(push: NewestPush, now: datetime, silent_days: int, rejected_share: float) -> Finding:
    subject = f"{push.campaign} to {push.connector}"
    age = (now - push.started_at).days
    refused = push.rejected / push.rows if push.rows else 0.0
    severity: Severity
    value: float | None = refused
    limit: float | None = rejected_share
    if age > silent_days and not push.is_over:
        severity, value, limit = "watch", float(age), float(silent_days)
        sentence = f"Nothing has been sent of {subject} for {age} days; more than {silent_days} are too many."
    elif push.state in {"failed", "abandoned"}:
        severity, value, limit = "act", None, None
        sentence = f"The newest push of {subject} did not end well ({push.state})."
    elif refused > rejected_share:
        severity = "act" if refused > 4 * rejected_share else "watch"
        sentence = f"{push.rejected:,} of {push.rows:,} rows of {subject} were refused ({percent(refused)})."
    else:
        severity = "ok"
        days = "1 day" if age == 1 else f"{age} days"
        sentence = f"{subject} was sent {days} ago; {percent(refused)} of its rows were refused."
    return Finding(
        monitor="sync",
        subject=subject,
        severity=severity,
        sentence=sentence,
        value=value,
        limit=limit,
        run_ids=(push.run_id,),
    )


def outcome_findings(campaigns: Sequence[AwaitedOutcomes], *, value_at_stake: float) -> list[Finding]:
    """Report the campaigns whose window has closed and of which no outcome has come in.

    Money at risk: `value_at_stake` per contact without an outcome, since without it nothing can be learnt.
    """
    return [
        Finding(
            monitor="outcomes",
            subject=awaited.campaign,
            severity="watch",
            sentence=(
                f"No outcome of `{awaited.campaign}` has come in, though its window closed {awaited.days_since_close} "
                f"days ago and {awaited.contacted:,} were to be contacted: what it delivered cannot be told. Import "
                "outcomes or connect the CRM."
            ),
            value=float(awaited.days_since_close),
            limit=0.0,
            money_at_risk=awaited.contacted * value_at_stake,
        )
        for awaited in campaigns
        if not awaited.is_heard_of and awaited.days_since_close >= 0
    ]
