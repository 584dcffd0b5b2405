"""Asks a REST API and judges its answers: what is an answer to a question, what is a yes to a write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from churn.config.connectors import RestConnector as Section
from churn.crm.connector import Row, RowResult
from churn.crm.connectors.rest.answers import MISSING, as_list, value_at
from churn.crm.http import Http
from churn.crm.verdict import MULTI_STATUS, NO_CONTENT, at_path, is_busy, is_page, json_of, refusal_in
from churn.errors import AuthFailed, ConfigError, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

_PASSING = {402, 403}  # a right taken away, a bill not paid: neither is the row's fault


class RestApi:
    """One REST API, described by its section."""

    def __init__(self, settings: Section, http: Http) -> None:
        self._settings, self._http = settings, http
        self.where, self.send, self.clean, self.close = http.where, http.send, http.clean, http.close

    def answer(self, method: str, path: str, *, may_lack: bool = False, body: Any = None) -> Any:
        """Return the JSON that a question is answered with; None where the answer is that there is nothing.

        A page for people (a proxy's, a sign-in's), no body, or an error with status 200 is no answer: taken for one it
        would say of every customer that nobody has their key. Raises Unreachable for it, RateLimited where it says so.
        """
        response = self.succeeded(method, path, may_lack=may_lack, body=body)
        if response is None or response.status_code == NO_CONTENT:
            return None
        answer = json_of(response)
        if answer is None and response.text.strip() != "null":
            words = self._http.clean(response.text) if response.text.strip() else "nothing"
            raise Unreachable(
                f"answers {method} {path.partition('?')[0]} with what is no JSON: {words}",
                where=self._http.where,
                remedy="Look at url and paths in churn.toml, and whether something stands between us and it.",
            )
        if (reason := self.refusal(answer)) is not None:
            kind = RateLimited if is_busy(reason) else Unreachable
            raise kind(
                f"answers {method} {path.partition('?')[0]} with {response.status_code} and an error: "
                f"{self._http.clean(reason)}",
                where=self._http.where,
                remedy="Look at its paths in churn.toml, or try again later.",
            )
        return answer

    def succeeded(self, method: str, path: str, *, may_lack: bool = False, body: Any = None) -> httpx.Response | None:
        """Return the answer to a question; None for a 404 where that means that there is nothing."""
        response = self._http.send(method, path, json=body)
        if response.status_code in {404, 410} and may_lack:
            return None
        if not response.is_success:
            is_ours = response.status_code < 500 and response.status_code not in self._settings.transient_statuses
            kind = ConfigError if is_ours else Unreachable
            raise kind(
                f"answers {response.status_code} to {method} {path.partition('?')[0]}: {self.reason(response)}",
                where=self._http.where,
                remedy="Look at its paths in churn.toml." if is_ours else "Try again later.",
            )
        return response

    def items(self, path: str, *, may_lack: bool, method: str = "GET", body: Any = None) -> list[Any]:
        """Return the records that a lookup answers with, none being an answer too; anything else is no answer.

        Taken for "nobody has this key", a page that says something else would have us create every customer again.
        """
        settings = self._settings
        answer = self.answer(method, path, may_lack=may_lack, body=body)
        if answer is None:
            return []
        listed = value_at(answer, settings.items_path)
        if listed is None and settings.null_is_empty:
            return []
        items = [listed] if isinstance(listed, Mapping) else listed
        if not isinstance(items, list) or any(at_path(item, settings.id_path) is None for item in items):
            place = f"a list of records at `{settings.items_path}`" if settings.items_path else "a list of records"
            raise Unreachable(
                f"answers {method} {path.partition('?')[0]} without {place}: {self._http.clean(answer)}",
                where=self._http.where,
                remedy="Look at items_path and id_path in churn.toml.",
            )
        return items

    def listed(self, answer: Any, place: str, path: str, key: str) -> list[Any]:
        """Return the list at a place of an answer. Raises Unreachable where there is none: that is no answer."""
        value = [] if answer is None else value_at(answer, place)
        if value is MISSING or not isinstance(value, list | Mapping):
            raise Unreachable(
                f"answers GET {path.partition('?')[0]} without a list at `{place}`: {self._http.clean(answer)}",
                where=self._http.where,
                remedy=f"Look at {key} in churn.toml.",
            )
        return as_list(value)

    def is_yes(self, response: httpx.Response) -> bool:
        """Return whether a write was accepted: its status says so, and nothing in the answer says otherwise.

        Raises Unreachable for a page for people (a sign-in's, a proxy's), AuthFailed for being sent there.
        """
        if response.is_redirect:
            raise AuthFailed(
                f"sends us on to {self._http.clean(response.headers.get('location', 'nowhere')).partition('?')[0]}",
                where=self._http.where,
                remedy="Look at url and the secret: is that its sign-in page?",
            )
        if not response.is_success or response.status_code == MULTI_STATUS:
            return False
        answer = json_of(response)
        if answer is None and response.content.strip() not in {b"", b"null"} and is_page(response):
            raise Unreachable(
                f"answers a write with what is no JSON: {self._http.clean(response.text)}",
                where=self._http.where,
                remedy="Look at url and paths in churn.toml, and whether something stands between us and it.",
                is_unknown=True,
            )
        return self.refusal(answer) is None

    def refused(self, row: Row, response: httpx.Response) -> RowResult:
        """Return what a refusal means for its row. Raises RateLimited when a success says that there was too much."""
        reason = self.reason(response)
        if response.is_success and is_busy(reason):
            raise RateLimited(f"asks us to slow down: {reason}", where=self._http.where, remedy="Try again later.")
        return self._rejection(row, json_of(response), reason, response.status_code)

    def refused_entry(self, row: Row, entry: Any, status: int) -> RowResult:
        """Return what the refusal of one entry of a batch means for its row."""
        reason = self.refusal(entry)
        return self._rejection(row, entry, self._http.clean(reason if reason is not None else entry), status)

    def _rejection(self, row: Row, answer: Any, reason: str, status: int) -> RowResult:
        settings = self._settings
        is_passing = status in settings.transient_statuses or (status < 400 and is_busy(reason))
        code = at_path(answer, settings.error_code_path) if settings.error_code_path else None
        field = at_path(answer, settings.error_field_path) if settings.error_field_path else None
        return RowResult(
            row.customer_id,
            "transient" if is_passing else "rejected",
            row.remote_id,
            code="not_found" if status in {404, 410} and row.remote_id else str(code or status or "refused"),
            field=str(field).removeprefix(settings.field_prefix) if field else None,
            message=reason,
            may_pass=status in _PASSING,
        )

    def refusal(self, answer: Any) -> str | None:
        """Return the reason of a refusal that an answer holds, whatever its status; None where it holds none."""
        return refusal_in(answer, error_path=self._settings.error_path, ok_path=self._settings.ok_path)

    def reason(self, response: httpx.Response) -> str:
        """Return the system's own words for a refusal."""
        settings = self._settings
        reason: Any = self.refusal(json_of(response))
        if reason is None and settings.error_header:
            reason = response.headers.get(settings.error_header)
        return self._http.clean(reason if reason is not None else response.text or response.reason_phrase)


def filled(path: str, **marks: object) -> str:
    """Return `path` with its marks filled in, safely quoted; a mark without a value becomes nothing."""
    names = ("id", "key", "page", "limit", "offset", "cursor")
    return path.format(**{name: quote(str(marks.get(name, "")), safe="") for name in names})
