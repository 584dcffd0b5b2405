-- Grain: one row per customer, instant, campaign and channel of a contact.
-- Purpose: contacts made by campaigns, without repeats; of several versions the one known latest counts.
-- Incremental by: customer_id

with dated as (
    select
        *,
        coalesce(known_at, contacted_at) as available_at
    from raw.contacts
),

newest_first as (
    select
        *,
        row_number() over (
            partition by customer_id, contacted_at, campaign, channel
            order by available_at desc, load_id desc, source_file desc, row_number desc
        ) as nth
    from dated
)

select
    customer_id,  -- Who was contacted.
    contacted_at as occurred_at,  -- When.
    available_at,  -- When we knew of it.
    campaign,  -- For which campaign.
    channel,  -- How.
    * exclude (
        customer_id, contacted_at, available_at, campaign, channel,
        known_at, load_id, loaded_at, source_file, row_number, nth
    )
from newest_first
where nth = 1
