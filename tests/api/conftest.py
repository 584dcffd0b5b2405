from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from churn.accounts.keys import create_key
from churn.api import create_app
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from tests.company import Company, copy_home


@dataclass
class Service:
    """The service over a finished company, and keys for it."""

    app: FastAPI
    client: TestClient
    context: Context
    key: Callable[..., dict[str, str]]


def context_of(home: Path, **api: int | bool) -> Context:
    settings = load_settings(
        config=home / "churn.toml" if (home / "churn.toml").is_file() else None, home=home, environ={}
    )
    settings = settings.model_copy(update={"api": settings.api.model_copy(update=api)})
    return build_context(settings=settings)


@contextmanager
def served(finished: Company, home: Path) -> Iterator[Service]:
    """Serve a copy of the finished company: without its warehouse, which a service never opens."""
    copy_home(finished.home, home, "warehouse.duckdb*")
    context = context_of(home)
    numbers = itertools.count()

    def key(*scopes: str) -> dict[str, str]:
        token = create_key(context, f"key {next(numbers)}", scopes)
        return {"Authorization": f"Bearer {token}"}

    app = create_app(context)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Service(app, client, context, key)


@pytest.fixture
def service(finished_company: Company, tmp_path: Path) -> Iterator[Service]:
    """A service of the test's own, to change at will."""
    with served(finished_company, tmp_path / "home") as service:
        yield service


@pytest.fixture(scope="session")
def standing_service(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with served(finished_company, tmp_path_factory.mktemp("standing") / "home") as service:
        yield service


@pytest.fixture
def standing(standing_service: Service) -> Service:
    """A service that others ask too, by somebody not signed in: read it, or be refused, and change nothing but keys."""
    standing_service.client.cookies.clear()
    return standing_service
