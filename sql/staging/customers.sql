-- Grain: one row per customer and version of their record (customer_id, fact_version).
-- Purpose: attributes, with from when to when each version was the newest known; as in staging.payments.
-- Incremental by: customer_id

with repeated as (
    select customer_id, min(load_id) as first_load_id
    from raw.customers
    group by customer_id
    having count(*) > 1
),

-- Rows of one load that are known at the same time cannot be told apart: the last one counts, but an objection or a
-- refused consent of any of them, as where each channel has a row of its own.
heard as (
    select * replace (max(objected_at) over m as objected_at, bool_and(marketing_consent) over m as marketing_consent)
    from raw.customers
    where customer_id in (select r.customer_id from repeated as r)
    window m as (partition by customer_id, known_at, load_id)
),

told as (
    select
        c.*,
        -- Unknown sign-ups date from the beginning, so that the attributes still count.
        coalesce(c.signed_up_at, timestamp '1900-01-01') as occurred_at,
        r.first_load_id,
        hash(*columns(c.* exclude (known_at, load_id, loaded_at, source_file, row_number, unknown_until))) as told_hash
    from heard as c
    inner join repeated as r on c.customer_id = r.customer_id
    qualify
        row_number() over (
            partition by c.customer_id, c.known_at, c.load_id
            order by c.signed_up_at desc nulls last, c.source_file desc, c.row_number desc
        ) = 1
),

dated as (
    select
        *,
        case
            when load_id > first_value(load_id) over same_time or (known_at is null and load_id > first_load_id)
                then greatest(known_at, loaded_at)
            else coalesce(known_at, greatest(occurred_at, unknown_until))
        end as available_at
    from told
    window same_time as (partition by customer_id, known_at order by load_id)
    qualify lag(told_hash) over same_time is distinct from told_hash
),

changed as (
    select * from dated
    window
        versions as (
            partition by customer_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    qualify lag(told_hash) over versions is distinct from told_hash
),

kept as (
    select
        * exclude (first_load_id, told_hash),
        lead(greatest(available_at, occurred_at)) over versions as superseded_at,
        row_number() over versions as fact_version
    from changed
    window
        versions as (
            partition by customer_id
            order by least(available_at, loaded_at), available_at, load_id, source_file, row_number
        )
    union all by name
    select
        c.*,
        coalesce(c.signed_up_at, timestamp '1900-01-01') as occurred_at,
        coalesce(c.known_at, greatest(c.signed_up_at, c.unknown_until), timestamp '1900-01-01') as available_at,
        1 as fact_version
    from raw.customers as c
    anti join repeated as r on c.customer_id = r.customer_id
)

select
    customer_id,  -- The customer.
    signed_up_at,  -- When they signed up; null if nobody noted it.
    birth_date,  -- Day of birth.
    city,  -- City.
    country,  -- Country.
    email,  -- E-mail address.
    phone,  -- Telephone number.
    marketing_consent,  -- Whether they agreed to marketing.
    objected_at,  -- When they objected to direct marketing.
    occurred_at,  -- The sign-up.
    available_at,  -- When we knew of this version.
    superseded_at,  -- From when the next version counts in its place; null while this is the newest.
    fact_version,  -- 1 for what was known first.
    * exclude (
        customer_id, signed_up_at, birth_date, city, country, email, phone, marketing_consent, objected_at,
        occurred_at, available_at, superseded_at, fact_version, known_at, load_id, loaded_at, source_file,
        row_number, unknown_until
    )
from kept
