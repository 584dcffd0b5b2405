"""The sections [schedule], [alerts] and [retention]: when jobs run, whom they tell, and how long what they leave is kept."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from churn.config.sections import Section

WEBHOOK_SECRET = "CHURN_ALERTS_WEBHOOK_SECRET"  # noqa: S105  # the variable's name, not its value
SMTP_PASSWORD = "CHURN_ALERTS_SMTP_PASSWORD"  # noqa: S105  # as above

ChatKind = Literal["slack", "teams"]
CHAT_URLS: Final = ("CHURN_ALERTS_SLACK_URL", "CHURN_ALERTS_TEAMS_URL")

_FIELD = re.compile(r"^[\d*/,\-a-zA-Z]+$")
_ADDRESS = re.compile(r"^[^\s@<>,;]+@[^\s@<>,;]+$")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def known_zone(name: str) -> str:
    """Return the name of a time zone. Raises ValueError where there is none of that name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"`{name}` is no time zone: write UTC, or one such as Europe/Madrid") from error
    return name


class ScheduleSettings(Section):
    """[schedule]: when jobs run by themselves: `churn scheduler`, or `churn serve --with-scheduler`."""

    timezone: str = Field("UTC", description="Where the times below are told, such as Europe/Madrid.")
    nightly: str = Field("0 2 * * *", description="Minute, hour, day, month, weekday as in cron; empty for never.")
    monthly: str = Field("0 6 2 * *", description="The monthly report, once the month's data are there.")
    retention: str = Field("30 4 * * *", description="Tidying up by [retention].")
    misfire_grace_hours: Annotated[float, Field(gt=0, le=744)] = Field(
        12, description="A run that could not start in time is started up to so much later."
    )
    catch_up: bool = Field(
        default=True, description="After a longer downtime, work the newest run that was missed; older ones are noted."
    )
    max_attempts: Annotated[int, Field(ge=1, le=20)] = Field(4, description="Times a run is tried before it fails.")
    retry_minutes: Annotated[float, Field(gt=0, le=1440)] = Field(
        2, description="Wait before the second attempt; each later one waits twice as long, an hour at most."
    )
    time_limit_minutes: Annotated[float, Field(gt=0, le=10_080)] = Field(
        240, description="A run that takes longer is stopped."
    )
    lease_seconds: Annotated[float, Field(ge=2, le=3600)] = Field(
        60, description="A run whose process gives no sign of life for so long is taken over."
    )
    plans_campaigns: bool = Field(
        default=True, description="Whether the night adds customers to campaigns that run, within their limits."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)

    @field_validator("nightly", "monthly", "retention")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        fields = cron.split()
        if fields and (len(fields) != 5 or not all(_FIELD.match(field) for field in fields)):
            raise ValueError(f"`{cron}` is no schedule: five fields as in cron, such as 0 2 * * * for 02:00 every day")
        return " ".join(fields)


class ReportingSettings(Section):
    """[reporting]: whose days and months are counted, and in which language people get mail and files."""

    timezone: str = Field(
        "UTC", description="Days and months of reports, labels, features and snapshots are this zone's."
    )
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = Field(
        "en", description="Language of alerts, and of reports and other files where nobody names another: en, de."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        return known_zone(name)


class AlertSettings(Section):
    """[alerts]: who is told when something fails; secrets are CHURN_ALERTS_WEBHOOK_SECRET and CHURN_ALERTS_SMTP_PASSWORD."""

    min_severity: Literal["info", "warning", "critical"] = Field("warning", description="Less severe is only shown.")
    stale_after_hours: Annotated[float, Field(gt=0, le=8760)] = Field(
        36, description="Scores older than this raise an alert."
    )
    data_stale_after_hours: Annotated[float, Field(gt=0, le=8760)] = Field(
        72, description="Scores whose newest fact is older than this raise an alert."
    )
    link: str | None = Field(None, description="Address of the web pages, written into messages.")
    webhook_url: str | None = Field(None, description="Alerts are posted there as JSON, signed.")
    chat: list[ChatKind] = Field(
        default_factory=list,
        description="Rooms that alerts and the monthly headline go to: slack, teams. Their addresses are CHURN_ALERTS_SLACK_URL, CHURN_ALERTS_TEAMS_URL.",
    )
    chat_minutes: Annotated[float, Field(ge=0, le=1440)] = Field(
        5,
        description="A room gets at most one message in these minutes; what comes meanwhile is grouped. Critical alerts go at once.",
    )
    email_to: list[str] = Field(default_factory=list, description="Addresses that alerts are mailed to.")
    report_to: list[str] = Field(
        default_factory=list, description="Addresses that the monthly report is mailed to, as one file."
    )
    email_from: str | None = Field(None, description="Address that they come from.")
    smtp_host: str | None = Field(None, description="The mail server.")
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = Field(587, description="Its port; 465 for security tls.")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="How the line is encrypted.")
    smtp_user: str | None = Field(None, description="Name to sign in with; nobody signs in if left out.")
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        12, description="Times one message is tried, each after a longer wait: about a day in all."
    )

    @field_validator("webhook_url", "link")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"`{url}` is no address: write it as https://host/path")
        if parts.username or parts.password:
            raise ValueError("an address must not hold a password: secrets come from the environment")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError(f"`{url}` is not encrypted: write it as https://host/path")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        senders = [self.email_from] if self.email_from else []
        wrong = [address for address in (*self.email_to, *self.report_to, *senders) if not _ADDRESS.match(address)]
        if wrong:
            raise ValueError(f"`{wrong[0]}` is no mail address")
        for name, addresses in (("email_to", self.email_to), ("report_to", self.report_to)):
            if addresses and not (self.smtp_host and self.email_from):
                raise ValueError(f"{name} needs smtp_host and email_from")
        if self.smtp_user and self.smtp_security == "none" and self.smtp_host not in _LOOPBACK:
            raise ValueError("smtp_user needs smtp_security starttls or tls: a password would travel in the clear")
        return self


class RetentionSettings(Section):
    """[retention]: how long what jobs leave behind is kept."""

    serving_runs: Annotated[int, Field(ge=1, le=100)] = Field(2, description="Folders of serving files, the newest.")
    job_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        365, description="Days that the ledger of jobs reaches back."
    )
    alert_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        180, description="Days that resolved alerts and events sent stay."
    )
    audit_days: Annotated[int, Field(ge=1, le=3650)] = Field(730, description="Days that the audit log reaches back.")
    score_days: Annotated[int, Field(ge=90, le=3650)] = Field(
        1095, description="Days that the history of scores reaches back."
    )
    departed_days: Annotated[int, Field(ge=90, le=3650)] = Field(
        365, description="Days after which past scores of somebody who is no customer any more are let go."
    )
    outcome_days: Annotated[int, Field(ge=90, le=3650)] = Field(
        1095, description="Days that outcomes of campaigns are kept: measure before."
    )
    push_days: Annotated[int, Field(ge=7, le=3650)] = Field(
        365, description="Days that rows of finished pushes are kept."
    )
    notice_days: Annotated[int, Field(ge=1, le=90)] = Field(
        7, description="Days that a file tells its reader whom to empty after an erasure."
    )
    log_mb: Annotated[float, Field(gt=0, le=10_000)] = Field(20, description="A log larger than this is put aside.")
    log_files: Annotated[int, Field(ge=0, le=100)] = Field(5, description="Logs put aside that are kept, compressed.")


WebhookEvent = Literal["score_run.finished", "alert.raised"]


class WebhookSettings(Section):
    """[webhooks.NAME]: events posted as JSON; they are signed with CHURN_WEBHOOK_<NAME>_SECRET."""

    url: str = Field(description="Where events are posted to.")
    events: Annotated[list[WebhookEvent], Field(min_length=1)] = Field(
        default=["score_run.finished", "alert.raised"], description="Which of them."
    )
    max_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        12, description="Times one event is tried, each after a longer wait: about two days in all."
    )

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"`{url}` is no address: write it as https://host/path")
        if parts.username or parts.password:
            raise ValueError("an address must not hold a password: secrets come from the environment")
        if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError(f"`{url}` is not encrypted: write it as https://host/path")
        return url


def webhook_secret(name: str) -> str:
    """Return the environment variable that holds the secret of [webhooks.NAME]."""
    return f"CHURN_WEBHOOK_{name.upper().replace('-', '_')}_SECRET"


def chat_url(kind: ChatKind) -> str:
    """Return the environment variable that holds the address of a room's webhook."""
    return f"CHURN_ALERTS_{kind.upper()}_URL"
