-- Grain: one row per spine row.
-- Purpose: who someone is, by the newest version of their record known at the date.

with versions as (
    select
        s.customer_id,
        s.snapshot_date,
        max(struct_pack(
            known_at := c.available_at,
            birth_date := cast(c.birth_date as date),
            city := c.city,
            country := c.country,
            has_email := c.email is not null,
            has_phone := c.phone is not null,
            has_marketing_consent := coalesce(c.marketing_consent, false)
        )) as newest
    from snapshots.spine as s
    inner join staging.customers as c
        on s.customer_id = c.customer_id and c.occurred_at < s.snapshot_date and c.available_at < s.snapshot_date
    group by s.customer_id, s.snapshot_date
),

aged as (
    select
        s.customer_id,
        s.snapshot_date,
        v.newest,
        floor(date_diff('day', v.newest.birth_date, s.snapshot_date) / 365.25) as age
    from snapshots.spine as s
    left join versions as v on s.customer_id = v.customer_id and s.snapshot_date = v.snapshot_date
)

select
    customer_id,
    snapshot_date,
    age as age_years,  -- Age in years. [context] "{} years old"
    case
        when age < 25 then 'under 25'
        when age < 35 then '25 to 34'
        when age < 45 then '35 to 44'
        when age < 55 then '45 to 54'
        when age < 65 then '55 to 64'
        when age >= 65 then '65 and over'
    end as age_band,  -- Age in bands. [context] "aged {}"
    newest.city as city,  -- City; the models group rare ones. [context] "lives in {}"
    newest.country as country,  -- Country. [context] "lives in {}"
    newest.has_email as has_email,  -- Whether we have an e-mail address. [actionable] "e-mail address on file: {}"
    newest.has_phone as has_phone,  -- Whether we have a telephone number. [actionable] "telephone number on file: {}"
    newest.has_marketing_consent as has_marketing_consent  -- Whether we may advertise. [context] "agreed to advertising: {}"
from aged
