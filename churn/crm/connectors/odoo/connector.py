"""Odoo: contacts found by external id or by a field of ours, written in batches, and leads read back as outcomes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from churn.crm.connector import FieldKind, OutcomePage, RemoteField, ResultState, Row, RowResult, Value, WriteMode
from churn.crm.connectors.odoo.outcomes import read_page
from churn.crm.connectors.odoo.rpc import OdooApi, OdooFault, PatientHttp, RenewingApi
from churn.crm.connectors.odoo.writing import OdooBatch
from churn.crm.http import Credential, Http, open_client
from churn.crm.opening import secret_of
from churn.errors import AuthFailed, ConnectorError, RateLimited, Unreachable

if TYPE_CHECKING:
    import httpx

    from churn.config.connectors import OdooConnector
    from churn.crm.http import Clock

BATCH_ROWS = 500
FIND_KEYS = 2_000
PARTNER = "res.partner"
_KINDS: dict[str, FieldKind] = {
    "char": "text",
    "text": "text",
    "html": "text",
    "float": "number",
    "monetary": "number",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "selection": "choice",
}
_TYPES: dict[FieldKind, str] = {
    "text": "char",
    "choice": "char",
    "number": "float",
    "integer": "integer",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
}


def connect(
    name: str,
    settings: OdooConnector,
    secrets: Mapping[str, str],
    *,
    clock: Clock,
    client: httpx.Client | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> OdooCrm:
    """Return a connector to the Odoo that [connectors.`name`] describes. Raises ConfigError without a secret."""
    secret_of(name, secrets)
    opened = client or open_client(settings)

    def sign_in() -> Credential:
        return Credential(secrets=(secret_of(name, secrets),))

    http = Http(opened, base_url=settings.url, where=f"connector {name}", clock=clock, sign_in=sign_in)
    return OdooCrm(settings, PatientHttp(http, sleep), opened, clock)


class OdooCrm:
    """The records of one model of one Odoo database; see Connector for what its methods promise."""

    kind = "odoo"
    needs_remote_id = True

    def __init__(self, settings: OdooConnector, http: PatientHttp, client: httpx.Client, clock: Clock) -> None:
        self._settings, self._http = settings, http
        self._client, self._clock = client, clock
        self._api: OdooApi | None = None
        self._schema: dict[str, RemoteField] | None = None
        self.batch_size = settings.batch_size or BATCH_ROWS

    def __repr__(self) -> str:
        return f"OdooCrm({self._settings.url!r}, {self._settings.database!r})"

    def check(self) -> None:
        """Sign in, and see that the user may change the model."""
        api = self._open()
        api.sign_in()
        if not self._may("write", api):
            raise AuthFailed(
                f"its user may not write {self._settings.model}",
                where=self._http.where,
                remedy="Give the user that right in Odoo.",
            )

    def may_create(self) -> bool:
        """Return whether the user may make records of the model."""
        return self._may("create", self._open())

    def _may(self, operation: str, api: OdooApi) -> bool:
        try:
            rights = api.call(self._settings.model, "check_access_rights", operation=operation, raise_exception=False)
        except OdooFault:
            return True  # newer servers have no such method; a refused write will show it
        return bool(rights)

    def fields(self) -> Mapping[str, RemoteField]:
        """Return the model's fields; relations are shown as text that cannot be written."""
        if self._schema is None:
            attributes = ["type", "readonly", "store", "selection", "size"]
            definitions = self._call(self._settings.model, "fields_get", allfields=[], attributes=attributes)
            self._schema = {name: _remote_field(name, field) for name, field in definitions.items()}
        return self._schema

    def make_fields(self, wanted: Mapping[str, FieldKind]) -> None:
        """Make custom fields of the given kinds; names begin with x_, as Odoo wants it. Needs an administrator."""
        named = [("model", "=", self._settings.model)]
        (model,) = self._call("ir.model", "search_read", domain=named, fields=["model"])
        for name, kind in wanted.items():
            label = name.removeprefix("x_").replace("_", " ").capitalize()
            values = {"model_id": model["id"], "name": name, "ttype": _TYPES[kind], "field_description": label}
            self._call("ir.model.fields", "create", is_write=True, vals_list=[{**values, "state": "manual"}])
        self._schema = None

    def find(self, customer_ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the ids of the records with our keys, archived ones too."""
        by_key: dict[str, list[str]] = defaultdict(list)
        for start in range(0, len(customer_ids), FIND_KEYS):
            for key, record in self._pairs(list(customer_ids[start : start + FIND_KEYS]), by_key=True):
                by_key[key].append(str(record))
        return {key: tuple(sorted(ids, key=int)) for key, ids in by_key.items()}

    def write(self, rows: Sequence[Row], *, mode: WriteMode, run_id: str) -> list[RowResult]:  # noqa: ARG002 - Odoo keeps no run
        """Write a batch: equal values in one request, the others by `load`; see OdooBatch."""
        batch = OdooBatch(
            self._open(),
            model=self._settings.model,
            key_field=self._settings.key_field,
            module=self._settings.external_id_module,
            name_format=self._settings.name_format,
            find=self.find,
        )
        try:
            batch.write(rows, mode)
        except (AuthFailed, RateLimited, Unreachable) as stop:
            if not batch.results:
                raise
            # Return the known results; the remaining rows are sent again and raise the same error.
            state: ResultState = "unknown" if isinstance(stop, Unreachable) and stop.is_unknown else "transient"
            wish = stop.retry_after if isinstance(stop, RateLimited) else None
            return [
                batch.results.get(row.customer_id)
                or RowResult(row.customer_id, state, remote_id=row.remote_id, message=stop.what, retry_after=wish)
                for row in rows
            ]
        except OdooFault as fault:
            raise self._unexpected(fault) from fault
        return [batch.results[row.customer_id] for row in rows]

    def read(self, remote_ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """Return what Odoo holds now, in our types; a number that was cleared reads as 0, for Odoo has no empty one."""
        schema = self.fields()
        domain = [("id", "in", [int(remote_id) for remote_id in remote_ids])]
        records = self._call(self._settings.model, "search_read", domain=domain, fields=list(fields))
        return {
            str(record["id"]): {name: _ours(record.get(name), schema[name].kind) for name in fields}
            for record in records
        }

    def outcomes(self, cursor: str | None) -> OutcomePage:
        """Return a page of leads that were won or lost since `cursor`, lost ones from the archive too."""
        try:
            return read_page(self._open(), self._settings, cursor, owners=self._owners, clock=self._clock)
        except OdooFault as fault:
            raise self._unexpected(fault) from fault

    def close(self) -> None:
        """Give back the connection."""
        self._client.close()

    def _owners(self, remote_ids: Iterable[int]) -> Mapping[int, str]:
        """Return record id -> our key for those records that carry one, or belong to one that does.

        People of a company are contacts below it, and leads are often theirs.
        """
        wanted = sorted(set(remote_ids))
        keys = {record: key for key, record in self._pairs(wanted, by_key=False)}
        keyless = [record for record in wanted if record not in keys]
        if not keyless or self._settings.model != PARTNER:
            return keys
        above: dict[int, list[int]] = {}
        names = ["parent_id", "commercial_partner_id"]
        for record in self._call(PARTNER, "search_read", domain=[("id", "in", keyless)], fields=names):
            above[int(record["id"])] = [int(record[name][0]) for name in names if record.get(name)]
        higher = sorted({owner for owners in above.values() for owner in owners} - set(keyless))
        owned = {record: key for key, record in self._pairs(higher, by_key=False)} if higher else {}
        for child, owners in above.items():
            if (key := next((owned[owner] for owner in owners if owner in owned), None)) is not None:
                keys[child] = key
        return keys

    def _pairs(self, wanted: Sequence[Any], *, by_key: bool) -> list[tuple[str, int]]:
        field = self._settings.key_field
        if field is not None:
            domain: list[Any] = [(field if by_key else "id", "in", wanted), (field, "!=", False)]
            records = self._call(self._settings.model, "search_read", domain=domain, fields=[field])
            return [(str(record[field]), int(record["id"])) for record in records]
        domain = [
            ("module", "=", self._settings.external_id_module),
            ("model", "=", self._settings.model),
            ("name" if by_key else "res_id", "in", wanted),
        ]
        records = self._call("ir.model.data", "search_read", domain=domain, fields=["name", "res_id"])
        return [(str(record["name"]), int(record["res_id"])) for record in records]

    def _open(self) -> OdooApi:
        if self._api is None:
            self._api = RenewingApi(self._settings, self._http)
        return self._api

    def _call(self, model: str, method: str, *, is_write: bool = False, **params: Any) -> Any:
        try:
            answer = self._open().call(model, method, is_write=is_write, **params)
        except OdooFault as fault:
            raise self._unexpected(fault) from fault
        if not _is_answer(answer, method):
            raise Unreachable(
                f"answers {method} of {model} without a result", where=self._http.where, remedy="Try again later."
            )
        return answer

    def _unexpected(self, fault: OdooFault) -> ConnectorError:
        if fault.is_busy:
            return Unreachable(f"is busy: {fault.message}", where=self._http.where, remedy="Try again later.")
        return ConnectorError(
            f"{fault.message} ({fault.name})",
            where=self._http.where,
            remedy="Look at its settings, and into Odoo's log.",
        )


def _is_answer(answer: Any, method: str) -> bool:
    """Return whether a question is answered; anything else, taken for an answer, would say that nobody has our keys."""
    if method == "search_read":
        return isinstance(answer, list) and all(isinstance(entry, Mapping) and "id" in entry for entry in answer)
    if method == "fields_get":
        is_schema = isinstance(answer, Mapping) and bool(answer)
        return is_schema and all(isinstance(entry, Mapping) and "type" in entry for entry in answer.values())
    return True


def _remote_field(name: str, definition: Mapping[str, Any]) -> RemoteField:
    kind = _KINDS.get(str(definition["type"]))
    return RemoteField(
        name=name,
        kind=kind or "text",
        is_writable=kind is not None and not definition.get("readonly") and bool(definition.get("store", True)),
        options=tuple(str(value) for value, _label in definition.get("selection") or ()),
        max_length=int(definition["size"]) if definition.get("size") else None,
    )


def _ours(value: Any, kind: FieldKind) -> Value:
    """Return Odoo's value as one of ours: its False stands for nothing, but in a field of yes and no."""
    if kind == "boolean":
        return bool(value)
    if value is False or value is None:
        return None
    if kind == "datetime":
        return datetime.fromisoformat(str(value))
    if kind == "date":
        return date.fromisoformat(str(value))
    if isinstance(value, list):  # a relation: id and name
        return str(value[-1]) if value else None
    return value if isinstance(value, str | int | float) else str(value)
