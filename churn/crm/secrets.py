"""Where a connector's secret comes from: the environment, a file, or a command; read anew each time it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from churn.config.connectors import secret_name
from churn.config.secrets import named_secret

if TYPE_CHECKING:
    from churn.config.connectors import ConnectorSection


class FreshSecret(Mapping[str, str]):
    """The secret of one connector under its variable's name; a scheduler that runs for months sees it change."""

    def __init__(self, name: str, section: ConnectorSection, home: Path, environment: Mapping[str, str]) -> None:
        self._name, self._section, self._home, self._environment = name, section, home, environment

    def __repr__(self) -> str:
        return f"FreshSecret({self._name!r})"

    def __getitem__(self, variable: str) -> str:
        if variable == secret_name(self._name):
            named = named_secret(self._section, self._home, where=f"[connectors.{self._name}]")
            if named is not None:
                return named
        return self._environment[variable]

    def __iter__(self) -> Iterator[str]:
        return iter({*self._environment, secret_name(self._name)})

    def __len__(self) -> int:
        return len({*self._environment, secret_name(self._name)})
