"""Plays the demo's simulated company one month on, with the contacts that its campaigns have assigned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from churn.campaigns.reading import load_campaigns
from churn.context import Context
from churn.demo import OFFERS, SCENARIOS, generate_company, load_state, play_month
from churn.errors import ConfigError
from churn.progress import SILENT, Progress
from churn.views.definition_in_force import campaign_or_offer

if TYPE_CHECKING:
    import polars as pl

    from churn.demo import CompanyFiles, PlayedMonth


_FIRST_CONTACT = timedelta(hours=9)  # after the day begins
_CONTACT_HOURS = 30  # over which the contacts are spread: within the lead days


@dataclass(frozen=True)
class PlayResult:
    """The month that was played, and whom it contacted."""

    month: PlayedMonth
    contacted: dict[str, int]  # by campaign
    passed_over: dict[str, int]  # campaigns whose offer the simulation does not know: contacts without effect


def play_forward(context: Context) -> PlayResult:
    """Simulate the month after the data's end: raw files of what customers did, and the answers to the campaigns.

    Those in the treatment arm of a campaign planned on that day are contacted and meet the potential outcome of its
    offer; everyone else meets that without contact. Nothing is loaded: `churn refresh` does that. Raises ConfigError in
    a home that the demo did not make.
    """
    home = context.settings.home
    if not context.is_simulated:
        raise ConfigError(
            "holds no simulated company, and nobody can play a real one forward",
            where=str(home),
            remedy="Run `churn demo` in a folder of its own.",
        )
    contacts = _contacts(context, load_state(home / "data").month_starts[-1])
    month = play_month(home / "data", contacts, progress=context.progress)
    counted = dict(contacts.group_by("campaign").len().sort("campaign").iter_rows())
    unknown = set(contacts.filter(contacts["offer"].is_null())["campaign"])
    return PlayResult(month, counted, {name: counted[name] for name in sorted(unknown)})


def offer_of(campaign: str) -> str | None:
    """Return the simulated offer that a campaign makes: the one it is named after, as `support_call_2` is."""
    named = [offer for offer in OFFERS if campaign == offer or campaign.startswith(f"{offer}_")]
    return named[0] if named else None


def _contacts(context: Context, first: date) -> pl.DataFrame:
    """Return those to contact: customer_id, offer, contacted_at, campaign, channel."""
    import polars as pl

    with context.open_store() as store:
        chosen = store.assignments.customers(arm="treatment")
    chosen = chosen.filter(pl.col("snapshot_date") == first).sort("campaign", "customer_id")
    definitions = load_campaigns(context.settings.home)
    names = list(chosen["campaign"].unique())
    known = {name: campaign_or_offer(definitions, name) for name in names}
    channels = {name: definition.offer.channel if definition else None for name, definition in known.items()}
    start = datetime.combine(first, datetime.min.time()) + _FIRST_CONTACT
    minutes = _CONTACT_HOURS * 60
    step = pl.int_range(pl.len()).over("campaign") * minutes // pl.len().over("campaign")
    return chosen.select(
        "customer_id",
        pl.col("campaign").replace_strict({n: offer_of(n) for n in names}, return_dtype=pl.String).alias("offer"),
        (pl.lit(start) + step * timedelta(minutes=1)).cast(pl.Datetime("us")).alias("contacted_at"),
        "campaign",
        pl.col("campaign").replace_strict(channels, return_dtype=pl.String).alias("channel"),
    )


def generate(
    folder: Path,
    *,
    customers: int,
    months: int = 18,
    seed: int = 7,
    scenario: str = "base",
    file_format: str = "parquet",
    progress: Progress = SILENT,
) -> CompanyFiles:
    """Write the raw files into `folder` and return where they are. Raises ConfigError for an unknown scenario or format."""
    if scenario not in SCENARIOS:
        raise ConfigError(
            f"no scenario `{scenario}`", where="--scenario", remedy=f"Choose one of {', '.join(SCENARIOS)}."
        )
    if file_format not in {"csv", "parquet"}:
        raise ConfigError(f"no format `{file_format}`", where="--format", remedy="Choose csv or parquet.")
    return generate_company(
        folder,
        customers=customers,
        months=months,
        seed=seed,
        scenario=scenario,
        file_format=cast("Literal['csv', 'parquet']", file_format),
        progress=progress,
    )
