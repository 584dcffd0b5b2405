-- Grain: one row per customer, instant of their churn, and version of it.
-- Purpose: who left when, as the company itself says, with from when to when each version was the newest known; as in
-- staging.payments.
-- Incremental by: customer_id

with repeated as (
    select customer_id, churned_at, min(load_id) as first_load_id
    from raw.churn_events
    group by customer_id, churned_at
    having count(*) > 1
),

-- Rows of one load that are known at the same time cannot be told apart: the last one counts.
told as (
    select
        c.*,
        r.first_load_id,
        hash(*columns(c.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.churn_events as c
    inner join repeated as r on c.customer_id = r.customer_id and c.churned_at = r.churned_at
    qualify
        row_number() over (
            partition by c.customer_id, c.churned_at, c.known_at, c.load_id
            order by c.source_file desc, c.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            else coalesce(known_at, greatest(churned_at, unknown_until))
        end as available_at
    from told
    window same_time as (partition by customer_id, churned_at, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by customer_id, churned_at
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(greatest(available_at, churned_at)) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by customer_id, churned_at
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        c.*,
        coalesce(c.known_at, greatest(c.churned_at, c.unknown_until)) as available_at,
        1 as fact_version
    from raw.churn_events as c
    anti join repeated as r on c.customer_id = r.customer_id and c.churned_at = r.churned_at
)

select
    customer_id,  -- Who left.
    churned_at as occurred_at,  -- When.
    available_at,  -- When we knew of this version.
    superseded_at,  -- From when the next version counts in its place; null while this is the newest.
    fact_version,  -- 1 for what was known first.
    lower(reason) as reason,  -- Why; payment_failure is involuntary, pause and plan_change are no loss.
    * exclude (
        customer_id, churned_at, available_at, superseded_at, fact_version, reason,
        known_at, load_id, loaded_at, source_file, row_number, unknown_until
    )
from kept
