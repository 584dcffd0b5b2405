-- At most 1 in 100 rows of a table is older than its customer's signup, or first subscription where there is no signup.
-- Level: warn
-- Remedy: Compare `zone` and `dates` of both sources, and check whether ids of former customers were given to new ones.

with signups as (
    select customer_id, min(signed_up_at) as signed_up_at
    from staging.customers
    where superseded_at is null
    group by customer_id
),

starts as (
    select customer_id, min(occurred_at) as started_at
    from staging.subscription_events
    where event_type = 'started'
    group by customer_id
),

-- A day is left for zones.
begun as (
    select
        coalesce(u.customer_id, s.customer_id) as customer_id,
        date_trunc('day', coalesce(u.signed_up_at, s.started_at)) - interval 1 day as begins_at,
        if(u.signed_up_at is null, 'subscriptions.started_at', 'customers.signed_up_at') as begins_with
    from signups as u
    full join starts as s on u.customer_id = s.customer_id
),

-- A month of sessions lies on one side of the beginning, or its sessions are looked at one by one.
mixed as (
    select m.customer_id, m.month, m.last_at
    from totals.session_months as m
    inner join begun as b on m.customer_id = b.customer_id
    where m.first_at < b.begins_at and m.last_at >= b.begins_at
),

-- Where no month is mixed, this has no row, and no session is read.
looked_at as (
    select min(month) as begins_at, max(last_at) as ends_at
    from mixed
    having count(*) > 0
),

candidates as (
    select s.customer_id, s.occurred_at
    from staging.sessions as s
    inner join looked_at as l on s.occurred_at >= l.begins_at and s.occurred_at <= l.ends_at
    where s.superseded_at is null
),

facts as (
    select 'support_tickets.opened_at' as column_name, customer_id, occurred_at, 1 as rows_count
    from staging.support_tickets
    where superseded_at is null
    union all
    select 'payments.attempted_at' as column_name, customer_id, occurred_at, 1 as rows_count
    from staging.payments
    where superseded_at is null
    union all
    select 'sessions.started_at' as column_name, s.customer_id, s.first_at as occurred_at, s.sessions as rows_count
    from totals.session_months as s
    anti join mixed as m on s.customer_id = m.customer_id and s.month = m.month
    union all
    select 'sessions.started_at' as column_name, s.customer_id, s.occurred_at, 1 as rows_count
    from candidates as s
    inner join mixed as m
        on s.customer_id = m.customer_id and s.occurred_at >= m.month and s.occurred_at <= m.last_at
    union all
    select 'events.occurred_at' as column_name, customer_id, occurred_at, 1 as rows_count
    from staging.events
    where superseded_at is null
),

counted as (
    select
        f.column_name,
        b.begins_with,
        cast(sum(f.rows_count) as bigint) as all_rows,
        cast(sum(f.rows_count) filter (where f.occurred_at < b.begins_at) as bigint) as early_rows,
        min(struct_pack(at := f.occurred_at, id := f.customer_id)) filter (where f.occurred_at < b.begins_at) as example
    from facts as f
    inner join begun as b on f.customer_id = b.customer_id
    group by f.column_name, b.begins_with
)

select
    column_name,  -- Which dates.
    'before ' || begins_with as condition,  -- What is wrong with them.
    example.id as example_customer_id,  -- One of the customers.
    example.at as example_at,  -- One of their dates.
    all_rows,  -- Rows of customers whose beginning is known.
    early_rows as defect_count  -- Rows before it.
from counted
where early_rows > 0.01 * all_rows
