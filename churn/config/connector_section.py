"""What every [connectors.NAME] section has: its secret, pace, patience, and the guard rails of a push."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from churn.config.sections import Section, Share

_IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_]*$"
OutcomeKind = Literal["contacted", "delivered", "accepted", "declined", "canceled", "unsubscribed", "lost", "won"]
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]


def secret_name(connector: str) -> str:
    """Return the environment variable that holds the secret of `connector`: `my-crm` -> CHURN_CONNECTOR_MY_CRM_SECRET."""
    return f"CHURN_CONNECTOR_{re.sub(r'[^A-Z0-9]', '_', connector.upper())}_SECRET"


class RiskListPush(Section):
    """[connectors.NAME.risk_list]: risk kept in step for every customer of some bands, campaign or not."""

    bands: list[Literal["low", "medium", "high", "critical"]] = Field(
        default=["high", "critical"], description="Whose records are kept in step."
    )
    mode: Literal["update", "upsert", "insert", "mirror"] = Field("update", description="What may be written.")
    on_leave: Literal["nothing", "clear", "band_none"] = Field(
        "band_none", description="When someone leaves the bands."
    )
    fields: dict[str, str] = Field(
        default_factory=dict, description="Ours = theirs; all but the campaign's own if left out."
    )


class ConnectorSection(Section):
    """Keys of every connector; the secret is never among them, it is CHURN_CONNECTOR_<NAME>_SECRET."""

    secret_file: str | None = Field(
        None,
        description="File with the secret, in place of the environment; in the home if relative, read at each sign-in.",
    )
    secret_command: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="Command that prints the secret, as a list of words; run at each sign-in, without a shell."
    )
    requests_per_second: Annotated[float, Field(gt=0, le=10_000)] | None = Field(
        None, description="Requests a second at most, for this credential; the kind's own pace if not given."
    )
    concurrency: int | None = Field(None, ge=1, le=64, description="Requests under way at once; the kind's own.")
    daily_budget: int | None = Field(
        None, ge=1, description="Requests a day at most (UTC), so that others sharing the quota get theirs."
    )
    timeout_seconds: float = Field(30.0, gt=0, le=600, description="Patience with one request.")
    batch_size: int | None = Field(None, ge=1, le=100_000, description="Rows per request; the kind's own if not given.")
    max_attempts: int = Field(5, ge=1, le=20, description="Times a busy system is asked before its rows are left.")
    max_wait_seconds: float = Field(60.0, gt=0, le=3600, description="Longest wait between two attempts.")
    probability_step: Share = Field(
        0.02, description="A churn probability that moved by less is not written, unless its risk band changed."
    )
    max_changed_share: Share = Field(
        0.5, description="A push that would change more of the records it wrote before stops, unless forced."
    )
    min_list_share: Share = Field(
        0.5, description="A list shorter than this share of the last one stops the push, unless forced."
    )
    max_rejected_share: Share = Field(0.1, description="A push with more rejected rows stops.")
    max_score_age_days: Annotated[int, Field(ge=1)] | None = Field(
        7, description="Scores older than this are not pushed, unless forced."
    )
    lookup_lag_seconds: float = Field(
        0.0,
        ge=0,
        le=86_400,
        description="How long its search may not show what was just made; what may have been made waits for a later run.",
    )
    risk_list: RiskListPush = Field(default_factory=RiskListPush)
    sample_size: int = Field(20, ge=0, le=1_000, description="Written records that are read back and compared.")

    @model_validator(mode="after")
    def _one_secret(self) -> ConnectorSection:
        if self.secret_file is not None and self.secret_command is not None:
            raise ValueError("`secret_file` and `secret_command` cannot both be set")
        return self


def without_password(url: str) -> str:
    """Return `url` as it is; raise ValueError when it is no http(s) address or holds a password."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("`url` must begin with http:// or https://")
    if "@" in url.split("//", 1)[1].split("/", 1)[0]:
        raise ValueError("`url` holds a name or password: secrets belong into CHURN_CONNECTOR_<NAME>_SECRET")
    return url.rstrip("/")
