-- Payments are about as large as fees; where they are a hundred times larger or smaller, one of the two is in cents.
-- Level: warn
-- Remedy: Convert one of them to the other's unit: `amount = "amount / 100"` or `monthly_fee = "monthly_fee / 100"` below the source's columns.

with fees as (
    select customer_id, max(monthly_fee) as monthly_fee
    from raw.subscriptions
    where monthly_fee > 0
    group by customer_id
),

compared as (
    select
        median(p.amount / f.monthly_fee) as usual_ratio,
        median(p.amount) as usual_amount,
        median(f.monthly_fee) as usual_fee,
        count(*) as defect_count
    from raw.payments as p
    inner join fees as f on p.customer_id = f.customer_id
    where p.amount > 0
)

select
    usual_amount,  -- What half of the payments are below.
    usual_fee,  -- What half of the monthly fees of those who paid are below.
    defect_count  -- Payments compared.
from compared
where defect_count >= 50 and (usual_ratio >= 50 or usual_ratio <= 0.02)
