-- A session lasts between zero minutes and a day.
-- Level: warn
-- Remedy: Convert the durations to minutes: columns = { duration_minutes = "seconds / 60" }.

select
    customer_id,  -- Whose session.
    occurred_at,  -- When it began.
    duration_minutes  -- How long it says it lasted.
from staging.sessions
where superseded_at is null and (duration_minutes < 0 or duration_minutes > 1440 or isnan(duration_minutes))
