from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from churn.config import LineageSettings
from churn.errors import ConfigError
from churn.jobs.job import Job, Step, StepResult
from churn.jobs.runner import Runner
from churn.warehouse.models.build import build
from churn.warehouse.models.lineage import ColumnSource, column_lineage
from churn.warehouse.models.sql_models import load_models, read_model
from tests.jobs.conftest import House

Event = dict[str, Any]  # OpenLineage's own

TOTALS = """-- One row per customer: what they paid.
with paid as (
    select customer_id, amount from staging.payments_in
)

select
    p.customer_id,  -- The customer.
    sum(p.amount) as paid_total,  -- All payments.
    max(n.city) as city  -- Where they live.
from paid as p
join staging.names_in as n using (customer_id)
group by p.customer_id
"""


def check(event: Event) -> None:
    """What the specification (2-0-2) asks of a RunEvent and of the facets used."""
    assert event["eventType"] in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}
    assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
    assert urlsplit(event["producer"]).scheme
    assert event["schemaURL"].endswith("OpenLineage.json#/$defs/RunEvent")
    uuid.UUID(event["run"]["runId"])
    assert event["job"].keys() >= {"namespace", "name"}
    facets = [*event["run"]["facets"].values()]
    for dataset in [*event["inputs"], *event["outputs"]]:
        assert dataset.keys() >= {"namespace", "name"}
        facets += dataset.get("facets", {}).values()
    assert all(urlsplit(facet[member]).scheme for facet in facets for member in ("_producer", "_schemaURL"))
    for dataset in event["outputs"]:
        assert all("name" in field for field in dataset["facets"]["schema"]["fields"])
        for field in dataset["facets"].get("columnLineage", {"fields": {}})["fields"].values():
            assert all(source.keys() >= {"namespace", "name", "field"} for source in field["inputFields"])


@contextmanager
def receiving(status: int = 201) -> Iterator[tuple[str, list[Event]]]:
    events: list[Event] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the standard library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api/v1/lineage", events
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def work(house: House, settings: LineageSettings) -> str:
    """Work a job of two steps, one that builds a table and one that fails; return how it ended."""

    def load(context: Any, _run: Any) -> StepResult:
        with context.open_warehouse("test") as warehouse:
            warehouse.execute("create schema if not exists staging")
            warehouse.execute(
                "create or replace table staging.payments_in as select 'C-77' as customer_id, 3 as amount"
            )
            warehouse.execute(
                "create or replace table staging.names_in as select 'C-77' as customer_id, 'Bonn' as city"
            )
            models = load_models(context.settings.home)
            build(warehouse, models, schemas=["features"], names=["features.paid"])
        return StepResult(1, "built")

    def refuse(_context: Any, _run: Any) -> StepResult:
        raise ConfigError("customer C-77 is wrong")

    job = Job("nightly", "A night", (Step("load", load), Step("refuse", refuse)), is_dated=True)
    within = replace(house.context, settings=house.context.settings.model_copy(update={"lineage": settings}))
    house.request("nightly", logical_date=date(2026, 7, 1))
    return Runner(within, "me", jobs=lambda _name: job, sleep=lambda _: None).work(house.claim()).state


@pytest.fixture
def lake(house: House) -> House:
    folder = house.context.settings.home / "sql"
    for place, sql in (
        ("features/paid.sql", TOTALS),
        ("staging/payments_in.sql", "select customer_id, amount from raw.payments_in"),
        ("staging/names_in.sql", "select customer_id, city from raw.names_in"),
    ):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text(sql)
    return house


@pytest.mark.slow
def test_each_step_is_told_with_what_it_built_and_from_what(lake: House) -> None:
    with receiving() as (url, events):
        assert work(lake, LineageSettings(url=url, file="lineage.jsonl", namespace="here")) == "failed"
    for event in events:
        check(event)
    assert [(event["job"]["name"], event["eventType"]) for event in events] == [
        ("nightly.load", "START"),
        ("nightly.load", "COMPLETE"),
        ("nightly.refuse", "START"),
        ("nightly.refuse", "FAIL"),
    ]
    built = events[1]
    assert built["run"]["runId"] == events[0]["run"]["runId"] != events[2]["run"]["runId"]
    assert len({event["run"]["facets"]["parent"]["run"]["runId"] for event in events}) == 1
    assert [dataset["name"] for dataset in built["inputs"]] == ["staging.names_in", "staging.payments_in"]
    (output,) = built["outputs"]
    assert output["name"] == "features.paid"
    assert output["facets"]["schema"]["fields"][1] == {"name": "paid_total", "description": "All payments."}
    assert output["facets"]["columnLineage"]["fields"]["paid_total"] == {
        "inputFields": [{"namespace": "here", "name": "staging.payments_in", "field": "amount"}]
    }
    assert events[3]["run"]["facets"]["errorMessage"]["message"] == "ConfigError"
    assert "C-77" not in json.dumps(events)
    lines = (lake.context.settings.home / "lineage.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == events


@pytest.mark.slow
def test_events_are_those_that_openlineages_own_classes_make(lake: House) -> None:
    """The client's classes are generated from the published schema: a member too many or too few is refused."""
    pytest.importorskip("openlineage.client", reason="openlineage-python is not installed (group `dev`)")
    from openlineage.client import event_v2, facet_v2
    from openlineage.client.serde import Serde

    kinds = {
        "parent": facet_v2.parent_run,
        "errorMessage": facet_v2.error_message_run,
        "schema": facet_v2.schema_dataset,
        "columnLineage": facet_v2.column_lineage_dataset,
    }

    def facet(name: str, told: Event) -> Any:
        module, own = kinds[name], {key: value for key, value in told.items() if not key.startswith("_")}
        if name == "parent":
            own = {"run": module.Run(**own["run"]), "job": module.Job(**own["job"])}
        if name == "schema":
            own = {"fields": [module.SchemaDatasetFacetFields(**field) for field in own["fields"]]}
        if name == "columnLineage":
            own = {
                "fields": {
                    column: module.Fields(inputFields=[module.InputField(**field) for field in source["inputFields"]])
                    for column, source in own["fields"].items()
                }
            }
        name_of_class = (
            f"{name[0].upper()}{name[1:]}{'DatasetFacet' if name in {'schema', 'columnLineage'} else 'RunFacet'}"
        )
        return getattr(module, name_of_class)(**own, producer=told["_producer"])

    def facets(of: Event) -> dict[str, Any]:
        return {name: facet(name, told) for name, told in of.get("facets", {}).items()}

    with receiving() as (url, events):
        work(lake, LineageSettings(url=url, namespace="here"))
    assert {name for event in events for name in event["run"]["facets"]} == {"parent", "errorMessage"}
    for event in events:
        made = event_v2.RunEvent(
            eventTime=event["eventTime"],
            eventType=event_v2.RunState(event["eventType"]),
            run=event_v2.Run(runId=event["run"]["runId"], facets=facets(event["run"])),
            job=event_v2.Job(**event["job"]),
            inputs=[event_v2.InputDataset(**dataset) for dataset in event["inputs"]],
            outputs=[event_v2.OutputDataset(**{**dataset, "facets": facets(dataset)}) for dataset in event["outputs"]],
            producer=event["producer"],
        )
        theirs = json.loads(Serde.to_json(made))
        assert bare(theirs) == bare(event)


def bare(value: Any) -> Any:
    """The same without what is empty, which says nothing."""
    if isinstance(value, dict):
        return {name: bare(part) for name, part in value.items() if part not in (None, [], {})}
    return [bare(part) for part in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_a_server_that_refuses_or_is_away_is_asked_once_a_run_and_stops_nothing(lake: House) -> None:
    with receiving(status=500) as (url, events):
        assert work(lake, LineageSettings(url=url)) == "failed"  # by its own second step
    assert len(events) == 1
    assert [fields["error"] for event, fields in lake.logged if event == "lineage_lost"] == ["HTTP 500"]


def test_the_sources_of_a_column_are_read_through_steps_and_joins(tmp_path) -> None:
    for name, sql in (("paid", TOTALS), ("payments_in", "select customer_id, amount from raw.p")):
        (tmp_path / f"{name}.sql").write_text(sql)
    paid = read_model("features.paid", tmp_path / "paid.sql")
    payments = read_model("staging.payments_in", tmp_path / "payments_in.sql")
    lineage = column_lineage(paid, {model.name: model for model in (paid, payments)})
    assert lineage["paid_total"] == (ColumnSource("staging.payments_in", "amount"),)
    assert lineage["city"] == (ColumnSource("staging.names_in", "city"),)
