"""What the service draws before anybody asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.api import pages
from churn.api.pages.model import figures
from churn.errors import NotFound
from churn.views import model
from tests.crm.homes import build, context_of
from tests.crm.memory import MemoryCrm


def test_the_charts_of_the_champion_are_drawn_before_anybody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(build(tmp_path / "home"), MemoryCrm())
    drawn: list[object] = []
    monkeypatch.setattr(model, "model_view", lambda _context: {"figures": {"curves": {}}})
    monkeypatch.setattr(figures, "figures_of", lambda found, currency: drawn.append((found, currency)))
    pages.draw_ahead(context)
    assert drawn == [({"figures": {"curves": {}}}, "USD")]


def test_a_home_without_a_champion_starts_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = context_of(build(tmp_path / "home"), MemoryCrm())

    def nothing(_context: object) -> None:
        raise NotFound("there is no model", where="models")

    monkeypatch.setattr(model, "model_view", nothing)
    pages.draw_ahead(context)
