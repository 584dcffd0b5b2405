-- Grain: one row per spine row.
-- Purpose: every column of a flat snapshot source, as delivered; each becomes a feature.

select
    s.customer_id,
    s.snapshot_date,
    a.* exclude (customer_id, snapshot_date, has_churned)
from snapshots.spine as s
left join staging.customer_snapshots as a
    on s.customer_id = a.customer_id and coalesce(a.snapshot_date, s.snapshot_date) = s.snapshot_date
