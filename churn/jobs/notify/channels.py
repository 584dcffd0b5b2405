"""The channels of alerts: the log, a signed webhook, mail; rooms of a chat are in `chat`."""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Protocol

from churn.config import AlertSettings
from churn.config.schedule import SMTP_PASSWORD, WEBHOOK_SECRET
from churn.context import Context, Log
from churn.errors import AuthFailed, ConfigError, Unreachable
from churn.jobs.notify.chat import ChatChannel
from churn.jobs.notify.posting import post
from churn.languages.recorded import recorded
from churn.languages.words import tr
from churn.signing import signed_headers
from churn.store.service_records import AlertDelivery
from churn.views.alerts import alert_title, severity_words
from churn.wording import instant

if TYPE_CHECKING:
    import httpx

_SECONDS = 15.0


class Channel(Protocol):
    """One way out. `send` raises ConnectorError when the message did not arrive, ConfigError when it cannot."""

    name: str

    def send(self, delivery: AlertDelivery) -> None:
        """Send one alert; a repeat has the same id, so that the receiver recognises it."""


def channels_of(context: Context) -> list[Channel]:
    """Return the channels that [alerts] configures; the log is always one."""
    settings, secrets = context.settings.alerts, context.secrets
    channels: list[Channel] = [LogChannel(context.log)]
    if settings.webhook_url:
        channels.append(WebhookChannel(settings.webhook_url, secrets, link=settings.link, clock=context.clock))
    if settings.email_to:
        channels.append(MailChannel(context))
    channels += [ChatChannel(kind, context) for kind in settings.chat]
    return channels


def message_id(delivery: AlertDelivery) -> str:
    """Return the id of a message, the same at every attempt."""
    return f"alert-{delivery.alert_id}-{delivery.severity}"


class LogChannel:
    """A line in the log."""

    name = "log"

    def __init__(self, log: Log) -> None:
        self._log = log

    def send(self, delivery: AlertDelivery) -> None:
        """Write the line."""
        self._log.note(
            "alert",
            alert_id=delivery.alert_id,
            kind=delivery.kind,
            subject=delivery.subject,
            severity=delivery.severity,
            message=delivery.message,
        )


def post_signed(
    url: str,
    document: Mapping[str, Any],
    *,
    event_id: str,
    secret: str,
    at: datetime,
    where: str,
    client: httpx.Client | None = None,
) -> None:
    """Post a document as JSON, signed (see churn.signing). Raises as `post`."""
    body = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    headers = signed_headers(secret, str(int(at.replace(tzinfo=UTC).timestamp())), event_id, body)
    post(url, body, headers, where=where, client=client)


class WebhookChannel:
    """A JSON document posted to one address."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        secrets: Mapping[str, str],
        *,
        link: str | None,
        clock: Callable[[], datetime],
        client: httpx.Client | None = None,
    ) -> None:
        self._url, self._secrets, self._link, self._clock, self._client = url, secrets, link, clock, client

    def send(self, delivery: AlertDelivery) -> None:
        """Post the alert."""
        secret = self._secrets.get(WEBHOOK_SECRET)
        if not secret:
            raise ConfigError(
                "has no secret to sign with", where="[alerts] webhook_url", remedy=f"Set {WEBHOOK_SECRET}."
            )
        document = {
            "type": "alert.raised",
            "id": message_id(delivery),
            "alert_id": delivery.alert_id,
            "kind": delivery.kind,
            "subject": delivery.subject,
            "severity": delivery.severity,
            "message": delivery.message,
            "raised_at": f"{delivery.raised_at.isoformat()}Z",
            "link": self._link,
        }
        post_signed(
            self._url,
            document,
            event_id=message_id(delivery),
            secret=secret,
            at=self._clock(),
            where="[alerts] webhook_url",
            client=self._client,
        )


class MailChannel:
    """A plain mail to everybody in email_to."""

    name = "email"

    def __init__(self, context: Context) -> None:
        self._context = context

    def send(self, delivery: AlertDelivery) -> None:
        """Hand the mail to the server, in the company's language."""
        settings = self._context.settings
        with self._context.speaking():
            mail = _mail(delivery, settings.alerts, self._context.clock())
        send_mail(mail, settings.alerts.email_to, settings.alerts, self._context.secrets)


def send_mail(mail: EmailMessage, to: Sequence[str], settings: AlertSettings, secrets: Mapping[str, str]) -> None:
    """Hand a mail to the server of [alerts].

    Raises Unreachable when it does not take it, AuthFailed when it refuses the password, ConfigError without one.
    """
    host = settings.smtp_host or ""
    where = f"mail server {host}:{settings.smtp_port}"
    try:
        with _connect(settings, host) as server:
            if settings.smtp_user:
                server.login(settings.smtp_user, _password(secrets))
            refused = server.send_message(mail, from_addr=settings.email_from or "", to_addrs=list(to))
    except smtplib.SMTPAuthenticationError as error:
        raise AuthFailed("refuses our password", where=where, remedy=f"Look at {SMTP_PASSWORD}.") from error
    except (smtplib.SMTPException, OSError) as error:  # what it answers may repeat addresses, never the password
        raise Unreachable(f"{type(error).__name__}: {error}", where=where, remedy="It is tried again.") from error
    if refused:
        raise Unreachable(
            f"refuses {', '.join(sorted(refused))}", where=where, remedy="Mend the addresses in [alerts]."
        )


def _password(secrets: Mapping[str, str]) -> str:
    password = secrets.get(SMTP_PASSWORD)
    if not password:
        raise ConfigError("there is no password for smtp_user", where="[alerts]", remedy=f"Set {SMTP_PASSWORD}.")
    return password


def _connect(settings: AlertSettings, host: str) -> smtplib.SMTP:
    if settings.smtp_security == "tls":
        return smtplib.SMTP_SSL(host, settings.smtp_port, timeout=_SECONDS, context=ssl.create_default_context())
    server = smtplib.SMTP(host, settings.smtp_port, timeout=_SECONDS)
    if settings.smtp_security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
    return server


def _mail(delivery: AlertDelivery, settings: AlertSettings, now: datetime) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = settings.email_from
    mail["To"] = ", ".join(settings.email_to)
    severity, title = severity_words(delivery.severity), alert_title(delivery.kind)
    mail["Subject"] = _line(f"[churn] {severity}: {title} ({delivery.subject})")
    mail["Date"] = format_datetime(now.replace(tzinfo=UTC))
    domain = (settings.email_from or "churn@localhost").rpartition("@")[2]
    mail["Message-ID"] = f"<{message_id(delivery)}-{delivery.raised_at:%Y%m%d%H%M%S}@{domain}>"
    link = f"\n{settings.link}\n" if settings.link else ""
    raised = tr("Raised on {day}, alert {number}.", day=instant(delivery.raised_at), number=delivery.alert_id)
    mail.set_content(f"{recorded(delivery.message)}\n\n{raised}\n{link}")
    return mail


def _line(text: str) -> str:
    """Return text as one line: a header with a line break in it would be two."""
    return " ".join(text.split())
