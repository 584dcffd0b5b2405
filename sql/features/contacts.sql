-- Grain: one row per spine row.
-- Purpose: how often and how lately we wrote to or called someone.

with recent as (
    select
        f.customer_id,
        d.snapshot_date,
        count(*) filter (where d.days_ago <= 30) as contacts_30d,
        count(*) as contacts_90d,
        count(f.campaign) as campaign_contacts_90d,
        count(distinct f.channel) as channels_90d,
        min(d.days_ago) as days_since_last
    from staging.contacts as f
    inner join snapshots.recent_days as d
        on
            cast(f.occurred_at as date) = d.day
            and f.available_at < d.snapshot_date
            and coalesce(f.superseded_at >= d.snapshot_date, true)
    group by f.customer_id, d.snapshot_date
),

total as (
    select s.customer_id, s.snapshot_date, count(*) as contacts
    from snapshots.spine as s
    inner join staging.contacts as f
        on
            s.customer_id = f.customer_id
            and f.occurred_at < s.snapshot_date
            and f.available_at < s.snapshot_date
            and coalesce(f.superseded_at >= s.snapshot_date, true)
    group by s.customer_id, s.snapshot_date
)

select
    s.customer_id,
    s.snapshot_date,
    coalesce(r.contacts_30d, 0) as contacts_30d,  -- Contacts by us in 30 days. [actionable] "contacted {} times in 30 days" "0: not contacted in 30 days | contacted {times} in 30 days"
    coalesce(r.contacts_90d, 0) as contacts_90d,  -- Contacts by us in 90 days. [actionable] "contacted {} times in 90 days" "0: not contacted in 90 days | contacted {times} in 90 days"
    coalesce(t.contacts, 0) as contacts_total,  -- Contacts by us so far. [context] "contacted {} times so far" "0: never contacted so far | contacted {times} so far"
    coalesce(r.campaign_contacts_90d, 0) as campaign_contacts_90d,  -- Campaign contacts in 90 days. [actionable] "in campaigns {} times in 90 days" "0: in no campaign in 90 days | in campaigns {times} in 90 days"
    coalesce(r.channels_90d, 0) as contact_channels_90d,  -- Channels used in 90 days. [context] "reached over {} channels" "0: reached over no channel | reached over {} channels"
    r.days_since_last as days_since_last_contact  -- Days since our newest contact of 90 days. [actionable] "last contacted {} days ago" "missing: not contacted in 90 days | 0: contacted today | last contacted {} days ago"
from snapshots.spine as s
left join recent as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
left join total as t on s.customer_id = t.customer_id and s.snapshot_date = t.snapshot_date
