"""Reads closed deals of a campaign back as outcomes, with the contacts they belong to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from churn.crm.connector import EventKind, OutcomeEvent, OutcomePage
from churn.crm.connectors.hubspot.values import instant, milliseconds
from churn.errors import Unreachable

if TYPE_CHECKING:
    from churn.config.connectors import HubspotConnector

PAGE_DEALS = 100
LAST_RESULT = 10_000  # a search goes no further
OVERLAP = timedelta(minutes=10)  # the search index lags behind what was written
_CHANGED = "hs_lastmodifieddate"
_FLAGS: dict[str, EventKind] = {"hs_is_closed_won": "won", "hs_is_closed_lost": "lost"}

Ask = Callable[[str, str, Any], Mapping[str, Any]]
Owners = Callable[[Sequence[str]], Mapping[str, str]]


def read_page(ask: Ask, settings: HubspotConnector, cursor: str | None, *, owners: Owners) -> OutcomePage:
    """Return the deals with a campaign that changed since `cursor` and are closed, oldest change first."""
    since, after = json.loads(cursor) if cursor else ("0", None)
    body = {
        "filterGroups": [
            {
                "filters": [
                    {"propertyName": _CHANGED, "operator": "GTE", "value": since},
                    {"propertyName": settings.campaign_field, "operator": "HAS_PROPERTY"},
                ]
            }
        ],
        "sorts": [{"propertyName": _CHANGED, "direction": "ASCENDING"}],
        "properties": [_CHANGED, settings.campaign_field, "closedate", *_FLAGS],
        "limit": PAGE_DEALS,
        **({"after": after} if after else {}),
    }
    page = ask("POST", f"crm/objects/{settings.version}/deals/search", body)
    deals = page.get("results")
    if not isinstance(deals, list):
        raise Unreachable("answers the search for deals without results", remedy="Try again later.")
    closed = [(deal, kind) for deal in deals if (kind := _kind(deal["properties"])) is not None]
    contacts = _contacts(ask, settings, [str(deal["id"]) for deal, _ in closed])
    keys = owners(sorted({contact for ids in contacts.values() for contact in ids}))
    events = tuple(
        _event(deal, kind, contact, keys, settings)
        for deal, kind in closed
        for contact in contacts.get(str(deal["id"]), ()) or (None,)
    )
    newest = max((instant(deal["properties"][_CHANGED]) for deal in deals), default=None)
    onward = ((page.get("paging") or {}).get("next") or {}).get("after")
    if onward is not None and int(onward) < LAST_RESULT:
        return OutcomePage(events, json.dumps([since, str(onward)]), is_last=False)
    if newest is None:
        return OutcomePage(events, json.dumps([since, None]), is_last=True)
    # Beyond the search's last result a new search goes on from the newest change.
    following = max(since, milliseconds(newest if onward is not None else newest - OVERLAP), key=int)
    return OutcomePage(events, json.dumps([following, None]), is_last=onward is None or following == since)


def _kind(properties: Mapping[str, Any]) -> EventKind | None:
    return next((kind for flag, kind in _FLAGS.items() if str(properties.get(flag)).lower() == "true"), None)


def _contacts(ask: Ask, settings: HubspotConnector, deals: Sequence[str]) -> Mapping[str, list[str]]:
    if not deals:
        return {}
    path = f"crm/associations/{settings.version}/deals/{settings.object}/batch/read"
    body = ask("POST", path, {"inputs": [{"id": deal} for deal in deals]})
    return {
        str(link["from"]["id"]): [str(other["toObjectId"]) for other in link["to"]]
        for link in body.get("results") or []
    }


def _event(
    deal: Mapping[str, Any],
    kind: EventKind,
    contact: str | None,
    keys: Mapping[str, str],
    settings: HubspotConnector,
) -> OutcomeEvent:
    properties = deal["properties"]
    closed = properties.get("closedate")
    campaign = str(properties[settings.campaign_field])
    return OutcomeEvent(
        # A deal that was reopened and is lost again happened twice.
        event_id=",".join(
            ["deal", str(deal["id"]), kind, *([contact] if contact else []), *([closed] if closed else [])]
        ),
        customer_id=keys.get(contact) if contact else None,
        remote_id=contact,
        campaign=settings.campaigns.get(campaign, campaign),
        kind=kind,
        occurred_at=instant(closed or properties[_CHANGED]),
    )
