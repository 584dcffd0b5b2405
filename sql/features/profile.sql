-- Grain: one row per spine row.
-- Purpose: who someone is, by the newest version of their record known at the date.

with known as (
    select
        s.customer_id,
        s.snapshot_date,
        c.city,
        c.country,
        c.email is not null as has_email,
        c.phone is not null as has_phone,
        coalesce(c.marketing_consent, false) as has_marketing_consent,
        floor(date_diff('day', cast(c.birth_date as date), s.snapshot_date) / 365.25) as age
    from snapshots.spine as s
    left join staging.customers as c
        on
            s.customer_id = c.customer_id
            and c.occurred_at < s.snapshot_date
            and c.available_at < s.snapshot_date
            and coalesce(c.superseded_at >= s.snapshot_date, true)
)

select
    customer_id,
    snapshot_date,
    age as age_years,  -- Age in years. [context] "{} years old" "{} years old"
    case
        when age < 25 then 'under 25'
        when age < 35 then '25 to 34'
        when age < 45 then '35 to 44'
        when age < 55 then '45 to 54'
        when age < 65 then '55 to 64'
        when age >= 65 then '65 and over'
    end as age_band,  -- Age in bands. [context] "aged {}"
    city,  -- City; the models group rare ones. [context] "lives in {}"
    country,  -- Country. [context] "lives in {}"
    has_email,  -- Whether we have an e-mail address. [actionable] "e-mail address on file: {}" "0: no e-mail address on file | an e-mail address is on file"
    has_phone,  -- Whether we have a telephone number. [actionable] "telephone number on file: {}" "0: no telephone number on file | a telephone number is on file"
    has_marketing_consent  -- Whether we may advertise. [context] "agreed to advertising: {}" "0: has not agreed to advertising | agreed to advertising"
from known
