"""The [api] section: how the service listens and what it allows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from churn.config.sections import Section


class ApiSettings(Section):
    """[api]: the service. Its keys are made with `churn keys create`."""

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(8000, description="Port to listen on; 0 takes a free one.")
    requests_per_minute: Annotated[int, Field(ge=1)] = Field(
        12_000, description="Requests that one key may make in a minute; more are answered with 429."
    )
    max_body_kb: Annotated[int, Field(ge=1, le=1_000_000)] = Field(2_048, description="Larger bodies are refused.")
    has_open_metrics: bool = Field(default=True, description="Whether /metrics answers without a key.")
