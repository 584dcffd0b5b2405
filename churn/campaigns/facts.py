"""Reads what forbids a contact, as known now: consent, objections, contacts, open tickets, and who has left.

What a campaign is worth is judged as of the snapshot date; what forbids it counts whenever it became known, for an
older date cannot undo an objection.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from churn.warehouse import Warehouse

if TYPE_CHECKING:
    import polars as pl

# The newest version with a value counts. An objection stands until a later version agrees again.
_CONSENT = """
select
    customer_id,
    max_by(marketing_consent, struct_pack(at := available_at, version := fact_version)) as has_consent,
    coalesce(
        max(available_at) filter (where objected_at is not null)
        >= max(available_at) filter (where objected_at is null and marketing_consent),
        bool_or(objected_at is not null)
    ) as has_objected
from staging.customers
group by customer_id
"""

# The newest version with an address counts.
_EMAILS = """
select customer_id, max_by(email, struct_pack(at := available_at, version := fact_version)) as email
from staging.customers
where email is not null
group by customer_id
"""

# As in the population of snapshots: a subscription that ended within the grace days may be renewed, unless a decision
# is known.
_OVER = """
with given as (
    select
        cast(? as timestamp) as now_at,
        cast(? as timestamp) as reached_at,
        cast(? as integer) as grace_days,
        cast(? as boolean) as counts_decisions
),

subscriptions as (
    select
        customer_id,
        subscription_id,
        min(occurred_at) filter (where event_type = 'started') as started_at,
        min(occurred_at) filter (where event_type = 'canceled') as canceled_at,
        min(occurred_at) filter (where event_type = 'ended') as ended_at,
        min(end_reason) filter (where event_type = 'ended') as end_reason
    from staging.subscription_events
    where superseded_at is null and occurred_at <= (select now_at from given)
    group by customer_id, subscription_id
)

select s.customer_id
from subscriptions as s
cross join given as g
where s.started_at is not null and coalesce(least(s.canceled_at, s.ended_at) >= s.started_at, true)
group by s.customer_id
having bool_and(
    (s.canceled_at is not null and g.counts_decisions)
    or (
        s.ended_at is not null
        and not (
            s.canceled_at is null
            and coalesce(s.end_reason, '') not in ('voluntary', 'payment_failure', 'pause')
            and s.ended_at + g.grace_days * interval 1 day >= g.reached_at
        )
    )
)
"""

# Of churn events the newest counts, unless the customer began anew since.
_TOLD_LEFT = """
with begun as (
    select customer_id, max(occurred_at) as started_at
    from (
        select customer_id, occurred_at
        from staging.subscription_events
        where event_type = 'started' and superseded_at is null
        union all
        select customer_id, occurred_at
        from staging.customers
        where superseded_at is null and not exists (select 1 from staging.subscription_events)
    )
    group by customer_id
)

select c.customer_id
from staging.churn_events as c
left join begun as b on c.customer_id = b.customer_id
where c.superseded_at is null and c.occurred_at <= ? and coalesce(c.reason, '') not in ('pause', 'plan_change')
group by c.customer_id
having coalesce(max(c.occurred_at) > max(b.started_at), true)
"""

_FLAT_LEFT = """
select customer_id
from staging.customer_snapshots
group by customer_id
having max_by(
    coalesce(has_churned, false),
    struct_pack(on_date := coalesce(snapshot_date, date '9000-01-01'), has_churned := coalesce(has_churned, false))
)
"""


def read_emails(warehouse: Warehouse) -> pl.DataFrame:
    """Return customer_id and the newest email of each customer who has one."""
    return warehouse.frame(_EMAILS)


def read_consent(warehouse: Warehouse) -> tuple[pl.DataFrame, bool]:
    """Return customer_id, has_consent (null where nobody said), has_objected; and whether anyone's consent is known."""
    import polars as pl

    if not warehouse.has_table("staging.customers"):
        kinds = {"customer_id": pl.String, "has_consent": pl.Boolean, "has_objected": pl.Boolean}
        return pl.DataFrame(schema=kinds), False
    frame = warehouse.frame(_CONSENT)
    return frame, frame["has_consent"].drop_nulls().len() > 0


def unreadable_consents(warehouse: Warehouse) -> dict[str, int]:
    """Return the words given for consent that no rule reads, with how many customers' rows hold each."""
    if not warehouse.has_table("raw.rejected_rows"):
        return {}
    return dict(
        warehouse.rows(
            "select regexp_extract(reason, 'marketing_consent: ''([^'']*)''', 1) as word, count(*) from raw.rejected_rows"
            " where source = 'customers' and is_kept and contains(reason, 'marketing_consent: ''') group by word order by 2 desc, 1"
        )
    )


def read_contacts(warehouse: Warehouse, day: date, *, days: int) -> pl.DataFrame:
    """Return customer_id and contacted_at, the newest contact of each from `days` before `day` on."""
    import polars as pl

    if not warehouse.has_table("staging.contacts"):
        return pl.DataFrame(schema={"customer_id": pl.String, "contacted_at": pl.Datetime("us")})
    return warehouse.frame(
        "select customer_id, max(occurred_at) as contacted_at from staging.contacts where superseded_at is null and occurred_at >= ? "
        "group by customer_id",
        [day - timedelta(days=days)],
    )


def read_waiting(warehouse: Warehouse) -> pl.Series:
    """Return the customers with a support ticket that is still open."""
    import polars as pl

    if not warehouse.has_table("staging.support_tickets"):
        return pl.Series("customer_id", [], dtype=pl.String)
    return warehouse.frame(
        "select distinct customer_id from staging.support_tickets where superseded_at is null and closed_at is null"
    )["customer_id"]


def read_left(
    warehouse: Warehouse,
    now: datetime,
    *,
    reached: datetime,
    grace_days: int,
    counts_decisions: bool,
    told_by: str = "subscriptions",
) -> pl.Series:
    """Return the customers who have left by `now`: no subscription of theirs runs, or may still be renewed.

    Where decisions count, a cancellation is a loss. Grace is counted to `reached`, where the data end: of a renewal
    after that nothing can be known. Where churn is `told_by` churn_events, they say who has left. Without subscriptions the label of a flat source says who has left.
    """
    import polars as pl

    if not warehouse.has_table("staging.subscription_events"):
        return pl.Series("customer_id", [], dtype=pl.String)
    if told_by == "churn_events":
        return warehouse.frame(_TOLD_LEFT, [now])["customer_id"]
    if not warehouse.rows("select 1 from staging.subscription_events limit 1"):
        return warehouse.frame(_FLAT_LEFT)["customer_id"]
    return warehouse.frame(_OVER, [now, min(now, reached), grace_days, counts_decisions])["customer_id"]
