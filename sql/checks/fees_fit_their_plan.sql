-- Every subscription has a plan and a fee; the fee is half to twice what is usual for the plan, or a multiple of it.
-- Level: warn
-- Remedy: Correct the fee in the source, or give what is priced by seat or by use its own plan.

with usual as (
    select
        plan,
        median(monthly_fee) as usual_fee,
        mode(monthly_fee) as unit_fee
    from raw.subscriptions
    group by plan
),

-- Seats multiply a plan's fee, which makes none of them odd.
compared as (
    select
        s.subscription_id,
        s.plan,
        s.monthly_fee,
        u.usual_fee,
        (s.monthly_fee < 0.5 * u.usual_fee or s.monthly_fee > 2 * u.usual_fee)
        and not coalesce(
            u.unit_fee > 0
            and s.monthly_fee >= u.unit_fee
            and abs(s.monthly_fee / u.unit_fee - round(s.monthly_fee / u.unit_fee)) < 0.001,
            false
        ) as is_odd
    from raw.subscriptions as s
    left join usual as u on s.plan = u.plan
),

-- A plan of which many fees are odd is priced by something else.
priced as (
    select plan, count(*) filter (where is_odd) <= 0.2 * count(*) as has_usual_fee
    from compared
    group by plan
)

select
    c.subscription_id,  -- The subscription.
    c.plan,  -- What it says.
    c.monthly_fee,  -- What it says.
    c.usual_fee  -- What the plan usually costs.
from compared as c
left join priced as p on c.plan = p.plan
where
    -- A column that no row fills is not delivered, and no row is at fault for it.
    (c.plan is null and (select count(o.plan) from raw.subscriptions as o) > 0)
    or (c.monthly_fee is null and (select count(o.monthly_fee) from raw.subscriptions as o) > 0)
    or (c.is_odd and p.has_usual_fee)
