"""Asking for runs: from the command line, by API, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from churn.accounts.keys import create_key
from churn.api import create_app
from churn.cli import build_app
from churn.errors import ConfigError, NotFound
from churn.jobs.catalog import JOBS
from churn.jobs.now import nights, request_run, work_now
from tests.jobs.conftest import House

Call = Callable[..., Any]


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    with TestClient(create_app(house.context), raise_server_exceptions=False) as client:
        yield client


def _key(house: House, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_key(house.context, '-'.join(scopes), scopes)}"}


def test_a_system_asks_for_a_run_and_looks_how_it_goes(house: House, client: TestClient) -> None:
    key = _key(house, "read", "push")
    asked = client.post("/v1/jobs/sync/run", json={"parameters": {"campaign": "fix_payment"}}, headers=key)
    again = client.post("/v1/jobs/sync/run", json={"parameters": {"campaign": "fix_payment"}}, headers=key)
    assert (asked.status_code, asked.json()["state"]) == (202, "queued")
    assert again.json()["run_id"] == asked.json()["run_id"]
    run = client.get(f"/v1/jobs/{asked.json()['run_id']}", headers=key).json()
    assert (run["job"], run["requested_by"], run["parameters"]) == ("sync", "read-push", {"campaign": "fix_payment"})
    assert run["requested_at"].endswith("Z")


def test_the_list_says_that_nobody_works_until_a_scheduler_is_started(house: House, client: TestClient) -> None:
    found = client.get("/v1/jobs", headers=_key(house, "read")).json()
    assert (found["schedulers"], {job["name"] for job in found["jobs"]}) == ([], set(JOBS))
    nightly = next(job for job in found["jobs"] if job["name"] == "nightly")
    assert (nightly["schedule"], nightly["next_at"]) == ("0 2 * * *", "2026-07-01T02:00:00Z")
    with house.context.open_store() as store:
        store.schedule.seen("host:1:a", house.clock())
    assert len(client.get("/v1/jobs", headers=_key(house, "read", "push")).json()["schedulers"]) == 1


def test_runs_are_listed_page_by_page(house: House, client: TestClient) -> None:
    for n in range(1, 6):
        house.request("retention", logical_date=date(2026, 6, n))
    key, cursor, seen = _key(house, "read"), None, []
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        found = client.get(f"/v1/jobs?limit=2{more}", headers=key).json()
        seen += [run["run_id"] for run in found["runs"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("scopes", "path", "body", "status", "code"),
    [
        (("read",), "nightly", {}, 403, "scope_missing"),
        (("push",), "nightly", {}, 403, "scope_missing"),
        (("admin",), "nigthly", {}, 404, "not_found"),
        (("admin",), "sync", {}, 422, "config_error"),
        (("admin",), "sync", {"parameters": {"campaign": 3}}, 422, "config_error"),
        (("admin",), "sync", {"parameters": {"campaign": "a", "force": True}}, 422, "config_error"),
        (("admin",), "nightly", {"date": "2026-13-01"}, 422, "config_error"),
        (("admin",), "nightly", {"date": "2030-01-01"}, 422, "config_error"),
        (("admin",), "train", {"date": "2026-06-01"}, 422, "config_error"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    house: House, client: TestClient, scopes: tuple[str, ...], path: str, body: dict[str, Any], status: int, code: str
) -> None:
    answer = client.post(f"/v1/jobs/{path}/run", json=body, headers=_key(house, *scopes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert house.runs() == []


def test_a_past_night_is_a_backfill_and_tonight_is_not(house: House) -> None:
    past = request_run(house.context, "nightly", day=date(2026, 6, 1), requested_by="cli")
    tonight = request_run(house.context, "nightly", requested_by="cli")
    assert (past.parameters, tonight.parameters) == ({"is_backfill": True}, {})
    assert tonight.logical_date == date(2026, 7, 1)


def test_a_night_that_is_done_is_not_worked_again_unless_that_is_said(house: House) -> None:
    first = work_now(house.context, request_run(house.context, "retention", requested_by="cli"))
    second = work_now(house.context, request_run(house.context, "retention", requested_by="cli"))
    third = request_run(house.context, "retention", requested_by="cli", again=True)
    assert (first.run.state, first.was_done) == ("done", False)
    assert (second.run.run_id, second.was_done) == (first.run.run_id, True)
    assert third.run_id != first.run.run_id


def test_a_wrong_word_is_told_with_the_nearest(house: House) -> None:
    with pytest.raises(NotFound, match="Did you mean `nightly`"):
        request_run(house.context, "nigthly", requested_by="cli")
    with pytest.raises(ConfigError, match="Swap them"):
        nights(date(2026, 2, 1), date(2026, 1, 1))
    with pytest.raises(ConfigError, match="too many at once"):
        nights(date(2000, 1, 1), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["nightly", "--date", "2026-1-1"], 2, "is not a date"),
        (["nightly", "--from", "2026-01-01"], 2, "--from and --to"),
        (["retention", "--set", "x=1"], 2, "has no parameter `x`"),
        (["retention", "--set", "x"], 2, "is not NAME=VALUE"),
        (["sync", "--set", "campaign=nobody"], 2, "nobody"),
        (["nightly"], 2, "no source is declared"),
    ],
)
def test_the_command_line_says_what_is_wrong_and_ends_with_its_code(
    house: House, words: list[str], code: int, told: str
) -> None:
    home = str(house.context.settings.home)
    done = CliRunner().invoke(build_app(), ["run", *words, "--home", home, "--quiet"])
    assert (done.exit_code, told in done.output) == (code, True), done.output


def test_the_command_line_shows_jobs_and_runs(house: House) -> None:
    home = str(house.context.settings.home)
    done = CliRunner().invoke(build_app(), ["run", "retention", "--home", home])
    assert "Nothing was old enough" in done.output
    shown = CliRunner().invoke(build_app(), ["jobs", "--home", home]).output
    assert "start `churn scheduler`" in shown
    assert "retention" in shown


def test_a_night_worked_without_a_scheduler_tells_its_alerts(house: House) -> None:
    home = house.context.settings.home
    CliRunner().invoke(build_app(), ["run", "nightly", "--home", str(home), "--quiet"])
    lines = [line for line in (home / "churn.log").read_text().splitlines() if '"event": "alert"' in line]
    assert len(lines) == 1
    assert "no source is declared" in lines[0]
