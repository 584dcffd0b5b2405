"""The model page: what the champion is worth, promotion and rollback with a reason, and what is told where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

import pytest

from churn.store import ModelVersion
from churn.views.model import model_view
from tests.api.pages.conftest import Visitor
from tests.monitoring.documents import finding, monitoring_document


@pytest.fixture
def challenger(visitor: Visitor) -> Iterator[ModelVersion]:
    """A second version, whose bundle is the champion's."""
    context = visitor.served.context
    with context.open_store() as store:
        champion = store.models.champion()
        assert champion is not None
        version = replace(champion, version=f"{champion.version}-2", bundle=f"{champion.bundle}-2", reason="Newer.")
        if version.version not in {model.version for model in store.models.list()}:
            shutil.copytree(
                context.settings.models_path / champion.bundle, context.settings.models_path / version.bundle
            )
            store.models.register(version)
    model_view(context, version.version)  # worked out beforehand, as training does, so that no visit waits for it
    yield version
    with context.open_store() as store:
        store.models.promote(champion.version, who="test", why="as it was", at=datetime(2027, 1, 1))


def test_the_champion_is_told_in_words_and_curves(visitor):
    visitor.visit("/model")
    visitor.see("has served since", "times as many as among all", "Why this one", "Its probabilities come true")
    visitor.see("What contacting more of them finds and earns", "How much it is used", "Learned from", "serves now")
    charts = visitor.page.locator("figure.chart")
    assert charts.count() == 7
    for chart in charts.all():
        told = chart.locator("svg[aria-label]").first.get_attribute("aria-label")
        assert told, "a chart says nothing to those who hear it"
        assert "nan" not in told
    visitor.page.get_by_text("As a table, by tenths").click()
    visitor.see("Riskiest 10\u202f%")
    visitor.assert_accessible()
    visitor.screenshot("model")
    kept = visitor.served.home / "cache" / "models"
    assert list(kept.glob("*.json")), "the figures are worked out once and kept"


def test_a_version_is_promoted_and_rolled_back_for_a_reason(visitor, challenger):
    visitor.visit(f"/model?version={challenger.version}").see("This version does not serve")
    visitor.page.get_by_role("button", name="Let this one serve").click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Promote").click()
    assert "said=" not in visitor.page.url, "a reason is asked for"
    dialog.get_by_label("Why").fill("It learned from <b>summer</b>.")
    visitor.assert_accessible()
    dialog.get_by_role("button", name="Promote").click()
    visitor.page.wait_for_url("**said=promoted")
    visitor.see(f"From the next scoring on, {challenger.version} serves.", "It learned from <b>summer</b>.")
    visitor.page.get_by_role("button", name="Roll back", exact=True).click()
    dialog = visitor.page.get_by_role("dialog")
    dialog.get_by_label("Why").fill("Too soon.")
    dialog.get_by_role("button", name="Roll back").click()
    visitor.page.wait_for_url("**said=rolled_back")
    visitor.see("serves again", "rolled back to", "Too soon.")
    with visitor.served.context.open_store() as store:
        told = [(entry.action, entry.who) for entry in store.requests.audited()][:2]
    assert [action for action, _ in told] == ["rollback_model", "promote_model"]


def test_a_promotion_without_a_reason_or_the_right_is_refused(stranger, challenger):
    stranger.allowed = ("403", "422")
    for scopes, status in ((["admin"], 422), (["read", "push"], 403)):
        stranger.sign_in(scopes).visit("/model")
        token = stranger.page.locator("input[name=csrf]").first.input_value()
        answer = stranger.page.request.post(
            f"{stranger.served.address}/model/promote",
            form={"csrf": token, "version": challenger.version, "why": " "},
            headers={"Accept": "text/html"},
        )
        assert answer.status == status
    assert stranger.page.get_by_role("button", name="Roll back", exact=True).count() == 0


def test_a_damaged_bundle_is_told_and_the_history_stays(visitor, challenger):
    card = visitor.served.context.settings.models_path / challenger.bundle / "card.json"
    whole = card.read_bytes()
    card.write_text("{}")
    try:
        visitor.visit(f"/model?version={challenger.version}")
        visitor.see("This version cannot be read", "altered after it was written", "Who served when")
    finally:
        card.write_bytes(whole)
    visitor.allowed = ("404",)
    visitor.visit("/model?version=nope", status=404).see("does not exist")


def test_what_the_monitors_found_stands_on_the_page(visitor):
    document = monitoring_document(
        date(2026, 7, 2),
        finding("data_drift", "act", "Sessions fell by a third.", 12_000.0),
        finding("data_drift", "ok", "Payments are as they were.", 0.0),
        severity="act",
    )
    context = visitor.served.context
    visitor.visit("/model").see("Not watched yet")
    with context.open_store() as store:
        store.monitoring.save(document, ())
    visitor.visit("/model").see("Sessions fell by a third.", "$12,000 a month at stake")
    assert visitor.page.get_by_text("Payments are as they were").count() == 0


def test_before_the_first_training_the_page_says_what_to_do(newcomer):
    newcomer.visit("/model").see("No model is trained yet", "Load the data, then train")
    newcomer.assert_accessible()
    newcomer.screenshot("model-empty")
