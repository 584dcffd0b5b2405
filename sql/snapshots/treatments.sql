-- Grain: one row per spine row that was contacted by a campaign between the snapshot date and the end of its window.
-- Purpose: such a customer's label shows what contact did, so training must know of it.

select distinct
    s.customer_id,  -- The customer.
    s.snapshot_date  -- The date of the snapshot.
from snapshots.spine as s
inner join snapshots.dates as d on s.snapshot_date = d.snapshot_date
inner join staging.contacts as c
    on s.customer_id = c.customer_id and c.occurred_at >= d.snapshot_date and c.occurred_at < d.label_end_at
where c.campaign is not null and c.superseded_at is null
