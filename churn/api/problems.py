"""Every error the service answers with: one shape (RFC 9457), a stable code, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from churn import tracing
from churn.errors import ChurnError

if TYPE_CHECKING:
    from churn.context import Context

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = "5"  # Retry-After for what is unavailable or locked for a while
_TITLES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 406: "not_acceptable"}


class FieldFault(BaseModel):
    """A field of a request that is wrong."""

    field: str = Field(examples=["body.threshold"])
    message: str = Field(examples=["Input should be less than or equal to 1"])


class Problem(BaseModel):
    """A problem document, RFC 9457."""

    type: str = Field(examples=["urn:churn:problem:not_calibrated"], description="Names the kind of problem.")
    title: str = Field(examples=["Not calibrated"])
    status: int = Field(examples=[409])
    code: str = Field(examples=["not_calibrated"], description="Stable: programs may rely on it.")
    detail: str = Field(examples=["The probabilities cannot be turned into money."])
    instance: str = Field(examples=["/v1/simulations"], description="The path that was asked for.")
    request_id: str = Field(examples=["5f0c1d2e3a4b5c6d"], description="Find the request in the log by it.")
    trace_id: str | None = Field(None, description="Find the request's trace by it, where traces are sent.")
    where: str | None = Field(None, description="The field, file or table concerned.")
    remedy: str | None = Field(None, description="What to do about it.")
    errors: list[FieldFault] | None = Field(None, description="Each field that is wrong, with the reason.")


# What every route may answer instead, for the API's documentation.
RESPONSES: dict[int | str, dict[str, Any]] = {  # in the form that FastAPI takes: parts of an OpenAPI document
    code: {"model": Problem, "description": text, "content": {MEDIA_TYPE: {}}}
    for code, text in {
        401: "No valid key",
        403: "The key lacks the scope",
        404: "Not there",
        409: "Refused as things stand",
        413: "The body is too large",
        422: "The request is wrong",
        429: "Too many requests",
        503: "Not ready",
    }.items()
}


class ApiError(Exception):
    """A refusal by the service itself."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        remedy: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.remedy, self.headers = status, code, detail, remedy, headers


def install(app: FastAPI, context: Context) -> None:
    """Answer every error of `app` with a problem document; unexpected ones are logged, and told without detail."""

    @app.exception_handler(ChurnError)
    def _ours(request: Request, error: ChurnError) -> Response:
        headers = {"Retry-After": _RETRY_SECONDS} if error.http_status == 503 else None
        return answer(
            request, error.http_status, error.code, error.what, where=error.where, remedy=error.remedy, headers=headers
        )

    @app.exception_handler(ApiError)
    def _refused(request: Request, error: ApiError) -> Response:
        return answer(request, error.status, error.code, error.detail, remedy=error.remedy, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            FieldFault(field=".".join(str(part) for part in item["loc"]), message=item["msg"])
            for item in error.errors()
        ]
        detail = "; ".join(f"{fault.field}: {fault.message}" for fault in errors[:3])
        return answer(request, 422, "invalid_request", detail, errors=errors)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        code = _TITLES.get(error.status_code, f"http_{error.status_code}")
        return answer(request, error.status_code, code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    def _unforeseen(request: Request, error: Exception) -> Response:
        context.log.note("request_failed", request_id=request_id(request), error=type(error).__name__)
        return answer(
            request,
            500,
            "internal_error",
            "Something unexpected happened.",
            remedy="Look up the request id in the log.",
        )


def answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    where: str | None = None,
    remedy: str | None = None,
    errors: Sequence[FieldFault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document without its empty keys. A person who asked for a page gets a page."""
    as_page = getattr(request.app.state, "error_page", None)
    told_page: Response | None = (
        as_page(request, status, detail, code=code, where=where, remedy=remedy, headers=headers) if as_page else None
    )
    if told_page is not None:
        return told_page
    document = {
        "type": f"urn:churn:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
        "instance": request.url.path,
        "request_id": request_id(request),
        "trace_id": tracing.trace_id(),
        "where": where,
        "remedy": remedy,
        "errors": None if errors is None else [fault.model_dump() for fault in errors],
    }
    known = {key: value for key, value in document.items() if value is not None}
    return JSONResponse(known, status_code=status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def request_id(request: Request) -> str:
    """Return the id that the request came with or was given."""
    return str(getattr(request.state, "request_id", ""))
