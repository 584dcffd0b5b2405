"""Shows a plan on a terminal: what it does in sentences, who may be contacted and why not, the arms, the money."""

from __future__ import annotations

from churn.cli.tables import facts, line, percent, table
from churn.documents.plan import PlanDocument
from churn.wording import count, money


def show(plan: PlanDocument) -> None:
    """Print all of one plan."""
    for sentence in plan.sentences:
        line(sentence)
    _eligibility(plan)
    _campaigns(plan)
    rows = [
        ("scores", f"of {plan.snapshot_date}, model {plan.model_version}"),
        ("optimality", f"{percent(plan.allocation.gap, 3)} of the best possible profit missed at most"),
    ]
    if plan.file:
        rows.append(("assignments", plan.file))
    facts(rows)
    if plan.is_dry_run:
        line("A dry run: nothing was kept.")


def _eligibility(plan: PlanDocument) -> None:
    names = [campaign.name for campaign in plan.campaigns]
    by_rule: dict[str, dict[str, int]] = {}
    for row in plan.eligibility:
        by_rule.setdefault(row.label, {})[row.campaign] = row.removed
    rows = [("customers with a score", *(count(plan.customers) for _ in names))]
    rows += [
        (f"- {label}", *(count(removed.get(name, 0)) for name in names))  # a rule of terms is that of one offer
        for label, removed in by_rule.items()
        if any(removed.values())
    ]
    rows.append(("eligible", *(count(campaign.eligible) for campaign in plan.campaigns)))
    table("Who may be contacted", ["", *names], rows, right=range(1, len(names) + 1))


def _campaigns(plan: PlanDocument) -> None:
    currency, campaigns = plan.currency, plan.campaigns
    names = [campaign.name for campaign in campaigns]

    def whole(amount: float) -> str:
        return money(amount, currency, cents=False)

    held = [plan.holdout[name] for name in names]
    powers = [plan.power[name] for name in names]
    rows = [
        ("contacted", *(count(campaign.treatment) for campaign in campaigns)),
        ("held out", *(count(campaign.holdout) for campaign in campaigns)),
        ("assigned earlier", *(count(campaign.earlier.customers) for campaign in campaigns)),
        ("expected cost", *(whole(campaign.expected.cost) for campaign in campaigns)),
        ("expected saves", *(count(campaign.expected.saves) for campaign in campaigns)),
        ("expected profit", *(whole(campaign.expected.profit) for campaign in campaigns)),
        ("  90 % from", *(whole(campaign.expected.profit_interval.low) for campaign in campaigns)),
        ("  to", *(whole(campaign.expected.profit_interval.high) for campaign in campaigns)),
        ("return on spend", *(percent(campaign.expected.roi, 0) for campaign in campaigns)),
        ("profit model", *(campaign.profit_model for campaign in campaigns)),
        ("holdout forgoes", *(whole(holdout.profit_forgone) for holdout in held)),
        ("expected effect", *(_points(power.expected_effect) for power in powers)),
        ("detectable effect", *(_points(power.minimum_detectable_effect) for power in powers)),
        ("power", *(percent(power.power, 0) for power in powers)),
        ("outcome window", *(f"{campaign.window_days} days" for campaign in campaigns)),
    ]
    table("The plan", ["", *names], rows, right=range(1, len(names) + 1))


def _points(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} points"
