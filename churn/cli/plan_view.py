"""Shows a plan on a terminal: what it does in sentences, who may be contacted and why not, the arms, the money."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from churn.cli.tables import facts, line, percent, table
from churn.wording import count, money


def show(document: Mapping[str, Any]) -> None:
    """Print all of one plan."""
    for sentence in document["sentences"]:
        line(sentence)
    _eligibility(document)
    _campaigns(document)
    rows = [
        ("scores", f"of {document['snapshot_date']}, model {document['model_version']}"),
        ("optimality", f"{percent(document['allocation']['gap'], 3)} of the best possible profit missed at most"),
    ]
    if document["file"]:
        rows.append(("assignments", document["file"]))
    facts(rows)
    if document["is_dry_run"]:
        line("A dry run: nothing was kept.")


def _eligibility(document: Mapping[str, Any]) -> None:
    names = [each["name"] for each in document["campaigns"]]
    by_rule: dict[str, dict[str, Any]] = {}
    for row in document["eligibility"]:
        by_rule.setdefault(row["label"], {})[row["campaign"]] = row["removed"]
    rows = [("customers with a score", *(count(document["customers"]) for _ in names))]
    rows += [
        (f"- {label}", *(count(removed[name]) for name in names))
        for label, removed in by_rule.items()
        if any(removed.values())
    ]
    rows.append(("eligible", *(count(each["eligible"]) for each in document["campaigns"])))
    table("Who may be contacted", ["", *names], rows, right=range(1, len(names) + 1))


def _campaigns(document: Mapping[str, Any]) -> None:
    currency, names = document["currency"], [each["name"] for each in document["campaigns"]]

    def whole(amount: float) -> str:
        return money(amount, currency, cents=False)

    def row(label: str, values: list[str]) -> tuple[str, ...]:
        return (label, *values)

    campaigns = document["campaigns"]
    held, power = document["holdout"], document["power"]
    rows = [
        row("contacted", [count(each["treatment"]) for each in campaigns]),
        row("held out", [count(each["holdout"]) for each in campaigns]),
        row("assigned earlier", [count(e["earlier"]["treatment"] + e["earlier"]["holdout"]) for e in campaigns]),
        row("expected cost", [whole(each["expected"]["cost"]) for each in campaigns]),
        row("expected saves", [count(each["expected"]["saves"]) for each in campaigns]),
        row("expected profit", [whole(each["expected"]["profit"]) for each in campaigns]),
        row("  90 % from", [whole(each["expected"]["profit_interval"]["low"]) for each in campaigns]),
        row("  to", [whole(each["expected"]["profit_interval"]["high"]) for each in campaigns]),
        row("return on spend", [percent(each["expected"]["roi"], 0) for each in campaigns]),
        row("profit model", [each["profit_model"] for each in campaigns]),
        row("holdout forgoes", [whole(held[name]["profit_forgone"]) for name in names]),
        row("expected effect", [_points(power[name]["expected_effect"]) for name in names]),
        row("detectable effect", [_points(power[name]["minimum_detectable_effect"]) for name in names]),
        row("power", [percent(power[name]["power"], 0) for name in names]),
        row("outcome window", [f"{each['window_days']} days" for each in campaigns]),
    ]
    table("The plan", ["", *names], rows, right=range(1, len(names) + 1))


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} points"
