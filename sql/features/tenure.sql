-- Grain: one row per spine row.
-- Purpose: how long and how steadily someone has been a customer.

with signed_up as (
    select s.customer_id, s.snapshot_date, min(c.signed_up_at) as signed_up_at
    from snapshots.spine as s
    inner join staging.customers as c
        on
            s.customer_id = c.customer_id
            and c.occurred_at < s.snapshot_date
            and c.available_at < s.snapshot_date
            and coalesce(c.superseded_at >= s.snapshot_date, true)
    group by s.customer_id, s.snapshot_date
),

-- What ran until each subscription began: one that begins within the grace days goes on with it.
followed as (
    select
        customer_id,
        snapshot_date,
        started_at,
        max(
            struct_pack(
                stopped_at := coalesce(ended_at, canceled_at, timestamp '9000-01-01'),
                reason := coalesce(end_reason, 'voluntary')
            )
        ) over (
            partition by customer_id, snapshot_date
            order by started_at, subscription_id
            rows between unbounded preceding and 1 preceding
        ) as earlier
    from snapshots.known_subscriptions
),

returned as (
    select f.customer_id, f.snapshot_date, count(*) as earlier_ends
    from followed as f
    cross join snapshots.policy as p
    where
        f.started_at > f.earlier.stopped_at + p.grace_days * interval 1 day
        and f.earlier.reason not in ('payment_failure', 'plan_change', 'pause')
    group by f.customer_id, f.snapshot_date
),

subscribed as (
    select
        customer_id,
        snapshot_date,
        min(started_at) as first_started_at,
        max(started_at) as last_started_at,
        count(*) as subscriptions,
        count(*) filter (where ended_at is not null and end_reason = 'pause') as pauses
    from snapshots.known_subscriptions
    group by customer_id, snapshot_date
),

dated as (
    select
        s.customer_id,
        s.snapshot_date,
        b.last_started_at,
        b.subscriptions,
        b.pauses,
        if(b.subscriptions is null, null, coalesce(r.earlier_ends, 0)) as earlier_ends,
        -- least() passes over nulls.
        date_diff('day', cast(least(c.signed_up_at, b.first_started_at) as date), s.snapshot_date) as tenure_days
    from snapshots.spine as s
    left join signed_up as c on s.customer_id = c.customer_id and s.snapshot_date = c.snapshot_date
    left join subscribed as b on s.customer_id = b.customer_id and s.snapshot_date = b.snapshot_date
    left join returned as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
)

select
    customer_id,
    snapshot_date,
    round(tenure_days / 30.4375, 2) as customer_time_in_months,  -- Months since the customer joined. [context] "customer for {} months" "<0.1: a customer for a few days | <1: a customer for less than a month | customer for {months}"
    tenure_days < 91 as is_new_user,  -- Whether the customer joined less than three months ago. [context] "joined less than three months ago: {}" "0: joined more than three months ago | joined less than three months ago"
    date_diff('day', cast(last_started_at as date), snapshot_date) as days_since_subscription_start,  -- Days since the newest subscription or renewal began. [context] "{} days into the current subscription" "0: the current subscription began today | {days} into the current subscription"
    subscriptions as subscription_count,  -- Subscriptions so far, renewals and plan changes included. [context] "{} subscriptions so far"
    pauses as pause_count,  -- How often the customer paused. [actionable] "paused {} times" "0: never paused | paused {times}"
    earlier_ends as earlier_end_count  -- How often the customer left and came back; a renewal is no end. [context] "ended a subscription {} times before" "0: never ended a subscription before | ended a subscription {times} before"
from dated
