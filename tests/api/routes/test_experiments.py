"""The file of a finished experiment is sent, analysed by a scheduler, and read as a document and on a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.accounts.users import create_user
from churn.api import create_app
from churn.context import Context
from churn.jobs.now import work_now
from tests.api.conftest import context_of
from tests.modeling.uplift.experiments import experiment

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery staple"
COLUMNS = {"treatment": "arm", "control": "C", "outcome": "left", "direction": "unwanted", "value": "50", "cost": "1"}


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return context_of(tmp_path / "home", max_upload_mb=1, max_body_kb=64)


@pytest.fixture
def client(context: Context) -> Iterator[TestClient]:
    """A service over an empty home."""
    with TestClient(create_app(context), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def trial() -> bytes:
    frame = experiment(1_200, effect=0.2).select(
        "customer_id",
        pl.when("is_treated").then(pl.lit("T")).otherwise(pl.lit("C")).alias("arm"),
        (~pl.col("is_retained")).cast(pl.Int8).alias("left"),
        "silent_days",
    )
    return frame.write_csv().encode()


def headers(context: Context, scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {create_key(context, f'key for {scope}', [scope])}"}


def work(context: Context, run_id: int) -> str:
    with context.open_store() as store:
        run = store.jobs.get(run_id)
    assert run is not None
    return work_now(context, run, retries=False).run.state


def test_a_file_that_is_sent_is_analysed_told_and_deleted(client: TestClient, context: Context, trial: bytes) -> None:
    push, read = headers(context, "push"), headers(context, "read")
    asked = client.post(
        "/v1/experiments", data=COLUMNS | {"planned_share": "0.5"}, files={"file": ("Spring.csv", trial)}, headers=push
    )
    assert (asked.status_code, asked.json()["state"]) == (202, "queued"), asked.text
    assert len(list((context.settings.home / "uploads").iterdir())) == 1
    assert work(context, asked.json()["run_id"]) == "done"
    assert not list((context.settings.home / "uploads").iterdir())
    (row,) = client.get("/v1/experiments", headers=read).json()["items"]
    assert (row["name"], row["verdict"], row["advice"]) == ("spring_left", "works", "contact_everybody")
    document = client.get("/v1/experiments/spring_left", headers=read).json()
    assert document["file"] == "Spring.csv"
    assert document["effect"]["low"] > 0
    assert [policy["policy"] for policy in document["policies"]] == ["nobody", "everybody", "some"]
    missing = client.get("/v1/experiments/spring", headers=read)
    assert missing.status_code == 404
    assert "spring_left" in missing.json()["remedy"]


def test_groups_that_were_assigned_as_a_whole_are_named_by_their_column(client: TestClient, context: Context) -> None:
    push, read = headers(context, "push"), headers(context, "read")
    rows = [f"{house},{house % 2},{int(house % 7 < 2)}" for house in range(400) for _ in range(2)]
    sent = {"file": ("houses.csv", "\n".join(["house,arm,stayed", *rows]).encode())}
    said = {"treatment": "arm", "outcome": "stayed", "group": "house"}
    asked = client.post("/v1/experiments", data=said, files=sent, headers=push)
    assert work(context, asked.json()["run_id"]) == "done"
    document = client.get("/v1/experiments/houses_stayed", headers=read).json()
    assert document["groups"] == {"column": "house", "treated": 200, "control": 200, "mixed": 0}
    assert document["terms"]["group"] == "house"


def test_what_cannot_be_is_refused_when_it_is_asked_for_or_by_the_run(
    client: TestClient, context: Context, trial: bytes
) -> None:
    push, read = headers(context, "push"), headers(context, "read")
    sent = {"file": ("a.csv", trial)}
    assert client.post("/v1/experiments", data=COLUMNS, files=sent, headers=read).status_code == 403
    wrong = client.post("/v1/experiments", data=COLUMNS | {"planned_share": "50"}, files=sent, headers=push)
    assert wrong.status_code == 422
    large = client.post("/v1/experiments", data=COLUMNS, files={"file": ("a.csv", b"x" * 2_000_000)}, headers=push)
    assert large.status_code == 413
    assert "max_upload_mb" in large.json()["remedy"]
    asked = client.post("/v1/experiments", data=COLUMNS | {"treatment": "group"}, files=sent, headers=push)
    assert work(context, asked.json()["run_id"]) == "failed"
    run = client.get(f"/v1/jobs/{asked.json()['run_id']}", headers=read).json()
    assert "has no column `group`" in run["error"]
    assert not list((context.settings.home / "uploads").iterdir())


def test_the_page_takes_a_file_and_shows_the_verdict(client: TestClient, context: Context, trial: bytes) -> None:
    create_user(context, "maria", PASSWORD, ["admin"])
    text = client.get("/sign-in", headers={"Accept": "text/html"}).text
    form = {"name": "maria", "secret": PASSWORD, "csrf": token_in(text)}
    assert client.post("/sign-in", data=form, follow_redirects=False).status_code == 303
    first = client.get("/experiments")
    assert "No experiment was analysed yet" in first.text
    sent = COLUMNS | {"csrf": token_in(first.text), "planned_share": "50 %"}
    done = client.post("/experiments", data=sent, files={"file": ("a.csv", trial)}, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, "/experiments#work"), done.text
    assert "Waiting" in client.get("/experiments").text
    with context.open_store() as store:
        (run,) = store.jobs.list("experiment", limit=1)
    assert work(context, run.run_id) == "done"
    assert "Works" in client.get("/experiments").text
    page = client.get("/experiments/a_left")
    assert page.status_code == 200
    assert "Contact everybody." in page.text
    assert "What each policy brings" in page.text
    foreign = client.post("/experiments", data=COLUMNS, files={"file": ("a.csv", trial)})
    assert foreign.status_code == 403


def token_in(text: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', text)
    assert found is not None
    return found.group(1)
