-- Grain: one row per spine row.
-- Purpose: a usage cluster by fixed rules, so that a customer's cluster never depends on who else is in the list.

select
    u.customer_id,
    u.snapshot_date,
    case
        when u.sessions_total is null then 'never used'
        when u.sessions_30d = 0 then 'silent'
        when t.usage_ratio_14_90 < 0.5 then 'fading'
        when t.usage_ratio_14_90 > 1.6 then 'rising'
        when u.average_weekly_usage >= 7 then 'daily'
        when u.average_weekly_usage >= 3 then 'regular'
        else 'light'
    end as usage_cluster  -- Kind of use: never used, silent, fading, rising, daily, regular or light. [actionable] "use is {}"
from features.usage as u
inner join features.usage_trend as t on u.customer_id = t.customer_id and u.snapshot_date = t.snapshot_date
