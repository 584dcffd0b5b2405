"""Whether the machinery holds: the same night computed twice, a list that does not churn by itself, pushes that arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

import numpy as np
import polars as pl

from churn.decisions.drift import Severity
from churn.monitoring.findings import Finding
from churn.wording import percent

_SKEW_WATCH, _SKEW_ACT = 0.001, 0.01  # share of customers whose features differ
_LIST_WATCH = 0.40  # of the list gone since the run before
_LEAST_LIST = 50


@dataclass(frozen=True)
class Push:
    """The newest push of one campaign to one connector."""

    connector: str
    campaign: str
    started_at: datetime
    state: str
    rows: int
    rejected: int
    run_id: str
    is_over: bool = False  # its window has closed, or it is measured: nothing more is to be sent


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
        return Finding("skew", str(day), "unknown", f"No night is kept to compare with {day}.", run_ids=(run_id,))
    differing = {name: int(_differs(both, name).sum()) for name in names}
    rows = int(pl.select(pl.any_horizontal([_differs(both, name) for name in names]).sum()).item())
    share = max(rows, strangers) / both.height
    severity: Severity = "act" if share > _SKEW_ACT else "watch" if share > _SKEW_WATCH else "ok"
    if not rows and not strangers:
        sentence = f"The night of {day}, computed again, gives the same {len(names)} features for all {served.height:,} customers."
        return Finding("skew", str(day), "ok", sentence, 0.0, _SKEW_WATCH, run_ids=(run_id,))
    worst = sorted((n for n in names if differing[n]), key=lambda n: (-differing[n], n))[:3]
    told = ", ".join(f"`{name}` for {differing[name]:,}" for name in worst)
    sentence = (
        f"The night of {day}, computed again, differs for {rows:,} of {both.height:,} customers"
        f"{f' ({told})' if told else ''}{f'; {strangers:,} customers are in only one of the two' if strangers else ''}. "
        "Facts have been changed under a date already scored, or the SQL has."
    )
    return Finding("skew", str(day), severity, sentence, share, _SKEW_WATCH, run_ids=(run_id,))


def _differs(both: pl.DataFrame, name: str) -> pl.Series:
    one, other = both[name], both[f"{name}_again"]
    if one.dtype.is_numeric() and other.dtype.is_numeric():
        a, b = one.cast(pl.Float64).to_numpy(), other.cast(pl.Float64).to_numpy()
        return pl.Series(~(np.isclose(a, b, rtol=1e-5, atol=1e-6) | (np.isnan(a) & np.isnan(b))))
    return one.cast(pl.String).ne_missing(other.cast(pl.String))


def score_skew_finding(served: pl.DataFrame, again: pl.DataFrame, *, day: date, run_id: str) -> Finding:
    """Compare probabilities of a past night with the same night scored now: what remains when features were not kept."""
    both = served.join(again, on="customer_id", suffix="_again")
    if not both.height:
        return Finding("skew", str(day), "unknown", f"No night is kept to compare with {day}.", run_ids=(run_id,))
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
    return Finding("skew", str(day), severity, sentence, share, _SKEW_WATCH, run_ids=(run_id,))


def turnover_finding(runs: Sequence[tuple[date, str, int, float | None]]) -> Finding:
    """Judge how much of the risk list changed in the newest run; `runs`, oldest first: day, run, size, share that left.

    Watched above 40 % and twice what is usual. A model change explains a jump, and the sentence about it is elsewhere.
    """
    known = [(day, run, size, left) for day, run, size, left in runs if left is not None]
    if not known:
        return Finding("turnover", "risk list", "unknown", "There is no earlier list to compare with.")
    day, run_id, size, left = known[-1]
    usual = median([one for *_, one in known[:-1]]) if len(known) > 3 else None
    limit = max(_LIST_WATCH, 2.0 * (usual or 0.0))
    severity: Severity = "watch" if left > limit and size >= _LEAST_LIST else "ok"
    sentence = f"Since the run before, {percent(left)} of the risk list has left it ({size:,} customers on {day})"
    if usual is not None:
        sentence += f"; usual are {percent(usual)}"
    return Finding("turnover", "risk list", severity, f"{sentence}.", left, limit, run_ids=(run_id,))


def push_findings(pushes: Sequence[Push], *, now: datetime, silent_days: int, rejected_share: float) -> list[Finding]:
    """Judge the newest push of each destination: that there was one lately unless the campaign is over, that it ended, that few rows were refused."""
    found = []
    for push in pushes:
        subject = f"{push.campaign} to {push.connector}"
        age = (now - push.started_at).days
        refused = push.rejected / push.rows if push.rows else 0.0
        if age > silent_days and not push.is_over:
            sentence = f"Nothing has been sent of {subject} for {age} days; more than {silent_days} are too many."
            found.append(_health("sync", subject, "watch", sentence, float(age), float(silent_days), push.run_id))
        elif push.state in {"failed", "abandoned"}:
            sentence = f"The newest push of {subject} did not end well ({push.state})."
            found.append(_health("sync", subject, "act", sentence, None, None, push.run_id))
        elif refused > rejected_share:
            kind: Severity = "act" if refused > 4 * rejected_share else "watch"
            sentence = f"{push.rejected:,} of {push.rows:,} rows of {subject} were refused ({percent(refused)})."
            found.append(_health("sync", subject, kind, sentence, refused, rejected_share, push.run_id))
        else:
            sentence = (
                f"{subject} was sent {age} day{'s' * (age != 1)} ago; {percent(refused)} of its rows were refused."
            )
            found.append(_health("sync", subject, "ok", sentence, refused, rejected_share, push.run_id))
    return found


def outcome_findings(campaigns: Sequence[tuple[str, int, int, int]], *, value_at_stake: float) -> list[Finding]:
    """Judge whether outcomes come in; `campaigns`: name, contacted, events heard of, days since the window closed.

    Money at risk: `value_at_stake` per contact whose outcome nobody told, since without it nothing can be learnt.
    """
    found = []
    for name, contacted, events, days in campaigns:
        if events or days < 0:
            continue
        sentence = (
            f"No outcome of `{name}` has come in, though its window closed {days} days ago and {contacted:,} were to be "
            "contacted: what it delivered cannot be told. Import outcomes or connect the CRM."
        )
        money = contacted * value_at_stake
        found.append(Finding("outcomes", name, "watch", sentence, float(days), 0.0, money))
    return found


def _health(
    monitor: str, subject: str, severity: Severity, sentence: str, value: float | None, limit: float | None, run_id: str
) -> Finding:
    return Finding(monitor, subject, severity, sentence, value, limit, run_ids=(run_id,))
