"""From assignments, outcomes and the warehouse to a measurement that is kept; and every reason why there is none yet."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import openpyxl
import polars as pl
import pytest

from churn.documents.measurement import EventCounts, Maturity
from churn.documents.plan import PlanInputs
from churn.errors import CampaignError, ConfigError, DataError
from churn.store import PlanRecord
from churn.views.save_ledger import read_ledger
from churn.workflows.measure import measure_campaign, open_alarms, write_measurement
from churn.workflows.measure.measure import holdout_share
from tests.documents.samples import definition, plan_record
from tests.workflows.measure.campaign_world import DAY, NOW, company, context, customers, plan


def held_out_leave(number: int) -> bool:
    """All of the holdout leave, and every fourth of the treated."""
    return number % 5 == 0 or number % 4 == 1


def everyone_else_leaves(number: int) -> bool:
    """The campaign harms: half of the treated leave, hardly anyone of the holdout."""
    return number % 2 == 1 and number % 5 != 0


def events(kind: str, names: list[str], at: datetime) -> pl.DataFrame:
    rows = [(name, "support_call", f"{kind}-{name}", kind, at, "test") for name in names]
    return pl.DataFrame(
        rows, schema=["customer_id", "campaign", "event_id", "kind", "occurred_at", "source"], orient="row"
    )


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    plan(tmp_path, customers(200))
    return tmp_path


def test_a_mature_campaign_is_measured_said_and_kept(planned: Path) -> None:
    here = context(planned, company(leaves=held_out_leave))
    found = measure_campaign(here, "support_call")
    document = found.document
    assert (document.status, document.verdict, document.is_mature) == ("measured", "works", True)
    assert document.arms.treatment.churned == 40
    assert document.arms.holdout.churn_rate == 1.0
    assert document.effect.delta == pytest.approx(0.75)
    assert document.money.saves.value == pytest.approx(120)
    assert document.money.costs.contact_basis == "assumed"
    assert {row.dimension for row in document.segments} == {"plan"}
    assert document.learnt.keys == ("all",)
    assert document.learnt.effect[0].rounds == 1
    assert any(part.code == "learnt" and "the file says" in part.sentence for part in document.words.story)
    with here.open_store() as store:
        kept = store.measurements.latest("support_call")
        assert store.runs.list(workflow="measure_campaign")[0].outcome == "done"
    assert kept is not None
    assert (kept.measurement_id, kept.plan_ids, kept.is_mature) == (found.measurement_id, ["p1"], True)
    assert kept.result == document


def test_measuring_again_says_the_same(planned: Path) -> None:
    here = context(planned, company(leaves=held_out_leave))
    assert measure_campaign(here, "support_call").document == measure_campaign(here, "support_call").document


def test_a_measurement_that_late_facts_moved_says_what_it_said_before(planned: Path) -> None:
    first = measure_campaign(context(planned, company(leaves=held_out_leave)), "support_call").document
    assert first.earlier is None

    def more_leave(number: int) -> bool:
        return held_out_leave(number) or number in {2, 3, 7}

    here = context(planned, company(leaves=more_leave))
    second = measure_campaign(here, "support_call").document
    assert first.earned is not None
    assert second.earlier is not None
    assert second.earlier.net_profit == first.earned.net_profit.value
    (note,) = [note for note in second.words.notes if "data that came since" in note]
    assert "(40 then and 43 now of those contacted, 40 then and 40 now of those left alone)" in note
    assert measure_campaign(here, "support_call").document.earlier is None  # nothing came since
    plan(planned, customers(250)[200:], plan_id="p2")
    more = measure_campaign(context(planned, company(250, leaves=more_leave)), "support_call").document
    assert more.earlier is None  # of other plans, so of other customers


def test_before_the_window_closes_there_is_no_verdict_but_a_date(planned: Path) -> None:
    here = context(planned, company(leaves=held_out_leave, until="2024-06-20"), now=datetime(2024, 6, 21))
    document = measure_campaign(here, "support_call").document
    assert (document.status, document.is_mature, document.effect) == ("not_mature", False, None)
    assert document.words.headline == (
        "Not yet mature: 0 of 200 outcomes are known, ready on 2024-07-08. Until then there is no verdict."
    )


def test_windows_that_have_closed_on_the_calendar_only_ask_for_a_refresh(planned: Path) -> None:
    here = context(planned, company(leaves=held_out_leave, until="2024-06-20"))
    headline = measure_campaign(here, "support_call").document.words.headline
    assert "the data reach only 2024-06-21: run `churn refresh`" in headline


def test_two_plans_are_judged_each_from_its_own_date(tmp_path: Path) -> None:
    # Those who cancel on 10 June are lost to the first plan's window, and gone before the second begins.
    plan(tmp_path, customers(100))
    plan(tmp_path, customers(200)[100:], plan_id="p2", day=date(2024, 6, 8))
    here = context(tmp_path, company(leaves=held_out_leave, until="2024-07-10"))
    waiting = measure_campaign(here, "support_call").document
    assert waiting.maturity == Maturity(assigned=200, mature=100, ready_date=date(2024, 7, 15))
    partly = measure_campaign(here, "support_call", so_far=True).document
    assert (partly.status, partly.is_mature, partly.arms.treatment.assigned) == ("measured", False, 80)
    assert any("So far only: 100 of 200" in note for note in partly.words.notes)
    whole = measure_campaign(context(tmp_path, company(leaves=held_out_leave)), "support_call").document
    assert (whole.is_mature, whole.arms.holdout.assigned) == (True, 40)
    assert whole.snapshot_dates == (date(2024, 6, 1), date(2024, 6, 8))


def test_whom_the_campaign_reached_comes_from_outcomes_and_from_the_warehouse(planned: Path) -> None:
    world = company(leaves=held_out_leave)
    names = customers(200)
    treated = [name for number, name in enumerate(names) if number % 5]
    world.contact(treated[0], "2024-06-03", campaign="support_call")
    world.contact(treated[1], "2024-05-20", campaign="support_call")  # before the assignment
    world.contact(treated[2], "2024-06-03", campaign="another")
    here = context(planned, world)
    with here.open_store() as store:
        store.outcomes.add(events("contacted", treated[10:50], datetime(2024, 6, 4)), NOW)
        store.outcomes.add(events("accepted", treated[10:20], datetime(2024, 6, 5)), NOW)
        store.outcomes.add(events("accepted", [treated[60]], datetime(2024, 5, 5)), NOW)
        store.outcomes.add(events("lost", [treated[70], "stranger"], datetime(2024, 6, 5)), NOW)
    document = measure_campaign(here, "support_call").document
    assert document.arms.treatment.delivered == 41
    assert document.money.costs.contacted == 41
    assert (document.money.costs.used, document.money.costs.incentive_cost) == (10, 50.0)
    assert document.delivered.share_treatment == pytest.approx(41 / 160)
    assert document.events == EventCounts(events=53, unmatched=1, before_assignment=1, after_window=0)


def test_a_campaign_that_harms_raises_one_alarm_which_a_better_measurement_ends(planned: Path) -> None:
    harmful = context(planned, company(leaves=everyone_else_leaves))
    for _ in range(2):
        assert measure_campaign(harmful, "support_call").document.alarm.startswith("STOP: A call drives")
    (alarm,) = open_alarms(harmful, "support_call")
    assert (alarm.severity, alarm.subject) == ("critical", "support_call")
    better = context(planned, company(leaves=held_out_leave))
    measure_campaign(better, "support_call")
    assert open_alarms(better) == []


def test_a_campaign_never_planned_is_named_with_the_nearest(planned: Path) -> None:
    here = context(planned, company(leaves=held_out_leave))
    with pytest.raises(CampaignError, match="never planned") as caught:
        measure_campaign(here, "suport_call")
    assert "Did you mean `support_call`?" in str(caught.value)
    with pytest.raises(CampaignError, match="Planned are: support_call"):
        measure_campaign(here, "zzz")


def test_a_plan_that_chose_nobody_has_nothing_to_measure(tmp_path: Path) -> None:
    plan(tmp_path, [])
    with pytest.raises(CampaignError, match="chose nobody"):
        measure_campaign(context(tmp_path, company(leaves=held_out_leave)), "support_call")


def test_customers_who_are_all_gone_from_the_data_are_an_error(tmp_path: Path) -> None:
    plan(tmp_path, ["x1", "x2", "x3"])
    with pytest.raises(DataError, match="none of the 3 assigned customers is in the data any more"):
        measure_campaign(context(tmp_path, company(leaves=held_out_leave)), "support_call")


def test_customers_who_have_gone_from_the_data_are_counted_and_left_out(tmp_path: Path) -> None:
    plan(tmp_path, [*customers(200), "gone1", "gone2"])
    document = measure_campaign(context(tmp_path, company(leaves=held_out_leave)), "support_call").document
    assert (document.arms.holdout.missing, document.arms.treatment.missing) == (1, 1)
    assert document.status == "measured"
    assert sum("no longer in the data" in note for note in document.words.notes) == 2


@pytest.mark.parametrize(
    ("names", "share", "status"),
    [
        ([name for n, name in enumerate(customers(200)) if n % 5], 0.0, "no_holdout"),
        (customers(1), 0.9, "nobody_treated"),
    ],
)
def test_a_campaign_with_one_arm_makes_no_claim(tmp_path: Path, names: list[str], share: float, status: str) -> None:
    plan(tmp_path, names, share=share)
    here = context(tmp_path, company(leaves=held_out_leave))
    if status == "no_holdout":
        with here.open_store() as store, store.database.write() as connection:
            connection.exec_driver_sql("update assignments set arm = 'treatment'")
    document = measure_campaign(here, "support_call").document
    assert (document.status, document.verdict, document.effect) == (status, None, None)


def test_a_holdout_that_was_tampered_with_breaks_the_split(planned: Path) -> None:
    here = context(planned, company(leaves=held_out_leave))
    with here.open_store() as store, store.database.write() as connection:
        connection.exec_driver_sql("update assignments set arm = 'treatment' where customer_id > 'c060'")
    document = measure_campaign(here, "support_call").document
    assert (document.status, document.verdict) == ("split_broken", None)


def test_the_ledger_lists_planned_campaigns_measured_or_not(planned: Path) -> None:
    plan(planned, ["c001", "c002"], plan_id="p9", campaign="fix_payment")
    here = context(planned, company(leaves=held_out_leave))
    measure_campaign(here, "support_call")
    rows = {row.campaign: row for row in read_ledger(here)}
    assert (rows["fix_payment"].status, rows["fix_payment"].holdout) == ("not_measured", 1)
    assert rows["support_call"].ledger.expected_profit == pytest.approx(160 * 3.0)
    assert rows["support_call"].ledger.saves.value == pytest.approx(120)
    measured = rows["support_call"].measured_customers
    assert measured == rows["support_call"].treatment + rows["support_call"].holdout
    plan(planned, ["c901", "c902"], plan_id="p10", campaign="support_call")
    (row,) = [row for row in read_ledger(here) if row.campaign == "support_call"]
    assert (row.measured_customers, row.treatment + row.holdout) == (measured, measured + 2)


def test_a_measurement_can_be_written_as_json_csv_workbook_and_page(planned: Path, tmp_path: Path) -> None:
    document = measure_campaign(context(planned, company(leaves=held_out_leave)), "support_call").document
    assert (
        json.loads(write_measurement(document, tmp_path / "m.json", home=tmp_path).read_text())["campaign"]
        == "support_call"
    )
    rows = list(csv.DictReader(write_measurement(document, tmp_path / "m.csv", home=tmp_path).read_text().splitlines()))
    assert [row["part"] for row in rows][:2] == ["as assigned", "unstratified"]
    assert float(rows[0]["delta"]) == document.effect.delta
    book = openpyxl.load_workbook(write_measurement(document, tmp_path / "m.xlsx", home=tmp_path))
    heads, first, *_ = book["Effects"].values
    effect = dict(zip(heads, first, strict=True))
    assert (effect["part"], effect["delta"], effect["low"]) == (
        "as assigned",
        document.effect.delta,
        document.effect.low,
    )
    money = dict(book["Money"].values)
    assert money["net_profit_value"] == document.earned.net_profit.value
    assert money["saves_value"] == document.earned.saves.value
    page = write_measurement(document, tmp_path / "out" / "m.html", home=tmp_path).read_text()
    assert document.words.title in page
    with pytest.raises(ConfigError, match=r"Use .html, .json, .csv or .xlsx"):
        write_measurement(document, tmp_path / "m.pdf", home=tmp_path)


def test_each_plan_is_expected_to_hold_out_its_own_share() -> None:
    def two_plans(first: float, second: float) -> list[PlanRecord]:
        shares = {"p1": first, "p2": second}
        return [plan_record(plan_id, definition=definition(share=share)) for plan_id, share in shares.items()]

    frame = pl.DataFrame({"plan_id": ["p1"] * 100 + ["p2"] * 100, "stratum": ["high"] * 200})
    shares = [(0.1, 0.1), (0.1, 0.2), (0.4, 0.1)]
    assert [holdout_share(two_plans(*pair), frame) for pair in shares] == pytest.approx([0.1, 0.15, 0.25])


def test_the_customers_of_each_plan_are_judged_by_its_own_window(tmp_path: Path) -> None:
    plan(tmp_path, customers(100))
    plan(tmp_path, customers(200)[100:], plan_id="p2", window_days=5)
    document = measure_campaign(context(tmp_path, company(leaves=held_out_leave)), "support_call").document
    # Within 5 days of 1 June nobody had canceled yet.
    assert document.windows == (5, 30)
    assert document.arms.holdout.churned == 20
    assert any("windows of 5 and 30 days" in note for note in document.words.notes)
    assert DAY + timedelta(days=5) < date(2024, 6, 10)


def test_those_of_a_plan_that_left_nobody_alone_are_compared_with_nobody(tmp_path: Path) -> None:
    names = customers(200)
    plan(tmp_path, names[:100])
    with_all = ["treatment"] * 100
    plan(tmp_path, names[100:], plan_id="p2", share=0.0, arms=with_all)
    here = context(tmp_path, company(leaves=lambda number: number >= 100 and number % 2 == 0))
    document = measure_campaign(here, "support_call").document
    # Half of the second hundred leave, and nobody of the first: no effect of contact, but of having been chosen later.
    assert document.effect.delta == 0.0
    assert document.without_comparison == 100
    assert document.arms.treatment.assigned == 80
    assert document.money.costs.contacted == 80
    assert not document.sample_ratio.is_broken
    assert any(note.startswith("100 assigned by plans that left nobody alone") for note in document.words.notes)


def test_where_only_answers_are_told_everybody_chosen_is_taken_to_have_been_contacted(planned: Path) -> None:
    here = context(planned, company(leaves=held_out_leave))
    with here.open_store() as store:
        store.outcomes.add(events("won", customers(200)[1:5], datetime(2024, 6, 4)), NOW)
        store.outcomes.add(events("declined", customers(200)[5:6], datetime(2024, 6, 4)), NOW)  # held out
        store.outcomes.add(
            events("unsubscribed", customers(200)[10:11], datetime(2024, 6, 4)), NOW
        )  # of its own accord
    document = measure_campaign(here, "support_call").document
    costs = document.money.costs
    assert (costs.contacted, costs.contact_cost, costs.contact_basis) == (161, 322.0, "assumed")
    assert document.delivered is None
    assert any(note.startswith("1 of 40 who should have been left alone") for note in document.words.notes)


def test_a_horizon_changed_since_the_plan_moves_no_window(tmp_path: Path) -> None:
    plan(tmp_path, customers(200), window_days=20)
    here = context(tmp_path, company(leaves=held_out_leave))
    assert measure_campaign(here, "support_call").document.windows == (20,)


def test_probabilities_of_other_days_than_the_window_are_taken_to_its_length(tmp_path: Path) -> None:
    """A model of fifteen days beside a window of thirty: who is held out, and the rate learnt, are of thirty days."""
    inputs = PlanInputs(campaigns=("support_call",), budget=None, window_days=30, horizon_days=15)
    plan(tmp_path, customers(200), inputs=inputs)
    document = measure_campaign(
        context(tmp_path, company(leaves=lambda number: number % 10 == 0)), "support_call"
    ).document
    assert document.ledger is not None
    assert document.learnt is not None
    within = 1.0 - 0.7**2  # every customer's probability is .3 within fifteen days
    assert document.ledger.holdout_expected_churned == pytest.approx(40 * within)
    assert document.arms.treatment.expected_churned == pytest.approx(160 * within)
    assert "within 15 days, the measurement within 30" in next(
        part.sentence for part in document.words.story if part.code == "ledger"
    )
    same = tmp_path / "same"
    same.mkdir()
    plan(same, customers(200))
    as_stated = measure_campaign(
        context(same, company(leaves=lambda number: number % 10 == 0)), "support_call"
    ).document
    assert as_stated.learnt is not None
    assert as_stated.ledger is not None
    assert as_stated.ledger.holdout_expected_churned == pytest.approx(40 * 0.3)
    assert document.learnt.effect[0].expected < as_stated.learnt.effect[0].expected


def test_a_source_of_churn_that_lags_is_named_and_not_the_others(planned: Path) -> None:
    """Sessions go on, the subscriptions end in June: nobody can say yet who left in the window."""
    world = company(leaves=lambda _number: False, until="2024-06-15").session("c000", "2024-07-18 12:00")
    headline = measure_campaign(context(planned, world), "support_call").document.words.headline
    assert "the data reach 2024-07-19, but what tells who left does not" in headline
