-- Grain: one row per spine row.
-- Purpose: whether use rises or falls: rates of a short window over those of a longer one (1 is steady, 0 is silent).

with joined as (
    select
        s.customer_id,
        s.snapshot_date,
        t.sessions,
        t.days_since_first,
        least(90, t.days_since_first) as observed_days,
        least(30, t.days_since_first) as observed_month,
        least(14, t.days_since_first) as observed_fortnight,
        least(7, t.days_since_first) as observed_week,
        coalesce(r.sessions_7d, 0) as sessions_7d,
        coalesce(r.sessions_14d, 0) as sessions_14d,
        coalesce(r.sessions_30d, 0) as sessions_30d,
        coalesce(r.sessions_90d, 0) as sessions_90d,
        cast(coalesce(r.minutes_7d, 0) as double) as minutes_7d,
        cast(coalesce(r.minutes_30d, 0) as double) as minutes_30d,
        cast(coalesce(r.minutes_90d, 0) as double) as minutes_90d,
        coalesce(r.days_ago_sum, 0) as days_ago_sum,
        coalesce(r.day_bits, 0) as day_bits
    from snapshots.spine as s
    left join snapshots.session_totals as t on s.customer_id = t.customer_id and s.snapshot_date = t.snapshot_date
    left join snapshots.session_sums as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
)

select
    customer_id,
    snapshot_date,
    coalesce((1.0 * sessions_7d / observed_week) / nullif(1.0 * sessions_30d / observed_month, 0), 0) as usage_ratio_7_30,  -- Daily sessions of the last week against the last month. [actionable] "last week's use was {} times the month's pace" "0: no use in the last week | last week's use was {pace} the month's pace"
    coalesce((1.0 * sessions_7d / observed_week) / nullif(1.0 * sessions_90d / observed_days, 0), 0) as usage_ratio_7_90,  -- Daily sessions of the last week against 90 days. [actionable] "weekly use is {} times the usual pace" "0: a week without use | last week's use was {pace} the usual pace"
    coalesce((1.0 * sessions_14d / observed_fortnight) / nullif(1.0 * sessions_90d / observed_days, 0), 0) as usage_ratio_14_90,  -- Daily sessions of two weeks against 90 days. [actionable] "use over two weeks is {} times the usual pace" "0: no use in the last two weeks | use over two weeks is {pace} the usual pace"
    coalesce((1.0 * sessions_30d / observed_month) / nullif(1.0 * sessions_90d / observed_days, 0), 0) as usage_ratio_30_90,  -- Daily sessions of the last month against 90 days. [actionable] "monthly use is {} times the usual pace" "0: no use in the last month | last month's use was {pace} the usual pace"
    coalesce((1.0 * sessions_30d / observed_month) / nullif(1.0 * sessions / days_since_first, 0), 0) as usage_ratio_30_all,  -- Daily sessions of the last month against all time. [actionable] "monthly use is {} times its level over all time" "0: a month without use | last month's use was {pace} its level over all time"
    coalesce((minutes_7d / observed_week) / nullif(minutes_30d / observed_month, 0), 0) as minutes_ratio_7_30,  -- Daily minutes of the last week against the last month. [actionable] "last week's time spent was {} times the month's pace" "0: no time spent in the last week | last week's time spent was {pace} the month's pace"
    coalesce((minutes_30d / observed_month) / nullif(minutes_90d / observed_days, 0), 0) as minutes_ratio_30_90,  -- Daily minutes of the last month against 90 days. [actionable] "time spent is {} times the usual" "0: no time spent in the last month | time spent is {pace} the usual"
    -- Least squares over the 90 days with their zeros: the sum of squares of 1..90 about their mean is 60,742.5.
    30 * (45.5 * sessions_90d - days_ago_sum) / 60742.5 as usage_slope,  -- Change of daily sessions per month, fitted over 90 days. [actionable] "daily sessions change by {} a month" "<0: uses it less from month to month | 0: uses it as much as in earlier months | uses it more from month to month"
    bit_count(day_bits & 1073741823) - bit_count((day_bits >> 30) & 1073741823) as active_days_change  -- Active days of the last 30 less those of the 30 before. [actionable] "{} active days more than the month before" "<0: {abs} active days fewer than in the month before | 0: as many active days as in the month before | {} active days more than in the month before"
from joined
