"""The registry's verbs: promote a version, and roll back to the champion before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from churn.context import Context
from churn.views.registry import require_version

if TYPE_CHECKING:
    from churn.store import ModelVersion


def promote_model(context: Context, version: str, *, who: str, why: str) -> ModelVersion:
    """Make `version` the champion from the next scoring on. Raises ConfigError when it is unknown."""
    with context.open_store() as store:
        require_version(store.models.get(version), version)
        store.models.promote(version, who=who, why=why, at=context.clock())
        champion = require_version(store.models.champion(), version)
    context.log.note("promote_model", version=version)
    return champion


def rollback_model(context: Context, *, who: str, why: str) -> ModelVersion:
    """Make the champion before this one the champion again. Raises NoChampion when there was none."""
    with context.open_store() as store:
        store.models.rollback(who=who, why=why, at=context.clock())
        champion = require_version(store.models.champion(), None)
    context.log.note("rollback_model", version=champion.version)
    return champion
