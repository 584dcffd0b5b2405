"""Notes that a customer objects to marketing: from then on no campaign takes them in and no list names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from churn.context import Context
from churn.errors import ConfigError
from churn.workflows.privacy_withdraw import Withdrawal, withdraw_customer

LONGEST_ID = 1_000


@dataclass(frozen=True)
class Objected:
    """An objection: since when, whether it is a new one, and the lists that the customer was taken off or still is on."""

    customer_id: str
    objected_at: datetime
    is_new: bool
    withdrawals: tuple[Withdrawal, ...]

    @property
    def waiting(self) -> tuple[Withdrawal, ...]:
        """The lists that could not be reached."""
        return tuple(one for one in self.withdrawals if one.error is not None)


def require_id(customer_id: str) -> str:
    """Return the id. Raises ConfigError for one that is empty, too long, or holds a zero byte."""
    if not 0 < len(customer_id) <= LONGEST_ID or "\x00" in customer_id:
        raise ConfigError("is not a customer's id", where="CUSTOMER", remedy="Write it as your data do.")
    return customer_id


def note_objection(context: Context, customer_id: str, *, who: str) -> bool:
    """Note the objection, effective at once, before anything else is done; False where it was known."""
    require_id(customer_id)
    now = context.clock()
    with context.open_store() as store:
        is_new = store.privacy.note_objection(customer_id, who=who, at=now)
        store.privacy.ask("object", customer_id, who=who, at=now)
        store.requests.audit(who, "object_customer", f"customer {store.privacy.hash_of(customer_id)[:12]}", now)
    return is_new


def object_to_marketing(context: Context, customer_id: str, *, who: str) -> Objected:
    """Note the objection and take the customer off every list they are on; what cannot be reached is tried again daily."""
    is_new = note_objection(context, customer_id, who=who)
    with context.recorded("object_to_marketing"):
        withdrawals = tuple(withdraw_customer(context, customer_id, who=who))
        now = context.clock()
        waiting = [one for one in withdrawals if one.error is not None]
        with context.open_store() as store:
            request = store.privacy.ask("object", customer_id, who=who, at=now)
            result = {"withdrawals": [one.document() for one in withdrawals]}
            store.privacy.settle(request.request_id, result, at=now, is_done=not waiting)
            since = store.privacy.objected_at(customer_id) or now
    return Objected(customer_id, since, is_new, withdrawals)
