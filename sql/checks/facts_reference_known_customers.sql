-- Every fact belongs to a customer we know.
-- Level: warn

with facts as (
    select 'subscription_events' as table_name, customer_id from staging.subscription_events
    union all
    select 'payments' as table_name, customer_id from staging.payments
    union all
    select 'support_tickets' as table_name, customer_id from staging.support_tickets
    union all
    select 'contacts' as table_name, customer_id from staging.contacts
    union all
    select 'sessions' as table_name, customer_id from staging.sessions
    union all
    select 'events' as table_name, customer_id from staging.events
),

counted as (
    select table_name, customer_id, count(*) as rows_count
    from facts
    group by table_name, customer_id
)

select
    c.table_name,  -- Where the rows are.
    min(c.customer_id) as example_customer_id,  -- One of the unknown customers.
    sum(c.rows_count) as defect_count  -- Rows of unknown customers.
from counted as c
anti join staging.customers as k on c.customer_id = k.customer_id
where exists (select 1 from staging.customers)
group by c.table_name
