"""Simulations saved by earlier versions are read, and written again to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn.documents.simulation import SimulationDocument
from churn.errors import ContractBroken

SAVED = sorted((Path(__file__).parent / "golden").glob("simulation_*.json"))


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_saved_simulation_is_read_and_written_to_the_byte(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document = SimulationDocument.read(json.loads(text), where=path.name)
    assert json.dumps(document.as_json(), indent=1) + "\n" == text


def test_what_a_later_version_adds_is_passed_over() -> None:
    values = json.loads(SAVED[0].read_text(encoding="utf-8"))
    later = {**values, "mood": "good", "optimum": {**values["optimum"], "mood": "good"}}
    assert SimulationDocument.read(later, where="later") == SimulationDocument.read(values, where="now")


def test_what_is_no_simulation_is_refused_with_the_key_that_is_missing() -> None:
    values = json.loads(SAVED[0].read_text(encoding="utf-8"))
    del values["net_profit"]
    with pytest.raises(ContractBroken, match="net_profit"):
        SimulationDocument.read(values, where="half of one")
