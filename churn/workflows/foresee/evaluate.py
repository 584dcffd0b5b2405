"""What another policy would have earned in a programme's rounds: from the logged probabilities and what became of everybody."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from churn.campaigns.policy_profit import policy_profit
from churn.campaigns.programme_words import other_rounds_words, policy_words
from churn.context import Context
from churn.decisions.checks import Floats
from churn.decisions.off_policy import DecisionLog, most_of_arms, off_policy, policy_of
from churn.documents.programme import LEAVE_ALONE
from churn.documents.programme_findings import EvaluatedPolicy
from churn.errors import ConfigError, NotEnoughData
from churn.snapshots.dates import data_cutoff
from churn.snapshots.fates import fates
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse.models.sql_models import load_models
from churn.wording import count

if TYPE_CHECKING:
    import polars as pl

    from churn.documents.definition import CampaignDefinition
    from churn.store import ProgrammeRound


# Besides these, the name of an offer: it for everybody whom it is expected to earn something with.
POLICIES: Final = ("plan", "greedy", "leave_alone", "logged")


@dataclass(frozen=True)
class _RoundsOver:
    """Everybody logged in rounds that are over: the log's columns with has_churned, and the arms' order (all rounds alike).

    `others` counts approved rounds of other arms, which are left out.
    """

    frame: pl.DataFrame
    arms: tuple[str, ...]
    definitions: Mapping[str, CampaignDefinition]
    rounds: Sequence[ProgrammeRound]
    others: int


def evaluate_policy(context: Context, name: str, policy: str, *, against: str | None = "logged") -> EvaluatedPolicy:
    """Return what `policy` would have earned over `against` (over nothing where it is None), and keep it for the page.

    Policies: `plan` (the round's choice without chance), `greedy` (the most expected profit, limits aside), `leave_alone`,
    `logged` (what was done) or the name of an offer. Raises ConfigError for another, NotEnoughData before any round is over.
    """
    followed = _followed(context, name)
    log, chances = _decisions(followed)
    policies = {wanted: _chances(wanted, followed, chances) for wanted in (policy, against) if wanted is not None}
    answer = policy_profit(
        off_policy(log, policies[policy], against=None if against is None else policies[against]),
        policy=policy,
        against=against,
    )
    currency = context.settings.business.currency
    newest = max(followed.rounds, key=lambda past: past.snapshot_date)
    decisions = f"{count(log.decisions)} decisions in {count(len(followed.rounds))} rounds"
    evaluated = EvaluatedPolicy(
        programme=name,
        rounds=len(followed.rounds),
        last_date=newest.snapshot_date,
        currency=currency,
        answer=answer,
        sentences=(*policy_words(answer, decisions, currency), *other_rounds_words(followed.others)),
    )
    with context.open_store() as store:
        store.programmes.keep_evaluation(evaluated, context.clock())
    return evaluated


def _followed(context: Context, name: str) -> _RoundsOver:
    """Read the logs of the approved rounds whose windows are final, of those with the newest arms of which any is.

    Arms of rounds must be alike to be compared; how many rounds had others is counted.
    """
    import polars as pl

    with context.open_store() as store:
        approved = store.programmes.rounds(name, state="approved")
        logs = {past.round: store.programmes.log(name, past.round) for past in approved}
    by_arms: dict[tuple[str, ...], list[ProgrammeRound]] = {}
    for past in approved:
        by_arms.setdefault(tuple(arm.offer for arm in past.result.arms), []).append(past)
    for arms, alike in by_arms.items():
        over = _over(context, alike, logs)
        if over:
            definitions = {offer.offer: offer.definition for offer in over[0][0].result.offers}
            frame = pl.concat([known for _, known in over])
            return _RoundsOver(frame, arms, definitions, [past for past, _ in over], len(approved) - len(alike))
    raise NotEnoughData(
        "no round's outcomes are final yet", where=f"programme {name}", remedy="Wait until its windows have closed."
    )


def _over(
    context: Context, rounds: Sequence[ProgrammeRound], logs: Mapping[int, pl.DataFrame]
) -> list[tuple[ProgrammeRound, pl.DataFrame]]:
    """Return those of `rounds` whose outcomes are final, with their log, who left, and whose incentive only stayers had."""
    import polars as pl

    over = []
    with context.open_warehouse("churn programmes evaluate") as warehouse:
        models, cutoff = load_models(context.settings.home), data_cutoff(warehouse)
        base = replace(SnapshotPolicy.from_settings(context.settings), lead_days=0)
        for past in rounds:
            days = max(offer.window_days for offer in past.result.offers)
            horizon = replace(base, horizon_days=days)
            log = logs[past.round]
            labels = fates(warehouse, models, horizon, log, data_cutoff=cutoff, progress=context.progress)
            known = labels.filter("is_mature", pl.col("has_churned").is_not_null())
            if not known.is_empty():
                stayers = [planned.offer for planned in past.result.offers if planned.profit_model == "incentive"]
                outcomes = known.select("customer_id", "has_churned")
                followed = log.join(outcomes, on="customer_id", how="inner")
                over.append((past, followed.with_columns(pl.col("arm").is_in(stayers).alias("pays_stayers"))))
    return over


def _decisions(followed: _RoundsOver) -> tuple[DecisionLog, Floats]:
    """Return the log as decisions with outcomes in money, and the expected profits (n, k), nan where an arm may not be given."""
    frame, arms = followed.frame, followed.arms
    probability = _table(frame["probabilities"], len(arms))
    expected = _table(frame["expected_profits"], len(arms))
    value, p = frame["value_of_save"].to_numpy(), frame["churn_probability"].to_numpy()
    place = {arm: position for position, arm in enumerate(arms)}
    chosen = np.array([place[arm] for arm in frame["arm"].to_list()])
    stayed = ~frame["has_churned"].to_numpy().astype(np.bool_)
    is_contacted = chosen != place[LEAVE_ALONE]
    contact = frame["contact_cost"].fill_null(0.0).to_numpy()
    incentive = frame["incentive_cost"].fill_null(0.0).to_numpy()
    by_stayers = frame["pays_stayers"].to_numpy().astype(np.bool_)
    cost = np.where(is_contacted, contact + incentive * np.where(by_stayers, stayed, True), 0.0)  # noqa: FBT003 - a value, not a switch
    most = most_of_arms(value, p, np.array([_own_value(arm, frame, followed.definitions) for arm in arms]))
    least = np.column_stack([-_dearest(arm, frame, followed.definitions) * np.ones(value.size) for arm in arms])
    predicted = np.clip(np.nan_to_num(expected) + (value * (1.0 - p))[:, None], least, most)
    probability = probability / probability.sum(axis=1, keepdims=True)
    log = DecisionLog(
        chosen=chosen,
        probability=probability,
        profit=value * stayed - cost,
        predicted=predicted,
        least=least,
        most=most,
        customer=frame["customer_id"].to_numpy(),
    )
    return log, expected


def _dearest(arm: str, frame: pl.DataFrame, definitions: Mapping[str, CampaignDefinition]) -> float:
    """Return the most that a contact with an arm's offer costs; of terms that differ by customer, the most that was seen."""
    if arm not in definitions:
        return 0.0
    mine, offer = frame.filter(frame["offer"] == arm), definitions[arm].offer
    amounts = {"contact_cost": offer.contact_cost, "incentive_cost": offer.incentive_cost}
    total = 0.0
    for name, amount in amounts.items():
        seen = mine[name].max()
        total += float(seen) if isinstance(amount, str) and isinstance(seen, float) else 0.0
        total += 0.0 if isinstance(amount, str) else float(amount)
    return total


def _own_value(arm: str, frame: pl.DataFrame, definitions: Mapping[str, CampaignDefinition]) -> float:
    """Return the most that a save by an arm's offer was seen to be worth, by terms of its own; nan where it has none."""
    if arm not in definitions or definitions[arm].offer.value_of_save is None:
        return math.nan
    seen = frame.filter(frame["offer"] == arm)["value_of_save"].max()
    return float(seen) if isinstance(seen, float) else math.nan


def _table(column: pl.Series, arms: int) -> Floats:
    """Return JSON arrays as (n, arms); null becomes nan."""
    import polars as pl

    lists = column.str.json_decode(pl.List(pl.Float64))
    return np.column_stack(
        [lists.list.get(position).fill_null(float("nan")).to_numpy() for position in range(arms)]
    ).astype(np.float64)


def _chances(policy: str, followed: _RoundsOver, expected: Floats) -> Floats:
    """Return the probabilities (n, k) that a policy gives each arm with."""
    frame, arms = followed.frame, followed.arms
    alone = len(arms) - 1
    if policy == "logged":
        table = _table(frame["probabilities"], len(arms))
        return np.asarray(table / table.sum(axis=1, keepdims=True))
    if policy == LEAVE_ALONE:
        return policy_of(np.full(frame.height, alone), len(arms))
    if policy == "plan":
        place = {arm: position for position, arm in enumerate(arms)}
        return policy_of(np.array([place[arm] for arm in frame["policy_arm"].to_list()]), len(arms))
    if policy == "greedy":
        return policy_of(np.argmax(np.nan_to_num(expected, nan=-np.inf), axis=1), len(arms))
    if policy in arms:
        position = arms.index(policy)
        pays = np.nan_to_num(expected[:, position], nan=-np.inf) > 0.0
        return policy_of(np.where(pays, position, alone), len(arms))
    raise ConfigError(
        f"no policy `{policy}`",
        where="--policy",
        remedy=f"There are {', '.join(POLICIES)}, and the offers: {', '.join(arms[:-1])}.",
    )
