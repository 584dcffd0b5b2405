-- Grain: one row per unbroken span of a customer's subscriptions, with everything known now.
-- Purpose: a span begins at a start more than the grace days after all earlier service stopped. So a renewal, a plan
-- change, a recovered payment, and a cancellation taken back within the grace days all leave one span whole.

with periods as (
    select
        s.*,
        p.dated_by,
        p.grace_days,
        p.told_by,
        -- Null while service runs. Sources without an end of service have the decision only.
        case when p.dated_by = 'decision' then coalesce(s.ended_at, s.canceled_at) else s.ended_at end as stopped_at
    from snapshots.subscriptions as s
    cross join snapshots.policy as p
),

covered as (
    select
        *,
        max(coalesce(stopped_at, timestamp '9000-01-01')) over (
            partition by customer_id
            order by started_at, subscription_id
            rows between unbounded preceding and 1 preceding
        ) as covered_until
    from periods
),

numbered as (
    select
        *,
        sum(case when started_at <= covered_until + grace_days * interval 1 day then 0 else 1 end) over (
            partition by customer_id
            order by started_at, subscription_id
            rows between unbounded preceding and current row
        ) as span_number
    from covered
),

ranked as (
    select
        *,
        min(started_at) over (partition by customer_id, span_number) as span_started_at,
        max(coalesce(stopped_at, timestamp '9000-01-01')) over (partition by customer_id, span_number) as span_ends_at,
        row_number() over (
            partition by customer_id, span_number
            order by coalesce(stopped_at, timestamp '9000-01-01') desc, started_at desc, subscription_id desc
        ) as place_from_end
    from numbered
),

-- Whoever has several subscriptions at once pays for all that run at the end of the span.
priced as (
    select
        * exclude (monthly_fee),
        cast(
            sum(
                case
                    when cast(coalesce(stopped_at, timestamp '9000-01-01') as date) = cast(span_ends_at as date)
                        then try_cast(monthly_fee as decimal(18, 4))
                end
            ) over (partition by customer_id, span_number) as double
        ) as monthly_fee
    from ranked
)

select
    customer_id,  -- The customer.
    span_number,  -- 1 for the first span, 2 after a first return.
    span_started_at,  -- When the span began.
    stopped_at,  -- When its last service stopped; null while it runs.
    -- When the customer was lost; null while service runs, and for pauses and plan changes, which are no loss.
    case
        when stopped_at is null or coalesce(end_reason, '') in ('pause', 'plan_change') then null
        when coalesce(end_reason, '') = 'payment_failure' or dated_by = 'end_of_service' then ended_at
        else least(canceled_at, ended_at)
    end as lost_at,  -- The churn date.
    case when end_reason = 'payment_failure' then 'involuntary' else 'voluntary' end as churn_kind,  -- Why it would be.
    plan,  -- The plan at the end of the span.
    monthly_fee  -- The fees per month at the end of the span, of all subscriptions that run then.
from priced
where place_from_end = 1 and told_by = 'subscriptions'
union all
select customer_id, span_number, span_started_at, lost_at as stopped_at, lost_at, churn_kind, plan, monthly_fee
from snapshots.told_spans
