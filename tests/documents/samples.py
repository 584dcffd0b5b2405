"""Small plans and measurements that are whole, for tests of those who keep and show them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import polars as pl

from churn.documents.definition import CampaignDefinition, CampaignFile
from churn.documents.document import Range
from churn.documents.measurement import (
    ArmFigures,
    CampaignMoney,
    EventCounts,
    Maturity,
    MeasuredArms,
    MeasurementDocument,
    MeasurementWords,
    SaveLedger,
    TotalCosts,
)
from churn.documents.plan import (
    CampaignPlan,
    EarlierAssignments,
    PlanAllocation,
    PlanCalibration,
    PlanDocument,
    PlanExpectation,
    PlanInputs,
    PlannedHoldout,
    PlannedPower,
    ProfitInterval,
    ReturnInterval,
    RuleCount,
    ShadowPrices,
    StratumArms,
    SuccessRates,
)
from churn.documents.programme import LEAVE_ALONE, ProgrammeDefinition, ProgrammeFile
from churn.documents.programme_round import RoundArm, RoundDocument, SliceOfRound
from churn.store import PlanRecord, ProgrammeRound
from churn.store.programme_records import LOG_COLUMNS

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12)


def definition(name: str = "support_call", *, share: float = 0.1, **heading: Any) -> CampaignDefinition:
    """A campaign with a `share` held out; `heading` is its [campaign]."""
    sections = {"campaign": {"title": "A call", **heading}, "holdout": {"share": share}}
    return CampaignDefinition.of(name, CampaignFile.model_validate(sections))


def expectation(profit: float = 20.0, low: float = 10.0, high: float = 30.0) -> PlanExpectation:
    return PlanExpectation(
        contacts=2,
        cost=4.0,
        committed=4.0,
        saves=1.5,
        value=24.0,
        profit=profit,
        profit_interval=ProfitInterval(low=low, median=profit, high=high),
        roi=5.0,
        roi_interval=ReturnInterval(low=2.5, high=7.5),
        loss_probability=0.04,
    )


def plan_document(name: str = "support_call", *, plan_id: str = "p1", planned_at: datetime = NOON) -> PlanDocument:
    """The plan of one campaign that contacts two customers and leaves one alone."""
    part = CampaignPlan(
        name=name,
        title="A call",
        plan_id=plan_id,
        definition_hash="h",
        channel="phone",
        window_days=30,
        profit_model="case_study",
        profit_model_description="p x success x value - cost of a contact",
        is_uplift_measured=False,
        contact_cost=2.0,
        incentive_cost=0.0,
        success_rate=SuccessRates(low=0.25, expected=0.4, high=0.55),
        eligible=5,
        chosen=3,
        treatment=2,
        holdout=1,
        earlier=EarlierAssignments(treatment=0, holdout=0, committed=0.0, snapshot_dates=()),
        expected=expectation(),
    )
    holdout = PlannedHoldout(
        share=0.1,
        seed=1,
        treatment=2,
        holdout=1,
        new_treatment=2,
        new_holdout=1,
        profit_forgone=10.0,
        strata=(StratumArms(stratum="high", treatment=2, holdout=1),),
    )
    power = PlannedPower(
        churn_rate=0.3,
        expected_effect=0.12,
        minimum_detectable_effect=None,
        power=0.05,
        half_width=None,
        profit_half_width=None,
        customers_needed=400,
        alpha=0.05,
        wanted_power=0.8,
        window_days=30,
    )
    allocation = PlanAllocation(
        budget=None, budget_used_before=0.0, committed=4.0, chosen=3, contacts=2, profit=20.0, bound=20.0, gap=0.0
    )
    return PlanDocument(
        planned_at=planned_at,
        is_dry_run=False,
        currency="USD",
        snapshot_date=planned_at.date(),
        model_version="m1",
        run_id="run-1",
        scored_at=planned_at,
        data_cutoff=planned_at,
        stale_reason=None,
        calibration=PlanCalibration(is_passed=True, is_overridden=False, reasons=()),
        customers=6,
        campaigns=(part,),
        eligibility=(RuleCount(campaign=name, rule="no_consent", label="no consent", removed=1, remaining=5),),
        allocation=allocation,
        shadow_prices=ShadowPrices(budget_per_unit=0.0, next_thousand=0.0, campaigns=(), channels=()),
        holdout={name: holdout},
        power={name: power},
        expected=expectation(),
        sentences=("Contact 2 of 6 customers.",),
    )


def plan_record(plan_id: str = "p1", campaign: str = "support_call", **changes: Any) -> PlanRecord:
    """A plan as the store keeps it; `changes` replaces fields, the documents among them."""
    at = changes.get("planned_at", NOON)
    record = PlanRecord(
        plan_id=plan_id,
        campaign=campaign,
        definition_hash="h",
        definition=definition(campaign),
        planned_at=at,
        snapshot_date=changes.get("snapshot_date", at.date()),
        score_run_id="run-1",
        model_version="m1",
        profit_model="case_study",
        window_days=30,
        inputs=PlanInputs(campaigns=(campaign,), budget=None, window_days=30),
        result=plan_document(campaign, plan_id=plan_id, planned_at=at),
    )
    return replace(record, **changes)


def measurement_document(
    campaign: str = "support_call", *, net: Range | None = None, cost: float = 10.0, **changes: Any
) -> MeasurementDocument:
    """A mature measurement whose net profit is `net`; without any there is no verdict."""
    arm = ArmFigures(
        assigned=100,
        measured=100,
        missing=0,
        churned=10,
        churn_rate=0.1,
        expected_churned=12.0,
        delivered=0,
        accepted=0,
    )
    saves = Range(value=1.0, low=0.5, high=1.5)
    costs = TotalCosts(
        contacted=100,
        contact_cost=cost,
        contact_basis="assumed",
        used=0,
        incentive_cost=0.0,
        incentive_basis="none",
        total=cost,
    )
    money = None
    if net is not None:
        money = CampaignMoney(
            value_of_save=70.0,
            saves=saves,
            revenue=net,
            costs=costs,
            net_profit=net,
            roi=1.0,
            break_even_effect=0.01,
        )
    ledger = SaveLedger(
        expected_saves=2.0,
        expected_profit=90.0,
        holdout=100,
        holdout_expected_churned=12.0,
        holdout_churned=10,
        saves=None if net is None else saves,
        net_profit=net,
        profit_difference=None if net is None else net.value - 90.0,
        is_profit_within=None if net is None else True,
        is_saves_within=None,
    )
    measured = MeasurementDocument(
        campaign=campaign,
        title="A call",
        measured_at=NOON,
        data_cutoff=datetime(2026, 3, 1),
        currency="USD",
        is_mature=True,
        is_so_far=False,
        maturity=Maturity(assigned=200, mature=200, ready_date=None),
        windows=(30,),
        snapshot_dates=(DAY, DAY),
        plans=1,
        profit_model="case_study",
        model_version="m1",
        events=EventCounts(events=0, unmatched=0, before_assignment=0, after_window=0),
        verdict=None if net is None else "works",
        money=money,
        ledger=ledger,
        status="nothing_known" if net is None else "measured",
        arms=MeasuredArms(treatment=arm, holdout=arm),
        confidence=0.95,
        words=MeasurementWords(title="A title", headline="A headline.", story=(), notes=()),
        alarm=None,
    )
    return measured.model_copy(update=changes)


def draft_round(programme: str = "keep", *, expires_at: datetime = datetime(2099, 1, 1)) -> ProgrammeRound:
    """A round that waits for approval, with nobody in it."""
    file = {"programme": {"title": "Keep them"}, "offers": {"fix_payment": {}}, "approval": {"required": True}}
    alone = RoundArm(
        offer=LEAVE_ALONE,
        title="Leave alone",
        campaign=None,
        eligible=0,
        chosen=0,
        contacted=0,
        held_out=0,
        at_random=0,
        expected_cost=0.0,
        expected_profit=0.0,
        committed=0.0,
        capacity=None,
        taken_before=0,
    )
    document = RoundDocument(
        programme=programme,
        title="Keep them",
        round=1,
        is_draft=True,
        expires_at=expires_at,
        planned_at=NOON,
        snapshot_date=DAY,
        model_version="m1",
        run_id="r1",
        currency="USD",
        customers=4,
        eligible=0,
        budget=None,
        budget_used_before=0.0,
        committed=0.0,
        holdout_share=0.1,
        random_slice=SliceOfRound(wanted_share=0.02, share=0.02, leave_alone=0.25, customers=0, left_alone=0, cost=0.0),
        arms=(alone,),
        switched_off=(),
        offers=(),
        plan=plan_document().model_copy(update={"campaigns": ()}),
        sentences=("Nobody.",),
    )
    definition = ProgrammeDefinition.of(programme, ProgrammeFile.model_validate(file))
    return ProgrammeRound(
        programme=programme,
        round=1,
        state="draft",
        definition_hash=definition.hash,
        definition=definition,
        learnt="",
        planned_at=NOON,
        snapshot_date=DAY,
        score_run_id="r1",
        expires_at=expires_at,
        decided_at=None,
        decided_by=None,
        note=None,
        result=document,
    )


def empty_log() -> pl.DataFrame:
    """The log of a round with nobody in it."""
    kinds = {"Date": pl.Date, "String": pl.String, "Int64": pl.Int64, "Boolean": pl.Boolean, "Float64": pl.Float64}
    return pl.DataFrame(schema={name: kinds[kind] for name, kind in LOG_COLUMNS.items()})
