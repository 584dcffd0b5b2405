from __future__ import annotations

import json

import pytest

from churn.views.serving_files import SUMMARY, run_path


@pytest.fixture
def summary(served):
    """The run's summary, put back as it was."""
    with served.context.open_store() as store:
        run = store.published.current_run()
    path = run_path(served.home, run.run_id) / SUMMARY
    kept = path.read_text(encoding="utf-8")
    yield path
    path.write_text(kept, encoding="utf-8")


def test_the_front_page_says_how_churn_stands_and_what_to_do_next(visitor, summary):
    told = json.loads(summary.read_text(encoding="utf-8"))
    visitor.visit("/")
    rate = told["months"][-1]["churn_rate"]
    visitor.see(f"{100 * rate:.1f}", "Revenue at risk", "What to do next", "Simulated company")
    visitor.see(f"Decide about {told['listed']:,} customers")
    assert visitor.page.locator("#churn-trend svg").count() >= 1
    visitor.assert_accessible()
    visitor.screenshot("overview")


def test_a_word_explains_itself_when_it_is_focused_and_escape_hides_it_again(visitor):
    visitor.visit("/")
    word = visitor.page.get_by_role("button", name="Revenue at risk")
    tip = visitor.page.get_by_role("tooltip").filter(has_text="weighed by the probability")
    word.focus()
    tip.wait_for(state="visible")
    visitor.page.keyboard.press("Escape")
    tip.wait_for(state="hidden")


def test_a_task_leads_to_the_page_where_it_is_done(visitor):
    visitor.visit("/")
    visitor.page.get_by_role("link", name="Decide about").click()
    visitor.page.wait_for_url("**/risk-list")


def test_stale_scores_are_said_on_every_page(visitor):
    with visitor.served.context.open_store() as store:
        store.scores.mark_stale("payments_are_plausible: 12 found", at=visitor.served.context.clock())
    for path in ("/", "/reports"):
        visitor.visit(path)
        visitor.see("These scores are out of date")
    visitor.visit("/")
    visitor.see("Look at scores and data")
    visitor.assert_accessible()
    visitor.screenshot("overview-stale")


def test_an_empty_home_says_what_to_do_first(newcomer):
    newcomer.visit("/")
    newcomer.see("Nothing has been scored yet", "Load the sources", "Jobs and data")
    newcomer.assert_accessible()
    newcomer.screenshot("overview-empty")


def test_a_run_of_before_there_were_summaries_is_shown_without_its_figures(visitor, summary):
    summary.unlink()
    visitor.visit("/")
    visitor.see("Known again after the next score run", "Can you rely on it?")
    summary.write_text("{", encoding="utf-8")
    visitor.allowed = ("507",)
    visitor.visit("/", status=507)
    visitor.see("cannot be read")
