"""What follows from the monitors: a training when the policy asks for one, and promotion of whoever surely earns more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from churn.context import Context
from churn.errors import ModelError
from churn.modeling import load_bundle, load_card, load_evaluation
from churn.monitoring.challenge import contest
from churn.monitoring.findings import Finding
from churn.monitoring.retrain_policy import RetrainRules, decide_retraining
from churn.snapshots.dataset import build_snapshots
from churn.views.champion import bundle_path
from churn.warehouse.models.sql_models import load_models
from churn.workflows.monitor.dates import outcomes_of, rows_of, untreated
from churn.workflows.monitor.looks import learnt_until
from churn.workflows.simulate.economics import economics_from
from churn.workflows.train import train_model

if TYPE_CHECKING:
    import polars as pl

    from churn.modeling import ServedModel
    from churn.monitoring.challenge import Contest
    from churn.monitoring.retrain_policy import RetrainDecision
    from churn.snapshots.policy import SnapshotPolicy
    from churn.store import ModelVersion
    from churn.warehouse.connection import Warehouse
    from churn.workflows.monitor.seen import Seen


WHO: Final = "monitor"
ENOUGH_CHURNERS: Final = 2_000  # of the recent past, to learn its rules from without going further back
_CHALLENGERS: Final = 2  # the newest ones that compete
_WINDOW: Final = 3  # snapshot dates, the newest with final labels, on which they are compared
_OVERLAP: Final = 0.1  # of a label window that may reach into the outcomes a model has learnt


@dataclass(frozen=True)
class Renewal:
    """What was decided and done."""

    decision: RetrainDecision | None = None
    contests: tuple[Contest, ...] = ()
    findings: tuple[Finding, ...] = ()
    trained: str | None = None
    promoted: str | None = None
    waiting: str | None = None


def renew(context: Context, seen: Seen, *, retrain: bool, promote: bool) -> Renewal:
    """Let challengers compete with the champion, promote a winner if `promote`, decide on a training, do it if `retrain`."""
    if seen.version is None or seen.model is None or seen.facts is None:
        return Renewal()
    with context.open_store() as store:
        versions = store.models.list()
    contests = _compete(context, seen, versions)
    winner = max((one for one in contests if one.is_won), key=lambda one: one.low, default=None)
    promoted = None
    if winner is not None and promote:
        with context.open_store() as store:
            store.models.promote(winner.challenger, who=WHO, why=winner.sentence, at=context.clock())
        promoted = winner.challenger
    rules = context.settings.monitoring
    newest = max(version.created_at.date() for version in versions)
    facts = replace(seen.facts, days_since_training=max((seen.on - newest).days, 0))
    names = ("max_age_days", "new_data_share", "cooldown_days", "drift_importance")
    decision = decide_retraining(facts, RetrainRules(**{name: getattr(rules, name) for name in names}))
    findings = [_contest_finding(one, promoted) for one in contests]
    trained = None
    if decision.is_due and promoted is None and retrain:
        trained, finding = _train(context, seen, decision)
        findings.append(finding)
    return Renewal(
        decision=decision,
        contests=tuple(contests),
        findings=tuple(findings),
        trained=trained,
        promoted=promoted,
        waiting=winner.challenger if winner is not None and promoted is None else None,
    )


def _train(context: Context, seen: Seen, decision: RetrainDecision) -> tuple[str | None, Finding]:
    try:
        if decision.window == "recent":
            count = recent_snapshots(seen.parts.get("cohorts", []), most=context.settings.monitoring.recent_snapshots)
            result = train_model(context, split="random", snapshots=count, as_of=seen.on, who=WHO)
        else:
            result = train_model(context, as_of=seen.on, who=WHO)
    except ModelError as error:
        return None, Finding("retraining", "challenger", "watch", f"The training that is due was refused: {error}")
    text = f"{result.version} was trained as a challenger: {result.training.reason}"
    if not result.training.has_signal:
        text = f"{result.version} was trained and is not offered for promotion: {result.training.reason}"
    return result.version, Finding("retraining", "challenger", "ok", text, run_ids=(result.version,))


def recent_snapshots(cohorts: Sequence[dict[str, Any]], *, most: int) -> int:
    """Return on how many of the newest snapshot dates to learn: as few as hold 2,000 churners, and `most` at most.

    Two at least, where `most` allows: one date alone does not tell what moves by itself from what has drifted.
    """
    churners = 0
    for count, cohort in enumerate(reversed(cohorts), start=1):
        churners += int(cohort["churners"])
        if churners >= ENOUGH_CHURNERS:
            return min(max(count, 2), most)
    return most


def _compete(context: Context, seen: Seen, versions: Sequence[ModelVersion]) -> list[Contest]:
    champion = seen.version
    if champion is None:
        return []
    waiting = [one for one in versions if one.status == "challenger" and one.created_at >= champion.created_at]
    challengers = [one for one in waiting[:_CHALLENGERS] if _is_fit(context, one)]
    days = [date.fromisoformat(cohort["snapshot_date"]) for cohort in seen.parts.get("cohorts", [])][-_WINDOW:]
    if not challengers or not days:
        return []
    context.progress.step("Comparing challengers with the champion", 0.9)
    with context.open_warehouse("churn monitor") as warehouse:
        models = load_models(context.settings.home)
        policy = seen.model.policy  # type: ignore[union-attr]  # a champion has a model
        build_snapshots(warehouse, models, policy, days, data_cutoff=seen.cutoff, progress=context.progress)
        found = [_contest(context, warehouse, seen, one, days, len(challengers)) for one in challengers]
    return [one for one in found if one is not None]


def _is_fit(context: Context, version: ModelVersion) -> bool:
    """Only a model that learnt something and whose probabilities may be turned into money can be promoted."""
    return bool(version.metrics.get("is_calibrated")) and bool(load_card(bundle_path(context, version))["has_signal"])


def _contest(
    context: Context,
    warehouse: Warehouse,
    seen: Seen,
    challenger: ModelVersion,
    days: Sequence[date],
    challengers: int,
) -> Contest | None:
    import polars as pl

    assert seen.model is not None
    assert seen.version is not None
    model = load_bundle(bundle_path(context, challenger))
    economics = economics_from(context.settings)
    labels = outcomes_of(context, warehouse, seen.model.policy, days)
    parts = []
    for day in days:
        allowed = _unseen(context, challenger, model, day)
        if allowed is False:
            continue
        rows, _ = untreated(labels.filter(pl.col("snapshot_date") == day))
        if allowed is not True:
            rows = rows.join(allowed, on="customer_id", how="semi")
        parts.append(_judged(rows_of(warehouse, context, seen.model, day), rows, seen.model, "p_champion"))
        parts[-1] = _judged(rows_of(warehouse, context, model, day), parts[-1], model, "p_challenger")
    parts = [part for part in parts if part.height]
    if not parts:
        return None
    every = pl.concat(
        [
            part.select("customer_id", "snapshot_date", "has_churned", "monthly_margin", "p_champion", "p_challenger")
            for part in parts
        ]
    )
    value = economics.value_of_save(every["monthly_margin"].cast(pl.Float64).fill_null(0.0).to_numpy())
    return contest(
        champion=seen.version.version,
        challenger=challenger.version,
        dates=tuple(str(day) for day in sorted(every["snapshot_date"].unique().to_list())),
        customer=(every["customer_id"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        y=every["has_churned"].cast(pl.Float64).to_numpy(),
        value=value,
        p_champion=every["p_champion"].to_numpy(),
        p_challenger=every["p_challenger"].to_numpy(),
        economics=economics,
        active_customers=seen.customers,
        challengers=challengers,
        currency=context.settings.business.currency,
    )


def _judged(frame: pl.DataFrame, rows: pl.DataFrame, model: ServedModel, name: str) -> pl.DataFrame:
    """Add `model`'s probability to labelled `rows` of one date, as column `name`."""
    import polars as pl

    known = frame.join(rows.select("customer_id"), on="customer_id", how="semi", maintain_order="left")
    scored = known.select(
        "customer_id", "monthly_margin", pl.Series(name, model.predict(known).churn_probability, dtype=pl.Float64)
    )
    extra = scored if "monthly_margin" not in rows.columns else scored.drop("monthly_margin")
    return rows.join(extra, on="customer_id", how="inner", maintain_order="left")


def _unseen(context: Context, version: ModelVersion, model: ServedModel, day: date) -> pl.DataFrame | bool:
    """Return whose outcomes at `day` the challenger has not learnt: True for everyone's, False for nobody's.

    Of the dates it learnt from, those of its own test rows, who are other customers. Later dates count where their
    label window reaches by a tenth at most into the outcomes it knows.
    """
    import polars as pl

    evaluation = load_evaluation(bundle_path(context, version))
    newest = learnt_until(evaluation)
    if newest is None:
        return False
    if day <= newest:
        held_out = evaluation.filter(pl.col("snapshot_date") == day).select("customer_id")
        return held_out if held_out.height else False
    return day > newest and _is_apart(model.policy, newest, day)


def _is_apart(policy: SnapshotPolicy, learnt: date, day: date) -> bool:
    known_until, opens = policy.label_window(learnt)[1], policy.label_window(day)[0]
    return known_until - opens <= timedelta(days=_OVERLAP * policy.window_days)


def _contest_finding(one: Contest, promoted: str | None) -> Finding:
    is_promoted = one.challenger == promoted
    text = one.sentence
    if is_promoted:
        text += " It has been promoted; `churn models rollback` takes that back."
    elif one.is_won:
        text += f" Promote it with `churn models promote {one.challenger}`."
    return Finding(
        "challenger",
        one.challenger,
        "watch" if one.is_won and not is_promoted else "ok",
        text,
        value=one.gain,
        limit=0.0,
        money_at_risk=max(one.gain_monthly, 0.0) if one.is_won and not is_promoted else None,
        run_ids=(one.challenger, one.champion),
    )
