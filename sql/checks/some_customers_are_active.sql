-- Somebody is a customer today: where subscriptions are declared, at least one of them runs.
-- Level: block

with declared as (
    select count(*) as subscriptions from raw.subscriptions
),

running as (
    select count(*) as running
    from raw.subscriptions
    where
        started_at <= (select now_at from checks.clock)
        and (ended_at is null or ended_at > (select max(started_at) from raw.subscriptions) - interval 60 day)
)

select
    d.subscriptions,  -- Rows in raw.subscriptions.
    r.running  -- Those that run.
from declared as d
cross join running as r
where d.subscriptions > 0 and r.running = 0
