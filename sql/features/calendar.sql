-- Grain: one row per spine row.
-- Purpose: at which hours and on which weekdays someone uses the service, over 90 days. An hour is an angle: the mean of
-- sines and cosines keeps 23:00 and 01:00 close, and its length tells how fixed the habit is (1 always the same hour).

with joined as (
    select
        s.customer_id,
        s.snapshot_date,
        r.sessions_90d,
        r.weekend_sessions,
        r.night_sessions,
        cast(r.hour_sine_sum as double) / r.sessions_90d as hour_sine,
        cast(r.hour_cosine_sum as double) / r.sessions_90d as hour_cosine,
        cast(r.weekday_sine_sum as double) / r.sessions_90d as weekday_sine,
        cast(r.weekday_cosine_sum as double) / r.sessions_90d as weekday_cosine
    from snapshots.spine as s
    left join snapshots.session_sums as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
)

select
    customer_id,
    snapshot_date,
    hour_sine as usage_hour_sine,  -- Mean hour of use as an angle, sine: 1 at 06:00, -1 at 18:00. [context] "usual hour of use (sine {})" "missing: no usual hour of use yet | the usual hour of use"
    hour_cosine as usage_hour_cosine,  -- Mean hour of use as an angle, cosine: 1 at midnight. [context] "usual hour of use (cosine {})" "missing: no usual hour of use yet | the usual hour of use"
    sqrt(hour_sine * hour_sine + hour_cosine * hour_cosine) as usage_hour_focus,  -- How fixed the hour of use is, 0 to 1. [context] "fixed hour of use ({} of 1)" "missing: no usual hour of use yet | <0.34: no fixed hour of use | <0.67: often at the same hours | almost always at the same hour"
    weekday_sine as usage_weekday_sine,  -- Mean weekday of use as an angle, sine. [context] "usual weekday of use (sine {})" "missing: no usual weekday of use yet | the usual weekday of use"
    weekday_cosine as usage_weekday_cosine,  -- Mean weekday of use as an angle, cosine. [context] "usual weekday of use (cosine {})" "missing: no usual weekday of use yet | the usual weekday of use"
    sqrt(weekday_sine * weekday_sine + weekday_cosine * weekday_cosine) as usage_weekday_focus,  -- How fixed the weekday of use is, 0 to 1. [context] "fixed weekday of use ({} of 1)" "missing: no usual weekday of use yet | <0.34: no fixed weekday of use | <0.67: often on the same weekdays | almost always on the same weekday"
    1.0 * weekend_sessions / sessions_90d as weekend_share,  -- Share of sessions on Saturdays and Sundays. [context] "{} of use on weekends" "missing: no use in 90 days | 0: no use on weekends | {} of use on weekends"
    1.0 * night_sessions / sessions_90d as night_share  -- Share of sessions between midnight and six. [context] "{} of use at night" "missing: no use in 90 days | 0: no use at night | {} of use at night"
from joined
