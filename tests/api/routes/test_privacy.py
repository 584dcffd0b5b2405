"""Erasing and exporting by the service: at once what the store can, the rest by a job, and only for administrators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.api import create_app
from churn.context import Context
from churn.jobs.now import work_now
from tests.crm.homes import build, context_of
from tests.crm.memory import MemoryCrm

pytestmark = pytest.mark.slow

WHO = "c05"


@pytest.fixture
def here(tmp_path: Path) -> Context:
    return context_of(build(tmp_path / "home"), MemoryCrm())


@pytest.fixture
def client(here: Context) -> Iterator[TestClient]:
    with TestClient(create_app(here), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def key(here: Context) -> Callable[[str], dict[str, str]]:
    return lambda scope: {"Authorization": f"Bearer {create_key(here, f'a {scope} key', [scope])}"}


def _work(context: Context, run_id: int) -> str:
    with context.open_store() as store:
        run = store.jobs.get(run_id)
    assert run is not None
    done = work_now(context, run).run
    assert done.state == "done", done.error
    return done.steps[0].outcome or ""


def test_erasing_takes_effect_at_once_and_the_job_does_the_rest(
    client: TestClient, here: Context, key: Callable[[str], dict[str, str]]
) -> None:
    admin = key("admin")
    with here.open_store() as store:
        assert {"scores", "assignments"} <= set(store.privacy.rows_of(WHO))
    answer = client.delete(f"/v1/customers/{WHO}", headers=admin)
    assert (answer.status_code, answer.json()["job"]) == (202, "erase")
    assert WHO not in answer.text
    assert client.get(f"/v1/customers/{WHO}/risk", headers=admin).status_code == 404
    assert "rows of one customer were erased" in _work(here, answer.json()["run_id"])
    with here.open_store() as store:
        assert store.privacy.rows_of(WHO) == {}
        assert "erase_customer" in {entry.action for entry in store.requests.audited()}
    with here.open_warehouse("test") as warehouse:
        assert warehouse.rows("select count(*) from staging.customers where customer_id = ?", [WHO]) == [(0,)]


def test_an_export_is_collected_by_a_job_and_handed_out_for_a_day(
    client: TestClient, here: Context, key: Callable[[str], dict[str, str]]
) -> None:
    admin, path = key("admin"), f"/v1/customers/{WHO}/export"
    first, second = client.get(path, headers=admin), client.get(path, headers=admin)
    assert first.status_code == second.status_code == 202
    assert first.json()["run_id"] == second.json()["run_id"]
    _work(here, first.json()["run_id"])
    found = client.get(path, headers=admin)
    assert found.status_code == 200
    document = found.json()
    assert document["customer_id"] == WHO
    assert document["store"]["scores"][0]["churn_probability"] == 0.5
    assert document["warehouse"]["staging.customers"]
    with here.open_store() as store:
        assert {"export_customer", "fetch_export"} <= {entry.action for entry in store.requests.audited()}


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", f"/v1/customers/{WHO}"), ("GET", f"/v1/customers/{WHO}/export")]
)
def test_only_administrators_may(
    client: TestClient, here: Context, key: Callable[[str], dict[str, str]], method: str, path: str
) -> None:
    assert client.request(method, path).status_code == 401
    assert client.request(method, path, headers=key("push")).status_code == 403
    with here.open_store() as store:
        assert store.jobs.list() == []
    unknown = client.request(method, path.replace(WHO, "nobody"), headers=key("admin"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


def test_an_id_with_a_slash_is_erased_like_any_other(
    client: TestClient, here: Context, key: Callable[[str], dict[str, str]]
) -> None:
    with here.open_store() as store:
        store.privacy.note_objection("EU/77", who="test", at=here.clock())
    answer = client.delete("/v1/customers/EU%2F77", headers=key("admin"))
    assert answer.status_code == 202
    with here.open_store() as store:
        assert store.privacy.objected() == []


def test_requests_that_wait_are_erased_together(
    client: TestClient, here: Context, key: Callable[[str], dict[str, str]]
) -> None:
    admin = key("admin")
    runs = [client.delete(f"/v1/customers/{who}", headers=admin).json()["run_id"] for who in (WHO, "c06")]
    assert "rows of 2 customers were erased" in _work(here, runs[0])
    assert "It was done before" in _work(here, runs[1])
    with here.open_store() as store:
        assert store.privacy.requests(is_open=True) == []
    with here.open_warehouse("test") as warehouse:
        left = "select count(*) from staging.customers where customer_id in (?, ?)"
        assert warehouse.rows(left, [WHO, "c06"]) == [(0,)]
