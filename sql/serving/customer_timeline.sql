-- Grain: one row per fact about a customer of the newest snapshot date, in the year before it.
-- Purpose: what a person wants to see before calling: payments, tickets, changes of plan, contacts, as known at the date.

with edge as (
    select
        max(snapshot_date) as until_date,
        max(snapshot_date) - interval 1 year as from_at,
        max(snapshot_date) - interval 6 month as payments_from_at
    from snapshots.dates
),

facts as (
    select
        customer_id,
        occurred_at,
        'payment' as kind,
        coalesce(status, 'succeeded') as what,
        method as detail,
        try_cast(amount as double) as amount,
        cast(null as timestamp) as ended_at,
        available_at,
        superseded_at
    from staging.payments
    -- Payments that went well say little, and are nine facts in ten: half a year of them is enough.
    where occurred_at >= (select payments_from_at from edge) or status <> 'succeeded'
    union all
    select
        customer_id,
        occurred_at,
        'ticket' as kind,
        category as what,
        null as detail,
        null as amount,
        closed_at as ended_at,
        available_at,
        superseded_at
    from staging.support_tickets
    union all
    select
        customer_id,
        occurred_at,
        'plan' as kind,
        event_type as what,
        case when event_type = 'started' then plan else end_reason end as detail,
        try_cast(monthly_fee as double) as amount,
        null as ended_at,
        available_at,
        superseded_at
    from staging.subscription_events
    union all
    select
        customer_id,
        occurred_at,
        'contact' as kind,
        campaign as what,
        channel as detail,
        null as amount,
        null as ended_at,
        available_at,
        superseded_at
    from staging.contacts
)

select
    f.customer_id,  -- The customer.
    f.occurred_at,  -- When it happened.
    f.kind,  -- payment, ticket, plan or contact.
    cast(f.what as varchar) as what,  -- Status of a payment, category of a ticket, event of a subscription, campaign.
    cast(f.detail as varchar) as detail,  -- Means of payment, plan or reason of an end, channel.
    f.amount,  -- Of a payment, or the fee per month of a plan, in the configured currency.
    case when f.ended_at < (select until_date from edge) then f.ended_at end as ended_at  -- When a ticket was closed.
from facts as f
semi join snapshots.customer_value as v on f.customer_id = v.customer_id
where
    f.occurred_at >= (select from_at from edge)
    and f.occurred_at < (select until_date from edge)
    and f.available_at < (select until_date from edge)
    and coalesce(f.superseded_at >= (select until_date from edge), true)
order by f.customer_id asc, f.occurred_at desc
