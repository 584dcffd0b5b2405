-- Rows of one file that share their id, or their customer and date, say the same; of those that differ only the last counts.
-- Level: block
-- Remedy: Map what tells them apart (`payment_id = "invoice || '-' || line"`), or `known_at` where they are versions.

-- Files that overlap tell versions: an export of each day's last month holds a payment many times.
with twice_payments as (
    select
        payment_id,
        load_id
    from raw.payments
    group by payment_id, load_id, source_file, known_at
    having count(*) > 1
),

twice_support_tickets as (
    select
        ticket_id,
        load_id
    from raw.support_tickets
    group by ticket_id, load_id, source_file, known_at
    having count(*) > 1
),

shared as (
    select
        'payments.payment_id' as column_name,
        r.payment_id as shared_id,
        (select count(*) from raw.payments) as table_rows,
        count(
            distinct hash(*columns(r.* exclude (load_id, loaded_at, source_file, row_number, unknown_until)))
        ) as kinds
    from raw.payments as r
    semi join twice_payments as d on r.payment_id = d.payment_id and r.load_id = d.load_id
    group by r.payment_id, r.load_id, r.source_file, r.known_at
    union all
    select
        'support_tickets.ticket_id' as column_name,
        r.ticket_id as shared_id,
        (select count(*) from raw.support_tickets) as table_rows,
        count(
            distinct hash(*columns(r.* exclude (load_id, loaded_at, source_file, row_number, unknown_until)))
        ) as kinds
    from raw.support_tickets as r
    semi join twice_support_tickets as d on r.ticket_id = d.ticket_id and r.load_id = d.load_id
    group by r.ticket_id, r.load_id, r.source_file, r.known_at
    union all
    select
        'subscriptions.subscription_id' as column_name,
        r.subscription_id as shared_id,
        (select count(*) from raw.subscriptions) as table_rows,
        count(
            distinct hash(*columns(r.* exclude (load_id, loaded_at, source_file, row_number, unknown_until)))
        ) as kinds
    from raw.subscriptions as r
    group by r.subscription_id, r.load_id, r.source_file, r.known_at
    union all
    select
        'customer_snapshots.customer_id' as column_name,
        r.customer_id as shared_id,
        (select count(*) from raw.customer_snapshots) as table_rows,
        count(
            distinct hash(*columns(r.* exclude (load_id, loaded_at, source_file, row_number, unknown_until)))
        ) as kinds
    from raw.customer_snapshots as r
    group by r.customer_id, r.snapshot_date, r.load_id, r.source_file, r.known_at
)

select
    column_name,  -- Which id.
    'shared by rows that differ' as condition,  -- What is wrong with it.
    min(shared_id) as example_id,  -- One of the ids.
    max(kinds) as most_rows,  -- Rows that differ, of the id that has most.
    cast(sum(kinds - 1) as bigint) as defect_count  -- Rows that do not count.
from shared
where kinds > 1
group by column_name
having sum(kinds - 1) >= 5 and sum(kinds - 1) > any_value(table_rows) / 100
