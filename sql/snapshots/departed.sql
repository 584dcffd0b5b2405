-- Grain: one row per customer and snapshot date.
-- Purpose: those of a flat source who have left already by its own label: they teach a model, and nobody is to contact
-- them. On dates before the source's newest nobody knew of it yet, so those rows are not in it.

select distinct
    c.customer_id,  -- The customer.
    d.snapshot_date  -- The date of the snapshot.
from staging.customer_snapshots as c
inner join snapshots.dates as d on coalesce(c.snapshot_date, d.snapshot_date) = d.snapshot_date
cross join snapshots.policy as p
where
    c.has_churned
    and p.definition <> 'inactivity'
    and not exists (select 1 from staging.subscription_events)
    and (
        c.snapshot_date is null
        or c.snapshot_date = (select max(newest.snapshot_date) from staging.customer_snapshots as newest)
    )
