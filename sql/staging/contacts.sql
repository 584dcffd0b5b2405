-- Grain: one row per customer, instant, campaign and channel of a contact, and version of it.
-- Purpose: contacts made by campaigns, with from when to when each version was the newest known; as in staging.payments.
-- Incremental by: customer_id
-- Kept as: view

with repeated as (
    select customer_id, contacted_at, campaign, channel, min(load_id) as first_load_id
    from raw.contacts
    group by customer_id, contacted_at, campaign, channel
    having count(*) > 1
),

-- Rows of one load that are known at the same time cannot be told apart: the last one counts.
told as (
    select
        c.*,
        r.first_load_id,
        hash(*columns(c.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.contacts as c
    inner join repeated as r
        on
            c.customer_id = r.customer_id
            and c.contacted_at = r.contacted_at
            and c.campaign is not distinct from r.campaign
            and c.channel is not distinct from r.channel
    qualify
        row_number() over (
            partition by c.customer_id, c.contacted_at, c.campaign, c.channel, c.known_at, c.load_id
            order by c.source_file desc, c.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            else coalesce(known_at, greatest(contacted_at, unknown_until))
        end as available_at
    from told
    window same_time as (partition by customer_id, contacted_at, campaign, channel, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by customer_id, contacted_at, campaign, channel
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(greatest(available_at, contacted_at)) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by customer_id, contacted_at, campaign, channel
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        c.*,
        coalesce(c.known_at, greatest(c.contacted_at, c.unknown_until)) as available_at,
        1 as fact_version
    from raw.contacts as c
    anti join repeated as r
        on
            c.customer_id = r.customer_id
            and c.contacted_at = r.contacted_at
            and c.campaign is not distinct from r.campaign
            and c.channel is not distinct from r.channel
)

select
    customer_id,  -- Who was contacted.
    contacted_at as occurred_at,  -- When.
    available_at,  -- When we knew of this version.
    superseded_at,  -- From when the next version counts in its place; null while this is the newest.
    fact_version,  -- 1 for what was known first.
    campaign,  -- For which campaign.
    channel,  -- How.
    * exclude (
        customer_id, contacted_at, available_at, superseded_at, fact_version, campaign, channel,
        known_at, load_id, loaded_at, source_file, row_number, unknown_until
    )
from kept
