"""Finds a connector's secret among those of the environment, and says which variable lacks when there is none."""

from __future__ import annotations

from collections.abc import Mapping

from churn.config.connectors import secret_name
from churn.errors import ConfigError


def secret_of(connector: str, secrets: Mapping[str, str]) -> str:
    """Return the secret of `connector`. Raises ConfigError naming the variable that is missing."""
    name = secret_name(connector)
    if not (secret := secrets.get(name, "")):
        raise ConfigError(
            "its secret is not set", where=f"connector {connector}", remedy=f"Put it into the environment as {name}."
        )
    return secret
