"""Says which source features are made of and churn.toml does not declare."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from churn.config import Settings
from churn.snapshots.columns import KEYS
from churn.snapshots.dataset import facts_of
from churn.warehouse import SqlModel

_SOURCE_OF: Final = {"subscription_events": "subscriptions"}  # staged tables that another source fills
_FLAT: Final = "customer_snapshots"  # may deliver a column of any name


def undeclared(settings: Settings, models: Mapping[str, SqlModel], features: Collection[str]) -> tuple[str, str] | None:
    """Return in words which of `features` lacks its source, and what to do; None where all sources are declared."""
    for feature, sources in missing_sources(settings, models, features).items():
        named = " or ".join(f"`{source}`" for source in sources)
        return (
            f"`{feature}` is made of the source {named}, which churn.toml does not declare",
            f"Declare [sources.{sources[0]}], or leave the feature out.",
        )
    return None


def missing_sources(
    settings: Settings, models: Mapping[str, SqlModel], features: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return by feature the sources it could be made of, where none of them is declared; nothing in a home without sources."""
    declared = set(settings.sources)
    if not declared or _FLAT in declared:
        return {}
    missing: dict[str, tuple[str, ...]] = {}
    for name, model in models.items():
        made = {column.name for column in model.columns} - set(KEYS) if model.schema == "features" else set()
        if not (read := made & set(features)):
            continue
        tables = {table.partition(".")[2] for table in facts_of(models, name)}
        sources = {_SOURCE_OF.get(table, table) for table in tables}
        if sources and not sources & declared:
            missing |= dict.fromkeys(sorted(read), tuple(sorted(sources)))
    return missing
