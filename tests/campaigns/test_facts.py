"""Who has left is judged as the population is: with the grace days, the reasons, and the label of a flat source."""

from __future__ import annotations

from churn.campaigns.facts import read_left
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
