"""Notes that a customer objects to marketing: from then on no campaign takes them in and no list names them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from churn.context import Context
from churn.errors import ChurnError, ConfigError, QualityBlocked, WarehouseBusy
from churn.workflows.sync import withdraw_campaign


@dataclass(frozen=True)
class Withdrawal:
    """One list: `error` says why the customer is still on it, None when they are off. `run_id` of the push."""

    connector: str
    campaign: str
    run_id: str | None = None
    error: str | None = None

    def document(self) -> dict[str, str | None]:
        """Return it as JSON."""
        return {"connector": self.connector, "campaign": self.campaign, "run_id": self.run_id, "error": self.error}


def withdraw_customer(context: Context, customer_id: str, *, who: str) -> list[Withdrawal]:
    """Empty a customer's fields on every list; a system that fails is reported and does not stop the others."""
    with context.open_store() as store:
        lists = store.privacy.lists_of(customer_id)
    done: list[Withdrawal] = []
    for connector, campaign in lists:
        context.progress.step(f"Taking the customer off {campaign} in {connector}")
        run_id: str | None = None
        error: str | None = None
        try:
            run_id = withdraw_campaign(context, campaign, connector, who=who, customer_id=customer_id).report.run_id
        except (QualityBlocked, WarehouseBusy):
            raise
        except ChurnError as failure:
            error = str(failure)
        if error is None:
            with context.open_store() as store:
                if (connector, campaign) in store.privacy.lists_of(customer_id):
                    refusal = next(
                        (r for r in store.crm.rejections(connector, campaign) if r.customer_id == customer_id), None
                    )
                    words = f": {refusal.message}" if refusal is not None and refusal.message else ""
                    error = f"connector {connector} refused the record{words}; see `churn sync status --rejected`."
        done.append(Withdrawal(connector, campaign, run_id, error))
    return done


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
        return tuple(withdrawal for withdrawal in self.withdrawals if withdrawal.error is not None)


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
        waiting = [withdrawal for withdrawal in withdrawals if withdrawal.error is not None]
        with context.open_store() as store:
            request = store.privacy.ask("object", customer_id, who=who, at=now)
            result = {"withdrawals": [withdrawal.document() for withdrawal in withdrawals]}
            store.privacy.settle(request.request_id, result, at=now, is_done=not waiting)
            since = store.privacy.objected_at(customer_id) or now
    return Objected(customer_id, since, is_new, withdrawals)
