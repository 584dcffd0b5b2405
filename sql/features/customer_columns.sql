-- Grain: one row per spine row.
-- Purpose: columns of customers that only the company's own source has, by the version known at the date; each becomes
-- a feature. What they held before anybody said so is not known, unless the source declares that they never change.

select
    s.customer_id,
    s.snapshot_date,
    v.* exclude (customer_id, known_from, known_until),
    c.* exclude (customer_id, known_from, known_until)
from snapshots.spine as s
left join snapshots.customer_columns as v
    on
        s.customer_id = v.customer_id
        and v.known_from < s.snapshot_date
        and coalesce(v.known_until >= s.snapshot_date, true)
left join snapshots.customer_columns_static as c
    on
        s.customer_id = c.customer_id
        and c.known_from < s.snapshot_date
        and coalesce(c.known_until >= s.snapshot_date, true)
