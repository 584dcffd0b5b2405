"""Takes in a list of customers as the audience of a campaign, and says whom of it is known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.campaigns.customer_list import CustomerList, keep_customer_list, load_customer_list, read_customer_list
from churn.campaigns.reading import campaign_files, load_campaign
from churn.campaigns.writing import revised_toml
from churn.context import Context
from churn.errors import ConfigError
from churn.workflows.define.define import DefinitionInForce, keep_campaign
from churn.workflows.define.keeping import Saving, text_of

if TYPE_CHECKING:
    from churn.store import Store

_SHOWN: Final = 5


@dataclass(frozen=True)
class ListStanding:
    """A kept list: its customers, those of them who have a score (None before the first scores) and the first who have none.

    Of what was sent: `repeated` rows named a customer again, `empty` named nobody, `erased` customers asked to be forgotten.
    """

    name: str
    customers: int
    scored: int | None
    unknown: tuple[str, ...] = ()
    repeated: int = 0
    empty: int = 0
    erased: int = 0

    @property
    def unscored(self) -> int:
        """How many of the list have no score: they left, or were never customers."""
        return 0 if self.scored is None else self.customers - self.scored

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out of what was sent, in words."""
        left_out = (
            (self.repeated, "row named a customer again", "rows named a customer again"),
            (self.empty, "row named nobody", "rows named nobody"),
            (
                self.erased,
                "customer was erased on request, and left out",
                "customers were erased on request, and left out",
            ),
        )
        return tuple(f"{number:,} {row if number == 1 else rows}" for number, row, rows in left_out if number)


def receive_customer_list(context: Context, campaign: str, content: bytes, *, where: str) -> ListStanding:
    """Keep the customers whom `content` names as a list for `campaign`, which does not name it yet; erased ones are left out.

    Raises ConfigError for anything that is no list of customers, also where none of them has a score.
    """
    sent = read_customer_list(content, where=where)
    with context.open_store() as store:
        salt, hashes = store.privacy.erased()
        ids = tuple(i for i in sent.ids if hashlib.sha256(f"{salt}{i}".encode()).hexdigest() not in hashes)
        scored = _scored(store)
    if not ids:
        raise ConfigError("everybody on the list was erased", where=where, remedy="Send others.")
    known = None if scored is None else sum(customer_id in scored for customer_id in ids)
    if known == 0:
        example = f"`{ids[0][:40]}`"
        raise ConfigError(
            f"none of its {len(ids):,} ids, such as {example}, is a customer with a score",
            where=where,
            remedy="Send ids as your data write them; `churn risk-list` shows some.",
        )
    name = keep_customer_list(context.settings.home, campaign, ids)
    return _standing(name, CustomerList(ids, sent.repeated, sent.empty), scored, erased=len(sent.ids) - len(ids))


def standing_list(context: Context, name: str) -> ListStanding:
    """Return a list that is kept, as it stands now. Raises ConfigError where it cannot be read."""
    listed = load_customer_list(context.settings.home, name)
    with context.open_store() as store:
        return _standing(name, CustomerList(listed.ids), _scored(store), erased=0)


def give_customer_list(
    context: Context, campaign: str, content: bytes, saving: Saving, *, where: str
) -> tuple[ListStanding, DefinitionInForce]:
    """Make the customers whom `content` names the audience of a campaign there is; the rest of its file stays.

    Raises CampaignError where there is no such campaign, ConfigError as `receive_customer_list` and `keep_campaign` do.
    """
    home = context.settings.home
    load_campaign(home, campaign)
    standing = receive_customer_list(context, campaign, content, where=where)
    text = revised_toml(text_of(campaign_files(home)[campaign]), {("audience", "customer_list"): standing.name})
    kept = keep_campaign(context, campaign, text, saving)
    with context.open_store() as store:
        store.requests.audit(saving.who or "", "define_campaign", campaign, context.clock())
    return standing, kept


def read_list_file(file: Path) -> bytes:
    """Return what a file holds. Raises ConfigError where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file), remedy="Give another file.") from error


def _scored(store: Store) -> frozenset[str] | None:
    """Return everybody who has a score; None before the first scores."""
    page = store.scores.page(limit=None, order=None, columns=["customer_id"])
    return None if page.run is None else frozenset(page.frame["customer_id"])


def _standing(name: str, listed: CustomerList, scored: frozenset[str] | None, *, erased: int) -> ListStanding:
    unknown = () if scored is None else tuple(customer_id for customer_id in listed.ids if customer_id not in scored)
    return ListStanding(
        name=name,
        customers=len(listed.ids),
        scored=None if scored is None else len(listed.ids) - len(unknown),
        unknown=unknown[:_SHOWN],
        repeated=listed.repeated,
        empty=listed.empty,
        erased=erased,
    )
