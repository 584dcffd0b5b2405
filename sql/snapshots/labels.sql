-- Grain: one row per spine row.
-- Purpose: what became of the customer in the label window, by the chosen definition, with everything known now.
-- Null where it cannot be said: the window has not closed, the customer was lost before it opened, or all that was
-- known of them at the date was taken back since.

with fates as (
    select s.customer_id, s.snapshot_date, f.lost_at, f.churn_kind
    from snapshots.spine as s
    inner join snapshots.spans as f
        on s.customer_id = f.customer_id and f.span_started_at < s.snapshot_date
    qualify row_number() over (partition by s.customer_id, s.snapshot_date order by f.span_number desc) = 1
),

lively as (
    select distinct a.customer_id, d.snapshot_date
    from snapshots.activity as a
    inner join snapshots.dates as d
        on a.occurred_date >= d.label_start_at and a.occurred_date < d.label_end_at and a.superseded_date is null
),

flat as (
    select c.customer_id, d.snapshot_date, bool_or(c.has_churned) as has_churned
    from staging.customer_snapshots as c
    inner join snapshots.dates as d
        on coalesce(c.snapshot_date, d.snapshot_date) = d.snapshot_date
    group by c.customer_id, d.snapshot_date
),

judged as (
    select
        s.customer_id,
        s.snapshot_date,
        d.label_start_at,
        p.definition,
        case
            when p.definition = 'inactivity' then case when l.customer_id is null then d.label_start_at end
            when f.customer_id is not null then f.lost_at
            when a.has_churned then d.label_start_at
        end as lost_at,
        case when p.definition <> 'inactivity' and f.customer_id is not null then f.churn_kind else 'voluntary' end
            as churn_kind,
        case
            when p.definition <> 'inactivity' and f.customer_id is null and a.customer_id is not null
                then a.has_churned is not null
            else d.matures_at <= p.told_until_at
        end as is_mature,
        -- What was known at the date may have been taken back since: another owner after a merger, a later start.
        p.definition = 'inactivity' or f.customer_id is not null or a.customer_id is not null as is_told,
        d.label_end_at
    from snapshots.spine as s
    inner join snapshots.dates as d on s.snapshot_date = d.snapshot_date
    cross join snapshots.policy as p
    left join fates as f on s.customer_id = f.customer_id and s.snapshot_date = f.snapshot_date
    left join lively as l on s.customer_id = l.customer_id and s.snapshot_date = l.snapshot_date
    left join flat as a on s.customer_id = a.customer_id and s.snapshot_date = a.snapshot_date
)

select
    customer_id,  -- The customer.
    snapshot_date,  -- The date of the snapshot.
    case
        when is_mature and is_told and not coalesce(lost_at < label_start_at, false)
            then coalesce(lost_at < label_end_at and definition in ('any', 'inactivity', churn_kind), false)
    end as has_churned,  -- The label; null while immature, for those lost before the window opened, and where nothing is known now.
    case when is_mature and lost_at < label_end_at then lost_at end as churned_at,  -- When the customer was lost.
    case when is_mature and lost_at < label_end_at then churn_kind end as churn_kind,  -- voluntary or involuntary.
    is_mature,  -- Whether the window, and the grace days after it, have closed.
    coalesce(lost_at < label_start_at, false) as is_churned_in_lead  -- Lost before the window opened: excluded.
from judged
