"""Traces by OpenTelemetry: what a request, job, step, SQL model or call to another system took, sent to a collector.

Off until `set_up` is given an endpoint; then a `span` costs one look at a variable, and no library is loaded.
"""

from __future__ import annotations

import atexit
import importlib.util
import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from churn.errors import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

Attribute = str | int | float | bool
_PATH: Final = "/v1/traces"
_PATIENCE_SECONDS: Final = 2.0  # with the collector: for one batch, and for what is left when the process ends


@dataclass(frozen=True)
class _Tracing:
    tracer: Tracer
    provider: TracerProvider


_on: _Tracing | None = None
_NOTHING: Final[AbstractContextManager[None]] = nullcontext()


def set_up(endpoint: str, *, service: str) -> None:
    """Send traces to the OTLP/HTTP collector at `endpoint` from now on; nothing changes where they are sent already.

    Raises ConfigError when the libraries of the extra `tracing` are not installed.
    """
    if _on is not None:
        return
    if not is_installed():
        raise ConfigError(
            "traces need libraries that are not installed",
            where="[tracing] endpoint",
            remedy="Run: pip install 'churn[tracing]'",
        )
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    address = endpoint.rstrip("/")
    address = address if address.endswith(_PATH) else f"{address}{_PATH}"
    _begin(OTLPSpanExporter(endpoint=address, timeout=_PATIENCE_SECONDS), service)


def is_installed() -> bool:
    """Say whether the libraries of the extra `tracing` are there."""
    try:
        return importlib.util.find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def is_on() -> bool:
    """Say whether spans are sent anywhere."""
    return _on is not None


def span(name: str, **attributes: Attribute) -> AbstractContextManager[object]:
    """Return a span around a block: what it was, never whom it was about. Nothing at all while tracing is off."""
    return _NOTHING if _on is None else _span(_on.tracer, name, attributes)


@contextmanager
def request_span(method: str, traceparent: str | None) -> Iterator[None]:
    """Open the span of a request, within the trace that its caller began if it names one; see `name_request`."""
    if _on is None:
        yield
        return
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    parent = extract({"traceparent": traceparent}) if traceparent else None
    with _on.tracer.start_as_current_span(method, context=parent, kind=SpanKind.SERVER):
        yield


def name_request(method: str, route: str, status: int) -> None:
    """Name the span of the request by its route, once that and the status are known."""
    current = _current()
    if current is not None:
        current.update_name(f"{method} {route}")
        annotate({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            _fail(current, str(status))


def annotate(attributes: Mapping[str, Attribute]) -> None:
    """Add attributes to the current span."""
    current = _current()
    if current is not None:
        current.set_attributes(dict(attributes))


def trace_id() -> str | None:
    """Return the id of the current trace in hexadecimal digits; None outside of any."""
    current = _current()
    return None if current is None else f"{current.get_span_context().trace_id:032x}"


def shut_down() -> None:
    """Send what is left, for two seconds at most, and turn tracing off."""
    global _on
    ending, _on = _on, None
    if ending is not None:
        # In a thread, since a collector that hangs must not hold up the end of a command.
        sending = threading.Thread(target=ending.provider.shutdown, daemon=True)
        sending.start()
        sending.join(_PATIENCE_SECONDS)


def _begin(exporter: SpanExporter, service: str) -> None:
    global _on  # noqa: PLW0603 - one for the process, as its log
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # a collector that is away is nobody's news here
    provider = TracerProvider(resource=Resource.create({"service.name": service}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _on = _Tracing(provider.get_tracer("churn"), provider)
    atexit.register(shut_down)


@contextmanager
def _span(tracer: Tracer, name: str, attributes: dict[str, Attribute]) -> Iterator[None]:
    # Neither message nor stack of an exception is sent: they may hold customers' data.
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield
        except BaseException as error:
            _fail(current, type(error).__name__)
            raise


def _fail(current: Span, kind: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    current.set_attribute("error.type", kind)
    current.set_status(Status(StatusCode.ERROR))


def _current() -> Span | None:
    if _on is None:
        return None
    from opentelemetry.trace import get_current_span

    current = get_current_span()
    return current if current.get_span_context().is_valid else None
