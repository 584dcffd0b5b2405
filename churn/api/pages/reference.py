"""The API's reference as a page of our own, from the same document that programs read; nothing is fetched for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from churn.api.pages.frame import page
from churn.api.pages.session import SignInNeeded, who
from churn.api.proxy import is_open_to, prefix_of
from churn.api.security import admit
from churn.api.state import state_in

router = APIRouter(include_in_schema=False)

_KINDS: Final = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "null"}
_FORMATS: Final = {"date": "day, YYYY-MM-DD", "date-time": "instant, ISO 8601"}
_TITLES: Final = {
    "risk": "Risk of customers",
    "scores": "Scores now",
    "simulations": "Simulations",
    "campaigns": "Campaigns",
    "models": "Models",
    "jobs": "Jobs",
    "service": "The service itself",
}


@dataclass(frozen=True)
class ParameterDoc:
    """A parameter of a route; `kind` says in words what it takes, `default` is None where it has none."""

    name: str
    place: str
    kind: str
    default: object
    text: str
    is_required: bool


@dataclass(frozen=True)
class BodyDoc:
    """The body of a request: its kind in words, and the named documents it consists of."""

    kind: str
    links: list[str]


@dataclass(frozen=True)
class AnswerDoc:
    """A status that a route answers with, and the named documents that come with it."""

    status: str
    text: str
    links: list[str]


@dataclass(frozen=True)
class RouteDoc:
    """One route; `good` and `bad` are its answers below and from 400 on, `curl` is a line to try it with."""

    id: str
    method: str
    path: str
    text: str
    needs_key: bool
    parameters: list[ParameterDoc]
    body: BodyDoc | None
    good: list[AnswerDoc]
    bad: list[AnswerDoc]
    curl: str


@dataclass(frozen=True)
class RouteGroup:
    """The routes of one tag."""

    name: str
    title: str
    routes: list[RouteDoc]


@dataclass(frozen=True)
class FieldDoc:
    """A field of a named document."""

    name: str
    kind: str
    links: list[str]
    text: str
    is_required: bool


@dataclass(frozen=True)
class SchemaDoc:
    """A named document with its fields; `kind` says what it is where it has none."""

    name: str
    text: str
    fields: list[FieldDoc]
    kind: str


@router.get("/openapi.json")
async def openapi_document(request: Request) -> Response:
    """Return the document that programs read. Raises ApiError 401 for strangers, see [api] has_open_docs."""
    state = state_in(request)
    is_open = is_open_to(request, chosen=state.context.settings.api.has_open_docs)
    if not is_open and await run_in_threadpool(who, request, state) is None:
        await admit(request, "read")
    return JSONResponse(request.app.openapi())


@router.get("/docs")
def reference(request: Request) -> Response:
    """Show every route with its parameters, body, answers and a line to try it with; to strangers see [api] has_open_docs."""
    state = state_in(request)
    if who(request, state) is None and not is_open_to(request, chosen=state.context.settings.api.has_open_docs):
        raise SignInNeeded
    document = request.app.openapi()
    return page(
        request,
        "reference/reference.html.j2",
        title="API reference",
        active="",
        groups=groups_of(document, str(request.base_url).rstrip("/") + prefix_of(request)),
        schemas=schemas_of(document),
        about=document["info"]["description"].split("\n\n"),
    )


def groups_of(document: Mapping[str, Any], address: str) -> list[RouteGroup]:
    """Return the routes of an OpenAPI document by tag."""
    groups: dict[str, list[RouteDoc]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault((operation.get("tags") or ["service"])[0], []).append(
                _route(method, path, operation, address)
            )
    order = [*_TITLES, *sorted(set(groups) - set(_TITLES))]
    return [RouteGroup(tag, _TITLES.get(tag, tag.capitalize()), groups[tag]) for tag in order if tag in groups]


def schemas_of(document: Mapping[str, Any]) -> list[SchemaDoc]:
    """Return the named documents with their fields."""
    schemas = []
    for name, schema in sorted(document["components"]["schemas"].items()):
        fields = [
            FieldDoc(
                name=field,
                kind=words_of(definition),
                links=names_in(definition),
                text=definition.get("description", ""),
                is_required=field in schema.get("required", ()),
            )
            for field, definition in schema.get("properties", {}).items()
        ]
        schemas.append(SchemaDoc(name, schema.get("description", ""), fields, words_of(schema)))
    return schemas


def words_of(schema: Mapping[str, Any]) -> str:  # noqa: PLR0911  # one answer for each form that a schema takes
    """Return what kind of value a JSON schema asks for, in words."""
    if "$ref" in schema:
        return _name(schema)
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) if value is None else str(value) for value in schema["enum"])
    if "const" in schema:
        return f"always {schema['const']}"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(words_of(value) for value in schema[several]))
    kind = schema.get("type")
    if kind == "array":
        return f"list of {words_of(schema.get('items', {}))}{_bounds(schema, 'minItems', 'maxItems')}"
    if kind == "object":
        more = schema.get("additionalProperties")
        return f"object of {words_of(more)}" if isinstance(more, Mapping) and more else "object"
    if kind == "string":
        named = _FORMATS.get(schema.get("format", ""), _KINDS["string"])
        return f"{named}{_bounds(schema, 'minLength', 'maxLength')}"
    if kind == "number":
        return f"number{_bounds(schema, 'minimum', 'maximum')}"
    return f"{_KINDS.get(str(kind), 'any value')}{_bounds(schema, 'minimum', 'maximum')}"


def names_in(schema: Mapping[str, Any]) -> list[str]:
    """Return the named documents that a schema speaks of, in order."""
    names: list[str] = [_name(schema)] if "$ref" in schema else []
    inner: list[Any] = [part for several in ("anyOf", "oneOf", "allOf") for part in schema.get(several, ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), Mapping)]
    for part in inner:
        names += names_in(part)
    return list(dict.fromkeys(names))


def _route(method: str, path: str, operation: Mapping[str, Any], address: str) -> RouteDoc:
    parameters = [
        ParameterDoc(
            name=item["name"],
            place=item["in"],
            kind=words_of(item["schema"]),
            default=item["schema"].get("default"),
            text=item.get("description", ""),
            is_required=item.get("required", False),
        )
        for item in operation.get("parameters", ())
    ]
    body = next((media["schema"] for media in _media(operation.get("requestBody", {}))), None)
    answers = [
        AnswerDoc(status, answer.get("description", ""), _links(_media(answer)))
        for status, answer in operation["responses"].items()
    ]
    return RouteDoc(
        id=f"{method}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        method=method.upper(),
        path=path,
        text=operation.get("description") or operation.get("summary", ""),
        needs_key=bool(operation.get("security")),
        parameters=parameters,
        body=None if body is None else BodyDoc(words_of(body), names_in(body)),
        good=[answer for answer in answers if answer.status < "400"],
        bad=[answer for answer in answers if answer.status >= "400"],
        curl=_curl(method, path, operation, address, has_body=body is not None),
    )


def _curl(method: str, path: str, operation: Mapping[str, Any], address: str, *, has_body: bool) -> str:
    examples = {
        parameter["name"]: parameter.get("example", (parameter["schema"].get("examples") or [None])[0])
        for parameter in operation.get("parameters", ())
    }
    for name, example in examples.items():
        path = path.replace(f"{{{name}}}", str(example or name.upper()))
    parts = ["curl"]
    if method != "get":
        parts.append(f"-X {method.upper()}")
    if operation.get("security"):
        parts.append('-H "Authorization: Bearer $KEY"')
    if has_body:
        parts.append("-H 'Content-Type: application/json' -d @body.json")
    return " ".join([*parts, f"{address}{path}"])


def _media(holder: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return [media for media in holder.get("content", {}).values() if "schema" in media]


def _links(media: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for content in media for name in names_in(content["schema"])))


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def _bounds(schema: Mapping[str, Any], least: str, most: str) -> str:
    low, high = schema.get(least), schema.get(most)
    if low is None and high is None:
        return ""
    if high is None:
        return f", {low:,} or more"
    return f", up to {high:,}" if low is None else f", {low:,} to {high:,}"
