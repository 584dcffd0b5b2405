"""The [webhooks.NAME] sections: who is told what happens here, over HTTP, signed."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from churn.config.sections import Section

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
