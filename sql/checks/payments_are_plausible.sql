-- Every payment has an amount of zero or more and a status: succeeded, failed or refunded.
-- Level: warn
-- Remedy: Translate the words of the status with `codes`, and amounts with an expression in `columns`. A refund is a positive amount with the status refunded, such as amount = "abs(paid)" and status = "case when paid < 0 then 'refunded' else state end".

with filled as (
    select bool_or(amount is not null) as has_amounts, bool_or(status is not null) as has_statuses
    from staging.payments
)

select
    p.payment_id,  -- The payment.
    p.customer_id,  -- Whose.
    p.amount,  -- What it says.
    p.status  -- What it says.
from staging.payments as p
cross join filled as f
where
    p.superseded_at is null
    and (
        (p.amount is null and f.has_amounts)
        or p.amount < 0
        or isnan(p.amount)
        or isinf(p.amount)
        or (p.status is null and f.has_statuses)
        or p.status not in ('succeeded', 'failed', 'refunded')
    )
