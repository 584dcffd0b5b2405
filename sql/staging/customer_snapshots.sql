-- Grain: one row per customer and snapshot date (one per customer where the source has no date).
-- Purpose: flat sources: one row of attributes per customer, perhaps with a label; the last delivery counts.
-- Incremental by: customer_id

with newest_first as (
    select
        *,
        row_number() over (
            partition by customer_id, snapshot_date
            order by load_id desc, source_file desc, row_number desc
        ) as nth
    from raw.customer_snapshots
)

select
    customer_id,  -- The customer.
    snapshot_date,  -- As of when; null if the source does not say.
    has_churned,  -- The label; null if the source has none.
    * exclude (
        customer_id, snapshot_date, has_churned, known_at, load_id, loaded_at, source_file, row_number,
        unknown_until, nth
    )
from newest_first
where nth = 1
