"""Decides whether an HTTP API accepted a request: some refuse with status 200, some return no body at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

MULTI_STATUS = 207
NO_CONTENT = 204
_BUSY = re.compile(r"rate.?limit|too many requests|throttl|quota", re.IGNORECASE)
_GOOD = ("ok", "success")  # flags by which many APIs say no with status 200
_BAD = ("errors", "error")  # GraphQL's, and what most others call it


def json_of(response: httpx.Response) -> Any:
    """Return the JSON of an answer; None where there is none."""
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None


def is_something(value: Any) -> bool:
    """Return whether a place in an answer holds a value: not null, false, or empty."""
    return value is not None and value is not False and value not in ("", [], {})


def is_page(response: httpx.Response) -> bool:
    """Return whether an answer is meant for people's eyes (a sign-in page, a proxy's words); a bare OK is not."""
    return "html" in response.headers.get("content-type", "").lower() or response.text.lstrip().startswith("<")


def at_path(answer: Any, path: str) -> Any:
    """Return what lies at a dotted place, such as data.0.id; None where there is nothing. An empty path is the top."""
    for part in path.split(".") if path else ():
        if isinstance(answer, Mapping):
            answer = answer.get(part)
        elif isinstance(answer, list) and part.lstrip("-").isdigit() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return None
    return answer


def refusal_in(answer: Any, *, error_path: str = "", ok_path: str = "") -> str | None:
    """Return the reason of a refusal that an answer holds, whatever its status; None where it holds none."""
    if error_path and is_something(reason := at_path(answer, error_path)):
        return _words(reason)
    if ok_path and not is_something(at_path(answer, ok_path)):
        return f"{ok_path} is {json.dumps(at_path(answer, ok_path))}"
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, Mapping):
        return None
    for name in _BAD:
        if is_something(answer.get(name)) and not isinstance(answer[name], int | float):
            return _words(answer[name])
    for name in _GOOD:
        if answer.get(name) is False:
            reason = next((answer[key] for key in ("message", "reason", "detail") if answer.get(key)), None)
            return f"{name} is false" if reason is None else _words(reason)
    return None


def is_busy(reason: str) -> bool:
    """Return whether the words of a refusal say that there were too many requests."""
    return _BUSY.search(reason) is not None


def _words(reason: Any) -> str:
    if isinstance(reason, list) and reason:
        reason = reason[0]
    if isinstance(reason, Mapping):
        reason = next(
            (reason[key] for key in ("message", "detail", "title", "reason", "error") if reason.get(key)), reason
        )
    return reason if isinstance(reason, str) else json.dumps(reason, ensure_ascii=False)
