"""Asks the job runner to look at a programme as a whole, without waiting for it."""

from __future__ import annotations

from churn.campaigns.programmes import load_programme
from churn.context import Context
from churn.documents.programme import LEAVE_ALONE
from churn.errors import CampaignError, ConfigError
from churn.jobs.requests.work import queue_run
from churn.store.service_records import ScheduledRun
from churn.workflows.foresee import POLICIES


def ask_height(context: Context, programme: str, *, months: int = 12, who: str) -> ScheduledRun:
    """Queue the height post of a programme, or return the one under way. Raises CampaignError, ConfigError for its file."""
    load_programme(context.settings.home, programme)
    return queue_run(context, "height", {"programme": programme, "months": months}, who=who)


def ask_evaluation(
    context: Context, programme: str, *, policy: str = "plan", against: str | None = "logged", who: str
) -> ScheduledRun:
    """Queue what another policy would have earned, over what `against` did (over nothing where it is None).

    Raises CampaignError where no round of the programme was approved, ConfigError for an unknown policy.
    """
    with context.open_store() as store:
        approved = store.programmes.rounds(programme, state="approved", limit=1)
    if not approved:
        raise CampaignError(
            "no round was approved yet, so nothing can be told of other policies",
            where=f"programme {programme}",
            remedy="Plan and approve one first.",
        )
    known = [*POLICIES, *(arm.offer for arm in approved[0].result.arms if arm.offer != LEAVE_ALONE)]
    for name in (policy, against):
        if name is not None and name not in known:
            raise ConfigError(f"no policy `{name}`", where="policy", remedy=f"There are {', '.join(known)}.")
    parameters = {"programme": programme, "policy": policy, "against": against or "none"}
    return queue_run(context, "evaluate", dict(parameters), who=who)
