"""Where a connector's secret comes from: the environment, a file, or a command; read anew each time it is asked for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from churn.config.connectors import secret_name
from churn.errors import ConfigError

if TYPE_CHECKING:
    from churn.config.connectors import ConnectorSection

_PATIENCE_SECONDS = 60


class FreshSecret(Mapping[str, str]):
    """The secret of one connector under its variable's name; a scheduler that runs for months sees it change."""

    def __init__(self, name: str, section: ConnectorSection, home: Path, environment: Mapping[str, str]) -> None:
        self._name, self._section, self._home, self._environment = name, section, home, environment

    def __repr__(self) -> str:
        return f"FreshSecret({self._name!r})"

    def __getitem__(self, variable: str) -> str:
        if variable == secret_name(self._name):
            if self._section.secret_file is not None:
                return self._from_file(self._home / self._section.secret_file)
            if self._section.secret_command is not None:
                return self._from_command(self._section.secret_command)
        return self._environment[variable]

    def __iter__(self) -> Iterator[str]:
        return iter({*self._environment, secret_name(self._name)})

    def __len__(self) -> int:
        return len({*self._environment, secret_name(self._name)})

    def _from_file(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise self._refusal(f"secret_file {path} cannot be read ({type(error).__name__})") from error

    def _from_command(self, command: list[str]) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
                command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS, cwd=self._home
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
            raise self._refusal(f"secret_command {command[0]} does not run ({type(error).__name__})") from None
        if done.returncode != 0 or not done.stdout.strip():
            raise self._refusal(f"secret_command {command[0]} ended with {done.returncode} and gave no secret")
        return done.stdout.strip()

    def _refusal(self, what: str) -> ConfigError:
        return ConfigError(
            what, where=f"[connectors.{self._name}]", remedy="Run it by hand, as the user who runs churn."
        )
