"""What the service draws before anybody asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.api import pages
from churn.api.state import build_state
from churn.errors import NotFound
from churn.views.model import ModelView
from tests.crm.homes import build, context_of
from tests.crm.memory import MemoryCrm


def test_the_charts_of_the_champion_are_drawn_before_anybody_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = build_state(context_of(build(tmp_path / "home"), MemoryCrm()))
    drawn: list[object] = []
    view = ModelView(None, None, [], [])
    monkeypatch.setattr(pages, "model_view", lambda _context: view)
    monkeypatch.setattr(pages, "model_page", lambda shown, currency: drawn.append((shown, currency)))
    monkeypatch.setattr(state.simulator, "prepared", lambda: drawn.append("simulator"))
    pages.draw_ahead(state)
    state.close()
    assert drawn == ["simulator", (view, "USD")]


def test_a_home_without_a_champion_starts_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = build_state(context_of(build(tmp_path / "home"), MemoryCrm()))

    def nothing(_context: object) -> None:
        raise NotFound("there is no model", where="models")

    monkeypatch.setattr(pages, "model_view", nothing)
    pages.draw_ahead(state)
    state.close()
