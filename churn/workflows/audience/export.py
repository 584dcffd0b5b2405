"""Writes a list as a file of hashed e-mail addresses; nobody is in it who objected, is held out, or did not consent to marketing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from churn.campaigns.audience_file import COLUMNS, PLATFORMS, Platform, audience_frame, consenting
from churn.campaigns.facts import read_consent, read_emails
from churn.context import Context
from churn.errors import CampaignError, ConfigError
from churn.files.frames import write_frame
from churn.files.whole import check_ending
from churn.views.definition_in_force import definition_in_force
from churn.workflows.sync.lists import PushList, campaign_list, fresh_scores, risk_list

if TYPE_CHECKING:
    from churn.store import Store


@dataclass(frozen=True)
class WrittenAudience:
    """A file of hashes: of how many customers on the list, how many had an address, and who was left out, by why."""

    file: Path
    platform: Platform
    column: str
    customers: int
    hashes: int
    left_out: dict[str, int]


def export_audience(
    context: Context,
    campaign: str | None,
    platform: str,
    out: Path,
    *,
    bands: Sequence[str] = ("high", "critical"),
    is_forced: bool = False,
) -> WrittenAudience:
    """Write whom `campaign` contacts, or everybody in `bands`, for `platform`; only those who consented to marketing.

    Raises ConfigError for an unknown platform, CampaignError where nobody is assigned or nobody is left, QualityBlocked for
    stale scores unless forced.
    """
    known = next((name for name in PLATFORMS if name == platform), None)
    if known is None:
        raise ConfigError(f"no platform `{platform}`", where="--for", remedy=f"Known are {', '.join(PLATFORMS)}.")
    check_ending(out, [".csv"], where="--out")
    with context.recorded("audience"), context.open_store() as store:
        chosen = _list(context, store, campaign, bands, is_forced=is_forced)
        left_out, frame = dict(chosen.left_out), chosen.frame.select("customer_id")
        with context.open_warehouse("churn audience") as warehouse:
            emails = read_emails(warehouse)
            consent, _ = read_consent(warehouse)
        frame, without = consenting(frame, consent)
        left_out["without consent"] = left_out.get("without consent", 0) + without
        audience = audience_frame(frame.join(emails, on="customer_id")["email"], known)
        if audience.is_empty():
            raise CampaignError(
                "nobody on the list has an e-mail address that may be used",
                where=campaign or "risk list",
                remedy="[sources.customers] must bring the column email, and marketing_consent: without it nobody has agreed.",
            )
        left_out["without an e-mail address of their own"] = frame.height - audience.height
        write_frame(out, audience)
        store.requests.audit(
            "command line", "export_audience", f"{campaign or 'risk list'} for {known}", context.clock()
        )
    reasons = {why: count for why, count in left_out.items() if count}
    return WrittenAudience(out, known, COLUMNS[known], frame.height, audience.height, reasons)


def _list(context: Context, store: Store, campaign: str | None, bands: Sequence[str], *, is_forced: bool) -> PushList:
    run = fresh_scores(context, store, max_age_days=None, is_forced=is_forced)
    if campaign is None:
        return risk_list(context, store, bands, run, "audience")
    return campaign_list(context, store, definition_in_force(context, store, campaign), run, "audience")
