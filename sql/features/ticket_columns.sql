-- Grain: one row per spine row.
-- Purpose: columns of tickets that only the company's own source has, over the 90 days before the date and as known
-- then: mean and newest of a number, the share of each category. One entry of a map per column or category.

with known as (
    select f.customer_id, d.snapshot_date, d.days_ago, f.name, f.number, f.text, f.occurred_at, f.ticket_id
    from snapshots.ticket_columns as f
    inner join snapshots.recent_days as d
        on
            cast(f.occurred_at as date) = d.day
            and f.known_from < d.snapshot_date
            and coalesce(f.known_until >= d.snapshot_date, true)
),

numbers as (
    select
        customer_id,
        snapshot_date,
        name,
        cast(avg(try_cast(number as decimal(18, 4))) as double) as mean,
        max_by(number, struct_pack(at := occurred_at, id := ticket_id)) as newest
    from known
    where number is not null
    group by customer_id, snapshot_date, name
),

totals as (
    select customer_id, snapshot_date, name, count(*) as tickets
    from known
    where text is not null
    group by customer_id, snapshot_date, name
),

shares as (
    select k.customer_id, k.snapshot_date, concat(k.name, ' ', k.text) as category, count(*) / max(t.tickets) as share
    from known as k
    inner join totals as t
        on k.customer_id = t.customer_id and k.snapshot_date = t.snapshot_date and k.name = t.name
    where k.text is not null
    group by k.customer_id, k.snapshot_date, k.name, k.text
),

number_maps as (
    select
        customer_id,
        snapshot_date,
        map_from_entries(list(struct_pack(k := name, v := mean))) as means,
        map_from_entries(list(struct_pack(k := name, v := newest))) as newest
    from numbers
    group by customer_id, snapshot_date
),

share_maps as (
    select
        customer_id,
        snapshot_date,
        map_from_entries(list(struct_pack(k := category, v := cast(share as double)))) as shares
    from shares
    group by customer_id, snapshot_date
)

select
    s.customer_id,
    s.snapshot_date,
    n.means as ticket_mean,  -- Mean {key} of the tickets of 90 days. [context] "{key} of tickets is {} on average" "{key} of tickets is {} on average"
    n.newest as ticket_newest,  -- The {key} of the newest ticket of 90 days that has one. [context] "{key} of the newest ticket is {}" "{key} of the newest ticket is {}"
    c.shares as ticket_part  -- Share of the tickets of 90 days with {key}. [context] "{} of tickets with {key}" "0: no ticket has {key} | {share} of tickets have {key}"
from snapshots.spine as s
left join number_maps as n on s.customer_id = n.customer_id and s.snapshot_date = n.snapshot_date
left join share_maps as c on s.customer_id = c.customer_id and s.snapshot_date = c.snapshot_date
