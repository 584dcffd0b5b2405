"""Takes one customer off every list that a remote system holds of us, by the same way as a list is taken back."""

from __future__ import annotations

from dataclasses import dataclass

from churn.context import Context
from churn.errors import ChurnError, QualityBlocked, WarehouseBusy


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
    """Empty what every list has written of a customer; a system that fails is told of, and stops no other."""
    from churn.workflows.sync_crm import withdraw

    with context.open_store() as store:
        lists = store.privacy.lists_of(customer_id)
    done: list[Withdrawal] = []
    for connector, campaign in lists:
        context.progress.step(f"Taking the customer off {campaign} in {connector}")
        run_id: str | None = None
        error: str | None = None
        try:
            run_id = withdraw(context, campaign, connector, who=who, customer_id=customer_id).report.run_id
        except (QualityBlocked, WarehouseBusy):
            raise
        except ChurnError as failure:
            error = str(failure)
        if error is None:
            with context.open_store() as store:
                if (connector, campaign) in store.privacy.lists_of(customer_id):
                    error = f"connector {connector} refused the record; see `churn sync status --rejected`."
        done.append(Withdrawal(connector, campaign, run_id, error))
    return done
