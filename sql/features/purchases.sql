-- Grain: one row per spine row.
-- Purpose: recency, frequency and money of payments made; for companies without contracts this is their usage.

with joined as (
    select
        s.customer_id,
        s.snapshot_date,
        t.payments,
        t.days_since_first,
        t.days_since_last,
        cast(t.spend as double) as spend,
        1.0 * (t.days_since_first - t.days_since_last) / nullif(t.payments - 1, 0) as days_between,
        coalesce(r.payments_30d, 0) as payments_30d,
        coalesce(r.payments_90d, 0) as payments_90d,
        cast(coalesce(r.spend_30d, 0) as double) as spend_30d,
        cast(coalesce(r.spend_90d, 0) as double) as spend_90d
    from snapshots.spine as s
    left join snapshots.payment_totals as t on s.customer_id = t.customer_id and s.snapshot_date = t.snapshot_date
    left join snapshots.payment_sums as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
)

select
    customer_id,
    snapshot_date,
    days_since_last as days_since_last_payment,  -- Days since the newest payment made. [actionable] "last payment {} days ago" "missing: nothing paid so far | 0: paid today | last payment {} days ago"
    days_since_first as days_since_first_payment,  -- Days since the first payment made. [context] "first payment {} days ago" "missing: never paid so far | 0: paid for the first time today | first payment {days} ago"
    payments_30d,  -- Payments made in 30 days. [context] "{} payments in 30 days"
    payments_90d,  -- Payments made in 90 days. [context] "{} payments in 90 days"
    coalesce(payments, 0) as payments_total,  -- Payments made so far. [context] "{} payments in all"
    spend_30d,  -- Money paid in 30 days. [context] "paid {} in 30 days" "0: paid nothing in 30 days | paid {money} in 30 days"
    spend_90d,  -- Money paid in 90 days. [context] "paid {} in 90 days" "0: paid nothing in 90 days | paid {money} in 90 days"
    coalesce(spend, 0) as spend_total,  -- Money paid so far. [context] "paid {} in all" "0: paid nothing so far | paid {money} in all"
    spend / nullif(payments, 0) as average_payment,  -- Mean amount of a payment. [context] "pays {} on average" "missing: no payment to average yet | pays {money} on average"
    days_between as days_between_payments,  -- Mean days from one payment to the next. [context] "pays every {} days" "missing: fewer than two payments so far | 0: pays several times a day | <1.05: pays every day | pays every {} days"
    days_since_last / nullif(days_between, 0) as payment_silence,  -- Days since the newest payment over the usual days between payments. [actionable] "silent for {} times the usual days between payments" "missing: too few payments for a usual pace | <1.5: pays at the usual pace | no payment for {round} times the usual days between payments"
    coalesce((spend_30d / 30) / nullif(spend_90d / least(90, days_since_first), 0), 0) as spend_ratio_30_90  -- Daily money of the last month against 90 days. [context] "spends at {} times the usual pace" "0: spent nothing in the last month | spends {pace} the usual pace"
from joined
