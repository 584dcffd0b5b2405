"""Quality rules: each finds what it is for, and nothing in good data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.config import SourceSettings
from churn.errors import ConfigError
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from churn.warehouse.models.checks import run_checks
from tests.warehouse.models.quality import TODAY, Check, checking, company


@pytest.fixture
def check(warehouse: Warehouse, tmp_path: Path) -> Check:
    return checking(warehouse, tmp_path)


def changed(table: str, column: str, value: Any, rows: int = 1) -> dict[str, pl.DataFrame]:
    """Return the good company's `table` with `value` in the first rows of `column`."""
    frame = company()[table].with_row_index("n")
    is_first = pl.col("n") < rows
    literal = pl.lit(value).cast(frame.schema[column])
    return {table: frame.with_columns(pl.when(is_first).then(literal).otherwise(column).alias(column)).drop("n")}


def test_good_data_pass_every_rule(check: Check) -> None:
    assert check() == {}


def test_no_data_at_all_break_no_rule(check: Check) -> None:
    assert check({name: frame.clear() for name, frame in company().items()}) == {}


@pytest.mark.parametrize(
    ("rule", "table", "column", "value"),
    [
        ("facts_reference_known_customers", "payments", "customer_id", "C999"),
        ("facts_reference_known_customers", "sessions", "customer_id", "C999"),
        ("facts_are_not_from_the_future", "sessions", "started_at", datetime(2027, 1, 1)),
        ("payments_are_plausible", "payments", "amount", -1.0),
        ("payments_are_plausible", "payments", "amount", float("nan")),
        ("payments_are_plausible", "payments", "status", "maybe"),
        ("sessions_are_plausible", "sessions", "duration_minutes", 90_000.0),
        ("customers_are_plausible", "customers", "birth_date", datetime(1850, 1, 1).date()),
        ("subscriptions_are_plausible", "subscriptions", "ended_at", datetime(2024, 1, 1)),
        ("end_reasons_are_known", "subscriptions", "end_reason", "because"),
        ("subscriptions_are_plausible", "subscriptions", "billing_interval", "14 days"),
        ("fees_fit_their_plan", "subscriptions", "monthly_fee", 33.0),
        ("fees_fit_their_plan", "subscriptions", "plan", None),
        ("attributes_are_filled", "customers", "city", None),
    ],
)
def test_one_defect_is_found_and_only_warned_of(check: Check, rule: str, table: str, column: str, value: Any) -> None:
    found = check(changed(table, column, value))
    assert found[rule].level == "warn"
    assert found[rule].defect_count == 1
    assert {one.level for one in found.values()} == {"warn"}


@pytest.mark.parametrize("column", ["status", "amount"])
def test_payments_without_a_column_at_all_are_plausible(check: Check, column: str) -> None:
    assert check({"payments": company()["payments"].drop(column)}) == {}


@pytest.mark.parametrize("column", ["status", "amount"])
def test_a_payment_without_what_others_say_is_not(check: Check, column: str) -> None:
    assert check(changed("payments", column, None))["payments_are_plausible"].defect_count == 1


def test_every_rule_says_what_to_do(check: Check) -> None:
    found = check(changed("payments", "status", "maybe"))["payments_are_plausible"]
    assert found.remedy.startswith("Translate the words of the status")
    rules = [model for name, model in load_models(Path("nowhere")).items() if name.startswith("checks.")]
    assert [rule.name for rule in rules if len(rule.settings.get("remedy", "")) < 20] == []


def test_each_unknown_reason_for_an_end_is_named_and_counted_with_what_it_counts_as(check: Check) -> None:
    frame = company()["subscriptions"].with_row_index("n")
    words = pl.when(pl.col("n") < 3).then(pl.lit("Moved")).when(pl.col("n") < 5).then(pl.lit("pause"))
    words = words.when(pl.col("n") < 6).then(pl.lit("non payment")).otherwise(None)
    found = check({"subscriptions": frame.with_columns(words.alias("end_reason")).drop("n")})["end_reasons_are_known"]
    assert found.defect_count == 4
    assert found.example == {
        "end_reasons": "moved (3), non payment (1)",
        "different_words": 2,
        "counted_as": "voluntary",
        "defect_count": 4,
    }
    assert "codes = { end_reason" in found.remedy


def test_facts_before_the_signup_are_found_with_column_and_condition(check: Check) -> None:
    found = check(changed("customers", "signed_up_at", datetime(2026, 2, 1), rows=4))["facts_come_after_signup"]
    assert found.level == "warn"
    assert found.example["column_name"] in {"payments.attempted_at", "sessions.started_at"}
    assert found.example["condition"] == "before customers.signed_up_at"
    assert found.example["example_customer_id"] in {"C0", "C1", "C2", "C3"}
    assert found.defect_count > 100


def test_of_a_month_in_which_a_customer_signed_up_only_earlier_sessions_count(check: Check) -> None:
    found = check(changed("customers", "signed_up_at", datetime(2026, 2, 14), rows=20))["facts_come_after_signup"]
    early = company()["sessions"].filter(pl.col("started_at") < datetime(2026, 2, 13)).height
    assert found.defect_count == 2 * early  # as many payments as sessions
    assert found.example["all_rows"] == 700
    assert found.example["example_at"] == "2025-12-21T22:51:00"


def test_without_a_signup_the_first_subscription_counts(check: Check) -> None:
    late = changed("subscriptions", "started_at", datetime(2026, 2, 20), rows=20)
    found = check(late | {"customers": company()["customers"].drop("signed_up_at")})["facts_come_after_signup"]
    assert found.example["condition"] == "before subscriptions.started_at"
    # Who signed up before may have been there without a subscription.
    assert "facts_come_after_signup" not in check(late)


def test_a_fact_or_two_before_the_signup_and_another_zone_are_no_alarm(check: Check) -> None:
    assert check(changed("payments", "attempted_at", datetime(2024, 12, 1), rows=3)) == {}


def test_event_ids_that_come_again_for_other_facts_are_found(check: Check) -> None:
    at = TODAY - timedelta(days=1)
    events = pl.DataFrame(
        [
            {"customer_id": f"C{n}", "event_type": "play", "occurred_at": at, "event_id": "e" if n < 5 else f"e{n}"}
            for n in range(20)
        ]
    )
    found = check({"events": events})["ids_stand_for_one_fact"]
    assert (found.level, found.defect_count) == ("warn", 4)
    assert found.example == {
        "column_name": "events.event_id", "condition": "shared by different facts", "example_id": "e", "most_rows": 5,
        "defect_count": 4,
    }  # fmt: skip


def test_an_event_that_is_delivered_twice_is_another_rule_s_matter(check: Check) -> None:
    event = {"customer_id": "C1", "event_type": "play", "occurred_at": TODAY - timedelta(days=1), "event_id": "e"}
    assert set(check({"events": pl.DataFrame([event, event])})) == {"rows_are_delivered_once"}


def test_an_id_of_a_payment_that_two_customers_have_is_found(check: Check) -> None:
    found = check(changed("payments", "payment_id", "P", rows=3))["ids_stand_for_one_fact"]
    assert (found.example["column_name"], found.defect_count) == ("payments.payment_id", 2)


def panel(label: Callable[[int, int], bool | None]) -> dict[str, pl.DataFrame]:
    """Return a flat panel of 200 customers over six months, labelled by customer and month."""
    return {
        "customer_snapshots": pl.DataFrame(
            [
                {"customer_id": f"C{n % 20}" if n < 20 else f"K{n}", "snapshot_date": datetime(2025, m, 1).date(), "has_churned": label(n, m)}
                for n in range(200)
                for m in range(1, 7)
            ]
        )
    }  # fmt: skip


def test_a_label_that_does_not_change_with_the_date_is_found(check: Check) -> None:
    found = check(panel(lambda n, _: n % 5 == 0))["labels_vary_over_time"]
    assert found.example["condition"] == "true on every date of whoever churned"
    assert found.defect_count == 40


def test_a_date_whose_labels_are_not_known_yet_is_found(check: Check) -> None:
    found = check(panel(lambda n, m: m < 6 and n % 6 == m))["labels_vary_over_time"]
    assert found.example["condition"] == "nobody has churned, where others of the dates have churners"
    assert (found.example["example"], found.defect_count) == ("2025-06-01", 200)


@pytest.mark.parametrize("label", [True, False])
def test_labels_of_one_kind_beside_empty_ones_are_found(check: Check, label: bool) -> None:
    found = check(panel(lambda n, _: label if n % 5 == 0 else None))["labels_say_both"]
    assert found.defect_count == 160 * 6
    assert found.example["churned" if label else "stayed"] == 40 * 6


def test_a_panel_that_says_both_or_neither_breaks_no_rule_of_labels(check: Check) -> None:
    assert "labels_say_both" not in check(panel(lambda n, m: n % 6 == m if n % 5 else None))
    assert "labels_say_both" not in check(panel(lambda n, m: None))


def test_labels_that_change_with_the_date_hold(check: Check) -> None:
    assert "labels_vary_over_time" not in check(panel(lambda n, m: n % 6 == m - 1))


def subscriptions_with(values: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """Return good subscriptions, as many as `values`, each with its own."""
    frame = company()["subscriptions"]
    one = frame.row(0, named=True)
    rows = [one | {"subscription_id": f"S{n}", "customer_id": f"C{n % 20}"} | given for n, given in enumerate(values)]
    return {"subscriptions": pl.DataFrame(rows, schema=frame.schema)}


@pytest.mark.parametrize(
    ("table", "column", "day"),
    [
        ("subscriptions", "ended_at", datetime(9999, 12, 31)),
        ("subscriptions", "ended_at", datetime(2099, 12, 31, 23, 59, 59)),
        ("subscriptions", "canceled_at", datetime(1900, 1, 1)),
        ("customers", "signed_up_at", datetime(1970, 1, 1)),
        ("payments", "attempted_at", datetime(1753, 1, 1)),
    ],
)
def test_a_day_that_stands_for_none_blocks(check: Check, table: str, column: str, day: datetime) -> None:
    found = check(changed(table, column, day, rows=8))["times_are_no_placeholders"]
    assert (found.level, found.defect_count) == ("block", 8)
    assert found.example["column_name"] == f"{table}.{column}"
    assert found.example["placeholder"] == day.date().isoformat()


def test_odd_days_that_do_not_repeat_are_no_placeholders(check: Check) -> None:
    days = [{"ended_at": datetime(2091 + n, 5, 1)} for n in range(8)]
    assert "times_are_no_placeholders" not in check(subscriptions_with([*days, *[{}] * 20]))


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (lambda n: f"C{n}", lambda n: f"c{n}"),
        (lambda n: f"{n:06d}", str),
        (lambda n: f"001A0000{n:07d}", lambda n: f"001A0000{n:07d}AAB"),
        (lambda n: f"1b4e28ba-2fa1-11d2-883f-{n:012d}", lambda n: f"{{1B4E28BA-2FA1-11D2-883F-{n:012d}}}"),
        (lambda n: f"1b4e28ba-2fa1-11d2-883f-{n:012d}", lambda n: f"1b4e28ba2fa111d2883f{n:012d}"),
        (lambda n: f"K-{n}", lambda n: f"k {n}"),
    ],
)
def test_ids_that_differ_in_spelling_alone_block(
    check: Check, here: Callable[[int], str], there: Callable[[int], str]
) -> None:
    frames = {
        name: frame.with_columns(
            pl.col("customer_id").str.slice(1).cast(pl.Int64).map_elements(
                lambda n, spelt=there if name == "payments" else here: spelt(n + 1), return_dtype=pl.String
            )
        )
        for name, frame in company().items()
    }  # fmt: skip
    found = check(frames)["ids_are_written_alike"]
    assert (found.level, found.defect_count) == ("block", 20)
    assert found.example["table_name"] == "payments"
    assert found.example["written_here"] in {there(n + 1) for n in range(20)}
    assert found.example["written_in_customers"] in {here(n + 1) for n in range(20)}


@pytest.mark.parametrize("factor", [100.0, 0.01])
def test_payments_in_cents_beside_fees_in_dollars_are_found(check: Check, factor: float) -> None:
    found = check({"payments": company()["payments"].with_columns(pl.col("amount") * factor)})["payments_fit_fees"]
    assert (found.level, found.defect_count) == ("warn", 700)
    assert (found.example["usual_amount"], found.example["usual_fee"]) == (10.0 * factor, 10.0)


def test_payments_for_a_year_or_for_seats_are_no_cents(check: Check) -> None:
    yearly = company()["payments"].with_columns(pl.col("amount") * 12)
    assert "payments_fit_fees" not in check({"payments": yearly})


def test_customers_that_are_known_under_no_spelling_are_another_rule_s_matter(check: Check) -> None:
    assert "ids_are_written_alike" not in check(changed("payments", "customer_id", "K999", rows=60))


def test_ends_that_lie_on_one_day_are_found(check: Check) -> None:
    days = [datetime(2025, 11, 11)] * 60 + [datetime(2025, 3, 1) + timedelta(days=7 * n) for n in range(40)]
    ended = [{"ended_at": day} for day in days] + [{}] * 20
    found = check(subscriptions_with(ended))["labels_vary_over_time"]
    assert (found.example["column_name"], found.example["example"]) == ("subscriptions.ended_at", "2025-11-11")
    assert found.defect_count == 60


def test_ends_of_many_days_hold(check: Check) -> None:
    days = [datetime(2025, 11, 11)] * 29 + [datetime(2025, 3, 1) + timedelta(days=7 * n) for n in range(40)]
    assert "labels_vary_over_time" not in check(subscriptions_with([{"ended_at": day} for day in days] + [{}] * 20))


@pytest.mark.parametrize(
    "fees",
    [
        [10.0 * seats for seats in (1, 1, 1, 1, 1, 1, 1, 2, 5, 40)] * 4,  # by seat
        [3.7, 9.1, 22.0, 41.5, 60.0, 8.8, 13.0, 95.0, 2.2, 17.0] * 4,  # by use
    ],
)
def test_fees_by_seat_or_by_use_are_no_alarm(check: Check, fees: list[float]) -> None:
    assert "fees_fit_their_plan" not in check(subscriptions_with([{"monthly_fee": fee} for fee in fees]))


def test_a_source_without_plans_is_not_at_fault_for_each_row(check: Check) -> None:
    assert "fees_fit_their_plan" not in check(subscriptions_with([{"plan": None}] * 40))


def test_removed_repeats_are_counted(check: Check) -> None:
    payments = company()["payments"]
    found = check({"payments": pl.concat([payments, payments.head(7)])})
    assert found["rows_are_delivered_once"].defect_count == 7
    assert found["rows_are_delivered_once"].example["table_name"] == "payments"


def test_rejected_rows_are_counted(check: Check, warehouse: Warehouse) -> None:
    ingest(warehouse, {}, now=TODAY)
    warehouse.execute(
        "insert into raw.rejected_rows (source, file, row_number, reason) values ('sessions', 'f', 3, 'x')"
    )
    assert check()["rows_are_not_rejected"].example["example_reason"] == "x"


def test_data_that_end_long_ago_block(check: Check) -> None:
    found = check(now=TODAY + timedelta(days=40))
    assert found["data_are_fresh"].level == "block"


def test_data_of_last_month_do_not_block(check: Check) -> None:
    assert check(now=TODAY + timedelta(days=29)) == {}


def test_a_source_that_fell_silent_is_warned_of(check: Check) -> None:
    tickets = pl.DataFrame({"ticket_id": ["T1"], "customer_id": ["C1"], "opened_at": [TODAY - timedelta(days=50)]})
    assert check({"support_tickets": tickets})["sources_are_fresh"].example["table_name"] == "support_tickets"


def test_sessions_of_later_days_of_a_month_do_not_hide_that_they_fell_silent(check: Check) -> None:
    now, at = TODAY - timedelta(days=11), pl.col("started_at")
    sessions = company()["sessions"].filter((at < TODAY - timedelta(days=27)) | (at > now))
    found = check({"sessions": sessions}, now=now)["sources_are_fresh"]
    assert found.example == {"table_name": "sessions", "newest_at": "2026-02-01T23:00:00", "silence_days": 3}


@pytest.mark.parametrize(
    ("every", "silent", "is_late"),
    [(1, 3, False), (1, 5, True), (7, 13, False), (7, 16, True), (30, 55, False), (30, 70, True)],
)
def test_a_source_is_late_by_its_own_rhythm(check: Check, every: int, silent: int, is_late: bool) -> None:
    days = [TODAY - timedelta(days=silent + every * number) for number in range(6)]
    tickets = pl.DataFrame({"ticket_id": [f"T{n}" for n in range(6)], "customer_id": ["C1"] * 6, "opened_at": days})
    late = check({"support_tickets": tickets}).get("sources_are_fresh")
    assert (late is not None and late.example["table_name"] == "support_tickets") == is_late


def starts_until(day: datetime, every: int, count: int) -> dict[str, pl.DataFrame]:
    """Return good subscriptions of which one began every so many days, the last of them on `day`."""
    frame = pl.concat([company()["subscriptions"]] * 2).head(count).with_row_index("n")
    starts = pl.lit(day) - pl.col("n") * timedelta(days=every)
    frame = frame.with_columns(starts.cast(pl.Datetime).alias("started_at"), subscription_id=pl.format("S{}", "n"))
    return {"subscriptions": frame.drop("n")}


def test_a_source_of_churn_that_stopped_while_others_go_on_blocks(check: Check) -> None:
    found = check(starts_until(TODAY - timedelta(days=60), every=2, count=30))["churn_is_told_as_far_as_the_rest"]
    assert found.level == "block"
    assert found.example == {
        "source": "subscriptions",
        "told_until": "2025-12-31T00:00:00",
        "others_until": "2026-02-28T23:00:00",
    }


@pytest.mark.parametrize(("days", "every", "count"), [(20, 2, 30), (60, 2, 15), (32, 9, 30)])
def test_a_source_of_churn_that_seldom_tells_of_anything_may_be_silent(
    check: Check, days: int, every: int, count: int
) -> None:
    assert check(starts_until(TODAY - timedelta(days=days), every=every, count=count)) == {}


def test_planned_ends_make_no_data_fresh(check: Check) -> None:
    ends = changed("subscriptions", "ended_at", TODAY + timedelta(days=60), rows=20)
    assert "data_are_fresh" in check(ends, now=TODAY + timedelta(days=61))


def test_a_month_with_less_than_half_the_rows_blocks(check: Check) -> None:
    recent = pl.col("started_at") > TODAY - timedelta(days=31)
    sessions = company()["sessions"].with_row_index("n").filter(~recent | (pl.col("n") % 10 < 4)).drop("n")
    found = check({"sessions": sessions})
    assert found["recent_volume_has_not_halved"].level == "block"
    assert found["recent_volume_has_not_halved"].example["table_name"] == "sessions"


@pytest.mark.parametrize(
    ("days", "newest", "is_short"),
    [
        ((datetime(2025, 12, 3), datetime(2026, 1, 3), datetime(2026, 2, 3)), 290, False),
        ((datetime(2025, 12, 4), datetime(2026, 1, 2), datetime(2026, 2, 3)), 290, False),  # twice in a month: no loss
        ((datetime(2025, 12, 4), datetime(2026, 1, 2), datetime(2026, 2, 3)), 120, True),
    ],
)
def test_a_day_of_billing_a_month_is_set_beside_the_one_before(
    check: Check, days: tuple[datetime, ...], newest: int, is_short: bool
) -> None:
    paid = [day for day in days for _ in range(newest if day == days[-1] else 300)]
    payments = pl.DataFrame(
        {"payment_id": [f"P{n}" for n in range(len(paid))], "customer_id": "C1", "attempted_at": paid, "amount": 10.0}
    )
    found = check({"payments": payments}).get("recent_volume_has_not_halved")
    assert (found is not None and found.example["table_name"] == "payments") == is_short


def test_many_dates_from_the_future_block(check: Check) -> None:
    found = check(changed("payments", "attempted_at", datetime(2027, 1, 1), rows=100))
    assert found["dates_of_a_source_are_right"].level == "block"


@pytest.mark.parametrize(("days", "rule"), [(20, "facts_are_not_from_the_future"), (60, "dates_of_a_source_are_right")])
def test_a_flat_table_of_the_future_is_told_and_blocks_beyond_the_month(check: Check, days: int, rule: str) -> None:
    rows = pl.DataFrame({"customer_id": ["C1", "C2"], "has_churned": [True, False]})
    found = check(
        {"customer_snapshots": rows.with_columns(snapshot_date=pl.lit((TODAY + timedelta(days=days)).date()))}
    )
    assert rule in found
    assert ("dates_of_a_source_are_right" in found) == (days > 31)


def test_a_company_without_a_running_subscription_blocks(check: Check) -> None:
    ended = changed("subscriptions", "ended_at", datetime(2025, 2, 1), rows=20)
    assert check(ended)["some_customers_are_active"].level == "block"


def test_an_old_date_is_judged_by_the_data_of_its_time(check: Check) -> None:
    assert check(now=TODAY - timedelta(days=20)) == {}


def test_findings_are_kept_with_when_they_were_made(check: Check, warehouse: Warehouse) -> None:
    check(changed("payments", "amount", -1.0))
    row = warehouse.rows(
        "select run_at, level, defect_count, example from checks.results where rule = 'payments_are_plausible'"
    )
    assert row[0][:3] == (TODAY, "warn", 1)
    assert '"amount": -1.0' in row[0][3]


def test_blocking_rules_come_first(warehouse: Warehouse, tmp_path: Path) -> None:
    ingest(warehouse, {}, now=TODAY)
    models = load_models(tmp_path)
    build(warehouse, models, schemas=["staging", "totals"])
    levels = [one.level for one in run_checks(warehouse, models, now=TODAY.replace(tzinfo=UTC))]
    assert levels == sorted(levels)
    assert {one.level for one in run_checks(warehouse, models, now=TODAY, level="block")} == {"block"}


def test_a_rule_of_one_s_own_is_one_file(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "sql" / "checks" / "nobody_is_called_c1.sql"
    path.parent.mkdir(parents=True)
    path.write_text(
        "-- Nobody is called C1.\n-- Level: block\nselect customer_id from staging.customers where customer_id = 'C1'"
    )
    ingest(warehouse, {}, now=TODAY)
    warehouse.execute("insert into raw.customers (customer_id) values ('C1')")
    models = load_models(tmp_path)
    build(warehouse, models, schemas=["staging", "totals"])
    found = {one.rule: one for one in run_checks(warehouse, models, now=TODAY)}["nobody_is_called_c1"]
    assert (found.level, found.defect_count, found.message) == ("block", 1, "Nobody is called C1.")
    assert found.example == {"customer_id": "C1"}


def test_a_rule_without_level_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "sql" / "checks" / "a.sql"
    path.parent.mkdir(parents=True)
    path.write_text("select 1 as one")
    ingest(warehouse, {}, now=TODAY)
    models = load_models(tmp_path)
    build(warehouse, models, schemas=["staging", "totals"])
    with pytest.raises(ConfigError, match="Level: warn"):
        run_checks(warehouse, models, now=TODAY)


_COUNTING = """-- A rule that says how often it was run.
-- Level: block
select count(*) as payments, nextval('runs') as run from staging.payments
"""


def test_a_rule_is_not_run_again_until_something_is_loaded_or_a_day_has_passed(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    path = tmp_path / "sql" / "checks" / "counting.sql"
    path.parent.mkdir(parents=True)
    path.write_text(_COUNTING)
    warehouse.execute("create sequence runs")
    sources = {"payments": SourceSettings(path=str(tmp_path / "*.csv"))}

    def load(number: int) -> None:
        (tmp_path / f"{number}.csv").write_text(f"payment_id,customer_id,attempted_at\nP{number},C1,2026-02-01\n")
        ingest(warehouse, sources, now=TODAY)
        build(warehouse, load_models(tmp_path), schemas=["staging", "totals"])

    def run(now: datetime = TODAY, *, reuse: bool = True) -> int:
        found = run_checks(warehouse, load_models(tmp_path), now=now, level="block", reuse=reuse)
        return next(int(one.example["run"]) for one in found if one.rule == "counting")

    load(1)
    assert run() == 1
    assert run() == 1
    assert run(TODAY + timedelta(hours=20)) == 1
    assert run(reuse=False) == 2
    assert run() == 2
    assert run(TODAY + timedelta(days=1)) == 3
    load(2)
    assert run() == 4
    path.write_text(_COUNTING.replace("payments, next", "all_payments, next"))
    assert run() == 5
    warehouse.execute("insert into staging.customers (customer_id) values ('by hand')")
    assert run() == 6
    warehouse.execute("create schema history")
    warehouse.execute("create table history.scores as select 1 as one")
    path.write_text(_COUNTING.replace("staging.payments", "history.scores"))
    assert (run(), run()) == (7, 8)  # scores change without a load


def test_what_was_found_before_is_told_in_the_same_words(warehouse: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("customer_id,started_at\nC1,2025-01-01\n")
    ingest(warehouse, {"sessions": SourceSettings(path=str(tmp_path / "1.csv"))}, now=TODAY)
    models = load_models(tmp_path)
    build(warehouse, models, schemas=["staging", "totals"])
    first, again = (
        [replace(one, seconds=0.0) for one in run_checks(warehouse, models, now=TODAY, reuse=True)] for _ in range(2)
    )
    assert first == again
    assert any(one.defect_count for one in first)


def test_a_rule_is_not_run_again_because_the_database_was_written_to_disk(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("".join(["customer_id\n", *(f"C{n}\n" for n in range(5_000))]))
    sources = {"customers": SourceSettings(path=str(tmp_path / "1.csv"))}
    models = load_models(tmp_path)
    for turn in range(2):
        with open_warehouse(tmp_path / "warehouse.duckdb", holder="test") as warehouse:
            ingest(warehouse, sources, now=TODAY, full=turn > 0)  # the second time over the rows of the first
            build(warehouse, models, schemas=["staging", "totals"])
            run_checks(warehouse, models, now=TODAY)
    with open_warehouse(tmp_path / "warehouse.duckdb", holder="test") as warehouse:
        results = "select rule, rowid from checks.results order by all"
        kept = warehouse.rows(results)
        run_checks(warehouse, models, now=TODAY, reuse=True)
        assert warehouse.rows(results) == kept
