"""What was known of a date stays what it was, whatever later files tell: files in, features out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.workflows.refresh import build_features, refresh_warehouse

BEFORE, AFTER = date(2026, 7, 10), date(2026, 7, 20)
FIRST_LOAD, SECOND_LOAD = datetime(2026, 7, 9, 2), datetime(2026, 7, 15, 2)
Features = dict[str, dict[str, Any]]


class Home:
    """A small company: files are put there by table, and loaded at an instant."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: set[str] = set()

    def put(self, table: str, name: str, text: str) -> None:
        """Put a file there."""
        (self.folder / table).mkdir(exist_ok=True)
        (self.folder / table / f"{name}.csv").write_text(text)
        self.tables.add(table)

    def load(self, at: datetime) -> None:
        """Load what is there and new."""
        sections = (f'[sources.{name}]\npath = "{name}/*.csv"\n' for name in sorted(self.tables))
        (self.folder / "churn.toml").write_text("".join(sections))
        refresh_warehouse(self.context(at))

    def context(self, at: datetime) -> Context:
        settings = load_settings(config=self.folder / "churn.toml", home=self.folder / "home", environ={})
        return replace(build_context(settings=settings), clock=lambda: at)

    def features(self, day: date) -> Features:
        """Return the features of each customer, as they would be computed in the year after."""
        frame, _ = build_features(self.context(datetime(2027, 1, 1)), first=day)
        return {row["customer_id"]: row for row in frame.to_dicts()}


@dataclass(frozen=True)
class Retold:
    """A table, what its first and its second file say, and a feature of both customers before and after the second."""

    table: str
    first: str
    second: str
    feature: str
    was: tuple[object, object]
    becomes: tuple[object, object]


RETOLD = {
    "a failed payment that succeeds": Retold(
        "payments",
        "payment_id,customer_id,attempted_at,amount,status\nP1,A,2026-07-01,10,failed\nP2,B,2026-07-01,10,succeeded\n",
        "payment_id,customer_id,attempted_at,amount,status\nP1,A,2026-07-01,10,succeeded\n",
        "has_unpaid_bill",
        (True, False),
        (False, False),
    ),
    "a payment given back": Retold(
        "payments",
        "payment_id,customer_id,attempted_at,amount,status,known_at\nP1,A,2026-07-01,10,succeeded,2026-07-01\n",
        "payment_id,customer_id,attempted_at,amount,status,known_at\nP1,A,2026-07-01,10,refunded,2026-07-16\n",
        "payments_total",
        (1, 0),
        (0, 0),
    ),
    "a payment whose known_at never changes": Retold(
        "payments",
        "payment_id,customer_id,attempted_at,amount,status,known_at\nP1,A,2026-07-01,10,succeeded,2026-07-01\n",
        "payment_id,customer_id,attempted_at,amount,status,known_at\nP1,A,2026-07-01,10,failed,2026-07-01\n",
        "payment_failure_ratio",
        (0.0, None),
        (1.0, None),
    ),
    "a payment of merged accounts": Retold(
        "payments",
        "payment_id,customer_id,attempted_at,amount,status\nP1,A,2026-07-01,10,failed\n",
        "payment_id,customer_id,attempted_at,amount,status\nP1,B,2026-07-01,10,failed\n",
        "number_of_payment_failures_60d",
        (1, 0),
        (0, 1),
    ),
    "a ticket that is closed": Retold(
        "support_tickets",
        "ticket_id,customer_id,opened_at,closed_at\nT1,A,2026-07-02,\nT2,B,2026-07-02,\n",
        "ticket_id,customer_id,opened_at,closed_at\nT1,A,2026-07-02,2026-07-04\nT2,B,2026-07-02,\n",
        "open_tickets",
        (1, 1),
        (0, 1),
    ),
    "a session that lasted longer": Retold(
        "sessions",
        "customer_id,started_at,duration_minutes\nA,2026-07-02,10\nB,2026-07-02,20\n",
        "customer_id,started_at,duration_minutes\nA,2026-07-02,30\nB,2026-07-02,20\n",
        "minutes_30d",
        (10.0, 20.0),
        (30.0, 20.0),
    ),
    "an event under its id": Retold(
        "events",
        "customer_id,event_type,occurred_at,event_id,quantity\nA,post,2026-07-02,e1,1\nB,post,2026-07-02,e2,1\n",
        "customer_id,event_type,occurred_at,event_id,quantity\nB,post,2026-07-02,e1,1\n",
        "event_count_28d",
        (1, 1),
        (0, 2),
    ),
    "a customer who moves": Retold(
        "customers",
        "customer_id,signed_up_at,city\nA,2026-01-01,Lyon\nB,2026-01-01,Graz\n",
        "customer_id,signed_up_at,city\nA,2026-01-01,Porto\n",
        "city",
        ("Lyon", "Graz"),
        ("Porto", "Graz"),
    ),
    "a fee that rises in place": Retold(
        "subscriptions",
        "subscription_id,customer_id,started_at,monthly_fee\nS1,A,2026-02-01,10\nS2,B,2026-02-01,10\n",
        "subscription_id,customer_id,started_at,monthly_fee\nS1,A,2026-02-01,12\n",
        "current_fee",
        (10.0, 10.0),
        (12.0, 10.0),
    ),
}


def named(text: str, number: int) -> str:
    """Give each case customers and facts of its own, so that all of them can be one company's."""
    return re.sub(r"\b(A|B|[PTSe]\d)\b", rf"\g<1>-{number}", text)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Features]:
    """Features as told by the first files and by the second ones, of a date before the second load and of one after it."""
    home = Home(tmp_path_factory.mktemp("history"))
    people = [named(letter, number) for number in range(len(RETOLD)) for letter in "AB"]
    plain = [who for who in people if not who.endswith(f"-{list(RETOLD).index('a customer who moves')}")]
    home.put("customers", "all", "".join(["customer_id,signed_up_at\n", *(f"{who},2026-01-01\n" for who in plain)]))
    running = "".join(f"{who},{who},2026-01-01,basic,10\n" for who in people)
    home.put("subscriptions", "all", f"subscription_id,customer_id,started_at,plan,monthly_fee\n{running}")
    for number, case in enumerate(RETOLD.values()):
        home.put(case.table, f"{number}-1", named(case.first, number))
    home.load(FIRST_LOAD)
    told = {"past": home.features(BEFORE)}
    for number, case in enumerate(RETOLD.values()):
        home.put(case.table, f"{number}-2", named(case.second, number))
    home.load(SECOND_LOAD)
    return told | {"past told later": home.features(BEFORE), "present": home.features(AFTER)}


@pytest.mark.parametrize("name", RETOLD)
def test_a_later_file_changes_the_present_and_not_the_past(told: dict[str, Features], name: str) -> None:
    case, number = RETOLD[name], list(RETOLD).index(name)
    a, b = named("A", number), named("B", number)
    assert (told["past"][a][case.feature], told["past"][b][case.feature]) == case.was
    assert (told["past told later"][a], told["past told later"][b]) == (told["past"][a], told["past"][b])
    assert (told["present"][a][case.feature], told["present"][b][case.feature]) == case.becomes


def test_a_payment_that_is_known_to_have_failed_is_unpaid_until_it_is_known_to_be_paid(tmp_path: Path) -> None:
    home, head = Home(tmp_path), "payment_id,customer_id,attempted_at,amount,status,known_at"
    home.put("subscriptions", "1", "subscription_id,customer_id,started_at\nS1,A,2026-01-01\n")
    home.put("payments", "1", f"{head}\nP1,A,2026-07-01 09:00,10,failed,2026-07-01 09:00\n")
    home.load(FIRST_LOAD)
    home.put("payments", "2", f"{head}\nP1,A,2026-07-01 09:00,10,succeeded,2026-07-15 09:00\n")
    home.load(datetime(2026, 8, 1))
    unpaid = {day: home.features(date(2026, 7, day))["A"]["has_unpaid_bill"] for day in (10, 15, 16, 20)}
    assert unpaid == {10: True, 15: True, 16: False, 20: False}


def test_a_file_that_is_overwritten_in_place_changes_the_present_and_not_the_past(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.put("customers", "all", "customer_id,signed_up_at\nA,2026-01-01\nB,2026-01-01\n")
    home.put(
        "subscriptions",
        "all",
        "subscription_id,customer_id,started_at,plan,monthly_fee\nS1,A,2026-01-01,basic,10\nS2,B,2026-01-01,basic,10\n",
    )
    header = "payment_id,customer_id,attempted_at,amount,status\n"
    home.put("payments", "all", header + "P1,A,2026-07-01 09:00,10,failed\nP2,B,2026-07-01 09:00,10,succeeded\n")
    home.load(FIRST_LOAD)
    before = home.features(BEFORE)
    assert before["A"]["has_unpaid_bill"]
    home.put("payments", "all", header + "P1,A,2026-07-01 09:00,10,succeeded\nP2,B,2026-07-01 09:00,10,succeeded\n")
    home.load(SECOND_LOAD)
    assert home.features(BEFORE) == before
    assert not home.features(AFTER)["A"]["has_unpaid_bill"]
