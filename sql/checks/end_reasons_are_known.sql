-- Every reason for leaving is a known word; any other counts as the customer's own decision (voluntary).
-- Level: warn
-- Remedy: Say what each word means: `codes = { end_reason = { "non payment" = "payment_failure", moved = "voluntary" } }`.

with words as (
    select
        lower(trim(end_reason)) as word,
        count(distinct subscription_id) as subscriptions
    from raw.subscriptions
    where lower(trim(end_reason)) not in ('', 'voluntary', 'payment_failure', 'plan_change', 'pause')
    group by lower(trim(end_reason))
),

ranked as (
    select
        *,
        row_number() over (order by subscriptions desc, word asc) as place
    from words
)

select
    string_agg(word || ' (' || subscriptions || ')', ', ' order by place)
    filter (where place <= 20) as end_reasons,  -- Each word, and how many subscriptions ended with it; the commonest 20.
    count(*) as different_words,  -- How many such words there are.
    'voluntary' as counted_as,  -- What they count as.
    cast(sum(subscriptions) as bigint) as defect_count  -- Subscriptions with any of them.
from ranked
having count(*) > 0
