-- Somebody is a customer: where subscriptions are declared, one of them runs, or ran within the last two months.
-- Level: block
-- Remedy: Look at `ended_at` and its form: all subscriptions seem to have ended.

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
