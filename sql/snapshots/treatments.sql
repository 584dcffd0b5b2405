-- Grain: one row per spine row that was contacted by a campaign between the snapshot date and the end of its window.
-- Purpose: a customer who was contacted before the window opened shows what contact did, so training must know of it. Those
-- contacted within it stay in: only who is still there is contacted, so that without them too many would seem to leave.

select
    s.customer_id,  -- The customer.
    s.snapshot_date,  -- The date of the snapshot.
    -- Contacted before the window opened, or on the day itself.
    min(c.occurred_at) < any_value(greatest(d.label_start_at, d.snapshot_date + interval 1 day)) as is_treated
from snapshots.spine as s
inner join snapshots.dates as d on s.snapshot_date = d.snapshot_date
inner join staging.contacts as c
    on s.customer_id = c.customer_id and c.occurred_at >= d.snapshot_date and c.occurred_at < d.label_end_at
where c.campaign is not null and c.superseded_at is null
group by s.customer_id, s.snapshot_date
