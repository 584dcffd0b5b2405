"""Hands out everything held of one customer as one document: warehouse, store, files, and the lists of remote systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from churn.context import Context
from churn.errors import NotFound, ResourceError
from churn.warehouse.personal import rows_of
from churn.workflows.privacy.files import EXPORTS, personal_files, rows_in_file
from churn.workflows.privacy.object import require_id

_NOTE = (
    "Raw tables hold what was delivered, staging and snapshots what was made of it, features what the model saw, "
    "history and scores what it said. Not looked at: the files your sources are read from, and backups."
)


# An export is free: the rows of any table and file, with whatever columns they have.
def export_customer(context: Context, customer_id: str, *, who: str, out: Path | None = None) -> dict[str, Any]:
    """Return everything held of a customer, and write it to `out` where given; the request goes into the audit log.

    Raises NotFound when nothing is held, WarehouseBusy, ResourceError when the file cannot be written.
    """
    require_id(customer_id)
    with context.recorded("export_customer"):
        document = _collected(context, customer_id)
        now = context.clock()
        with context.open_store() as store:
            digest = store.privacy.hash_of(customer_id)[:12]
            request = store.privacy.ask("export", customer_id, who=who, at=now)
            store.privacy.settle(request.request_id, {"counts": document["counts"]}, at=now, is_done=True)
            store.requests.audit(who, "export_customer", f"customer {digest}", now)
        if out is not None:
            write_export(document, out)
    return document


def write_export(document: dict[str, Any], out: Path) -> None:
    """Write an export that only its owner may read. Raises ResourceError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.touch(mode=0o600)
        out.write_text(json.dumps(document, ensure_ascii=False, indent=1, default=_plain), encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror}", where=str(out), remedy="Choose another.") from error


def export_path(home: Path, request_id: int) -> Path:
    """Return where the service keeps the export of a request until it is fetched."""
    return home / EXPORTS / f"export-{request_id}.json"


def _collected(context: Context, customer_id: str) -> dict[str, Any]:
    context.progress.step("Reading the warehouse")
    with context.open_warehouse("churn privacy export") as warehouse:
        tables = rows_of(warehouse, customer_id)
    with context.open_store() as store:
        rows = store.privacy.rows_of(customer_id)
        lists = store.privacy.lists_of(customer_id)
        requests = store.privacy.requests(customer_id)
    context.progress.step("Reading files")
    home, files = context.settings.home, {}
    for path in personal_files(context):
        if path.parent.name != EXPORTS and (held_rows := rows_in_file(path, customer_id)):
            files[str(path.relative_to(home) if path.is_relative_to(home) else path)] = held_rows
    if not (tables or rows or files):
        raise NotFound("nothing is held about this customer", where=customer_id, remedy="Check the id.")
    parts = {"warehouse": tables, "store": rows, "files": files}
    counts = {part: {name: len(held_rows) for name, held_rows in held.items()} for part, held in parts.items()}
    document: dict[str, Any] = {
        "customer_id": customer_id,
        "exported_at": context.clock().isoformat(timespec="seconds"),
        "note": _NOTE,
        "counts": counts,
        "lists": [{"connector": connector, "campaign": campaign} for connector, campaign in lists],
        "requests": [
            {
                "kind": request.kind,
                "requested_at": request.requested_at,
                "state": request.state,
                "finished_at": request.finished_at,
            }
            for request in requests
        ],
        **parts,
    }
    plain: dict[str, Any] = json.loads(json.dumps(document, ensure_ascii=False, default=_plain))
    return plain


def _plain(value: object) -> object:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
