-- Grain: one row per spine row.
-- Purpose: billing trouble. These features foretell involuntary churn by definition: read the two kinds apart.

with joined as (
    select
        s.customer_id,
        s.snapshot_date,
        t.attempts,
        t.failures,
        t.days_since_failure,
        r.method,
        coalesce(r.attempts_90d, 0) as attempts_90d,
        coalesce(r.failures_30d, 0) as failures_30d,
        coalesce(r.failures_60d, 0) as failures_60d,
        coalesce(r.failures_90d, 0) as failures_90d,
        coalesce(r.failures_decayed_3d, 0) as decayed_3d,
        coalesce(r.failures_decayed_10d, 0) as decayed_10d,
        coalesce(r.failures_decayed_30d, 0) as decayed_30d,
        coalesce(r.refunds_90d, 0) as refunds_90d,
        coalesce(r.failure_bits, 0) as failure_bits,
        coalesce(r.success_bits, 0) as success_bits
    from snapshots.spine as s
    left join snapshots.payment_totals as t on s.customer_id = t.customer_id and s.snapshot_date = t.snapshot_date
    left join snapshots.payment_sums as r on s.customer_id = r.customer_id and s.snapshot_date = r.snapshot_date
),

-- Bit k stands for the day k + 1 days ago. Below the lowest bit of success lie the days after the newest payment.
unpaid as (
    select
        *,
        case
            when success_bits = 0 then failure_bits
            else failure_bits & ((success_bits & (-success_bits)) - 1)
        end as open_bits
    from joined
)

select
    customer_id,
    snapshot_date,
    failures_30d as payment_failures_30d,  -- Failed payments in 30 days. [actionable] "{} failed payments in 30 days"
    failures_60d as number_of_payment_failures_60d,  -- Failed payments in 60 days. [actionable] "{} failed payments in 60 days"
    failures_90d as payment_failures_90d,  -- Failed payments in 90 days. [actionable] "{} failed payments in 90 days"
    1.0 * failures / nullif(attempts, 0) as payment_failure_ratio,  -- Share of all payment attempts so far that failed. [actionable] "{} of payments failed" "missing: no payment so far | 0: no payment failed | {} of payments failed"
    1.0 * failures_90d / nullif(attempts_90d, 0) as payment_failure_ratio_90d,  -- Share of payment attempts of 90 days that failed. [actionable] "{} of payments failed in 90 days" "missing: no payment in 90 days | 0: no payment failed in 90 days | {} of payments failed in 90 days"
    coalesce((failures_30d / 30.0) / nullif(failures_90d / 90.0, 0), 0) as payment_failure_trend,  -- Failures a day of the last month against 90 days. [actionable] "payment failures at {} times the usual pace" "0: no failed payment in the last month | failed payments are {pace} the usual pace"
    cast(decayed_3d as double) as payment_failures_decayed_3d,  -- Failed payments, each counting half after 3 days. [actionable] "about {} failed payments in recent days" "0: no failed payments in recent days | <0.5: hardly any failed payments in recent days | <1.5: a failed payment in recent days | several failed payments in recent days"
    cast(decayed_10d as double) as payment_failures_decayed_10d,  -- Failed payments, each counting half after 10 days. [actionable] "about {} failed payments in recent weeks" "0: no failed payments in recent weeks | <0.5: hardly any failed payments in recent weeks | <1.5: a failed payment in recent weeks | several failed payments in recent weeks"
    cast(decayed_30d as double) as payment_failures_decayed_30d,  -- Failed payments, each counting half after 30 days. [actionable] "about {} failed payments in recent months" "0: no failed payments in recent months | <0.5: hardly any failed payments in recent months | <1.5: a failed payment in recent months | several failed payments in recent months"
    days_since_failure as days_since_last_payment_failure,  -- Days since the last failed payment. [actionable] "last failed payment {} days ago" "missing: no payment has failed | 0: a payment failed today | last failed payment {} days ago"
    bit_count(open_bits) as open_payment_failures,  -- Days with a failed payment since the newest good one. [actionable] "{} failed payments since the last good one"
    open_bits <> 0 as has_unpaid_bill,  -- Whether the newest payment failed and none has followed. [actionable] "a bill is unpaid: {}" "0: no bill is unpaid | a bill is unpaid"
    refunds_90d,  -- Payments given back in 90 days. [actionable] "{} refunds in 90 days"
    method as payment_method  -- The way of paying of the newest attempt in 90 days. [actionable] "pays by {}"
from unpaid
