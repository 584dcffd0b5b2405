"""The alerts as people work through them: what is open, where its cause is seen, what mends it, and what is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

from churn.campaigns.measurement_words import ALARM
from churn.campaigns.programme_words import OFFER_OFF
from churn.campaigns.reading import campaign_files
from churn.campaigns.rounds import offer_of_campaign
from churn.context import Context
from churn.languages.words import N_, shown, tr
from churn.store import Alert
from churn.views.advice import readable_campaigns, title_of

SHOWN_OVER: Final = 30
_TITLES: Final = {
    "job_failed": N_("A job failed"),
    "data_blocked": N_("The data are blocked"),
    "job_missed": N_("A job did not run"),
    "scores_stale": N_("The list is old"),
    "publish_failed": N_("Tables were not copied"),
    "mlflow_behind": N_("MLflow is behind"),
    "sync_failed": N_("A push failed"),
    "sync_partial": N_("A push is not done"),
    "monitoring": N_("The model needs a look"),
    "outcomes_not_read": N_("Outcomes were not read"),
    "campaign_held_back": N_("A campaign is held back"),
    ALARM: N_("A campaign harms"),
    OFFER_OFF: N_("An offer is off"),
}
_SEVERITIES: Final = {"critical": N_("Critical"), "warning": N_("Warning"), "info": N_("Info")}
_RANK: Final = {"critical": 0, "warning": 1, "info": 2}


@dataclass(frozen=True)
class Remedy:
    """A button: what it says, and the job that it asks for."""

    words: str
    job: str


@dataclass(frozen=True)
class AlertRow:
    """One alert with a title, the page on which its cause is seen, and the button that may mend it."""

    alert: Alert
    title: str
    address: str
    place: str
    remedy: Remedy | None
    is_muted: bool


@dataclass(frozen=True)
class AlertsPage:
    """The open alerts, worst first, those that are muted last, and those that are over, newest first."""

    open: Sequence[AlertRow]
    over: Sequence[AlertRow]


def alert_title(kind: str) -> str:
    """Return what happened, for alerts of a kind, in the language spoken."""
    return str(shown(_TITLES.get(kind, kind.replace("_", " ").capitalize())))


def severity_words(severity: str) -> str:
    """Return how grave an alert is, in the language spoken."""
    return str(shown(_SEVERITIES.get(severity, severity)))


def alerts_page(context: Context) -> AlertsPage:
    """Return what the page of alerts shows."""
    now = context.clock()
    definitions = readable_campaigns(context)
    campaigns = {name: title_of(name, definitions) for name in campaign_files(context.settings.home)}
    with context.open_store() as store:
        rows = [_row(alert, campaigns, now) for alert in store.alerts.open()]
        over = [_row(alert, campaigns, now) for alert in store.alerts.resolved(limit=SHOWN_OVER)]
    rows.sort(key=lambda row: (row.is_muted, _RANK[row.alert.severity], -row.alert.alert_id))
    return AlertsPage(rows, over)


def _row(alert: Alert, campaigns: Mapping[str, str], now: datetime) -> AlertRow:
    address, place = _cause(alert, campaigns)
    return AlertRow(
        alert=alert,
        title=alert_title(alert.kind),
        address=address,
        place=place,
        remedy=_remedy(alert),
        is_muted=alert.muted_until is not None and alert.muted_until > now,
    )


def _cause(alert: Alert, campaigns: Mapping[str, str]) -> tuple[str, str]:
    """Return the address of the page on which the cause is seen, and what to call it."""
    words = alert.subject.split()
    if alert.kind == OFFER_OFF and words:
        return f"/programmes/{quote(words[0])}", tr("Programme {name}", name=words[0])
    if alert.kind == "monitoring":
        return "/model", tr("Model")
    if alert.kind == "scores_stale":
        return "/jobs", tr("Jobs and data")
    # A campaign of a programme is called by programme, round and offer: the programme's page tells of it.
    named = next((word for word in (*words[:1], *words[-1:]) if word in campaigns), None)
    if named is None and alert.kind == ALARM and (offer := offer_of_campaign(alert.subject)) in campaigns:
        named = offer
    if named is not None and alert.kind in {ALARM, "campaign_held_back", "sync_failed", "sync_partial"}:
        return f"/campaigns/{quote(named)}", tr("Campaign {name}", name=campaigns[named])
    if alert.kind in {"sync_failed", "sync_partial", "outcomes_not_read", "campaign_held_back", ALARM}:
        return "/campaigns", tr("Campaigns")
    return "/jobs", tr("Jobs and data")


def _remedy(alert: Alert) -> Remedy | None:
    """Return the job that may mend what an alert tells of; None where a person has to look first."""
    if alert.kind in {"job_failed", "data_blocked", "job_missed"}:
        return Remedy(tr("Run it again"), alert.subject)
    if alert.kind == "scores_stale":
        return Remedy(tr("Load and score now"), "nightly")
    if alert.kind == "monitoring" and alert.subject in {"retraining", "concept_drift"}:
        return Remedy(tr("Train anew"), "train")
    return None
