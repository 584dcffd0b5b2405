"""What the store tells of people's rights: requests, and who was erased."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

RequestKind = Literal["export", "erase", "object"]


@dataclass(frozen=True)
class PrivacyRequest:
    """One request. `customer_id` is None once nothing is left to do; `id_hash` says the same to whoever holds the salt."""

    request_id: int
    kind: RequestKind
    id_hash: str
    customer_id: str | None
    state: Literal["open", "done"]
    who: str
    requested_at: datetime
    finished_at: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
