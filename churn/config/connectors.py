"""The [connectors.NAME] sections: where campaigns are pushed to; `kind` says which keys a section has."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from churn.config.connector_section import (
    ConnectorSection,
    Identifier,
    OutcomeKind,
    secret_name,
    without_password,
)
from churn.config.rest import RestConnector, RestOutcomes
from churn.config.sections import Share

__all__ = [
    "AudiencePlatform",
    "ConnectorSection",
    "ConnectorSettings",
    "FileConnector",
    "HubspotConnector",
    "OdooConnector",
    "OtherConnector",
    "RestConnector",
    "RestOutcomes",
    "SalesforceConnector",
    "WebhookConnector",
    "connector_kinds",
    "secret_name",
]


AudiencePlatform = Literal["google", "meta", "linkedin"]


class RemoteSection(ConnectorSection):
    """What the three have in common: an address, and the names that outcomes go by."""

    campaigns: dict[str, str] = Field(
        default_factory=dict, description="Their campaign = ours, where outcomes carry another name than the file's."
    )

    @field_validator("url", check_fields=False)
    @classmethod
    def _plain_address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("`url` must begin with http:// or https://")
        if "@" in value.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("`url` holds a name or password: secrets belong into CHURN_CONNECTOR_<NAME>_SECRET")
        return value.rstrip("/")


class OdooConnector(RemoteSection):
    """[connectors.NAME] with kind = "odoo": contacts of an Odoo 14 or later. The secret is a password or an API key."""

    kind: Literal["odoo"]
    url: str = Field(description="The server's address.")
    database: str = Field(description="The database's name, as its sign-in page shows it.")
    user: str = Field("", description="Login of the user whose secret it is; an Odoo 19 with an API key needs none.")
    protocol: Literal["auto", "jsonrpc", "json2"] = Field(
        "auto", description="json2 from Odoo 19, jsonrpc before; auto asks the server for its version."
    )
    model: str = Field("res.partner", pattern=r"^[a-z][a-z0-9_.]*$", description="What holds a customer.")
    key_field: Identifier | None = Field(
        None, description="Field with our customer_id, such as ref; external ids are used if not given."
    )
    external_id_module: str = Field(
        "churn",
        pattern=r"^\w+$",
        description="First part of the external ids; `__import__` for those of an Odoo import.",
    )
    name_format: str = Field("Customer {customer_id}", description="Name of a contact that we have to create.")
    create_fields: bool = Field(
        default=False,
        description="Make custom fields (x_...) that a campaign maps to and Odoo lacks; needs an administrator.",
    )
    stages: dict[str, OutcomeKind] = Field(
        default_factory=dict, description="Stage of a lead = what it means, such as Qualified = contacted."
    )
    outcome_days: int = Field(
        400, ge=1, le=3650, description="How far back leads are read when they are read for the first time."
    )

    @field_validator("name_format")
    @classmethod
    def _known_mark(cls, value: str) -> str:
        try:
            value.format(customer_id="C1")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError("`name_format` may hold {customer_id} and nothing else in braces") from error
        return value


class SalesforceConnector(RemoteSection):
    """[connectors.NAME] with kind = "salesforce": records matched by an external id.

    With `client_id` the secret is that client's secret, and tokens are fetched and renewed; without it, an access token.
    """

    kind: Literal["salesforce"]
    url: str = Field(
        description="The organisation's address, such as https://mycompany.my.salesforce.example (no path)."
    )
    client_id: str | None = Field(
        None,
        description="Consumer key of the application that signs in by client credentials; its secret is the secret.",
    )
    token_url: str | None = Field(
        None, description="Where tokens are given; services/oauth2/token of `url` if not set."
    )
    version: str = Field("62.0", pattern=r"^\d{2,3}\.0$", description="Version of the REST API.")
    object: Identifier = Field("Contact", description="What holds a customer.")
    key_field: Identifier = Field(
        "Ext_Id__c", description="Its field with our customer_id: marked External ID and Unique."
    )
    bulk_rows: int = Field(
        2_000, ge=1, description="From so many rows in a batch on, Bulk API 2.0 is used in place of collections."
    )
    poll_seconds: float = Field(2.0, gt=0, le=300, description="Pause between two looks at a bulk job.")
    max_usage_share: Share = Field(
        0.95, description="Share of the organisation's daily requests in use at which we stop, to leave others theirs."
    )
    create_values: dict[str, str] = Field(
        default={"LastName": "Customer {customer_id}"},
        description="Fields that a record must have to be created; {customer_id} is filled in.",
    )
    statuses: dict[str, OutcomeKind] = Field(
        default={"Sent": "contacted", "Responded": "accepted"},
        description="Status of a campaign member = what it means.",
    )


class HubspotConnector(RemoteSection):
    """[connectors.NAME] with kind = "hubspot": contacts matched by a unique property. The secret is an access token."""

    kind: Literal["hubspot"]
    url: str = Field(description="Where its API answers; the address is in HubSpot's own documentation.")
    version: str = Field(
        "2026-09",
        pattern=r"^20\d\d-\d\d$",
        description="Version of its API: the year and month of one of its releases.",
    )
    object: str = Field("contacts", pattern=r"^[a-zA-Z0-9_-]+$", description="What holds a customer.")
    key_field: str = Field(
        "customer_id", pattern=r"^[a-z][a-z0-9_]*$", description="Its property with our customer_id: unique values."
    )
    campaign_field: str = Field(
        "campaign", pattern=r"^[a-z][a-z0-9_]*$", description="Property of a deal that holds the campaign."
    )


class FileConnector(ConnectorSection):
    """[connectors.NAME] with kind = "file": lists as files in a folder, here or on an SFTP server."""

    kind: Literal["file"] = "file"
    path: str = Field(
        "lists", description="Folder (inside the home if relative), or sftp://user@host:port/folder; no password."
    )
    format: Literal["csv", "parquet"] = "csv"
    audience: AudiencePlatform | None = Field(
        None,
        description="The list is an audience for this ad platform: hashed e-mail addresses, as CSV, without a word about anybody.",
    )
    host_key: str | None = Field(
        None, description="The SFTP server's public key, as `ssh-keyscan` prints it: type and base64."
    )
    key_file: str | None = Field(
        None, description="Private key for SFTP; its passphrase is the secret. Without one the secret is a password."
    )
    key_field: str = Field("customer_id", description="Name of the column with our key.")
    max_score_age_days: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Scores older than this are not pushed, unless forced; a file of any age is a file."
    )

    @model_validator(mode="after")
    def _one_kind_of_file(self) -> FileConnector:
        if self.audience is not None and self.format != "csv":
            raise ValueError("an audience is CSV: leave `format` out")
        return self


class WebhookConnector(ConnectorSection):
    """[connectors.NAME] with kind = "webhook": each batch posted as JSON, signed with HMAC-SHA256."""

    kind: Literal["webhook"]
    url: str = Field(description="Where batches are posted to.")
    headers: dict[str, str] = Field(default_factory=dict, description="Further headers; nothing secret.")
    silence_is_yes: bool = Field(
        default=False,
        description="A success without a word about a row means that the receiver took it; docs/crm.md has the words.",
    )

    @field_validator("url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return without_password(value)


class OtherConnector(ConnectorSection):
    """[connectors.NAME] with the kind of a file that you add: connectors/KIND.py in the home.

    Whatever is its own goes into `options`, which are free, so that a misspelt kind is not taken for a new one.
    """

    kind: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The file's name.")
    options: dict[str, Any] = Field(default_factory=dict, description="Whatever that connector needs; nothing secret.")

    @model_validator(mode="before")
    @classmethod
    def _own_kind(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.keys() - cls.model_fields.keys():
            near = difflib.get_close_matches(str(values.get("kind")), _SECTIONS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(_SECTIONS)}."
            raise ValueError(f"no connector is of the kind `{values.get('kind')}`; {hint}")
        return values


_SECTIONS: dict[str, type[ConnectorSection]] = {
    "file": FileConnector,
    "hubspot": HubspotConnector,
    "odoo": OdooConnector,
    "rest": RestConnector,
    "salesforce": SalesforceConnector,
    "webhook": WebhookConnector,
}


def connector_kinds() -> dict[str, type[ConnectorSection]]:
    """Return the kinds that ship, and the section each of them reads."""
    return dict(_SECTIONS)


def _kind_of(value: Any) -> str:
    kind = value.get("kind", "file") if isinstance(value, dict) else getattr(value, "kind", "file")
    return kind if kind in _SECTIONS else "other"


ConnectorSettings = Annotated[
    Annotated[FileConnector, Tag("file")]
    | Annotated[HubspotConnector, Tag("hubspot")]
    | Annotated[OdooConnector, Tag("odoo")]
    | Annotated[RestConnector, Tag("rest")]
    | Annotated[SalesforceConnector, Tag("salesforce")]
    | Annotated[WebhookConnector, Tag("webhook")]
    | Annotated[OtherConnector, Tag("other")],
    Discriminator(_kind_of),
]
