from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from tests.api.conftest import Service
from tests.documents.samples import plan_record

EVENT = {
    "customer_id": "C1",
    "campaign": "fix_payment",
    "event_id": "e1",
    "kind": "contacted",
    "occurred_at": "2026-07-03T09:30:00+02:00",
}


@pytest.fixture
def planned(service: Service) -> Service:
    plan = plan_record("p1", "fix_payment", planned_at=datetime(2026, 7, 1))
    rows = pl.DataFrame(
        {
            "customer_id": ["C1", "C2", "C3"],
            "arm": ["treatment", "holdout", "treatment"],
            "stratum": ["high"] * 3,
            "churn_probability": [0.3, 0.4, 0.5],
            "risk_band": ["high"] * 3,
            "expected_profit": [1.0, 2.0, 3.0],
            "value_of_save": [60.0] * 3,
            "contact_cost": [2.0] * 3,
            "incentive_cost": [0.0] * 3,
        }
    )
    with service.context.open_store() as store:
        store.plans.save(plan, rows)
    return service


def test_campaigns_are_listed_with_who_is_assigned(planned: Service) -> None:
    found = planned.client.get("/v1/campaigns", headers=planned.key("read")).json()
    mine = next(row for row in found if row["name"] == "fix_payment")
    assert (mine["treatment"], mine["holdout"], mine["is_changed_since"]) == (2, 1, True)


def test_a_campaigns_customers_come_page_by_page_with_their_arm(planned: Service) -> None:
    key = planned.key("read")
    first = planned.client.get("/v1/campaigns/fix_payment/assignments?limit=2", headers=key).json()
    rest = planned.client.get(
        "/v1/campaigns/fix_payment/assignments", params={"cursor": first["next_cursor"]}, headers=key
    ).json()
    arms = {a["customer_id"]: a["arm"] for a in [*first["assignments"], *rest["assignments"]]}
    assert arms == {"C1": "treatment", "C2": "holdout", "C3": "treatment"}
    assert rest["next_cursor"] is None


def test_the_newest_plan_says_what_it_expects_and_results_say_when_there_are_none(planned: Service) -> None:
    key = planned.key("read")
    plan = planned.client.get("/v1/campaigns/fix_payment/plan", headers=key).json()
    results = planned.client.get("/v1/campaigns/fix_payment/results", headers=key)
    assert plan["expected"]["contacts"] == 2
    assert list(plan)[:4] == ["plan_id", "planned_at", "snapshot_date", "is_dry_run"]
    assert (plan["plan_id"], plan["planned_at"], plan["snapshot_date"]) == ("p1", "2026-07-01T00:00:00", "2026-07-01")
    assert (results.status_code, results.json()["remedy"]) == (404, "Run `churn measure`.")


def test_a_held_out_customer_is_recommended_no_action(planned: Service) -> None:
    with planned.context.open_store() as store:
        ids = [row["customer_id"] for row in store.published.current(limit=2).to_dicts()]
        plan = store.plans.get("p1")
        assert plan is not None
        rows = store.assignments.of("fix_payment").head(2).drop("campaign", "plan_id", "snapshot_date", "assigned_at")
        rows = rows.with_columns(customer_id=pl.Series(ids), arm=pl.Series(["treatment", "holdout"]))
        store.plans.save(plan, rows)
    key = planned.key("read")
    answers = [planned.client.get(f"/v1/customers/{i}/risk", headers=key).json() for i in ids]
    assert [a["recommended_action"] for a in answers] == ["fix_payment", None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {"new": 1, "rejected": 0, "unmatched": 0}),
        ({"customer_id": "stranger"}, {"new": 1, "rejected": 0, "unmatched": 1}),
        ({"occurred_at": "2036-01-01T00:00:00Z"}, {"new": 0, "rejected": 1, "unmatched": 0}),
    ],
)
def test_outcomes_sent_twice_count_once(planned: Service, change: dict[str, str], expected: dict[str, Any]) -> None:
    key = planned.key("push")
    first = planned.client.post("/v1/outcomes", json={"events": [EVENT | change]}, headers=key).json()
    again = planned.client.post("/v1/outcomes", json={"events": [EVENT | change]}, headers=key).json()
    assert expected.items() <= first.items()
    assert again["new"] == 0


def test_an_outcome_without_a_time_zone_is_refused(planned: Service) -> None:
    events = {"events": [EVENT | {"occurred_at": "2026-07-03T09:30:00"}]}
    answer = planned.client.post("/v1/outcomes", json=events, headers=planned.key("push"))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
