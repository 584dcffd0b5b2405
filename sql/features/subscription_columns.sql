-- Grain: one row per spine row.
-- Purpose: columns of subscriptions that only the company's own source has, of the newest running subscription, by the
-- version known at the date; each becomes a feature, as in features.customer_columns.

with newest as (
    select
        customer_id,
        snapshot_date,
        max_by(
            subscription_id, struct_pack(runs := ended_at is null, at := started_at, id := subscription_id)
        ) as subscription_id
    from snapshots.known_subscriptions
    where ended_at is null or is_in_grace
    group by customer_id, snapshot_date
)

select
    s.customer_id,
    s.snapshot_date,
    v.* exclude (customer_id, subscription_id, known_from, known_until),
    c.* exclude (customer_id, subscription_id, known_from, known_until)
from snapshots.spine as s
left join newest as n on s.customer_id = n.customer_id and s.snapshot_date = n.snapshot_date
left join snapshots.subscription_columns as v
    on
        n.subscription_id = v.subscription_id
        and n.customer_id = v.customer_id
        and v.known_from < s.snapshot_date
        and coalesce(v.known_until >= s.snapshot_date, true)
left join snapshots.subscription_columns_static as c
    on
        n.subscription_id = c.subscription_id
        and n.customer_id = c.customer_id
        and c.known_from < s.snapshot_date
        and coalesce(c.known_until >= s.snapshot_date, true)
