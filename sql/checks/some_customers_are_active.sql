-- There are current customers: where subscriptions are declared, at least one runs, or ran within the last two months.
-- Level: block
-- Remedy: Check how `ended_at` is read: all subscriptions seem to have ended.

with declared as (
    select
        count(*) as subscriptions,
        count(*) filter (
            where
            s.started_at <= c.now_at
            and (s.ended_at is null or s.ended_at > c.now_at - interval 60 day)
        ) as running
    from raw.subscriptions as s
    cross join checks.clock as c
)

select
    subscriptions,  -- Rows in raw.subscriptions.
    running  -- Those that run.
from declared
where subscriptions > 0 and running = 0
