-- Grain: one row per payment attempt and version of it (payment_id, fact_version).
-- Purpose: payments, with from when to when each version was the newest known. A payment told once passes straight
-- through; a row that repeats what was known is no version, and what a later load says otherwise is known from that load.
-- Without known_at it is known when it happened, though not before an earlier load that would have told of it.
-- Incremental by: payment_id
-- Kept as: view

with repeated as (
    select payment_id, min(load_id) as first_load_id
    from raw.payments
    group by payment_id
    having count(*) > 1
),

-- Rows of one load that are known at the same time cannot be told apart: the last one counts.
told as (
    select
        p.*,
        r.first_load_id,
        hash(*columns(p.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.payments as p
    inner join repeated as r on p.payment_id = r.payment_id
    qualify
        row_number() over (
            partition by p.payment_id, p.known_at, p.load_id
            order by p.attempted_at desc, p.source_file desc, p.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            else coalesce(known_at, greatest(attempted_at, unknown_until))
        end as available_at
    from told
    window same_time as (partition by payment_id, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by payment_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(greatest(available_at, attempted_at)) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by payment_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        p.*,
        coalesce(p.known_at, greatest(p.attempted_at, p.unknown_until)) as available_at,
        1 as fact_version
    from raw.payments as p
    anti join repeated as r on p.payment_id = r.payment_id
)

select
    payment_id,  -- The attempt.
    customer_id,  -- Who was to pay.
    attempted_at as occurred_at,  -- When it was tried.
    available_at,  -- When we knew of this version.
    superseded_at,  -- From when the next version counts in its place; null while this is the newest.
    fact_version,  -- 1 for what was known first.
    amount,  -- In the configured currency.
    lower(status) as status,  -- succeeded, failed, or refunded.
    method,  -- How it was to be paid.
    * exclude (
        payment_id, customer_id, attempted_at, available_at, superseded_at, fact_version, amount, status, method,
        known_at, load_id, loaded_at, source_file, row_number, unknown_until
    )
from kept
