-- Grain: one row per payment attempt (payment_id).
-- Purpose: payments as last known; of several versions the one known latest counts.
-- Incremental by: payment_id

with dated as (
    select
        *,
        coalesce(known_at, attempted_at) as available_at
    from raw.payments
),

repeated as (
    select payment_id
    from raw.payments
    group by payment_id
    having count(*) > 1
),

newest_first as (
    select
        d.*,
        row_number() over (
            partition by d.payment_id
            order by d.available_at desc, d.load_id desc, d.source_file desc, d.row_number desc
        ) as nth
    from dated as d
    semi join repeated as r on d.payment_id = r.payment_id
),

kept as (
    select * from newest_first
    where nth = 1
    union all by name
    select d.* from dated as d
    anti join repeated as r on d.payment_id = r.payment_id
)

select
    payment_id,  -- The attempt.
    customer_id,  -- Who was to pay.
    attempted_at as occurred_at,  -- When it was tried.
    available_at,  -- When we knew of it.
    amount,  -- In the configured currency.
    lower(status) as status,  -- succeeded, failed, or refunded.
    method,  -- How it was to be paid.
    * exclude (
        payment_id, customer_id, attempted_at, available_at, amount, status, method,
        known_at, load_id, loaded_at, source_file, row_number, nth
    )
from kept
