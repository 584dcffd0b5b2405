-- Grain: one row per spine row.
-- Purpose: how often someone needed help in the last 90 days, with what, and whether they still wait.
-- A closing counts from the moment it happened and was known; before it, the ticket was open.

with tickets as (
    select
        f.customer_id,
        d.snapshot_date,
        d.days_ago,
        d.decay_3d,
        d.decay_10d,
        d.decay_30d,
        coalesce(lower(f.category), '') like '%tech%' as is_technical,
        coalesce(lower(f.category), '') like '%bill%' or coalesce(lower(f.category), '') like '%pay%' as is_billing,
        coalesce(f.closed_at < d.snapshot_date, false) as is_closed,
        case when f.closed_at < d.snapshot_date then date_diff('minute', f.occurred_at, f.closed_at) end as minutes_open
    from staging.support_tickets as f
    inner join snapshots.recent_days as d
        on
            cast(f.occurred_at as date) = d.day
            and f.available_at < d.snapshot_date
            and coalesce(f.superseded_at >= d.snapshot_date, true)
),

recent as (
    select
        customer_id,
        snapshot_date,
        count(*) filter (where days_ago <= 30) as tickets_30d,
        count(*) as tickets_90d,
        sum(decay_3d) as decayed_3d,
        sum(decay_10d) as decayed_10d,
        sum(decay_30d) as decayed_30d,
        count(*) filter (where is_technical) as technical_90d,
        count(*) filter (where is_billing) as billing_90d,
        count(*) filter (where not is_closed) as open_tickets,
        count(*) filter (where not is_closed and is_technical) as open_technical,
        max(days_ago) filter (where not is_closed) as oldest_open_days,
        min(days_ago) as days_since_last,
        sum(minutes_open) / 60.0 / nullif(count(minutes_open), 0) as hours_to_close
    from tickets
    group by customer_id, snapshot_date
)

select
    s.customer_id,
    s.snapshot_date,
    coalesce(r.tickets_30d, 0) as support_tickets_30d,  -- Support tickets in 30 days. [actionable] "{} support tickets in 30 days"
    coalesce(r.tickets_90d, 0) as support_tickets_90d,  -- Support tickets in 90 days. [actionable] "{} support tickets in 90 days"
    cast(coalesce(r.decayed_3d, 0) as double) as tickets_decayed_3d,  -- Tickets, each counting half after 3 days. [actionable] "about {} tickets in recent days" "0: no tickets in recent days | <0.5: hardly any tickets in recent days | <1.5: a ticket in recent days | several tickets in recent days"
    cast(coalesce(r.decayed_10d, 0) as double) as tickets_decayed_10d,  -- Tickets, each counting half after 10 days. [actionable] "about {} tickets in recent weeks" "0: no tickets in recent weeks | <0.5: hardly any tickets in recent weeks | <1.5: a ticket in recent weeks | several tickets in recent weeks"
    cast(coalesce(r.decayed_30d, 0) as double) as tickets_decayed_30d,  -- Tickets, each counting half after 30 days. [actionable] "about {} tickets in recent months" "0: no tickets in recent months | <0.5: hardly any tickets in recent months | <1.5: a ticket in recent months | several tickets in recent months"
    coalesce(r.technical_90d, 0) as technical_tickets_90d,  -- Technical tickets in 90 days. [actionable] "{} technical tickets in 90 days"
    coalesce(r.billing_90d, 0) as billing_tickets_90d,  -- Tickets about bills or payments in 90 days. [actionable] "{} billing tickets in 90 days"
    coalesce(1.0 * r.technical_90d / r.tickets_90d, 0) as technical_ticket_share,  -- Share of technical tickets in 90 days. [actionable] "{} of tickets technical" "0: no ticket is technical | {} of tickets are technical"
    coalesce(3.0 * r.tickets_30d / r.tickets_90d, 0) as ticket_trend,  -- Tickets a day of the last month against 90 days. [actionable] "support tickets at {} times the usual pace" "0: no support ticket in the last month | support tickets are {pace} the usual pace"
    coalesce(r.open_tickets, 0) as open_tickets,  -- Tickets still open. [actionable] "{} tickets still open"
    coalesce(r.open_technical, 0) as open_technical_tickets,  -- Technical tickets still open. [actionable] "{} technical tickets still open"
    r.oldest_open_days as oldest_open_ticket_days,  -- Days that the oldest open ticket has waited. [actionable] "a ticket has waited {} days" "missing: no ticket is open | 0: a ticket came in today | a ticket has waited {} days"
    r.days_since_last as days_since_last_ticket,  -- Days since the newest ticket of 90 days. [context] "last ticket {} days ago" "missing: no ticket in 90 days | 0: wrote to support today | last ticket {} days ago"
    r.hours_to_close as average_hours_to_close  -- Mean hours from opening to closing, closed tickets of 90 days. [actionable] "tickets take {} hours to close" "missing: no ticket closed in 90 days | 0: tickets are closed at once | tickets take {} hours to close"
from snapshots.spine as s
left join recent as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
