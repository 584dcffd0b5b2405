"""What each right lets people do, in their own words."""

from __future__ import annotations

from typing import Final

from churn.store.service_records import Scope

RIGHTS: Final[dict[Scope, tuple[str, str]]] = {
    "read": ("Read", "sees every page, and downloads lists"),
    "simulate": ("Simulate", "saves simulations"),
    "push": ("Push", "makes and plans campaigns, and pushes lists to the CRM"),
    "admin": ("Administer", "all of it, and runs jobs, changes models, people and keys"),
}
