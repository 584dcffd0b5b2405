from __future__ import annotations

import re

import pytest

from churn.api.pages.reference import groups_of, names_in, schemas_of, words_of
from tests.api.conftest import Service


def test_the_reference_shows_every_route_and_document_and_fetches_nothing(standing: Service) -> None:
    document = standing.client.get("/openapi.json").json()
    answer = standing.client.get("/docs")
    assert answer.status_code == 200
    text = answer.text
    for path, methods in document["paths"].items():
        for method in methods:
            assert f"<code>{path}</code>" in text
            assert f"curl {'' if method == 'get' else f'-X {method.upper()} '}" in text
    assert all(f'id="doc-{name}"' in text for name in document["components"]["schemas"])
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_every_link_of_the_reference_leads_to_a_place_on_it(standing: Service) -> None:
    text = standing.client.get("/docs").text
    places = set(re.findall(r'id="([^"]+)"', text))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= places


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "maxLength": 100}, "text, up to 100"),
        ({"type": "string", "format": "date"}, "day, YYYY-MM-DD"),
        ({"type": "number", "minimum": 0, "maximum": 1}, "number, 0 to 1"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or null"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "list of one of a, b"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"$ref": "#/components/schemas/Score"}, "Score"),
        ({}, "any value"),
    ],
)
def test_values_are_told_in_words(schema: dict[str, object], words: str) -> None:
    assert words_of(schema) == words


def test_documents_within_documents_are_found() -> None:
    reference = {"$ref": "#/components/schemas/A"}
    assert names_in({"anyOf": [{"type": "array", "items": reference}, {"type": "null"}]}) == ["A"]


def test_routes_are_grouped_and_examples_fill_their_paths(standing: Service) -> None:
    document = standing.client.get("/openapi.json").json()
    groups = groups_of(document, "http://127.0.0.1:8000")
    routes = [route for group in groups for route in group.routes]
    assert len(routes) == sum(len(methods) for methods in document["paths"].values())
    assert not [route.curl for route in routes if "{" in route.curl]
    assert len(schemas_of(document)) == len(document["components"]["schemas"])
