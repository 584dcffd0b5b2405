"""Erases one customer everywhere: remote lists first, then store, warehouse and files; a tombstone keeps them from coming back.

Each part may be done again: a run that was killed, or that a remote system kept waiting, is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from churn.context import Context
from churn.distributed import forget_work
from churn.errors import NotFound
from churn.store.repositories.privacy import CRM_TABLES
from churn.warehouse.models.sql_models import load_models
from churn.warehouse.personal import erase_all, holds, rewrite
from churn.warehouse.reading.web.spool import forget_pages
from churn.workflows.privacy.files import erase_from_file, personal_files
from churn.workflows.privacy.object import Objected, Withdrawal, object_to_marketing, require_id, withdraw_customer
from churn.workflows.publish import forget_customer

if TYPE_CHECKING:
    from churn.store import Store


@dataclass(frozen=True)
class ErasedCustomer:
    """What went, by table and file, and the lists that the customer was taken off or (`error`) still is on."""

    id_hash: str
    removed: dict[str, dict[str, int]]
    withdrawals: tuple[Withdrawal, ...]
    was_erased: bool = False
    told_in: tuple[str, ...] = field(default=())

    @property
    def waiting(self) -> tuple[Withdrawal, ...]:
        """The lists that could not be reached: until then only what is needed to empty them is kept."""
        return tuple(withdrawal for withdrawal in self.withdrawals if withdrawal.error is not None)

    def document(self) -> dict[str, Any]:  # free: the store keeps the results of all kinds of requests in one column
        """Return it as JSON, without the id."""
        return {
            "customer": self.id_hash[:12],
            "state": "waiting" if self.waiting else "done",
            "was_erased": self.was_erased,
            "removed": self.removed,
            "withdrawals": [withdrawal.document() for withdrawal in self.withdrawals],
            "told_in": list(self.told_in),
        }


def erase_customer(context: Context, customer_id: str, *, who: str) -> ErasedCustomer:
    """Remove a customer from remote lists, store, warehouse and files, for good. Raises as `erase_customers`."""
    return erase_customers(context, [customer_id], who=who)[0]


def erase_customers(context: Context, customers: Sequence[str], *, who: str) -> tuple[ErasedCustomer, ...]:
    """Remove customers from remote lists, store, warehouse and files, for good; the warehouse is written anew once for all.

    Raises NotFound when nothing is held of one of them, WarehouseBusy and StoreBusy before anything is done,
    ResourceError when the disk has no room to write files anew; the next call goes on from there.
    """
    customer_ids = list(dict.fromkeys(customers))
    for customer_id in customer_ids:
        require_id(customer_id)
    with context.recorded("erase_customer"):
        were_erased = _are_known(context, customer_ids)
        begun = [_begin(context, customer_id, who) for customer_id in customer_ids]
        gone = _from_warehouse(context, customer_ids)
        forget_pages(context.settings.home)
        forget_work(context.settings.home, context.secrets)  # cut and built anew from the warehouse when it is needed
        erased = []
        for customer_id, start, was_erased in zip(customer_ids, begun, were_erased, strict=True):
            files = _from_files(context, customer_id, start.told_in)
            removed = {"store": start.removed, "warehouse": gone[customer_id], "files": files}
            erased.append(ErasedCustomer(start.digest, removed, start.withdrawals, was_erased, start.told_in))
        with context.open_store() as store:
            for customer_id, start, customer in zip(customer_ids, begun, erased, strict=True):
                _settle(store, context, customer_id, start, customer)
                store.requests.audit(who, "erase_customer", f"customer {customer.id_hash[:12]}", start.asked_at)
            store.privacy.shred()
    return tuple(erased)


@dataclass(frozen=True)
class _Begun:
    """One customer of whom remote lists and the store are already free."""

    request_id: int
    digest: str
    asked_at: datetime
    withdrawals: tuple[Withdrawal, ...]
    removed: dict[str, int]
    told_in: tuple[str, ...]


def _begin(context: Context, customer_id: str, who: str) -> _Begun:
    now = context.clock()
    with context.open_store() as store:
        digest = store.privacy.hash_of(customer_id)
        request = store.privacy.ask("erase", customer_id, who=who, at=now)
    withdrawals = (*withdraw_customer(context, customer_id, who=who), *_from_published(context, customer_id))
    is_waiting = any(item.error is not None for item in withdrawals)
    with context.open_store() as store:
        earlier = [name for item in store.privacy.requests(customer_id) for name in item.result.get("told_in", ())]
        removed = _from_store(store, context, customer_id, is_waiting=is_waiting)
    told_in = _told_in(context, withdrawals, earlier)
    return _Begun(request.request_id, digest, now, withdrawals, removed, told_in)


def _from_published(context: Context, customer_id: str) -> list[Withdrawal]:
    """Delete the customer at the database that tables are published to; where it is away, that is done later."""
    return [
        Withdrawal(f"[publish] {copy.place}", "published tables", error=str(copy.error) if copy.error else None)
        for copy in forget_customer(context, customer_id)
    ]


def _settle(store: Store, context: Context, customer_id: str, begun: _Begun, erased: ErasedCustomer) -> None:
    for request in store.privacy.requests(customer_id, is_open=True):
        is_it = request.request_id == begun.request_id
        result = erased.document() if is_it else {"erased": True}
        is_done = not (is_it and erased.waiting)
        store.privacy.settle(request.request_id, result, at=context.clock(), is_done=is_done)


def erase_from_store(context: Context, customer_id: str, *, who: str) -> int:
    """Do at once what needs no warehouse: tombstone, scores, campaigns, pushes; return the request that does the rest.

    Raises NotFound when the store knows nothing of the customer.
    """
    require_id(customer_id)
    now = context.clock()
    with context.open_store() as store:
        if store.privacy.erased_at(customer_id) is None and not store.privacy.rows_of(customer_id):
            raise NotFound("nothing is held about this customer", where=customer_id, remedy="Check the id.")
        request = store.privacy.ask("erase", customer_id, who=who, at=now)
        _from_store(store, context, customer_id, is_waiting=True)
        store.requests.audit(who, "erase_customer", f"customer {request.id_hash[:12]}", now)
    return request.request_id


def finish_requests(context: Context, *, who: str) -> dict[str, int]:
    """Try again what remote systems kept waiting; return how many requests are finished and how many still wait."""
    with context.open_store() as store:
        waiting = [item for item in store.privacy.requests(is_open=True) if item.customer_id is not None]
    done = {"finished": 0, "waiting": 0}
    erased = [item.customer_id for item in waiting if item.kind == "erase" and item.customer_id is not None]
    outcomes: list[ErasedCustomer | Objected] = [*erase_customers(context, erased, who=who)] if erased else []
    objecting = [item.customer_id for item in waiting if item.kind == "object" and item.customer_id is not None]
    outcomes += [object_to_marketing(context, item, who=who) for item in objecting if item not in erased]
    for outcome in outcomes:
        done["waiting" if outcome.waiting else "finished"] += 1
    return done


def _are_known(context: Context, customers: Sequence[str]) -> list[bool]:
    """Say of each customer whether they were erased before. Raises NotFound when nothing was ever held of one."""
    known = []
    with context.open_warehouse("churn privacy erase") as warehouse, context.open_store() as store:
        for customer_id in customers:
            was_erased = store.privacy.erased_at(customer_id) is not None
            if not was_erased and not store.privacy.rows_of(customer_id) and not holds(warehouse, customer_id):
                raise NotFound("nothing is held about this customer", where=customer_id, remedy="Check the id.")
            known.append(was_erased)
    return known


def _from_store(store: Store, context: Context, customer_id: str, *, is_waiting: bool) -> dict[str, int]:
    return store.privacy.erase(customer_id, at=context.clock(), keep=CRM_TABLES if is_waiting else ())


def _from_warehouse(context: Context, customers: Sequence[str]) -> dict[str, dict[str, int]]:
    context.progress.step("Erasing from the warehouse")
    models = load_models(context.settings.home)
    with context.open_warehouse("churn privacy erase") as warehouse:
        removed = erase_all(warehouse, models, customers)
        if any(removed.values()):
            context.progress.step("Writing the warehouse anew")
            rewrite(warehouse)
    return removed


def _from_files(context: Context, customer_id: str, told_in: tuple[str, ...]) -> dict[str, int]:
    context.progress.step("Erasing from files")
    home, removed = context.settings.home, {}
    for path in personal_files(context):
        name = str(path.relative_to(home) if path.is_relative_to(home) else path)
        if name not in told_in and (gone := erase_from_file(path, customer_id)):
            removed[name] = gone
    return removed


def _told_in(context: Context, withdrawals: tuple[Withdrawal, ...], earlier: Sequence[str]) -> tuple[str, ...]:
    """Return the files that tell the readers of a list whom to empty: they alone keep the id, until retention."""
    runs = {withdrawal.run_id for withdrawal in withdrawals if withdrawal.run_id}
    home = context.settings.home
    names = {
        str(path.relative_to(home) if path.is_relative_to(home) else path): path.parent.name == "changes"
        and path.stem in runs
        for path in personal_files(context)
    }
    return tuple(name for name, is_told in names.items() if is_told or name in earlier)
