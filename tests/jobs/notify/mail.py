"""A mail server of our own on loopback, and settings that mail through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.ports import free_port


class Inbox:
    """What a mail server keeps."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"


@contextmanager
def mail_server(**options: Any) -> Iterator[tuple[int, Inbox]]:
    """Run a mail server on a free port; give the port, and what it keeps."""
    inbox = Inbox()
    port = free_port()
    server = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    server.start()
    try:
        yield port, inbox
    finally:
        server.stop()


def mailing(port: int, **more: Any) -> dict[str, Any]:
    """Return settings of [alerts] that mail through `port`."""
    return {
        "email_to": ["ann@company.example", "bob@company.example"],
        "email_from": "churn@company.example",
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": "none",
        **more,
    }
