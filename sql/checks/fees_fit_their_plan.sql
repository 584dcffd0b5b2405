-- A subscription has a plan, and a fee of between half and twice the usual fee of that plan.
-- Level: warn

with usual as (
    select plan, median(monthly_fee) as usual_fee
    from raw.subscriptions
    group by plan
)

select
    s.subscription_id,  -- The subscription.
    s.plan,  -- What it says.
    s.monthly_fee,  -- What it says.
    u.usual_fee  -- What the plan usually costs.
from raw.subscriptions as s
left join usual as u on s.plan = u.plan
where
    s.plan is null
    or s.monthly_fee is null
    or s.monthly_fee < 0.5 * u.usual_fee
    or s.monthly_fee > 2 * u.usual_fee
