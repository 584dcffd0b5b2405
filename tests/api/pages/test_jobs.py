from __future__ import annotations

from datetime import timedelta

import pytest

from churn.jobs.catalog import JOBS


def test_a_job_asked_for_waits_in_the_ledger_and_says_that_no_scheduler_is_running(visitor):
    visitor.visit("/jobs")
    visitor.see("No scheduler is running, so nothing starts by itself")
    visitor.page.get_by_role("button", name="Run now: Retention").click()
    visitor.see("No scheduler is running: 1 run waits", "Waits for a scheduler to begin.")
    assert visitor.page.url.endswith("/jobs"), "nothing but the work was replaced"
    with visitor.served.context.open_store() as store:
        run = store.jobs.latest("retention")
        assert (run.state, run.requested_by) == ("queued", "One-time link")
    assert visitor.page.get_by_role("button", name="Run now: Retention").is_disabled()


def test_a_run_under_way_shows_its_steps_as_they_end(visitor):
    context = visitor.served.context
    with context.open_store() as store:
        now = context.clock()
        asked = store.jobs.request("score", requested_by="maria", at=now, run_key="walked")
        store.jobs.claim("tester", now=now, lease_seconds=60, run_id=asked.run_id)
        store.jobs.set_steps(asked.run_id, ["score"])
        store.jobs.start_step(asked.run_id, "tester", "score", at=now)
        visitor.visit("/jobs")
        run = visitor.page.locator(f"#run-{asked.run_id}")
        run.get_by_text("Running").first.wait_for(state="visible")
        visitor.screenshot("jobs-at-work")
        store.jobs.finish_step(
            asked.run_id,
            "tester",
            "score",
            state="done",
            at=now + timedelta(seconds=3),
            seconds=3.0,
            rows=7,
            outcome="7 scored.",
        )
        store.jobs.finish(asked.run_id, "tester", "done", None, now + timedelta(seconds=3))
    run.get_by_text("7 scored.").wait_for(state="attached", timeout=20_000)
    run.get_by_text("asked for by maria").wait_for(state="visible")
    visitor.visit(f"/jobs/runs/{asked.run_id}")
    visitor.see("7 scored.")


def test_jobs_rules_and_sources_are_on_one_page(visitor):
    visitor.visit("/jobs")
    visitor.see("Nightly", "Data quality", "rules hold", "Support tickets", "Fresh")
    visitor.page.get_by_text("rules that hold").click()
    visitor.see("Every row belongs to a known customer.")
    visitor.assert_accessible()
    visitor.screenshot("jobs")


def test_who_may_only_read_sees_no_button_to_run_and_is_refused(stranger):
    stranger.sign_in(["read"]).visit("/jobs")
    stranger.see("Nightly")
    assert stranger.page.get_by_role("button", name="Run now").count() == 0
    assert stranger.page.get_by_role("columnheader").all_inner_texts()[:3] == ["Job", "Next", "Last run"]
    assert stranger.page.get_by_role("columnheader", name="Start").count() == 0
    assert stranger.page.get_by_text("Press “Run now”").count() == 0
    answer = stranger.page.evaluate(
        "async () => { const h = JSON.parse(document.body.getAttribute('hx-headers'));"
        "return (await fetch('/jobs/nightly/run', {method: 'POST', headers: {...h, 'HX-Request': 'true'}})).status }"
    )
    stranger.allowed = ("403",)
    assert answer == 403


@pytest.mark.parametrize("path", ["/jobs/runs/999999", "/jobs/runs/abc"])
def test_a_run_that_is_not_there_is_told_in_words(visitor, path):
    visitor.allowed = ("404", "422")
    answer = visitor.page.goto(f"{visitor.served.address}{path}")
    assert answer.status in {404, 422}
    visitor.see("Back to the overview")


def test_an_empty_home_says_what_will_be_here(newcomer):
    newcomer.visit("/jobs")
    newcomer.see("Nothing has run yet", "No data have been loaded yet")
    assert newcomer.page.get_by_role("button", name="Run now").count() == sum(
        not any(one.is_required for one in job.parameters.values()) for job in JOBS.values()
    )
    newcomer.assert_accessible()
    newcomer.screenshot("jobs-empty")
