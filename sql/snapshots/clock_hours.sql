-- Grain: one row per hour of the day.
-- Purpose: the hour's place on the clock face as sine and cosine, in decimals so that sums do not depend on their order.

with hours as (
    select unnest(generate_series(0, 23)) as hour
)

select
    cast(hour as integer) as hour,  -- 0 to 23, UTC.
    cast(sin(2 * pi() * (hour + 0.5) / 24) as decimal(9, 6)) as hour_sine,  -- 1 at 06:00, -1 at 18:00.
    cast(cos(2 * pi() * (hour + 0.5) / 24) as decimal(9, 6)) as hour_cosine,  -- 1 at midnight, -1 at noon.
    hour < 6 as is_night  -- Between midnight and six.
from hours
