"""A chart of a published table in a real Apache Superset, where SUPERSET_OF_TESTS names its command: it wants an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.config.publish import PublishSettings
from churn.workflows.publish import publish_tables
from churn.workflows.report import publish_report
from tests.company import Company, copy_home
from tests.ports import free_port
from tests.postgres import PostgresServer

SUPERSET = os.environ.get("SUPERSET_OF_TESTS", "")
READER, ANALYST, PASSWORD = "churn_reader_of_superset", "analyst_of_superset", "only-for-this-test"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("company"),
    pytest.mark.skipif(not SUPERSET, reason="SUPERSET_OF_TESTS does not name the command of a Superset"),
]


@dataclass(frozen=True)
class Superset:
    """A running service, asked as its administrator."""

    client: httpx.Client

    def made(self, kind: str, **fields: object) -> int:
        """Create a database, dataset or chart, and return its id."""
        answer = self.client.post(f"/api/v1/{kind}/", json=fields)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def result(self, path: str) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@pytest.fixture
def superset(tmp_path: Path) -> Iterator[Superset]:
    config = tmp_path / "superset_config.py"
    config.write_text(
        f'SECRET_KEY = "{PASSWORD * 3}"\nSQLALCHEMY_DATABASE_URI = "sqlite:///{tmp_path}/superset.db"\n'
        "TALISMAN_ENABLED = False\nWTF_CSRF_ENABLED = False\n",
        encoding="utf-8",
    )
    plain = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    own = plain | {"SUPERSET_CONFIG_PATH": str(config), "SUPERSET_HOME": str(tmp_path), "FLASK_APP": "superset"}
    person = ["--username", "admin", "--firstname", "A", "--lastname", "B", "--email", "a@b.example"]
    for words in (["db", "upgrade"], ["fab", "create-admin", *person, "--password", PASSWORD], ["init"]):
        subprocess.run([SUPERSET, *words], env=own, check=True, capture_output=True, timeout=600)
    port = free_port()
    with (
        (tmp_path / "superset.log").open("wb") as log,
        subprocess.Popen([SUPERSET, "run", "--port", str(port)], env=own, stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client,
    ):
        try:
            for _ in range(600):
                try:
                    if client.get("/health").status_code == 200:
                        break
                except httpx.TransportError:
                    assert process.poll() is None, (tmp_path / "superset.log").read_text(encoding="utf-8")[-2000:]
                time.sleep(0.2)
            form = {"username": "admin", "password": PASSWORD, "provider": "db"}
            token = client.post("/api/v1/security/login", json=form).json()["access_token"]
            client.headers["Authorization"] = f"Bearer {token}"
            yield Superset(client)
        finally:
            process.terminate()


@pytest.mark.timeout(1200)
def test_a_chart_shows_the_figure_of_the_report_to_the_cent(
    finished_company: Company, postgres_server: PostgresServer, superset: Superset, tmp_path: Path
) -> None:
    copy_home(finished_company.home, tmp_path / "home")
    settings = load_settings(config=tmp_path / "home" / "churn.toml", home=tmp_path / "home", environ={})
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute("create database superset")
    address = postgres_server.url("superset")
    published = PublishSettings.model_validate({"reader": READER, "dsn": "postgresql://nobody@nowhere.example/x"})
    made = build_context(settings=settings.model_copy(update={"publish": published}))
    context = replace(made, secrets={"CHURN_PUBLISH_DSN": address})
    assert publish_tables(context).errors == []
    with psycopg.connect(address, autocommit=True) as admin:
        admin.execute(f"create role {ANALYST} login password '{PASSWORD}' in role {READER}")
    report = publish_report(context).document
    assert report.churn is not None

    uri = address.replace("postgresql://", "postgresql+psycopg2://").replace(
        address.split("//")[1].split("@")[0], f"{ANALYST}:{PASSWORD}", 1
    )
    database = superset.made("database", database_name="churn", sqlalchemy_uri=uri)
    dataset = superset.made("dataset", database=database, schema="churn", table_name="churn_by_month")
    columns = {column["column_name"]: column for column in superset.result(f"/api/v1/dataset/{dataset}")["columns"]}
    assert columns["month"]["is_dttm"], "Superset takes months for dates of a time axis"
    meaning = columns["monthly_revenue_lost"]["description"]
    assert meaning == "What those lost had paid per month.", "Superset shows the comment of a column"

    lost = {
        "label": "Lost",
        "expressionType": "SIMPLE",
        "aggregate": "SUM",
        "column": {"column_name": "monthly_revenue_lost"},
    }
    source = {"id": dataset, "type": "table"}
    by_month = {"columns": ["month"], "metrics": [lost], "orderby": [["month", True]], "row_limit": 1000}
    query = {"datasource": source, "queries": [by_month], "result_format": "json", "result_type": "full"}
    form = {
        "datasource": f"{dataset}__table",
        "viz_type": "echarts_timeseries_bar",
        "x_axis": "month",
        "time_grain_sqla": "P1M",
        "metrics": [lost],
    }
    chart = superset.made(
        "chart",
        slice_name="Revenue lost by month",
        datasource_id=dataset,
        datasource_type="table",
        viz_type="echarts_timeseries_bar",
        params=json.dumps(form),
        query_context=json.dumps(query),
    )
    rows = superset.result(f"/api/v1/chart/{chart}/data/")[0]["data"]
    shown = {datetime.fromtimestamp(row["month"] / 1000, UTC).date(): row["Lost"] for row in rows}
    assert shown[report.first_day] == report.churn.now.monthly_revenue_lost
    outcomes = superset.made("dataset", database=database, schema="churn", table_name="outcomes")
    personal = superset.made("chart", **chart_of_customers(outcomes))
    refused = superset.client.get(f"/api/v1/chart/{personal}/data/")
    assert "permission denied" in refused.text, "an analyst sees no column that names a customer"


def chart_of_customers(dataset: int) -> dict[str, object]:
    rows = {"columns": ["customer_id"], "row_limit": 10}
    query = {"datasource": {"id": dataset, "type": "table"}, "queries": [rows], "result_format": "json"}
    return {
        "slice_name": "Customers",
        "datasource_id": dataset,
        "datasource_type": "table",
        "viz_type": "table",
        "params": "{}",
        "query_context": json.dumps(query | {"result_type": "full"}),
    }
