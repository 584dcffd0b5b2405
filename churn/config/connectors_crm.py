"""The [connectors.NAME] sections of the CRM systems with a connector of their own: Odoo, Salesforce, HubSpot."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from churn.config.connectors_common import ConnectorSection


class OdooConnector(ConnectorSection):
    """[connectors.NAME] with kind = "odoo"."""

    kind: Literal["odoo"]
    url: str = Field(description="The server's address.")


class SalesforceConnector(ConnectorSection):
    """[connectors.NAME] with kind = "salesforce"."""

    kind: Literal["salesforce"]
    url: str = Field(description="The organisation's address.")


class HubspotConnector(ConnectorSection):
    """[connectors.NAME] with kind = "hubspot"."""

    kind: Literal["hubspot"]
    url: str = Field(description="The address of its API.")
