from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

import httpx
import psycopg
import pytest

from churn.store import open_store
from tests.api.test_two_processes import moved
from tests.faults.serving import CHURN, answers, service, started, until
from tests.faults.shops import Shop, one_line
from tests.private_postgres import StoppablePostgres, postgres_binaries, stoppable_postgres

QUIET = {"CHURN_SCHEDULE__NIGHTLY": "", "CHURN_SCHEDULE__RETENTION": "", "CHURN_SCHEDULE__MONTHLY": ""}
PERSON = {"Accept": "text/html"}


@pytest.fixture
def postgres() -> Iterator[StoppablePostgres]:
    binaries = postgres_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server binaries on this machine (install the package `postgresql`)")
    with stoppable_postgres(binaries) as running:
        with psycopg.connect(running.server.url("postgres"), autocommit=True) as admin:
            admin.execute("create database churn")
        yield running


def test_a_store_that_goes_away_is_told_and_missed_by_nobody_once_it_is_back(
    shop: Shop, postgres: StoppablePostgres
) -> None:
    url = postgres.server.url("churn")
    env = {"CHURN_STORE_URL": url, "CHURN_SCHEDULE__LEASE_SECONDS": "5", **QUIET}
    moved(shop, url)
    key = json.loads(shop.run("keys", "create", "crm", "--scope", "read", "--scope", "push", "--json", env=env).stdout)
    link = json.loads(shop.run("users", "link", "--json", env=env).stdout)
    head = {"Authorization": f"Bearer {key['key']}"}
    scheduler = [*CHURN, "scheduler", "--home", str(shop.home)]
    with (
        service(shop.home, **env) as (address, process),
        started(scheduler, shop.home, **env) as beside,
        httpx.Client(base_url=address, timeout=60, follow_redirects=True, verify=False) as browser,
    ):
        token = next(str(value) for value in link.values() if "token=" in str(value)).partition("token=")[2]
        assert browser.get(f"/sign-in/link?token={token}").status_code == 200
        assert httpx.get(f"{address}/v1/risk-list", headers=head, timeout=60, verify=False).status_code == 200

        postgres.stop()
        for path in ("/v1/risk-list", "/readyz", "/metrics"):
            refused = httpx.get(f"{address}{path}", headers=head, timeout=60, verify=False)
            assert refused.status_code == 503, path
            problem = refused.json()
            assert problem["code"] == "store_away"
            assert refused.headers["retry-after"].isdigit()
            assert refused.headers["content-type"] == "application/problem+json"
        assert answers(address), "the process is there all the same"
        for path in ("/", "/risk-list", "/sign-in"):
            page = browser.get(path, headers=PERSON)
            assert page.status_code == 503, path
            assert re.search(r"<h1>[^<]*database[^<]*</h1>", page.text, re.IGNORECASE), page.text
            assert "pg-s3cret-word" not in page.text
            assert "retry-after" in page.headers
        assert process.poll() is None
        assert beside.poll() is None

        postgres.start()
        until(lambda: answers(address, "/readyz"), 30)
        assert httpx.get(f"{address}/v1/risk-list", headers=head, timeout=60, verify=False).status_code == 200
        assert browser.get("/risk-list", headers=PERSON).status_code == 200
        with open_store(url) as store:
            at = datetime.now(UTC).replace(tzinfo=None)
            run = store.jobs.request("retention", logical_date=date(2026, 6, 1), requested_by="test", at=at)
            until(lambda: getattr(store.jobs.get(run.run_id), "state", "") == "done")


def test_a_command_and_a_service_without_their_store_say_so_in_a_line(shop: Shop, postgres: StoppablePostgres) -> None:
    url = postgres.server.url("churn")
    postgres.stop()
    env = {"CHURN_STORE_URL": url}
    one_line(shop.run("score", "--quiet", code=6, env=env).stderr, ["PostgreSQL does not answer"])
    with service(shop.home, **env) as (_, process):
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 6, told
    assert "Traceback" not in told
    assert "PostgreSQL does not answer" in told
    postgres.start()
