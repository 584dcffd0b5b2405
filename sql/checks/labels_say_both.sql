-- In a flat table with labels, some customers have churned and some have stayed. An empty label says neither.
-- Level: warn
-- Remedy: Say what an empty label means, such as `has_churned = "coalesce(churned, '0')"` below the source's columns.

with labels as (
    select
        count(*) filter (where has_churned) as churned,
        count(*) filter (where not has_churned) as stayed,
        count(*) filter (where has_churned is null) as unlabelled
    from staging.customer_snapshots
)

select
    churned,  -- Rows that say that a customer has churned.
    stayed,  -- Rows that say that one has stayed.
    unlabelled as defect_count  -- Rows without a label.
from labels
where unlabelled > 0 and (churned = 0) <> (stayed = 0)
