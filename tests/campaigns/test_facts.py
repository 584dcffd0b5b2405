"""Who has left is judged as the population is: with the grace days, the reasons, and the label of a flat source.

Consent and address are those of the newest version, also where two became known at the same time.
"""

from __future__ import annotations

import pytest

from churn.campaigns.facts import read_consent, read_emails, read_left
from churn.config import ResourceSettings
from churn.warehouse.opening import open_warehouse
from tests.worlds import World, at

NOW = "2024-06-05 09:00"


def left(world: World, *, reached: str = "2024-06-05", grace_days: int = 7, counts_decisions: bool = True) -> list[str]:
    with world.warehouse() as warehouse:
        found = read_left(
            warehouse, at(NOW), reached=at(reached), grace_days=grace_days, counts_decisions=counts_decisions
        )
        return sorted(found.to_list())


def contracts() -> World:
    world = World()
    world.subscription("runs", "2024-01-01")
    world.subscription("ends next month", "2024-01-01", end="2024-07-01")
    world.subscription("within grace", "2024-05-01", end="2024-05-31")
    world.subscription("changes plan", "2024-05-01", end="2024-06-01", reason="plan_change")
    world.subscription("after grace", "2024-04-01", end="2024-05-20")
    world.subscription("decided", "2024-05-01", canceled="2024-05-20", end="2024-06-30")
    world.subscription("failed to pay", "2024-05-01", end="2024-06-01", reason="payment_failure")
    world.subscription("pauses", "2024-05-01", end="2024-06-01", reason="pause")
    world.subscription("has another", "2024-01-01", end="2024-03-01").subscription("has another", "2024-02-01")
    world.subscription("never was", "2024-05-01", end="2024-04-01").subscription("never was", "2024-01-01")
    return world


def test_a_term_that_may_be_renewed_has_not_left() -> None:
    assert left(contracts()) == ["after grace", "decided", "failed to pay", "pauses"]
    assert left(contracts(), counts_decisions=False) == ["after grace", "failed to pay", "pauses"]
    assert left(contracts(), grace_days=0) == [
        "after grace",
        "changes plan",
        "decided",
        "failed to pay",
        "pauses",
        "within grace",
    ]


def test_grace_ends_no_later_than_the_data_tell() -> None:
    """Of renewals after the last load nothing is known, however much later somebody plans."""
    assert "within grace" in left(contracts(), reached="2024-06-05", grace_days=3)
    assert "within grace" not in left(contracts(), reached="2024-06-02", grace_days=3)


def test_the_newest_label_of_a_flat_source_says_who_has_left() -> None:
    assert left(World().flat("gone", None, True).flat("stays", None, False).flat("unknown", None)) == ["gone"]
    world = World().flat("gone", "2024-04-01", False).flat("gone", "2024-05-01", True)
    world.flat("came back", "2024-04-01", True).flat("came back", "2024-05-01", False).flat("open", "2024-05-01")
    assert left(world) == ["gone"]


@pytest.mark.parametrize("is_read_first", [1, 2])
def test_of_two_versions_known_at_the_same_time_the_later_one_counts(is_read_first: int) -> None:
    """A file that dates what it tells to the end of the day, loaded at noon and again in the evening."""
    with open_warehouse(None, holder="tests", resources=ResourceSettings(memory_limit="1GB", threads=1)) as warehouse:
        warehouse.execute("create schema staging")
        warehouse.execute(
            "create table staging.customers as select 'c1' as customer_id, version as fact_version,"
            " version = 1 as marketing_consent, cast(null as timestamp) as objected_at,"
            " timestamp '2024-06-04 23:59:59' as available_at, version || '@example.org' as email"
            f" from (values (1), (2)) as v (version) order by version = {is_read_first} desc"
        )
        consent, _ = read_consent(warehouse)
        assert consent["has_consent"].to_list() == [False]
        assert read_emails(warehouse)["email"].to_list() == ["2@example.org"]
