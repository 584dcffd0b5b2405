from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from churn.api import create_app
from churn.bootstrap import build_context
from churn.config import load_settings
from churn.workflows.context import Context
from churn.workflows.manage_keys import create_key
from tests.company import Company


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


@pytest.fixture
def service(company: Company) -> Iterator[Service]:
    context = context_of(company.home)
    numbers = iter(range(100))

    def key(*scopes: str) -> dict[str, str]:
        token = create_key(context, f"key {next(numbers)}", scopes)
        return {"Authorization": f"Bearer {token}"}

    app = create_app(context)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Service(app, client, context, key)
