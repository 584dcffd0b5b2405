-- Customer ids are written the same way in every source: same capitals, signs, leading zeros and length.
-- Level: block
-- Remedy: Write the id the same way in both sources, such as `customer_id = "upper(customer_id)"` or `customer_id = "lpad(customer_id, 8, '0')"` below their columns.

with told as (
    select distinct 'subscriptions' as table_name, customer_id from raw.subscriptions
    union all
    select distinct 'payments' as table_name, customer_id from raw.payments
    union all
    select distinct 'support_tickets' as table_name, customer_id from raw.support_tickets
    union all
    select distinct 'contacts' as table_name, customer_id from raw.contacts
    union all
    select distinct 'churn_events' as table_name, customer_id from raw.churn_events
    union all
    select distinct 'sessions' as table_name, customer_id from totals.session_months
    union all
    select distinct 'events' as table_name, customer_id from raw.events
),

counted as (
    select table_name, count(*) as all_customers
    from told
    group by table_name
),

unknown as (
    select t.table_name, t.customer_id
    from told as t
    anti join raw.customers as c on t.customer_id = c.customer_id
),

-- Capitals, blanks, hyphens and brackets, leading zeros, and the 18 letters that Salesforce makes of 15. Where every id is known, nobody is spelt.
spelt as (
    select
        table_name,
        customer_id,
        ltrim(
            regexp_replace(
                lower(if(length(customer_id) = 18, left(customer_id, 15), customer_id)), '[^\p{L}\p{N}]', '', 'g'
            ), '0'
        ) as spelling
    from unknown
),

known as (
    select
        customer_id,
        ltrim(
            regexp_replace(
                lower(if(length(customer_id) = 18, left(customer_id, 15), customer_id)), '[^\p{L}\p{N}]', '', 'g'
            ), '0'
        ) as spelling
    from raw.customers
    where exists (select 1 from unknown)
),

matched as (
    select s.table_name, s.customer_id, min(k.customer_id) as customer_in_customers
    from spelt as s
    inner join known as k on s.spelling = k.spelling
    where s.spelling <> ''
    group by s.table_name, s.customer_id
)

select
    m.table_name,  -- Where the ids are.
    min(m.customer_id) as written_here,  -- One of them.
    min_by(m.customer_in_customers, struct_pack(here := m.customer_id, there := m.customer_in_customers))
        as written_in_customers,  -- The same in `customers`.
    any_value(c.all_customers) as all_customers,  -- Customers in that table.
    count(*) as defect_count  -- Those known under another spelling only.
from matched as m
inner join counted as c on m.table_name = c.table_name
group by m.table_name
having count(*) > 0.01 * any_value(c.all_customers)
