"""Reads a secret from a file or a command, where a section names one in place of the environment."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final, Protocol

from churn.errors import ConfigError

_PATIENCE_SECONDS: Final = 60


class NamesSecret(Protocol):
    """A section that may say where its secret is."""

    @property
    def secret_file(self) -> str | None:
        """File that holds it; in the home if relative."""

    @property
    def secret_command(self) -> list[str] | None:
        """Command that prints it."""


def named_secret(section: NamesSecret, home: Path, *, where: str) -> str | None:
    """Return the secret as it is now; None where the section leaves it to the environment.

    Raises ConfigError when it cannot be had; `where` names the section.
    """
    if section.secret_file is not None:
        return _from_file(home / section.secret_file, where)
    if section.secret_command is not None:
        return _from_command(section.secret_command, home, where)
    return None


def _from_file(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal(f"secret_file {path} cannot be read ({type(error).__name__})", where) from error


def _from_command(command: list[str], home: Path, where: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
            command, capture_output=True, text=True, check=False, timeout=_PATIENCE_SECONDS, cwd=home
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
        raise _refusal(f"secret_command {command[0]} does not run ({type(error).__name__})", where) from None
    if done.returncode != 0 or not done.stdout.strip():
        raise _refusal(f"secret_command {command[0]} ended with {done.returncode} and gave no secret", where)
    return done.stdout.strip()


def _refusal(what: str, where: str) -> ConfigError:
    return ConfigError(what, where=where, remedy="Run it by hand, as the user who runs churn.")
