"""The [connectors.NAME] sections: where scores and campaigns are pushed to; secrets come from the environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from churn.config.sections import Section


class ConnectorSettings(Section):
    """[connectors.NAME]: one remote system. Its secret is CHURN_CONNECTOR_<NAME>_SECRET."""

    kind: Literal["odoo", "salesforce", "hubspot", "rest", "webhook", "file"] = Field(
        "file", description="Which connector speaks to it."
    )
