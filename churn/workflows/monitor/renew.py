"""Acts on the monitors: trains when the policy asks for it, and promotes a challenger that surely earns more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from churn.context import Context
from churn.documents.monitoring import ChallengerContest, Finding, RetrainDecision
from churn.errors import ModelError
from churn.monitoring.performance import Cohort
from churn.monitoring.retrain_policy import RetrainFacts, RetrainRules, decide_retraining
from churn.workflows.monitor.compete import compete, contest_finding
from churn.workflows.monitor.looks import ModelLook
from churn.workflows.monitor.observation import Observation
from churn.workflows.train import train_model

if TYPE_CHECKING:
    from churn.store import ModelVersion


WHO: Final = "monitor"
ENOUGH_CHURNERS: Final = 2_000  # of the recent past, to learn its rules from without going further back


@dataclass(frozen=True)
class Renewal:
    """What was decided and done."""

    decision: RetrainDecision | None = None
    contests: tuple[ChallengerContest, ...] = ()
    findings: tuple[Finding, ...] = ()
    trained: str | None = None
    promoted: str | None = None
    waiting: str | None = None


def renew(context: Context, observation: Observation, look: ModelLook, *, retrain: bool, promote: bool) -> Renewal:
    """Let challengers compete with the champion, promote a winner if `promote`, decide on a training, do it if `retrain`."""
    with context.open_store() as store:
        versions = store.models.list()
    contests = compete(context, observation, look, versions)
    winner = max((contest for contest in contests if contest.is_won), key=lambda won: won.low or 0.0, default=None)
    promoted = None
    if winner is not None and promote:
        with context.open_store() as store:
            store.models.promote(winner.challenger, who=WHO, why=winner.sentence, at=context.clock())
        promoted = winner.challenger
    decision = decide_retraining(_facts(observation, look, versions), _rules(context))
    findings = [contest_finding(contest, promoted) for contest in contests]
    trained = None
    if decision.is_due and promoted is None and retrain:
        trained, finding = _train(context, observation, look, decision)
        findings.append(finding)
    return Renewal(
        decision=decision,
        contests=tuple(contests),
        findings=tuple(findings),
        trained=trained,
        promoted=promoted,
        waiting=winner.challenger if winner is not None and promoted is None else None,
    )


def _facts(observation: Observation, look: ModelLook, versions: Sequence[ModelVersion]) -> RetrainFacts:
    newest = max(version.created_at.date() for version in versions)
    return replace(look.facts, days_since_training=max((observation.on - newest).days, 0))


def _rules(context: Context) -> RetrainRules:
    settings = context.settings.monitoring
    return RetrainRules(
        max_age_days=settings.max_age_days,
        new_data_share=settings.new_data_share,
        cooldown_days=settings.cooldown_days,
        drift_importance=settings.drift_importance,
    )


def _train(
    context: Context, observation: Observation, look: ModelLook, decision: RetrainDecision
) -> tuple[str | None, Finding]:
    try:
        if decision.window == "recent":
            count = recent_snapshots(look.cohorts.cohorts, most=context.settings.monitoring.recent_snapshots)
            result = train_model(context, split="random", snapshots=count, as_of=observation.on, who=WHO)
        else:
            result = train_model(context, as_of=observation.on, who=WHO)
    except ModelError as error:
        refused = f"The training that is due was refused: {error}"
        return None, Finding(monitor="retraining", subject="challenger", severity="watch", sentence=refused)
    sentence = f"{result.version} was trained as a challenger: {result.training.selection.reason}"
    if not result.training.selection.may_serve:
        sentence = f"{result.version} was trained and is not offered for promotion: {result.training.selection.reason}"
    return result.version, Finding(
        monitor="retraining", subject="challenger", severity="ok", sentence=sentence, run_ids=(result.version,)
    )


def recent_snapshots(cohorts: Sequence[Cohort], *, most: int) -> int:
    """Return on how many of the newest snapshot dates to learn: as few as hold 2,000 churners, and `most` at most.

    Two at least, where `most` allows: one date alone does not tell what moves by itself from what has drifted.
    """
    churners = 0
    for count, cohort in enumerate(reversed(cohorts), start=1):
        churners += cohort.churners
        if churners >= ENOUGH_CHURNERS:
            return min(max(count, 2), most)
    return most
