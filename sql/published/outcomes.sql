-- Grain: one row per event that was told of a campaign's customer.
-- Purpose: what happened to the customers of campaigns.

select
    campaign,  -- The campaign.
    customer_id,  -- The customer. [personal]
    event_id,  -- The event's id at its source. [personal]
    kind,  -- contacted, delivered, accepted, declined, canceled, unsubscribed, lost or won.
    occurred_at,  -- When it happened, UTC.
    recorded_at,  -- When it was taken in, UTC.
    source  -- Who told it.
from store.outcomes
order by campaign, occurred_at, customer_id, event_id
