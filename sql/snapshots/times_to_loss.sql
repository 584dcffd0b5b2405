-- Grain: one row per spine row whose customer was in sight when the label window opened; none where silence is the churn.
-- Purpose: how long after that instant the customer was lost, or was seen to stay, by the rule of labels, with everything
-- known now. A loss is final only once its grace days have passed, so sight ends that long before the source's end.
-- An outcome like labels: never join it to a feature.

with fates as (
    select s.customer_id, s.snapshot_date, f.lost_at, f.stopped_at, f.churn_kind
    from snapshots.spine as s
    inner join snapshots.spans as f
        on s.customer_id = f.customer_id and f.span_started_at < s.snapshot_date
    qualify row_number() over (partition by s.customer_id, s.snapshot_date order by f.span_number desc) = 1
),

followed as (
    select
        f.customer_id,
        f.snapshot_date,
        f.churn_kind,
        d.label_start_at,
        p.told_until_at - p.grace_days * interval 1 day as seen_until,
        f.lost_at,
        -- A pause is no loss, but whoever pauses for good is out of sight from then on.
        least(coalesce(f.lost_at, f.stopped_at), p.told_until_at - p.grace_days * interval 1 day) as left_at
    from fates as f
    inner join snapshots.dates as d on f.snapshot_date = d.snapshot_date
    cross join snapshots.policy as p
    where p.definition <> 'inactivity'
)

select
    customer_id,  -- The customer.
    snapshot_date,  -- The date of the snapshot.
    -- Days from the first instant of the label window to the loss, or to the end of sight.
    epoch(left_at - label_start_at) / 86400.0 as days,
    coalesce(lost_at < seen_until, false) as is_lost,  -- Whether the days end with a loss.
    case when lost_at < seen_until then churn_kind end as churn_kind  -- voluntary or involuntary; null while in sight.
from followed
where left_at > label_start_at or (left_at = label_start_at and lost_at < seen_until)
