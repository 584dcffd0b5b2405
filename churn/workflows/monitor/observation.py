"""All that the monitors saw on one day, before anything follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from churn.documents.monitoring import Finding
from churn.workflows.monitor.looks import ModelLook

if TYPE_CHECKING:
    from churn.store import ModelVersion


@dataclass(frozen=True)
class Observation:
    """A day, the instant until which facts counted, the model looked at, and what was seen of it and of the machinery.

    `look` is a finding where there was no model or no customer to look at.
    """

    on: date
    cutoff: datetime
    version: ModelVersion | None
    look: ModelLook | Finding
    machinery: tuple[Finding, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that was found."""
        seen = self.look.findings if isinstance(self.look, ModelLook) else (self.look,)
        return (*seen, *self.machinery)
