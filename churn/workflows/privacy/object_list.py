"""Notes the objections of everybody on a list, by their ids or e-mail addresses, as mailing tools export who unsubscribed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from churn.campaigns.customer_list import read_people
from churn.context import Context
from churn.errors import ConfigError
from churn.workflows.privacy.object import Objected, object_to_marketing, require_id


@dataclass(frozen=True)
class ObjectedList:
    """What became of a list: how many it names, objections that are new, those known before, and addresses of nobody."""

    named: int
    objected: tuple[Objected, ...]
    known: int
    strangers: int

    @property
    def waiting(self) -> int:
        """How many customers are still on a list of a remote system that could not be reached."""
        return sum(bool(objection.waiting) for objection in self.objected)


def object_by_list(context: Context, path: Path, *, who: str) -> ObjectedList:
    """Note that everybody on a list objects to marketing, as `object_to_marketing` does for one.

    An address stands for every customer who has it now or had it before; one of nobody is counted. Raises ConfigError
    for a file that is no such list.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        remedy = "Let this user read it."
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(path), remedy=remedy) from error
    listed = read_people(content, where=str(path))
    named = dict.fromkeys(name.lower() if "@" in name else name for name in listed.ids)
    owners = _owners(context) if any("@" in name for name in named) else {}
    customers: dict[str, None] = {}
    strangers = 0
    for name in named:
        held = owners.get(name, [] if "@" in name else [name])
        customers |= dict.fromkeys(held)
        strangers += not held
    for customer_id in customers:
        require_id(customer_id)
    with context.open_store() as store:
        before = set(store.privacy.objected())
    new = [customer_id for customer_id in customers if customer_id not in before]
    objected = tuple(object_to_marketing(context, customer_id, who=who) for customer_id in new)
    return ObjectedList(len(named), objected, len(customers) - len(new), strangers)


def _owners(context: Context) -> dict[str, list[str]]:
    """Return the customers of each address, in small letters; an id that looks like an address is its customer's."""
    owners: dict[str, list[str]] = {}
    with context.open_warehouse("churn privacy object") as warehouse:
        if warehouse.has_table("staging.customers"):
            for address, customer_id in warehouse.rows(
                "select lower(trim(email)), customer_id from staging.customers where email is not null"
                " union select lower(customer_id), customer_id from staging.customers where contains(customer_id, '@')"
            ):
                owners.setdefault(str(address), []).append(str(customer_id))
    return owners
