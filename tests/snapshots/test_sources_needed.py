"""A feature whose source is not declared is told with the source, where the SQL alone would say that a column is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.config import Settings, SourceSettings
from churn.snapshots.sources_needed import undeclared
from churn.warehouse.models.sql_models import load_models


def settings_with(*sources: str) -> Settings:
    return Settings(sources={name: SourceSettings(path=f"{name}.csv") for name in sources})


@pytest.mark.parametrize(
    ("sources", "feature", "lacks"),
    [
        (("customers", "subscriptions"), "support_tickets_90d", "support_tickets"),
        (("customers", "subscriptions"), "tickets_decayed_10d", "support_tickets"),
        (("subscriptions", "support_tickets"), "support_tickets_90d", None),
        (("payments",), "current_fee", "subscriptions"),
        (("customer_snapshots",), "support_tickets_90d", None),  # a flat table may deliver any name
        ((), "support_tickets_90d", None),  # nothing is declared at all: another message
        (("customers",), "no_such_feature", None),
    ],
)
def test_what_a_feature_lacks(tmp_path: Path, sources: tuple[str, ...], feature: str, lacks: str | None) -> None:
    told = undeclared(settings_with(*sources), load_models(tmp_path), [feature])
    if lacks is None:
        assert told is None
    else:
        assert told is not None
        assert told[0] == f"`{feature}` is made of the source `{lacks}`, which churn.toml does not declare"
        assert told[1].startswith(f"Declare [sources.{lacks}]")
