"""The rules of contact that hold for every campaign: one function decides them for plans and for the simulator.

What the data say of a customer (consent, objection, contacts, tickets, whether they left) a plan reads from the warehouse;
the simulator reads what was published with the scores. What happened since is the store's, and counts for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from churn.campaigns.assignment import global_holdout
from churn.campaigns.facts import read_consent, read_contacts, read_left, read_waiting
from churn.config import Settings
from churn.context import Context
from churn.decisions.checks import Bools
from churn.documents.definition import CampaignDefinition

if TYPE_CHECKING:
    import polars as pl

    from churn.warehouse.connection import Warehouse

_EVER = 3650  # days: longer than any cooldown


@dataclass(frozen=True)
class ContactFacts:
    """What the data say about contacting each of some customers, shape (n,).

    `has_agreed` is None where they never say who agreed; `contacted` holds customer_id and contacted_at, the newest.
    """

    has_agreed: Bools | None
    has_objected: Bools
    has_left: Bools
    is_waiting: Bools
    contacted: pl.DataFrame


@dataclass(frozen=True)
class ContactHistory:
    """What the store knows: who objected here or at a CRM, whom CRMs and plans contacted, and who is in a campaign now.

    `contacted` holds customer_id and contacted_at, `running` campaign and customer_id.
    """

    objected: frozenset[str]
    contacted: pl.DataFrame
    running: pl.DataFrame


@dataclass(frozen=True)
class ContactRules:
    """What an offer asks of whom it contacts; `campaign` is the one whose own customers are not in another's."""

    cooldown_days: int
    requires_consent: bool = True
    skips_open_tickets: bool = False
    campaign: str | None = None

    @classmethod
    def of(cls, definition: CampaignDefinition) -> ContactRules:
        """Return the rules of a campaign."""
        return cls(
            cooldown_days=definition.limits.cooldown_days,
            requires_consent=definition.audience.requires_consent,
            skips_open_tickets=definition.audience.skip_open_tickets,
            campaign=definition.name,
        )

    @classmethod
    def of_settings(cls, settings: Settings) -> ContactRules:
        """Return the rules of [simulation], which hold where no campaign is named."""
        return cls(
            cooldown_days=settings.simulation.cooldown_days,
            requires_consent=settings.simulation.requires_consent,
            skips_open_tickets=settings.simulation.skip_open_tickets,
        )


def left_out_by(
    rules: ContactRules, settings: Settings, ids: pl.Series, day: date, facts: ContactFacts, history: ContactHistory
) -> dict[str, Bools]:
    """Return by rule whom it would leave out of the customers `ids` scored for `day`, shape (n,) each."""
    import numpy as np
    import polars as pl

    campaigns = settings.campaigns
    since = day - timedelta(days=max(rules.cooldown_days, campaigns.recent_contact_days))
    contacted = pl.concat([facts.contacted, history.contacted]).filter(pl.col("contacted_at") >= since)["customer_id"]
    elsewhere = history.running.filter(pl.col("campaign") != (rules.campaign or ""))["customer_id"]
    left_out = {
        "contacted_recently": ids.is_in(contacted.implode()).to_numpy(),
        "in_another_campaign": ids.is_in(elsewhere.implode()).to_numpy(),
        "not_active": facts.has_left,
        "objected": facts.has_objected | ids.is_in(list(history.objected)).to_numpy(),
        "global_holdout": global_holdout(
            ids.to_list(), share=campaigns.global_holdout_share, seed=campaigns.global_holdout_seed
        ),
    }
    if rules.skips_open_tickets:
        left_out["open_ticket"] = facts.is_waiting
    if rules.requires_consent and facts.has_agreed is not None:
        left_out["no_consent"] = ~facts.has_agreed
    return {rule: np.asarray(hits, dtype=np.bool_) for rule, hits in left_out.items()}


def read_facts(
    context: Context,
    warehouse: Warehouse,
    ids: pl.Series,
    day: date,
    now: datetime,
    *,
    reached: datetime,
    days: int = _EVER,
) -> ContactFacts:
    """Return what the warehouse says now about contacting `ids`, its facts reaching to `reached`; contacts from `days` before `day` on."""
    churn = context.settings.churn
    consent, is_known = read_consent(warehouse)
    agreed = consent.filter(consent["has_consent"])["customer_id"]
    objected = consent.filter(consent["has_objected"])["customer_id"]
    if churn.definition == "inactivity":
        left = ids.clear()
    else:
        left = read_left(
            warehouse,
            now,
            reached=reached,
            grace_days=churn.grace_days,
            counts_decisions=churn.dated_by == "decision",
            told_by=churn.told_by,
        )
    return ContactFacts(
        has_agreed=ids.is_in(agreed.implode()).to_numpy() if is_known else None,
        has_objected=ids.is_in(objected.implode()).to_numpy(),
        has_left=ids.is_in(left.implode()).to_numpy(),
        is_waiting=ids.is_in(read_waiting(warehouse).implode()).to_numpy(),
        contacted=_typed(read_contacts(warehouse, day, days=days)),
    )


def read_history(context: Context, day: date) -> ContactHistory:
    """Return what the store knows of contacts and objections, as of plans for `day`."""
    import polars as pl

    running = _running(context, day)
    with context.open_store() as store:
        recent = [store.outcomes.recent(kind=kind) for kind in ("contacted", "delivered")]
        planned = store.assignments.customers(arm="treatment")
        objected = {*store.outcomes.recent(kind="unsubscribed")["customer_id"], *store.privacy.objected()}
    parts = [events.select("customer_id", contacted_at="occurred_at") for events in recent]
    closed = planned.join(running, on=["campaign", "customer_id"], how="anti")  # open windows have a rule of their own
    parts.append(closed.select("customer_id", contacted_at="snapshot_date"))
    return ContactHistory(frozenset(objected), pl.concat([_typed(part) for part in parts]), running)


def facts_in_words(ids: pl.Series, facts: ContactFacts) -> pl.Series:
    """Return the facts of each customer as words that `facts_from_words` reads, to be published with the scores."""
    import polars as pl

    frame = pl.DataFrame({"customer_id": ids}).join(
        facts.contacted, on="customer_id", how="left", maintain_order="left"
    )
    flags: dict[str, Bools] = {"objected": facts.has_objected, "left": facts.has_left, "waiting": facts.is_waiting}
    if facts.has_agreed is not None:
        flags |= {"agreed": facts.has_agreed, "refused": ~facts.has_agreed}
    words = [pl.when(pl.Series(hits)).then(pl.lit(word)) for word, hits in flags.items()]
    day = pl.format("contacted:{}", pl.col("contacted_at").dt.date().cast(pl.String))
    return frame.select(
        pl.concat_str([*words, day], separator=" ", ignore_nulls=True).alias("contact_facts")
    ).to_series()


def facts_from_words(frame: pl.DataFrame) -> ContactFacts | None:
    """Return the facts that `frame` (customer_id, contact_facts) holds; None where they were not published."""
    import polars as pl

    words = frame["contact_facts"]
    if words.null_count():
        return None

    def has(word: str) -> Bools:
        hits: Bools = words.str.contains(rf"\b{word}\b").to_numpy()
        return hits

    agreed, refused = has("agreed"), has("refused")
    contacted = frame.select(
        "customer_id",
        contacted_at=pl.col("contact_facts")
        .str.extract(r"contacted:(\S+)")
        .str.to_datetime("%Y-%m-%d", time_unit="us"),
    ).drop_nulls()
    return ContactFacts(
        has_agreed=agreed if (agreed | refused).any() else None,
        has_objected=has("objected"),
        has_left=has("left"),
        is_waiting=has("waiting"),
        contacted=contacted,
    )


def unknown_facts(ids: pl.Series) -> ContactFacts:
    """Return facts that forbid nothing, for scores that were published without any."""
    import numpy as np
    import polars as pl

    nobody = np.zeros(ids.len(), dtype=np.bool_)
    contacted = pl.DataFrame(schema={"customer_id": pl.String, "contacted_at": pl.Datetime("us")})
    return ContactFacts(None, nobody, nobody, nobody, contacted)


def _typed(contacts: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return contacts.select(pl.col("customer_id").cast(pl.String), pl.col("contacted_at").cast(pl.Datetime("us")))


def _running(context: Context, day: date) -> pl.DataFrame:
    """Return campaign and customer_id of those, in either arm, whose outcome window has not closed on `day`.

    Where a campaign's plans have windows of several lengths the longest holds for all of its customers.
    """
    import polars as pl

    with context.open_store() as store:
        assigned = store.assignments.customers()
        names = assigned["campaign"].unique().to_list()
        plans = {name: store.plans.list(name) for name in names}
    windows: Mapping[str, int] = {name: max(plan.window_days for plan in made) for name, made in plans.items()}
    if not windows:
        return assigned.select("campaign", "customer_id")
    days = pl.col("campaign").replace_strict(windows, return_dtype=pl.Int64)
    return assigned.filter(pl.col("snapshot_date") + pl.duration(days=days) > day).select("campaign", "customer_id")
