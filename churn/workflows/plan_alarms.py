"""Refuses to plan a campaign while its alarm is open: it was measured to drive customers away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from churn.campaigns.definition import CampaignDefinition
from churn.context import Context
from churn.errors import CampaignError
from churn.workflows.measure.measure import ALARM


def open_harm_alarms(
    context: Context, definitions: Sequence[CampaignDefinition], *, despite_alarm: bool
) -> list[dict[str, Any]]:
    """Return the open harm alarms of the campaigns, `campaign`, `message` and `raised_at` each, if they are accepted.

    Raises CampaignError naming the campaigns when there is any and `despite_alarm` is false.
    """
    with context.open_store() as store:
        found = [alert for one in definitions for alert in store.alerts.open(kind=ALARM, subject=one.name)]
    if found and not despite_alarm:
        names = ", ".join(f"`{alert.subject}`" for alert in found)
        others = " Or plan the other campaigns without it." if len(definitions) > len(found) else ""
        raise CampaignError(
            f"{names} was measured to drive customers away: {found[0].message}",
            where=f"alarm of {found[0].raised_at:%Y-%m-%d}",
            remedy=f"Run `churn measure {found[0].subject}` and find out why. --despite-alarm plans it knowingly.{others}",
        )
    return [
        {"campaign": alert.subject, "message": alert.message, "raised_at": alert.raised_at.isoformat()}
        for alert in found
    ]
