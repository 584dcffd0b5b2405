-- At most 1 in 20 rows of a table has a date in the future; more means that a date column is misread.
-- Level: block
-- Remedy: Say how its dates are written (`dates`, `zone`), and check with `churn refresh --dry-run`.

with shares as (
    select
        'payments' as table_name,
        count(*) as all_rows,
        count(*) filter (where attempted_at > loaded_at + interval 1 day) as future_rows
    from raw.payments
    union all
    select
        'sessions' as table_name,
        count(*) as all_rows,
        count(*) filter (where started_at > loaded_at + interval 1 day) as future_rows
    from raw.sessions
    union all
    select
        'events' as table_name,
        count(*) as all_rows,
        count(*) filter (where occurred_at > loaded_at + interval 1 day) as future_rows
    from raw.events
    union all
    select
        'subscriptions' as table_name,
        count(*) as all_rows,
        count(*) filter (where started_at > loaded_at + interval 1 day) as future_rows
    from raw.subscriptions
    union all
    select
        'customer_snapshots' as table_name,
        count(*) as all_rows,
        -- A month may be named by its last day.
        count(*) filter (where snapshot_date > loaded_at + interval 31 day) as future_rows
    from raw.customer_snapshots
)

select
    table_name,  -- Where the rows are.
    all_rows,  -- Rows in the table.
    future_rows as defect_count  -- Rows from the future.
from shares
where future_rows > 0.05 * all_rows
