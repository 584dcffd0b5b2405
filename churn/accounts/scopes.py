"""What keys, users and links may do: the scopes that there are, checked where they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from churn.errors import ConfigError
from churn.store.service_records import SCOPES

COMMAND_LINE: Final = "command line"  # who did it, in the audit log, where no person or key is known


def require_scopes(scopes: Sequence[str]) -> None:
    """Raise ConfigError for a scope that there is not."""
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise ConfigError(f"no scope `{unknown[0]}`", where="--scope", remedy=f"Scopes are {', '.join(SCOPES)}.")
