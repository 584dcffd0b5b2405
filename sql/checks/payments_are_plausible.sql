-- Every payment has an amount of zero or more and a status: succeeded, failed or refunded.
-- Level: warn
-- Remedy: Translate the words of the status with `codes`, and amounts with an expression in `columns`. A refund is a positive amount with the status refunded, such as amount = "abs(paid)" and status = "case when paid < 0 then 'refunded' else state end".

select
    payment_id,  -- The payment.
    customer_id,  -- Whose.
    amount,  -- What it says.
    status  -- What it says.
from staging.payments
where
    superseded_at is null
    and (
        amount is null
        or amount < 0
        or isnan(amount)
        or isinf(amount)
        or status is null
        or status not in ('succeeded', 'failed', 'refunded')
    )
