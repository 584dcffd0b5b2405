-- Customer ids bear the same prefix or suffix in every source, or none.
-- Level: block
-- Remedy: Write the id as `customers` does, such as `customer_id = "'C' || customer_id"` or `customer_id = "regexp_replace(customer_id, '^cus_', '')"` below the columns of the other source. If these are other customers, leave their rows out by its `where`.

with told as (
    select distinct 'customers' as table_name, customer_id from raw.customers
    union all
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

ids as (
    select t.table_name, t.customer_id, c.customer_id is not null as is_known, ltrim(lower(t.customer_id), '0') as plain
    from told as t
    left join (select distinct customer_id from raw.customers) as c on t.customer_id = c.customer_id
),

counted as (
    select table_name, count(*) as all_customers, count_if(is_known) as known_customers
    from ids
    group by table_name
),

compared as (
    select * from ids
    where not is_known or (table_name = 'customers' and (select not bool_and(u.is_known) from ids as u))
),

-- An id in two parts: a number and what stands around it, the first sign's prefix and the rest, the last sign's suffix.
cut as (
    select
        *,
        unnest([
            regexp_extract(plain, '^([^0-9]*)0*([0-9]+)([^0-9]*)$', ['before', 'core', 'behind']),
            regexp_extract(plain, '^([\p{L}\p{N}]+[^\p{L}\p{N}]+)0*(.+)()$', ['before', 'core', 'behind']),
            regexp_extract(plain, '^()(.+?)([^\p{L}\p{N}]+[\p{L}\p{N}]+)$', ['before', 'core', 'behind'])
        ]) as part
    from compared
),

shaped as (
    select distinct table_name, customer_id, part.before || '#' || part.behind as affix, part.core as core
    from cut
    where part.core <> '' and part.before || part.behind <> ''
    -- Hashes may look like a number with letters around it, each with its own.
    qualify count(*) over (partition by table_name, affix) > 1 + count(*) over (partition by table_name) / 100
),

written as (
    select table_name, customer_id, affix, core from shaped
    union all
    select c.table_name, c.customer_id, '' as affix, c.plain as core
    from compared as c
    anti join shaped as s on c.table_name = s.table_name and c.customer_id = s.customer_id and not c.is_known
),

-- Two prefixes are two kinds of ids. Of guests numbered beside customers, guest_17 beside 17, a table knows the customer too.
found as (
    select
        w.table_name,
        w.affix,
        count(distinct w.customer_id) as written,
        count(distinct if(k.customer_id is null, null, w.customer_id)) as matched,
        min(w.customer_id) filter (where k.customer_id is not null) as written_here,
        min_by(k.customer_id, struct_pack(here := w.customer_id, there := k.customer_id)) as written_in_customers,
        count(distinct t.customer_id) as known_as_well
    from written as w
    left join written as k on k.table_name = 'customers' and w.core = k.core and (w.affix = '') <> (k.affix = '')
    left join ids as t on w.table_name = t.table_name and k.customer_id = t.customer_id
    where w.table_name <> 'customers'
    group by w.table_name, w.affix
)

select
    f.table_name,  -- Where the ids are.
    f.written_here,  -- One of them.
    f.written_in_customers,  -- The same in `customers`.
    c.all_customers,  -- Customers in that table.
    f.matched as defect_count  -- Those known with a prefix or suffix more or less only.
from found as f
inner join counted as c on f.table_name = c.table_name
inner join counted as n on n.table_name = 'customers'
where
    f.matched > 0.01 * c.all_customers
    and f.matched >= 0.8 * f.written
    and if(
        c.known_customers <= 0.05 * f.matched, true,
        f.matched * c.known_customers >= 5 * greatest(1, f.known_as_well) * n.all_customers
    )
