"""The page of money numbers names functions and documents that there are, and every document that holds such a number."""

from __future__ import annotations

import importlib
import re
from dataclasses import fields, is_dataclass
from typing import get_type_hints

import pytest
from pydantic import BaseModel

from churn.documents import (
    campaign_profit,
    candidate_figures,
    month_facts,
    plan,
    score_summary,
    simulation,
)
from tests import ROOT

TEXT = (ROOT / "docs" / "money.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| [^|]+ \| `([\w.]+)` \| `([\w.]+)` \|", TEXT, flags=re.MULTILINE)


def named(path: str) -> object:
    """Return what a dotted name stands for."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(path)


def test_the_page_has_rows():
    assert len(ROWS) >= 20


@pytest.mark.parametrize(("maker", "place"), ROWS)
def test_each_number_is_made_by_a_function_there_is_and_stands_in_a_field_there_is(maker, place):
    assert callable(named(maker))
    owner, _, field = place.rpartition(".")
    document = named(owner)
    known = {*document.model_fields} if isinstance(document, type) and issubclass(document, BaseModel) else set()
    if is_dataclass(document):
        known = {item.name for item in fields(document)}
    assert field in (known or set(get_type_hints(document))), (owner, field)


def test_every_document_with_a_profit_is_on_the_page():
    """A profit that a document gains is to be named here, by the document or one that the page says it is a part of."""
    parts = {
        "SimulatedBand",
        "SimulatedCut",
        "SimulatedOptimum",
        "SimulatedDriver",
        "CampaignPlan",
        "PlanAllocation",
        "LedgerPromise",
    }
    known = {place.split(".")[-2] for _, place in ROWS} | parts
    for module in (campaign_profit, candidate_figures, month_facts, plan, score_summary, simulation):
        for name, kind in vars(module).items():
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind.__module__ == module.__name__:
                money = {field for field in kind.model_fields if field in {"net_profit", "expected_profit", "profit"}}
                assert not money or name in known, (name, money)
