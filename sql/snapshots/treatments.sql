-- Grain: one row per spine row that was contacted by a campaign between the snapshot date and the opening of its window.
-- Purpose: such a customer's label shows what contact did, so training must know of it. Of later contacts it must not: only
-- who is still there is contacted, so that without them too many would seem to leave.

select distinct
    s.customer_id,  -- The customer.
    s.snapshot_date  -- The date of the snapshot.
from snapshots.spine as s
inner join snapshots.dates as d on s.snapshot_date = d.snapshot_date
inner join staging.contacts as c
    on
        s.customer_id = c.customer_id
        and c.occurred_at >= d.snapshot_date
        and c.occurred_at < greatest(d.label_start_at, d.snapshot_date + interval 1 day)
where c.campaign is not null and c.superseded_at is null
