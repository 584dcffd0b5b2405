"""Makes of a list the audience of an ad platform: the hash of each customer's e-mail address, of those who agreed to it alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from churn.campaigns.audience_file import COLUMNS, Platform, consenting, hashes_of
from churn.campaigns.facts import read_consent, read_emails
from churn.config.connectors import FileConnector
from churn.context import Context
from churn.crm.mapping import EMAIL_HASH
from churn.errors import ConfigError
from churn.workflows.sync.lists import PushList

if TYPE_CHECKING:
    from churn.config.connectors import ConnectorSection


def platform_of(section: ConnectorSection) -> Platform | None:
    """Return the ad platform that a connector keeps an audience for; None where it keeps records."""
    return section.audience if isinstance(section, FileConnector) else None


def audience_fields(fields: Mapping[str, str], platform: Platform, *, where: str) -> dict[str, str]:
    """Return the one field of an audience. Raises ConfigError where a mapping names others: they would tell of customers."""
    if others := sorted(set(fields) - {EMAIL_HASH}):
        raise ConfigError(
            f"an audience holds hashed addresses and not `{others[0]}`",
            where=where,
            remedy=f"Map {EMAIL_HASH} alone, or leave fields out.",
        )
    return dict(fields) or {EMAIL_HASH: COLUMNS[platform]}


def audience_list(context: Context, push_list: PushList, platform: Platform) -> PushList:
    """Return the list with the hash of each address; who has none of their own or did not consent is not on it.

    Consent is needed whatever the campaign says, and whoever takes it back leaves the audience with the next push. An address
    that several customers have is nobody's: it could be that of one who objected.
    """
    with context.open_warehouse("churn sync") as warehouse:
        emails = read_emails(warehouse)
        consent, _ = read_consent(warehouse)
    agreed, without = consenting(push_list.frame, consent)
    frame = agreed.join(hashes_of(emails, platform), on="customer_id", how="inner", maintain_order="left")
    left_out = dict(push_list.left_out)
    left_out["without consent"] = left_out.get("without consent", 0) + without
    left_out["without an e-mail address of their own"] = agreed.height - frame.height
    gone = set(consent["customer_id"]) - set(
        consent.filter(consent["has_consent"].fill_null(value=False))["customer_id"]
    )
    return replace(
        push_list,
        frame=frame,
        left_out={why: count for why, count in left_out.items() if count},
        forbidden=push_list.forbidden | gone,
    )
