"""Documents read back what they wrote, keep the order of their JSON, and refuse what they do not know."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from churn.documents.document import Range
from churn.documents.measurement import MeasurementDocument
from churn.documents.plan import PlanDocument, PlanInputs
from churn.errors import ContractBroken
from tests.documents.samples import measurement_document, plan_document


@pytest.mark.parametrize(
    "document",
    [
        plan_document(planned_at=datetime(2026, 3, 1, 6, 0, 1, 120_000)),
        measurement_document(),
        measurement_document(net=Range(value=1.0, low=-2.0, high=4.0)),
    ],
)
def test_a_document_reads_back_what_it_wrote(document: PlanDocument | MeasurementDocument) -> None:
    text = json.dumps(document.as_json(), allow_nan=False)
    assert type(document).read(json.loads(text), where="here") == document


def test_instants_are_written_as_iso_text() -> None:
    moment = datetime(2026, 3, 1, 6, 0, 1, 120_000)
    assert plan_document(planned_at=moment).as_json()["planned_at"] == moment.isoformat()
    assert measurement_document().as_json()["measured_at"] == "2026-03-01T12:00:00"


def test_the_keys_of_a_measurement_stand_in_the_order_of_its_parts() -> None:
    names = list(measurement_document().as_json())
    assert names[:3] == ["campaign", "title", "measured_at"]
    assert names[names.index("events") + 1] == "verdict"
    assert names[-4:] == ["segments", "confidence", "words", "alarm"]


def test_what_the_first_documents_lacked_has_a_value_that_says_so() -> None:
    plan = plan_document().as_json()
    for key in ("alarms", "stands_since", "sentences", "file"):
        del plan[key]
    read = PlanDocument.read(plan, where="plan p1")
    assert (read.alarms, read.stands_since, read.sentences, read.file) == ((), None, (), None)
    measured = measurement_document().as_json()
    for key in ("erased", "without_comparison"):
        del measured[key]
    old = MeasurementDocument.read(measured, where="measurement 1")
    assert (old.erased.treatment, old.erased.holdout, old.without_comparison) == (0, 0, 0)
    inputs = {"campaigns": ["a"], "budget": None, "window_days": 30, "allow_stale": False, "seed": 7}
    assert PlanInputs.read(inputs, where="plan p1").rules is None


def test_a_document_that_cannot_be_read_says_where_and_which_key() -> None:
    broken = plan_document().as_json() | {"customers": "many"}
    with pytest.raises(ContractBroken, match="`customers` cannot be read") as caught:
        PlanDocument.read(broken, where="plan p1")
    assert caught.value.where == "plan p1"
    with pytest.raises(ContractBroken, match="`surprise`"):
        PlanDocument.read(plan_document().as_json() | {"surprise": 1}, where="plan p1")


def test_the_costs_alone_are_read_as_such() -> None:
    costs = {"contacted": 1, "contact_cost": 2.0, "contact_basis": "assumed", "used": 0, "incentive_cost": 0.0}
    values = measurement_document().as_json() | {"money": {"costs": {**costs, "incentive_basis": "none"}}}
    document = MeasurementDocument.read(values, where="measurement 1")
    assert document.earned is None
    assert document.money is not None
    assert document.money.costs.spent == 2.0
    assert document.as_json()["money"] == values["money"]
