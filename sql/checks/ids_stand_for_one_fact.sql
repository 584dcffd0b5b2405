-- Each id stands for one entry: rows of one load with the same id have the same customer, and events also the same time.
-- Level: warn
-- Remedy: Choose the id that is unique (`columns`), or leave `event_id` out: of rows with the same id only one counts. Give each session its own start, or load a day as one row.

-- Of many sessions those of one in 64 customers are looked at.
with some_customers as (
    select distinct customer_id
    from totals.session_months
    where hash(customer_id) % 64 = 0 or (select count(*) from raw.sessions) < 500000
),

some_sessions as (
    select
        r.customer_id,
        r.started_at,
        r.known_at,
        r.load_id,
        r.source_file,
        hash(*columns(r.* exclude (load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from raw.sessions as r
    semi join some_customers as c on r.customer_id = c.customer_id
),

same_start as (
    select
        customer_id,
        count(*) as rows_count,
        count(distinct told_hash) as kinds
    from some_sessions
    group by customer_id, started_at, known_at, load_id, source_file
    having count(*) > 1
),

shared as (
    select
        'events.event_id' as column_name,
        event_id as shared_id,
        count(*) as rows_count,
        min(customer_id) <> max(customer_id) or min(occurred_at) <> max(occurred_at) as is_mixed
    from raw.events
    where event_id is not null
    group by event_id, load_id, known_at
    having count(*) > 1
    union all
    select
        'payments.payment_id' as column_name,
        payment_id as shared_id,
        count(*) as rows_count,
        min(customer_id) <> max(customer_id) as is_mixed
    from raw.payments
    group by payment_id, load_id, known_at
    having count(*) > 1
    union all
    select
        'support_tickets.ticket_id' as column_name,
        ticket_id as shared_id,
        count(*) as rows_count,
        min(customer_id) <> max(customer_id) as is_mixed
    from raw.support_tickets
    group by ticket_id, load_id, known_at
    having count(*) > 1
    union all
    select
        'subscriptions.subscription_id' as column_name,
        subscription_id as shared_id,
        count(*) as rows_count,
        min(customer_id) <> max(customer_id) as is_mixed
    from raw.subscriptions
    group by subscription_id, load_id, known_at
    having count(*) > 1
)

select
    column_name,  -- Which id.
    'shared by different facts' as condition,  -- What is wrong with it.
    min(shared_id) as example_id,  -- One of the ids.
    max(rows_count) as most_rows,  -- Rows of the id that has most.
    cast(sum(rows_count - 1) as bigint) as defect_count  -- Rows that do not count.
from shared
where is_mixed
group by column_name
union all
select
    'sessions.started_at' as column_name,
    'shared by sessions that differ' as condition,
    min(customer_id) as example_id,
    max(rows_count) as most_rows,
    cast(sum(kinds - 1) as bigint) as defect_count
from same_start
where kinds > 1
having sum(kinds - 1) > (select count(*) from some_sessions) / 100
