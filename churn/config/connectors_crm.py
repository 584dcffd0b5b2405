"""The [connectors.NAME] sections of the CRM systems with a connector of their own: Odoo, Salesforce, HubSpot."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from churn.config.connectors_common import ConnectorSection
from churn.config.sections import Share

_IDENTIFIER = r"^[A-Za-z][A-Za-z0-9_]*$"
OutcomeKind = Literal["contacted", "delivered", "accepted", "declined", "canceled", "unsubscribed", "lost", "won"]
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]


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
    """[connectors.NAME] with kind = "salesforce": records matched by an external id. The secret is an access token."""

    kind: Literal["salesforce"]
    url: str = Field(
        description="The organisation's address, such as https://mycompany.my.salesforce.example (no path)."
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
    object: str = Field("contacts", pattern=r"^[a-zA-Z0-9_-]+$", description="What holds a customer.")
    key_field: str = Field(
        "customer_id", pattern=r"^[a-z][a-z0-9_]*$", description="Its property with our customer_id: unique values."
    )
    campaign_field: str = Field(
        "campaign", pattern=r"^[a-z][a-z0-9_]*$", description="Property of a deal that holds the campaign."
    )
