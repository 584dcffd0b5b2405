"""The section [sso]: people sign in at the company's identity provider, by OpenID Connect."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from churn.config.sections import Section

SSO_SECRET: Final = "CHURN_SSO_SECRET"  # noqa: S105 - the variable's name
ScopeName = Literal["read", "simulate", "push", "admin"]


class SsoSettings(Section):
    """[sso]: sign-in by OpenID Connect (docs/sso.md)."""

    issuer: str | None = Field(None, description="Address of the provider, exactly as its documents name it.")
    client_id: str | None = Field(None, description="What the provider calls churn.")
    secret_file: str | None = Field(
        None, description="File with the client's secret, in place of CHURN_SSO_SECRET; in the home if relative."
    )
    secret_command: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="Command that prints it, as a list of words; run at each sign-in, without a shell."
    )
    name: str = Field("single sign-on", max_length=60, description="What the button says: Sign in with NAME.")
    scopes: list[str] = Field(
        default=["openid", "profile", "email"], description="What the provider is asked for; openid is a must."
    )
    groups_claim: str = Field("groups", description="Claim that holds a person's groups; a.b is b within a.")
    groups: dict[str, list[ScopeName]] = Field(
        default_factory=dict, description="Group at the provider = what its members may do here."
    )
    default_scopes: list[ScopeName] = Field(
        default_factory=list, description="What people of no such group may do; nothing, and they are refused."
    )
    passwords: bool = Field(
        default=True, description="Whether names and passwords sign in too; keys and links always do."
    )
    address: str | None = Field(
        None, description="Where people find churn, such as https://churn.example; as they asked for it if not given."
    )
    clock_skew_seconds: int = Field(60, ge=0, le=300, description="How far the provider's clock may be off.")
    timeout_seconds: float = Field(10.0, gt=0, le=60, description="Patience with the provider.")

    @field_validator("issuer", "address")
    @classmethod
    def _secure(cls, value: str | None) -> str | None:
        if value is not None and not is_secure(value):
            raise ValueError(f"`{value}` must begin with https:// (http:// only on this machine)")
        if value is not None and (urlsplit(value).query or urlsplit(value).fragment):
            raise ValueError(f"`{value}` must end before any ? or #")
        return value

    @field_validator("scopes")
    @classmethod
    def _openid(cls, value: list[str]) -> list[str]:
        if "openid" not in value:
            raise ValueError("without the scope `openid` a provider does not say who signs in")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.issuer is None) != (self.client_id is None):
            raise ValueError("`issuer` and `client_id` belong together")
        if self.issuer is None and not self.passwords:
            raise ValueError("passwords cannot be turned off without an `issuer`")
        if self.issuer is not None and not self.groups and not self.default_scopes:
            raise ValueError("nobody may do anything: name groups in [sso.groups], or `default_scopes`")
        if self.secret_file is not None and self.secret_command is not None:
            raise ValueError("`secret_file` and `secret_command` cannot both be set")
        return self

    @property
    def is_on(self) -> bool:
        """Whether people may sign in so."""
        return self.issuer is not None


def is_secure(address: str) -> bool:
    """Say whether nobody between can read or change what `address` is asked: https, or this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or not address.isprintable():
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
