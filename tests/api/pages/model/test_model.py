"""The model page: what the champion is worth, promotion and rollback with a reason, and what is told where there is none."""

from __future__ import annotations

import csv
import io
import json
import shutil
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

import pytest

from churn.api.pages.model.figures import contests_chart
from churn.documents.monitoring import ChallengerContest
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
    with visitor.served.context.open_store() as store:
        trainings = len(store.models.list())
    assert charts.count() == 7 + (trainings > 1)  # another test may have registered a second one
    for chart in charts.all():
        told = chart.locator("svg[aria-label]").first.get_attribute("aria-label")
        assert told, "a chart says nothing to those who hear it"
        assert "nan" not in told
    visitor.page.get_by_text("As a table, by tenths").click()
    visitor.see("Riskiest 10\u202f%")
    visitor.page.get_by_text("As a table, by probability").click()
    visitor.see("10\u202f% on")
    links = visitor.page.locator("nav.contents a")
    assert links.count() >= 9
    for link in links.all():
        assert visitor.page.locator(str(link.get_attribute("href"))).count() == 1
    visitor.assert_accessible()
    visitor.screenshot("model")
    kept = visitor.served.home / "cache" / "models"
    assert list(kept.glob("*.json")), "the figures are worked out once and kept"


def test_a_chart_is_saved_as_a_picture(visitor):
    visitor.visit("/model")
    figure = visitor.page.locator("#model-roc")
    figure.scroll_into_view_if_needed()
    button = figure.get_by_role("button", name="Save this chart as a picture")
    button.wait_for(state="attached")
    figure.hover()
    visitor.assert_accessible()
    with visitor.page.expect_download() as saved:
        button.click()
    assert saved.value.suggested_filename == "model-roc.png"
    header = saved.value.path().read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", header[16:24])
    assert width > 600
    assert height > 400


def test_each_fact_stands_beside_what_it_was_in_training(visitor):
    visitor.visit("/model").see("Which features have drifted?", "grey", "PSI")
    rows = visitor.page.locator("section[aria-labelledby=moved-title] tbody tr")
    assert rows.count() == 12
    assert rows.locator("svg.spread").count() == 12
    visitor.page.get_by_role("link", name="All", exact=False).filter(has_text="features").click()
    visitor.page.wait_for_url("**facts=all**")
    used = [feature for feature in model_view(visitor.served.context).card.features if feature.is_used]
    assert 12 < rows.count() <= len(used)


def test_every_training_is_drawn_on_one_chart(visitor, challenger):
    visitor.visit("/model").see("AUC of each training")
    description = visitor.page.locator("#model-history svg[aria-label]").first.get_attribute("aria-label")
    assert challenger.version in description
    visitor.assert_accessible()
    visitor.screenshot("model-trainings")


def test_challengers_are_drawn_beside_the_champion_on_one_chart():
    contest = ChallengerContest(
        challenger="newer",
        champion="before",
        dates=("2026-07-01",),
        rows=100,
        customers=100,
        gain=-120.0,
        low=-300.0,
        high=40.0,
        gain_monthly=-60.0,
        recall_champion=0.4,
        recall_challenger=0.4,
        is_won=False,
        sentence="No gain.",
    )
    won = contest.model_copy(update={"challenger": "newest", "gain": 90.0, "low": 10.0, "high": 170.0, "is_won": True})
    drawn = str(contests_chart((contest, won), "USD"))
    assert "newer -$120 (-$300 to $40); newest $90 ($10 to $170)" in drawn
    assert contests_chart((), "USD") is None


def test_predictions_and_reasons_are_handed_over(visitor):
    context = visitor.served.context
    with context.open_store() as store:
        page = store.scores.page(limit=None)
    reasons = read_csv(visitor, "/model/reasons.csv")
    first = page.frame.sort("customer_id").row(0, named=True)
    own = [row for row in reasons if row["customer_id"] == first["customer_id"]]
    kept = json.loads(first["reasons"])
    assert [(row["feature"], row["reason"]) for row in own] == [(r["feature"], r["text"]) for r in kept]
    assert len(reasons) == sum(len(json.loads(text)) for text in page.frame["reasons"])
    tested = read_csv(visitor, "/model/test-customers.csv")
    view = model_view(context)
    assert len(tested) == view.figures.curves.customers
    assert sum(row["has_churned"] in {"true", "1"} for row in tested) == view.figures.curves.churners
    visitor.allowed = ("404",)
    answer = visitor.page.request.get(f"{visitor.served.address}/model/test-customers.csv?version=nope")
    assert answer.status == 404


def read_csv(visitor, path):
    answer = visitor.page.request.get(f"{visitor.served.address}{path}")
    assert answer.status == 200
    return list(csv.DictReader(io.StringIO(answer.text())))


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
        *(finding("data_drift", "watch", f"Attribute {number} has moved.") for number in range(2, 9)),
        finding("data_drift", "ok", "Payments are as they were.", 0.0),
        severity="act",
    )
    context = visitor.served.context
    visitor.visit("/model").see("Not watched yet")
    with context.open_store() as store:
        store.monitoring.save(document, ())
    visitor.visit("/model").see("Sessions fell by a third.", "$12,000 a month at stake")
    assert visitor.page.get_by_text("Payments are as they were").count() == 0
    assert not visitor.page.get_by_text("Attribute 8 has moved").is_visible()
    visitor.page.get_by_text("2 more", exact=True).click()
    visitor.see("Attribute 7 has moved", "Attribute 8 has moved")


def test_before_the_first_training_the_page_says_what_to_do(newcomer):
    newcomer.visit("/model").see("No model is trained yet", "Load the data, then train")
    newcomer.assert_accessible()
    newcomer.screenshot("model-empty")
