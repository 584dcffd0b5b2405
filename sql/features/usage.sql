-- Grain: one row per spine row.
-- Purpose: recency and frequency of use.

with joined as (
    select
        s.customer_id,
        s.snapshot_date,
        t.sessions,
        t.days_since_last,
        -- Someone who began ten days ago has been seen for ten days, not for ninety.
        least(90, t.days_since_first) as observed_days,
        coalesce(r.sessions_7d, 0) as sessions_7d,
        coalesce(r.sessions_14d, 0) as sessions_14d,
        coalesce(r.sessions_30d, 0) as sessions_30d,
        coalesce(r.sessions_90d, 0) as sessions_90d,
        coalesce(r.minutes_7d, 0) as minutes_7d,
        coalesce(r.minutes_30d, 0) as minutes_30d,
        coalesce(r.minutes_90d, 0) as minutes_90d,
        coalesce(r.sessions_decayed_3d, 0) as decayed_3d,
        coalesce(r.sessions_decayed_10d, 0) as decayed_10d,
        coalesce(r.sessions_decayed_30d, 0) as decayed_30d,
        coalesce(r.day_bits, 0) as day_bits
    from snapshots.spine as s
    left join snapshots.session_totals as t on s.customer_id = t.customer_id and s.snapshot_date = t.snapshot_date
    left join snapshots.session_sums as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
)

select
    customer_id,
    snapshot_date,
    days_since_last as days_since_last_login,  -- Days since the last login. [actionable] "no login for {} days" "missing: no login so far | 0: logged in today | no login for {} days"
    sessions_7d,  -- Sessions in the last 7 days. [actionable] "{} sessions in 7 days"
    sessions_14d,  -- Sessions in the last 14 days. [actionable] "{} sessions in 14 days"
    sessions_30d,  -- Sessions in the last 30 days. [actionable] "{} sessions in 30 days"
    sessions_90d,  -- Sessions in the last 90 days. [actionable] "{} sessions in 90 days"
    cast(decayed_3d as double) as logins_decayed_3d,  -- Logins, each counting half after 3 days. [actionable] "about {} logins in recent days"
    cast(decayed_10d as double) as logins_decayed_10d,  -- Logins, each counting half after 10 days. [actionable] "about {} logins in recent weeks"
    cast(decayed_30d as double) as logins_decayed_30d,  -- Logins, each counting half after 30 days. [actionable] "about {} logins in recent months"
    sessions as sessions_total,  -- Sessions so far. [context] "{} sessions in all" "missing: no session so far | {} sessions in all"
    cast(minutes_7d as double) as minutes_7d,  -- Minutes of use in the last 7 days. [actionable] "{} minutes in 7 days"
    cast(minutes_30d as double) as minutes_30d,  -- Minutes of use in the last 30 days. [actionable] "{} minutes in 30 days"
    cast(minutes_90d as double) as minutes_90d,  -- Minutes of use in the last 90 days. [actionable] "{} minutes in 90 days"
    cast(minutes_90d as double) / nullif(sessions_90d, 0) as average_session_minutes,  -- Minutes per session, 90 days. [actionable] "{} minutes per session" "missing: no session in 90 days | 0: no time spent in sessions | {} minutes per session"
    bit_count(day_bits & 127) as active_days_7d,  -- Days with a session among the last 7. [actionable] "active on {} of 7 days" "0: not active in the last 7 days | active on {} of the last 7 days"
    bit_count(day_bits & 1073741823) as active_days_30d,  -- Days with a session among the last 30. [actionable] "active on {} of 30 days" "0: not active in the last 30 days | active on {} of the last 30 days"
    bit_count(day_bits) as active_days_60d,  -- Days with a session among the last 60. [actionable] "active on {} of 60 days" "0: not active in the last 60 days | active on {} of the last 60 days"
    7.0 * sessions_90d / observed_days as average_weekly_usage,  -- Sessions a week over 90 days, or since the first one. [actionable] "{} sessions a week" "0: no session in a usual week | {} sessions a week"
    -- The divisor is at least one session in 90 days, so that full silence stays a number, and the largest one.
    days_since_last / greatest(7.0 * sessions_90d / observed_days, 7.0 / 90) as inactivity_risk,  -- Days since the last login over weekly usage. [actionable] "{} days of silence for each weekly login" "missing: no habit of use yet | <3: silent for no longer than usual | <14: silent for longer than usual | silent for far longer than usual"
    1.0 * days_since_last * sessions_90d / observed_days as silence_against_habit  -- Sessions one would have expected since the last login. [actionable] "{} sessions fewer than usual since the last login" "missing: no use yet to compare with | <0.5: no session missed since the last login | {round} sessions missed since the last login, by the usual pace"
from joined
