"""What a simulation was asked and what comes out, before it is written as a document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from churn.decisions.audit import AuditFinding
from churn.decisions.funnel import FunnelStep
from churn.decisions.profit import Economics
from churn.decisions.simulation import SimulationResult
from churn.decisions.simulation_request import SimulationRequest
from churn.documents.simulation import SimulatedOffer, SimulationDocument
from churn.workflows.simulate.document import Origin, build_document

if TYPE_CHECKING:
    from churn.decisions.calibration import Gate


@dataclass(frozen=True)
class Answer:
    """What was asked, the terms as they were understood, and what comes out."""

    request: SimulationRequest
    economics: Economics
    result: SimulationResult
    findings: tuple[AuditFinding, ...]
    origin: Origin
    gate: Gate
    run_id: str
    funnel: tuple[FunnelStep, ...] = ()
    offer: SimulatedOffer | None = None

    @cached_property
    def document(self) -> SimulationDocument:
        """The document that `churn simulate --json` writes, of this answer."""
        return build_document(
            self.result,
            self.economics,
            self.findings,
            self.origin,
            self.gate,
            is_overridden=not self.gate.is_passed,
            funnel=self.funnel,
            offer=self.offer,
        )
