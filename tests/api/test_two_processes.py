"""Two services and one scheduler on one PostgreSQL work as one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from churn.store import open_store
from tests.api.test_api_page import served
from tests.company import Company, clean_environment


@contextmanager
def scheduler(company: Company, env: dict[str, str]) -> Iterator[None]:
    command = [sys.executable, "-W", "ignore", "-m", "churn", "scheduler", "--home", str(company.home)]
    running = subprocess.Popen(command, cwd=company.home, env=clean_environment() | env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(60)


def moved(company: Company, url: str) -> None:
    """Take the champion and the list along to the new store."""
    with open_store(f"sqlite:///{company.home / 'store.sqlite'}") as old, open_store(url) as new:
        champion, run = old.models.champion(), old.scores.current_run()
        assert champion is not None
        assert run is not None
        new.models.register(champion)
        new.models.promote(champion.version, who="test", why="moved", at=champion.created_at)
        new.scores.publish(run, old.published.current())


def until(look: Any, seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError("nothing came of it")


def test_keys_writes_and_jobs_hold_across_processes(company: Company, postgres_url: str) -> None:
    env = {"CHURN_STORE_URL": postgres_url, "CHURN_SCHEDULE__NIGHTLY": "", "CHURN_SCHEDULE__RETENTION": "",
           "CHURN_SCHEDULE__MONTHLY": ""}  # fmt: skip
    moved(company, postgres_url)
    made = company.run("keys", "create", "crm", "--scope", "admin", "--json", env=env)
    import json

    head = {"Authorization": f"Bearer {json.loads(made.stdout)['key']}"}
    with served(company, **env) as (one, _), served(company, **env) as (two, _), scheduler(company, env):
        lists = [
            httpx.get(f"{at}/v1/risk-list?limit=5", headers=head, timeout=30, verify=False).json() for at in (one, two)
        ]
        assert lists[0] == lists[1]
        customer = lists[0]["customers"][0]["customer_id"]
        risks = [
            httpx.get(f"{at}/v1/customers/{customer}/risk", headers=head, timeout=30, verify=False).json()
            for at in (one, two)
        ]
        assert risks[0] == risks[1]

        event = {"customer_id": customer, "campaign": "fix_payment", "event_id": "e1", "kind": "contacted"}
        body = {"events": [event | {"occurred_at": "2026-07-03T09:30:00+02:00"}]}
        once = head | {"Idempotency-Key": "the same"}

        def send(at: str) -> httpx.Response:
            return httpx.post(f"{at}/v1/outcomes", json=body, headers=once, timeout=30, verify=False)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, [one, two] * 8))
        done = [answer for answer in answers if answer.status_code == 200]
        first = [answer for answer in done if "idempotent-replayed" not in answer.headers]
        assert len(first) == 1
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert {json.dumps(answer.json()) for answer in done} == {json.dumps(first[0].json())}
        assert first[0].json()["new"] == 1

        asked = httpx.post(f"{one}/v1/jobs/score/run", json={}, headers=head, timeout=30, verify=False)
        assert asked.status_code == 202, asked.text
        run_id = asked.json()["run_id"]

        def finished() -> Any:
            found = httpx.get(f"{two}/v1/jobs/{run_id}", headers=head, timeout=30, verify=False).json()
            return found if found["state"] in {"done", "failed"} else None

        assert until(finished)["state"] == "done"
        company.run("keys", "revoke", "crm", env=env)

        def refused() -> bool:
            asked = (httpx.get(f"{at}/v1/models", headers=head, timeout=60, verify=False) for at in (one, two))
            return [answer.status_code for answer in asked] == [401, 401]

        assert until(refused), "a key is remembered for a second"
