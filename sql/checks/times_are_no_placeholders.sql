-- No column repeats a day before 1970 or after 2090: such a day is a placeholder, not a date.
-- Level: block
-- Remedy: Say that it means no date, with the value as it stands in the file: `ended_at = "nullif(ended_at, '9999-12-31')"` below the source's columns.

with days as (
    select 'customers.signed_up_at' as column_name, cast(signed_up_at as date) as stated_day, count(*) as rows_count
    from raw.customers
    group by all
    union all
    select 'customers.objected_at' as column_name, cast(objected_at as date) as stated_day, count(*) as rows_count
    from raw.customers
    group by all
    union all
    select 'subscriptions.started_at' as column_name, cast(started_at as date) as stated_day, count(*) as rows_count
    from raw.subscriptions
    group by all
    union all
    select 'subscriptions.canceled_at' as column_name, cast(canceled_at as date) as stated_day, count(*) as rows_count
    from raw.subscriptions
    group by all
    union all
    select 'subscriptions.ended_at' as column_name, cast(ended_at as date) as stated_day, count(*) as rows_count
    from raw.subscriptions
    group by all
    union all
    select 'subscriptions.term_end' as column_name, cast(term_end as date) as stated_day, count(*) as rows_count
    from raw.subscriptions
    group by all
    union all
    select 'support_tickets.opened_at' as column_name, cast(opened_at as date) as stated_day, count(*) as rows_count
    from raw.support_tickets
    group by all
    union all
    select 'support_tickets.closed_at' as column_name, cast(closed_at as date) as stated_day, count(*) as rows_count
    from raw.support_tickets
    group by all
    union all
    select 'churn_events.churned_at' as column_name, cast(churned_at as date) as stated_day, count(*) as rows_count
    from raw.churn_events
    group by all
    union all
    select 'contacts.contacted_at' as column_name, cast(contacted_at as date) as stated_day, count(*) as rows_count
    from raw.contacts
    group by all
    union all
    select 'payments.attempted_at' as column_name, cast(attempted_at as date) as stated_day, count(*) as rows_count
    from raw.payments
    group by all
    union all
    select
        'sessions.started_at' as column_name,
        cast(first_at as date) as stated_day,
        cast(sum(sessions) as bigint) as rows_count
    from totals.session_months
    group by all
),

shares as (
    select *, sum(rows_count) over (partition by column_name) as all_rows
    from days
    where stated_day is not null
)

select
    column_name,  -- Where it stands.
    stated_day as placeholder,  -- The day.
    cast(all_rows as bigint) as all_rows,  -- Rows that hold any day.
    rows_count as defect_count  -- Rows that hold this one.
from shares
where
    (stated_day < date '1970-01-02' or stated_day >= date '2090-01-01')
    and rows_count >= 5
    and rows_count > 0.01 * all_rows
