"""What each right lets people do, in their own words."""

from __future__ import annotations

from typing import Final

from churn.languages.words import N_
from churn.store.service_records import Scope

RIGHTS: Final[dict[Scope, tuple[str, str]]] = {
    "read": (N_("Read"), N_("sees every page, and downloads lists")),
    "simulate": (N_("Simulate"), N_("saves simulations")),
    "push": (N_("Push"), N_("makes and plans campaigns, and pushes lists to the CRM")),
    "admin": (N_("Administer"), N_("all of it, and runs jobs, changes models, people and keys")),
}
