"""The real Odoo for tests that ask for it by name: `make test-crm`, or `pytest tests/odoo`. It never skips."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from churn.config.connectors import OdooConnector
from churn.crm.connectors.odoo.connector import OdooCrm, connect
from tests.odoo.front import FaultyProxy, Nginx, running_nginx, running_proxy
from tests.odoo.server import PASSWORD, USER, Database, OdooServer, running_odoo


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave these tests out unless somebody asks for them: they build a whole Odoo."""
    here = Path(__file__).parent
    folder = config.invocation_params.dir
    asked = any((folder / str(given).partition("::")[0]).resolve().is_relative_to(here) for given in config.args)
    return True if collection_path.name.startswith("test_") and not asked else None


@pytest.fixture(scope="session")
def odoo_server() -> Iterator[OdooServer]:
    with running_odoo() as server:
        yield server


@pytest.fixture
def odoo(odoo_server: OdooServer) -> Iterator[Database]:
    database = odoo_server.new_database()
    yield database
    odoo_server.drop(database)


@pytest.fixture
def make_connector(odoo: Database) -> Iterator[Callable[..., OdooCrm]]:
    """Return a function that connects to the test's database, at another address or with other settings if asked."""
    made: list[OdooCrm] = []

    def make(*, secret: str = PASSWORD, **settings: Any) -> OdooCrm:
        section = OdooConnector(
            **({"kind": "odoo", "url": odoo.url, "database": odoo.name, "user": USER, "timeout_seconds": 60} | settings)
        )
        crm = connect(
            "crm",
            section,
            {"CHURN_CONNECTOR_CRM_SECRET": secret},
            clock=lambda: datetime.now(UTC).replace(tzinfo=None),
        )
        made.append(crm)
        return crm

    yield make
    for crm in made:
        crm.close()


@pytest.fixture
def proxy(odoo: Database) -> Iterator[FaultyProxy]:
    with running_proxy(odoo.url, stall_seconds=6.0) as running:
        yield running


@pytest.fixture
def slow_front(odoo: Database) -> Iterator[Nginx]:
    with running_nginx(odoo.url, requests_per_second=2, burst=1, retry_after=30) as running:
        yield running
