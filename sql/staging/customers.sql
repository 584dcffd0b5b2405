-- Grain: one row per customer and instant at which something new was known about them (customer_id, available_at).
-- Purpose: attributes as known over time; of several deliveries for the same instant the last one counts.
-- Incremental by: customer_id

with dated as (
    select
        *,
        -- Unknown sign-ups date from the beginning, so that the attributes still count.
        coalesce(signed_up_at, timestamp '1900-01-01') as occurred_at,
        coalesce(known_at, signed_up_at, timestamp '1900-01-01') as available_at
    from raw.customers
),

newest_first as (
    select
        *,
        row_number() over (
            partition by customer_id, available_at
            order by load_id desc, source_file desc, row_number desc
        ) as nth
    from dated
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
    available_at,  -- When we knew this version.
    * exclude (
        customer_id, signed_up_at, birth_date, city, country, email, phone, marketing_consent, objected_at,
        occurred_at, available_at, known_at, load_id, loaded_at, source_file, row_number, nth
    )
from newest_first
where nth = 1
