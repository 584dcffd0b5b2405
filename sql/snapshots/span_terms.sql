-- Grain: one row per span of a customer and run of months that begin with the same plan and fees.
-- Purpose: what a customer paid per month as each month began: by the subscriptions that ran then, each with the plan and
-- fee known then. A subscription told once has the fee told from its start on: nobody says what it was before. Between
-- terms, and after the last while the span runs, the fees of those that ended last go on.

with present as (
    select
        customer_id,
        span_number,
        span_started_at,
        cast(date_trunc('month', span_started_at) + interval 1 month as date) as first_month,
        cast(date_trunc('month', coalesce(lost_at, stopped_at, timestamp '9000-01-01')) as date) as last_month
    from snapshots.spans
),

served as (
    select
        p.*,
        s.subscription_id,
        s.started_at,
        coalesce(if(c.dated_by = 'decision', coalesce(s.ended_at, s.canceled_at), s.ended_at), timestamp '9000-01-01')
            as stopped_at
    from snapshots.subscriptions as s
    asof inner join present as p on s.customer_id = p.customer_id and s.started_at >= p.span_started_at
    cross join snapshots.policy as c
    where p.first_month <= p.last_month
),

followed as (
    select
        *,
        max(stopped_at) over (partition by customer_id, span_number order by started_at) as covered_until,
        lead(started_at, 1, timestamp '9000-01-01') over by_start as next_start
    from served
    window by_start as (partition by customer_id, span_number order by started_at, subscription_id)
),

gaps as (
    select customer_id, span_number, cast(covered_until as date) as stopped_on, max(next_start) as goes_on_at
    from followed
    where next_start > covered_until
    group by customer_id, span_number, stopped_on
),

told as (
    select
        s.*,
        v.plan,
        coalesce(try_cast(v.monthly_fee as decimal(18, 2)), 0) as fee,
        if(row_number() over versions = 1, s.started_at, greatest(s.started_at, v.known_at)) as from_at,
        least(coalesce(g.goes_on_at, s.stopped_at), coalesce(v.superseded_at, timestamp '9000-01-01')) as until_at
    from served as s
    inner join snapshots.subscription_versions as v
        on s.customer_id = v.customer_id and s.subscription_id = v.subscription_id
    left join gaps as g
        on s.customer_id = g.customer_id and s.span_number = g.span_number and cast(s.stopped_at as date) = g.stopped_on
    where v.event_type = 'started'
    window versions as (partition by s.customer_id, s.subscription_id order by v.known_at, v.superseded_at)
),

pieces as (
    select
        *,
        greatest(first_month, cast(date_trunc('month', from_at) + interval 1 month as date)) as piece_first,
        least(last_month, cast(date_trunc('month', until_at) as date)) as piece_last
    from told
    where piece_first <= piece_last
),

changes as (
    select customer_id, span_number, last_month, unnest([piece_first, piece_last + interval 1 month]) as month
    from pieces
    union
    select customer_id, span_number, last_month, first_month as month
    from present
)

select
    c.customer_id,  -- The customer.
    c.span_number,  -- The span, as in snapshots.spans.
    cast(c.month as date) as first_month,  -- The first day of the first month that begins so.
    cast(least(lead(c.month) over months - interval 1 month, c.last_month) as date)
        as last_month,  -- The first day of the last one; of the year 9000 while it goes on.
    max_by(p.plan, struct_pack(at := p.started_at, id := p.subscription_id)) as plan,  -- The plan of the subscription that started last.
    coalesce(sum(p.fee), 0) as monthly_fee  -- The fees per month, of all subscriptions.
from changes as c
left join pieces as p
    on
        c.customer_id = p.customer_id and c.span_number = p.span_number
        and c.month between p.piece_first and p.piece_last
where c.month <= c.last_month
group by c.customer_id, c.span_number, c.month, c.last_month
window months as (partition by c.customer_id, c.span_number order by c.month)
