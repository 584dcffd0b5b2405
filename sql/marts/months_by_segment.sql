-- Grain: one row per segment, value and whole month from the first loss on.
-- Purpose: churn_by_month cut by plan, country and length of stay, with what each month won. Who changes the plan or grows into
-- the next length of stay leaves one value for another: other. Spans are added up before they are cut, so that many cost no more than few.

with present as (
    select
        cast(date_trunc('month', s.span_started_at) as date) as joined,
        t.first_month,
        t.last_month,
        t.first_month = date_trunc('month', s.span_started_at) + interval 1 month as is_first,
        if(t.last_month = date_trunc('month', s.lost_at), s.churn_kind, 'other') as ending,
        coalesce(t.plan, 'no plan') as plan,
        coalesce(c.country, 'unknown') as country,
        count(*) as customers,
        sum(t.monthly_fee) as revenue
    from snapshots.span_terms as t
    inner join snapshots.spans as s on t.customer_id = s.customer_id and t.span_number = s.span_number
    left join staging.customers as c on t.customer_id = c.customer_id and c.superseded_at is null
    group by all
),

months as (
    select unnest(generate_series(min(s.joined), max(p.told_until_at) - interval 1 month, interval 1 month)) as month
    from present as s cross join snapshots.policy as p
),

pieces as (
    select p.*, s.segment, s.value, p.first_month as piece_first, p.last_month as piece_last
    from present as p
    cross join lateral (values ('all', 'all'), ('plan', p.plan), ('country', p.country)) as s (segment, value)
    union all
    select
        p.*,
        'tenure' as segment,
        y.stay as value,
        cast(greatest(p.first_month, p.joined + (y.above + 1) * interval 1 month) as date) as piece_first,
        cast(least(p.last_month, coalesce(p.joined + y.most * interval 1 month, p.last_month)) as date) as piece_last
    from present as p
    inner join
        (values (0, 3, 'to 3 months'), (3, 12, '4 to 12 months'), (12, 24, '1 to 2 years'), (24, null, 'over 2 years'))
            as y (above, most, stay)
        on p.last_month > p.joined + y.above * interval 1 month
    where piece_first <= piece_last
),

changes as (
    select
        segment, value, cast(piece_first - interval 1 month as date) as month, customers, revenue,  -- it begins with a month
        case when is_first and piece_first = first_month then 'won' else 'other' end as kind
    from pieces
    union all
    select
        segment, value, piece_last as month, -customers as customers, -revenue as revenue,
        case when piece_last = last_month then ending else 'other' end as kind
    from pieces
    where piece_last < date '9000-01-01'
),

moved as (
    select
        segment, value, month, sum(customers) as customers, sum(revenue) as revenue,
        coalesce(sum(customers) filter (where kind = 'won'), 0) as won,
        coalesce(sum(revenue) filter (where kind = 'won'), 0) as revenue_won,
        coalesce(-sum(customers) filter (where kind = 'voluntary'), 0) as voluntary,
        coalesce(-sum(customers) filter (where kind = 'involuntary'), 0) as involuntary,
        coalesce(-sum(revenue) filter (where kind in ('voluntary', 'involuntary')), 0) as revenue_lost
    from changes
    group by segment, value, month
),

running as (
    select
        v.segment, v.value, m.month, c.* exclude (segment, value, month, customers, revenue),
        c.customers as change, c.revenue as revenue_change,
        coalesce(sum(c.customers) over earlier, 0) as customers, coalesce(sum(c.revenue) over earlier, 0) as revenue
    from (select distinct segment, value from moved) as v
    cross join months as m
    left join moved as c on v.segment = c.segment and v.value = c.value and m.month = c.month
    window
        earlier as (partition by v.segment, v.value order by m.month rows between unbounded preceding and 1 preceding)
)

select
    segment,  -- all, plan, country or tenure (whole months since they joined).
    value,  -- Which of them: a plan, a country, a length of stay; all for all customers.
    cast(month as date) as month,  -- The first day of the month.
    cast(customers as bigint) as customers,  -- Customers as it began.
    cast(coalesce(won, 0) as bigint) as won,  -- Who joined or came back in it and stayed beyond its end.
    cast(coalesce(voluntary, 0) as bigint) as voluntary_churners,  -- Those it began with who left by their own decision.
    cast(coalesce(involuntary, 0) as bigint) as involuntary_churners,  -- Those of them lost to failed payments.
    cast(coalesce(change - won + voluntary + involuntary, 0) as bigint) as other,  -- More or fewer for other reasons: pauses, changed plans, growing older.
    cast(revenue as double) as monthly_revenue,  -- What they paid per month as it began, by the fees known then.
    cast(coalesce(revenue_won, 0) as double) as monthly_revenue_won,  -- What those won pay per month.
    cast(coalesce(revenue_lost, 0) as double) as monthly_revenue_lost,  -- What those lost had paid per month.
    cast(coalesce(revenue_change - revenue_won + revenue_lost, 0) as double) as monthly_revenue_other  -- More or less for other reasons, such as changed fees.
from running
where
    greatest(customers, won) > 0
    and month >= coalesce((select min(f.month) filter (where f.voluntary + f.involuntary > 0) from moved as f), month)
order by segment, value, month
