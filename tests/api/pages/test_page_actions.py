"""What people do on pages: each thing leaves who and what in the audit log; what others wrote is shown, and never run."""

from __future__ import annotations

import html
import json
import re
import shutil
from dataclasses import replace
from datetime import datetime
from itertools import product

import polars as pl
import pytest
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.accounts.sign_in import list_sessions, sign_in_by_password
from churn.accounts.users import create_user
from churn.api.pages.campaign_form import values_of
from churn.api.pages.programme_form import values_of as values_of_programme
from churn.campaigns.history import mark_of
from churn.campaigns.programmes import EXAMPLE, load_programme
from churn.campaigns.reading import campaign_files, load_campaign
from churn.jobs.now import work_now
from churn.jobs.requests import ask_plan
from churn.store import ScoreRun
from churn.store.records import OutboxRow, Settled, SyncRun
from churn.store.service_records import NewFigureMail
from churn.views.insights import LATEST
from churn.views.risk_list import read_risk_list
from tests.api.conftest import Service
from tests.api.pages.test_insights import FOUND
from tests.api.test_security_routes import page_routes
from tests.company import Company
from tests.documents.samples import draft_round, empty_log
from tests.jobs.notify.figures import mailing_context, publish_figures

PASSWORD = "correct horse battery staple"
# What a path may hold; the walk takes the first that the page accepts.
PLACES = ("fix_payment", "retention", "keep", "1", "refused")
READINGS = {"/audience-preview", "/programme-preview"}  # sent as a form for its length; nothing is done by it
# After these there is nothing to plan, nobody left to do anything to, or to do it. A campaign of a programme goes after it.
LAST = {
    "/programmes/{name}/archive": 1,
    "/campaigns/{name}/archive": 2,
    "/campaigns/{name}/restore": 3,
    "/programmes/{name}/restore": 3,
    "/rights/erase": 4,
    "/sign-out": 5,
}
LEAVERS = ("jan", "piet")
EVIL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</title><svg onload=alert(1)>")


def published(service: Service) -> tuple[ScoreRun, str]:
    """Return the list in use, and the first customer on it."""
    with service.context.open_store() as store:
        run = store.scores.current_run()
    assert run is not None
    return run, str(read_risk_list(service.context, top=1).customers[0]["customer_id"])


@pytest.fixture
def maria(service: Service, finished_company: Company, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    """A marketer who may do everything, signed in by name, where there is something of everything to do."""
    shutil.copy(finished_company.home / "warehouse.duckdb", service.context.settings.home)  # planning reads it
    create_user(service.context, "maria", PASSWORD, ["admin"])
    for name in LEAVERS:
        create_user(service.context, name, PASSWORD, ["read"])
        sign_in_by_password(service.context, name, PASSWORD, address="")
    sign_in_by_password(service.context, "maria", PASSWORD, address="elsewhere")
    create_key(service.context, "crm", ["read"])
    text = service.client.get("/sign-in", headers={"Accept": "text/html"}).text
    form = {"name": "maria", "secret": PASSWORD, "csrf": token_in(text)}
    assert service.client.post("/sign-in", data=form, follow_redirects=False).status_code == 303
    home = service.context.settings.home
    work_now(service.context, ask_plan(service.context, "fix_payment", budget=None, who="maria"), retries=False)
    (home / "programmes").mkdir(exist_ok=True)
    (home / "programmes" / "keep.toml").write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    (home / LATEST).parent.mkdir(parents=True, exist_ok=True)
    (home / LATEST).write_text(json.dumps(FOUND), encoding="utf-8")
    publish_figures(service.context)
    monkeypatch.setattr(service.app.churn, "context", mailing_context(service.context, 1))  # type: ignore[attr-defined]
    with service.context.open_store() as store:
        store.figure_mails.add(
            NewFigureMail("maria", ("ann@company.example",), ("customers",), "all", "", 3, "en"), datetime(2026, 8, 9)
        )
        champion = store.models.champion()
        assert champion is not None
        other = replace(champion, version=f"{champion.version}-2", bundle=f"{champion.bundle}-2")
        models = service.context.settings.models_path
        shutil.copytree(models / champion.bundle, models / other.bundle)
        store.models.register(other)
        row = OutboxRow("C1", 9_999, "write", {"band": "high"}, None, "h", "h")
        run = SyncRun("refused", "file", "fix_payment", "push", "file", {}, None, None, 1, "test", datetime(2026, 8, 9))
        store.sync_runs.start(run)
        store.outbox.queue(run.run_id, [row])
        store.outbox.settle(run, [Settled(row, "rejected", code="bad", field="band", message=EVIL[0])], run.started_at)
        store.alerts.raise_("job_missed", "nightly", "warning", "It did not run", datetime(2026, 8, 9))
        for programme in ("keep", "retention"):  # one to approve, one to reject
            store.programmes.save(draft_round(programme), empty_log())
        store.sync_runs.finish(run.run_id, state="partial", counts={"rejected": 1}, at=datetime(2026, 8, 9))
    return service.client


def token_in(text: str) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', text)
    assert found is not None
    return found.group(1)


def test_whatever_anybody_does_on_a_page_leaves_who_and_what_in_the_audit_log(
    service: Service, maria: TestClient
) -> None:
    _, customer = published(service)
    with service.context.open_store() as store:
        other = next(one for one in store.models.list() if one.version.endswith("-2"))
        before = store.requests.audited(limit=1)[0].entry_id
    csrf = token_in(maria.get("/jobs").text)
    asked = {
        (path, method)
        for method, path in [*page_routes(), ("POST", "/sign-out")]
        if method != "GET" and path not in READINGS
    }
    file = campaign_files(service.context.settings.home)["fix_payment"]
    campaign = values_of(load_campaign(service.context.settings.home, "fix_payment"))
    assert len(asked) >= 16
    kept = service.context.settings.home / "programmes" / "keep.toml"
    names = sorted(campaign_files(service.context.settings.home))
    programme = values_of_programme(load_programme(service.context.settings.home, "keep"), names)
    programme |= {"programme.title": "Walk"} | {f"offers.{name}.is_on": "" for name in names if name == "fix_payment"}
    named = {
        "/new-campaign": "walk_1",
        "/new-programme": "walk_3",
        "/customer-list": "walk_2",
        "/users/scopes": "piet",
        "/users/remove": "jan",
        "/users/keys/revoke": "crm",
        "/risk-list/views": "mine",
        "/risk-list/views/remove": "mine",
    }
    # The newest comes first, so that of maria the older one stays.
    sessions = {session.name: session.session_hash[:12] for session in list_sessions(service.context)}
    ends = {"/users/end": sessions["piet"], "/account/end": sessions["maria"]}
    for number, (path, method) in enumerate(sorted(asked, key=lambda one: (LAST.get(one[0], 0), one[0]))):
        form = {
            **campaign,
            "audience.bands": ["high", "critical"],
            "crm.connector": "file" if path == "/crm-preflight" else campaign["crm.connector"],
            "base": file.read_text(encoding="utf-8"),
            "mark": mark_of(file.read_text(encoding="utf-8")),
            "csrf": csrf,
            "password": PASSWORD,
            "scope": ["read"],
            "group": "",
            "number": ends.get(path, ""),
            "name": named.get(path, f"walk {number}"),
            "title": f"Walk {number}",
            "channel": "email",
            "condition": FOUND["insights"][0]["condition"],  # type: ignore[index]  # a document
            "connector": "file",
            "customer_id": customer,
            "again": customer,
            "query": "",
            "version": other.version,
            "why": "The walk.",
            "list_ids": customer,
            "treatment": "arm",
            "outcome": "stayed",
            "round": "1",
            "to": "ann@company.example",
            "tables": ["customers"],
        }
        if "programme" in path:
            text = kept.read_text(encoding="utf-8")
            form |= {name: value for name, value in programme.items() if value or not name.endswith("is_on")}
            form |= {"base": text, "mark": mark_of(text), "audience.bands": ["high", "critical"]}
        places = [re.sub(r"\{[^}]+\}", place, path) for place in (PLACES if "{" in path else ("",))]
        sent = {"file": ("trial.csv", b"arm,stayed\n1,1\n0,0\n")} if path == "/experiments" else None
        answers = (maria.request(method, place, data=form, files=sent, follow_redirects=False) for place in places)
        done = next((one for one in answers if one.status_code in {200, 303}), None)
        assert done is not None, f"{method} {path}: the form above does not hold what this needs"
        with service.context.open_store() as store:
            entries = [one for one in store.requests.audited() if one.entry_id > before]
        assert entries, f"{method} {path} leaves nothing in the audit log"
        assert {one.who for one in entries} == {"maria"}, path
        assert all(one.action and one.subject for one in entries), path
        assert customer not in json.dumps([one.subject for one in entries]), "the log names people by a hash only"
        before = max(one.entry_id for one in entries)


def test_what_tickets_payments_and_machines_say_is_shown_as_text_on_every_page(
    service: Service, maria: TestClient
) -> None:
    run, customer = published(service)
    at = datetime(2026, 8, 1)
    kinds = ("ticket", "payment", "plan", "contact")
    facts = [
        {"customer_id": customer, "occurred_at": at, "kind": kind, "what": evil, "detail": evil, "amount": 9.0}
        for kind, evil in product(kinds, EVIL)
    ]
    folder = service.context.settings.home / "serving"
    for file in folder.glob("*/timeline.parquet"):
        there = pl.read_parquet(file)
        told = pl.DataFrame(facts).with_columns(ended_at=pl.lit(None, pl.Datetime("us")))
        pl.concat([told.cast(dict(there.schema)).select(there.columns), there]).write_parquet(file)  # type: ignore[arg-type]  # a schema
    with service.context.open_store() as store:
        for number, evil in enumerate(EVIL):
            store.alerts.raise_("job_failed", evil, "critical", evil, at)
            asked = store.jobs.request(
                "retention", logical_date=at.date().replace(day=number + 1), requested_by=evil, at=at
            )
            claimed = store.jobs.claim("me", now=at, lease_seconds=60)
            assert claimed is not None
            assert claimed.run_id == asked.run_id
            store.jobs.finish(asked.run_id, "me", "failed", evil, at)
    shown = maria.get(f"/customers/{customer}").text
    for evil in EVIL:
        assert html.escape(evil).lower() in shown.replace("&#34;", "&quot;").lower(), evil
    walked = 0
    places = (customer, "fix_payment", "1", str(run.run_id))
    for _, path in [one for one in page_routes() if one[0] == "GET"]:
        for place in places if "{" in path else ("",):
            answer = maria.get(re.sub(r"\{[^}]+\}", place, path), headers={"Accept": "text/html"})
            assert answer.status_code < 500, (path, place, answer.text[-400:])
            if "html" in answer.headers.get("content-type", "") and "/files/" not in path:
                walked += 1
                for evil in EVIL:
                    assert evil.lower() not in answer.text.lower(), (path, place)
    assert walked >= 15
