"""The section [tracing]: where traces are sent to."""

from __future__ import annotations

from typing import Final

from pydantic import Field, field_validator

from churn.config.sections import Section

OTLP_VARIABLES: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")  # the usual names


class TracingSettings(Section):
    """[tracing]: OpenTelemetry (docs/tracing.md)."""

    endpoint: str | None = Field(
        None, description="Address of an OTLP/HTTP collector, such as http://127.0.0.1:4318; none if not given."
    )
    service_name: str = Field("churn", description="What this installation is called there.")

    @field_validator("endpoint")
    @classmethod
    def _plain_address(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError(f"`{value}` is no address: write it as http://host:4318")
        if value is not None and "@" in value.split("//", 1)[1].split("/", 1)[0]:
            raise ValueError("an address must not hold a password: set OTEL_EXPORTER_OTLP_HEADERS")
        return value
