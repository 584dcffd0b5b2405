from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from churn.errors import FutureLeak, ModelError
from churn.modeling.judging.leakage import refuse_jump, scan_leakage

N = 2_000


def scan(limit: float = 0.95, trusted: tuple[str, ...] = (), **columns: object):
    y = outcome()
    frame = pl.DataFrame({"snapshot_date": [date(2025, 6, 1)] * N, **columns}, strict=False)
    return scan_leakage(frame, y, list(columns), limit=limit, horizon_days=30, trusted=trusted)


def outcome():
    return (np.random.default_rng(0).random(N) < 0.2).astype(np.float64)


def test_a_feature_that_alone_tells_the_outcome_is_named_with_its_auc_and_a_remedy():
    score = outcome() + np.random.default_rng(1).normal(0, 0.3, N)
    with pytest.raises(
        ModelError, match=r"`balance` alone tells churners from stayers with AUC 0\.98.*exclude_features"
    ):
        scan(balance=score)


def test_it_may_tell_the_outcome_backwards_or_by_being_missing_or_as_a_category():
    noise = np.random.default_rng(2).normal(0, 0.3, N)
    with pytest.raises(ModelError, match="`balance` alone"):
        scan(balance=noise - outcome())
    with pytest.raises(ModelError, match="`refund` alone"):
        scan(refund=[None if churned else 1.0 for churned in outcome()])
    with pytest.raises(ModelError, match="`status` alone"):
        scan(status=["closed" if churned else "open" for churned in outcome()])


def test_all_features_that_are_refused_are_named_at_once():
    noise = np.random.default_rng(1).normal(0, 0.3, N)
    with pytest.raises(ModelError, match="`balance` alone") as refused:
        scan(balance=outcome() + noise, age=noise, status=np.where(outcome() > 0, "closed", "open"), debt=outcome())
    assert refused.value.remedy.endswith("The scan refuses besides: `status`, `debt`.")


def test_a_value_filled_in_on_leaving_is_seen_though_its_auc_is_low():
    reasons = np.random.default_rng(3).random(N) < 0.4
    exit_survey = ["price" if churned and asked else None for churned, asked in zip(outcome(), reasons, strict=True)]
    filled = sum(answer is not None for answer in exit_survey)
    with pytest.raises(ModelError, match=f"`exit_survey` is not missing for {filled} rows, of which {filled} churned"):
        scan(exit_survey=exit_survey)


@pytest.mark.parametrize("base", [0.02, 0.6])
def test_a_survey_of_leavers_is_seen_where_few_leave_and_where_most_do(base):
    rng = np.random.default_rng(3)
    y = (rng.random(5_000) < base).astype(np.float64)
    survey = ["price" if churned and asked else None for churned, asked in zip(y, rng.random(5_000) < 0.4, strict=True)]
    frame = pl.DataFrame({"survey": survey, "noise": rng.integers(0, 40, 5_000)})
    with pytest.raises(
        ModelError, match=r"`survey` is not missing for .* it looks like something filled in on leaving"
    ):
        scan_leakage(frame, y, ["noise", "survey"], limit=0.95, horizon_days=30)


def test_a_value_that_no_churner_holds_is_seen_though_its_auc_is_low():
    """An attribute overwritten after the end: who leaves later is `closed` as well, so that it tells churn poorly."""
    rng = np.random.default_rng(6)
    status = [
        "closed" if churned or later else "open" for churned, later in zip(outcome(), rng.random(N) < 0.5, strict=True)
    ]
    is_open = status.count("open")
    with pytest.raises(ModelError, match=f"`status` is 'open' for {is_open} rows, of which 0 churned where"):
        scan(status=status)
    assert scan(status=status, trusted=("status",))[0].auc < 0.95
    kept = ["x" if value == "open" else None for value in status]
    with pytest.raises(ModelError, match="`renewed` is not missing"):
        scan(renewed=kept)


def test_customers_in_their_first_contract_need_not_leave_for_the_scan_to_pass():
    new = [n % 10 < 3 and not churned for n, churned in enumerate(outcome())]
    scan(is_new_user=new)
    with pytest.raises(ModelError, match="`is_open` is True for"):
        scan(is_open=new)


def test_a_term_that_binds_beyond_the_window_accuses_nobody():
    """Who has paid for a year is on one plan, and none of them leaves before it is over."""
    is_bound = (np.arange(N) % 4 == 0) & (outcome() == 0)
    plan = np.where(is_bound, "year", "month")
    with pytest.raises(ModelError, match="`plan` is 'year' for"):
        scan(plan=plan)
    scan(plan=plan, days_to_renewal=np.where(is_bound, 200, 12))


def test_a_term_hides_no_leak_among_those_whom_it_does_not_bind():
    term = np.where((np.arange(N) % 4 == 0) & (outcome() == 0), 200, 12)
    status = np.where((np.arange(N) % 2 == 0) & (outcome() == 0), "open", "new")
    with pytest.raises(ModelError, match="`status` is 'open' for"):
        scan(status=status, days_to_renewal=term)


def test_a_term_binds_nobody_where_some_leave_before_it_is_over():
    term = np.where(np.arange(N) % 4 == 0, 200, 12)
    with pytest.raises(ModelError, match="`is_open` is True for"):
        scan(is_open=(np.arange(N) % 10 < 3) & (outcome() == 0), days_to_renewal=term)


def test_a_term_that_is_written_after_people_leave_is_itself_refused():
    with pytest.raises(ModelError, match="`days_to_renewal` alone"):
        scan(days_to_renewal=np.where(outcome() == 0, 200, 12))


def test_honest_differences_between_segments_pass():
    """A tenth of the base rate is a strong segment, not a leak; and no churner among a few rows is chance."""
    rng, y = np.random.default_rng(7), outcome()
    loyal = np.where(y > 0, rng.random(N) < 0.02, rng.random(N) < 0.25)
    rare = np.where(y > 0, False, rng.random(N) < 0.03)
    found = scan(contract=np.where(loyal, "two years", "month"), city=np.where(rare, "Aa", "Bb"))
    assert {finding.feature for finding in found} == {"contract", "city"}


@pytest.mark.parametrize(
    "name",
    ["logins_next_30d", "payments_after_14_days", "future_3m_spend", "has_churned", "churn_30d", "churned_at", "Churn"],
)
def test_names_of_the_outcome_and_of_later_days_are_refused(name):
    with pytest.raises(FutureLeak, match=f"`{name}`"):
        scan(**{name: np.arange(N)})


@pytest.mark.parametrize("name", ["days_to_next_payment", "logins_30d", "churn_risk_segment", "afternoon_share"])
def test_honest_names_pass(name):
    assert scan(**{name: np.random.default_rng(4).normal(size=N)})[0].feature == name


def test_dates_on_or_after_the_snapshot_are_refused():
    day = date(2025, 6, 1)
    scan(last_seen=[day - timedelta(days=i % 90 + 1) for i in range(N)])
    with pytest.raises(FutureLeak, match="`last_seen` holds 20 dates on or after"):
        scan(last_seen=[day if i % 100 == 0 else day - timedelta(days=3) for i in range(N)])


def test_the_strongest_features_are_reported_first():
    rng = np.random.default_rng(5)
    found = scan(
        weak=rng.normal(size=N) + 0.2 * outcome(),
        strong=rng.normal(size=N) + outcome(),
        city=["a", "b", "c", "d"] * 500,
    )
    assert [f.feature for f in found] == ["strong", "weak", "city"]
    assert 0.5 <= found[-1].auc < 0.56


def test_a_limit_of_one_turns_the_statistical_tests_off():
    assert scan(limit=1.0, balance=outcome())[0].auc == 1.0


def test_a_feature_that_is_all_missing_passes():
    assert scan(never=[None] * N)[0].auc == 0.5


def panel(*, fades: bool) -> pl.DataFrame:
    """Return 800 customers on eight dates, half of whom leave on one. `balance` tells leavers: on all dates, or on the last."""
    rng = np.random.default_rng(8)
    rows = []
    for number in range(800):
        end = int(rng.integers(0, 8)) if number % 2 else None
        for month in range(8 if end is None else end + 1):
            knows = end is not None and (not fades or end == month)
            rows.append(
                {
                    "customer_id": str(number),
                    "snapshot_date": date(2025, 1, 1) + timedelta(days=30 * month),
                    "has_churned": month == end,
                    "balance": float(rng.normal(2.0 if knows else 0.0, 0.9)),
                }
            )
    return pl.DataFrame(rows)


def test_a_feature_that_knows_who_leaves_long_after_the_window_is_refused():
    frame = panel(fades=False)
    y = frame["has_churned"].to_numpy().astype(float)
    assert scan_leakage(frame, y, ["balance"], limit=0.95, horizon_days=30)[0].auc < 0.9  # on the window it hides
    with pytest.raises(ModelError, match=r"`balance` tells who leaves 60 days after the snapshot or later \(AUC 0\.9"):
        scan_leakage(frame, y, ["balance"], limit=0.95, horizon_days=30, history=frame)
    scan_leakage(frame, y, ["balance"], limit=0.95, horizon_days=30, history=frame, trusted=["balance"])


def test_a_strong_feature_that_fades_is_honest():
    frame = panel(fades=True)
    y = frame["has_churned"].to_numpy().astype(float)
    assert scan_leakage(frame, y, ["balance"], limit=0.95, horizon_days=30, history=frame)[0].auc > 0.9


@pytest.mark.parametrize(
    ("auc", "without", "is_refused"), [(0.968, 0.645, True), (0.92, 0.85, False), (0.85, 0.5, False)]
)
def test_a_jump_of_the_auc_by_one_feature_is_refused(auc, without, is_refused):
    def judge(trusted=()):
        refuse_jump("status", auc=auc, without=without, rows=900, limit=0.95, trusted=trusted)

    judge(trusted=("status",))
    if not is_refused:
        judge()
        return
    with pytest.raises(ModelError, match=r"`status` lifts the AUC on 900 test rows from 0\.645, .* to 0\.968"):
        judge()


def by_rates(rates, rows=600, seed=5):
    """Return a count 0, 1, ... with `rows` customers each, who churn by `rates`."""
    rng = np.random.default_rng(seed)
    count = np.repeat(np.arange(len(rates)), rows)
    y = (rng.random(count.size) < np.repeat(rates, rows)).astype(float)
    return pl.DataFrame({"sessions_7d": count}), y


def test_of_those_who_come_every_day_nobody_has_to_leave():
    frame, y = by_rates([0.25, 0.12, 0.05, 0.015, 0.004, 0.0, 0.0, 0.0])
    assert y[frame["sessions_7d"].to_numpy() >= 5].sum() == 0
    scan_leakage(frame, y, ["sessions_7d"], limit=0.95, horizon_days=30)


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ([0.08, 0.08, 0.0, 0.08, 0.08, 0.08, 0.08, 0.08], "is 2 for"),
        ([0.1, 0.09, 0.08, 0.09, 0.0, 0.0, 0.0, 0.0], "is 4 for"),
        ([0.0, 0.0, 0.0, 0.1, 0.09, 0.1, 0.09, 0.1], "is 2 for"),
        ([0.2, 0.1, 0.05, 0.03, 0.06, 0.08, 0.1, 0.0], "is 7 for"),
        ([0.08] * 10 + [0.0] * 40, "is 10 or more for"),  # each value is too rare to count
        ([0.0] * 30 + [0.08] * 20, "is 29 or less for"),
    ],
)
def test_a_number_that_falls_off_at_once_is_refused(rates, words):
    frame, y = by_rates(rates, rows=1_200)
    with pytest.raises(ModelError, match=words):
        scan_leakage(frame, y, ["sessions_7d"], limit=0.95, horizon_days=30)


def _drawn(rows: int = 400_000, base: float = 0.03, every: int = 40):
    """A big company of whose rows all churners are drawn and one in 40 of those who stayed, with what each row stands for."""
    rng = np.random.default_rng(6)
    failed = rng.random(rows) < 0.02
    y = (rng.random(rows) < np.where(failed, 0.6, base)).astype(np.float64)
    drawn = np.flatnonzero((y == 1) | (np.arange(rows) % every == 0))
    frame = pl.DataFrame(
        {
            "failures": np.where(failed, 3, rng.integers(0, 3, rows)),
            "survey": [
                None if stays or skips else "price" for stays, skips in zip(y == 0, rng.random(rows) < 0.7, strict=True)
            ],
            "status": np.where(y == 1, "closed", np.where(rng.random(rows) < 0.5, "open", "paused")),
        }
    )[drawn]
    return frame, y[drawn], np.where(y[drawn] == 1, 1.0, float(every))


def test_of_many_rows_those_who_stayed_count_for_all_they_were_drawn_from():
    frame, y, weight = _drawn()
    held = (frame["failures"] == 3).to_numpy()
    assert y[held].mean() > 0.98, "the rows alone look as if hardly anybody with it stayed"
    assert scan_leakage(frame, y, ["failures"], limit=0.95, horizon_days=30, weight=weight)[0].feature == "failures"
    with pytest.raises(ModelError, match="it looks like something filled in on leaving"):
        scan_leakage(frame, y, ["survey"], limit=0.95, horizon_days=30, weight=weight)
    flag = frame.with_columns(pl.col("status").replace("closed", "paused"))  # nobody who left is open
    with pytest.raises(ModelError, match=r"`status` is 'open' .* overwritten after people leave"):
        scan_leakage(flag, y, ["status"], limit=0.99, horizon_days=30, weight=weight)
