from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from churn.errors import ConfigError, ContractBroken, ModelError
from churn.store import Store
from churn.store.records import CustomerStanding
from churn.store.score_row import SCORE_COLUMNS
from tests.store.builders import NOON, run, score_list


def test_a_published_list_reads_back_as_it_was(store: Store) -> None:
    frame = score_list(40)
    store.scores.publish(run(), frame)
    assert_frame_equal(store.scores.current().sort("customer_id"), frame.sort("customer_id"))


def test_before_the_first_publication_there_is_no_run_and_an_empty_list(store: Store) -> None:
    assert store.scores.current_run() is None
    empty = store.scores.current()
    assert empty.is_empty()
    assert empty.columns == list(SCORE_COLUMNS)
    assert empty.schema["is_listed"] == pl.Boolean
    assert store.scores.page().next_cursor is None


def test_a_new_list_takes_the_place_of_the_old_one(store: Store) -> None:
    store.scores.publish(run("run-1"), score_list(5))
    store.scores.publish(run("run-2"), score_list(3))
    current = store.scores.current_run()
    assert current is not None
    assert (current.run_id, current.customers) == ("run-2", 3)
    assert store.scores.current().height == 3
    assert [r.run_id for r in store.scores.runs()] == ["run-1", "run-2"]


def test_publishing_the_same_run_twice_keeps_one(store: Store) -> None:
    store.scores.publish(run(), score_list(5))
    before = store.scores.current()
    store.scores.publish(run(), score_list(5))
    assert_frame_equal(store.scores.current(), before)
    assert len(store.scores.runs()) == 1


def test_an_empty_list_can_be_published(store: Store) -> None:
    store.scores.publish(run("run-1"), score_list(5))
    store.scores.publish(run("run-2"), score_list(5).clear())
    assert store.scores.current().is_empty()


def test_the_list_comes_sorted_highest_first_by_either_order(store: Store) -> None:
    store.scores.publish(run(), score_list(4, expected_profit=[5.0, 7.0, 7.0, 1.0]))
    assert store.scores.current()["customer_id"].to_list() == ["c1", "c2", "c0", "c3"]
    by_probability = store.scores.current(order="churn_probability")["customer_id"].to_list()
    assert by_probability == ["c3", "c2", "c1", "c0"]


def test_ids_sort_by_their_bytes_on_both_databases(store: Store) -> None:
    ids = ["a", "B", "_", "ä"]
    store.scores.publish(run(), score_list(4, customer_id=ids, expected_profit=[1.0] * 4))
    assert store.scores.current()["customer_id"].to_list() == ["B", "_", "a", "ä"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"bands": ["high"]}, {"c6", "c7", "c5", "c4"}),
        ({"bands": ["high", "low"]}, {f"c{i}" for i in range(8)}),
        ({"bands": []}, set()),
        ({"min_probability": 0.9375}, {"c7"}),
        ({"plan": "basic"}, {"c1", "c3", "c5", "c7"}),
        ({"listed": True}, {"c6", "c7"}),
        ({"listed": False, "plan": "basic", "bands": ["high"]}, {"c5"}),
    ],
)
def test_filters_keep_only_what_they_name(store: Store, filters: dict[str, object], expected: set[str]) -> None:
    store.scores.publish(run(), score_list(8))
    assert set(store.scores.current(**filters)["customer_id"]) == expected


def test_only_the_columns_asked_for_are_read(store: Store) -> None:
    store.scores.publish(run(), score_list(3))
    assert store.scores.current(columns=["customer_id", "is_listed"]).columns == ["customer_id", "is_listed"]


@pytest.mark.parametrize("order", ["expected_profit", "churn_probability"])
def test_pages_put_together_are_the_whole_list_without_gap_or_repeat(store: Store, order: str) -> None:
    # Many equal values, so that a page ends among equals.
    store.scores.publish(run(), score_list(23, expected_profit=pl.lit(3.5), churn_probability=[0.1, 0.2] * 11 + [0.1]))
    parts, cursor = [], None
    while True:
        page = store.scores.page(order=order, limit=4, cursor=cursor)
        parts.append(page.frame)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [part.height for part in parts] == [4, 4, 4, 4, 4, 3]
    assert_frame_equal(pl.concat(parts), store.scores.current(order=order))


def test_a_cursor_of_a_replaced_list_is_refused(store: Store) -> None:
    store.scores.publish(run("run-1"), score_list(9))
    cursor = store.scores.page(limit=2).next_cursor
    store.scores.publish(run("run-2"), score_list(9))
    with pytest.raises(ConfigError, match="start again"):
        store.scores.page(limit=2, cursor=cursor)


@pytest.mark.parametrize("cursor", ["", "x", "bm90IGpzb24=", "WzEsMl0=", "ü", '["a"]'])
def test_a_cursor_that_is_not_ours_is_refused(store: Store, cursor: str) -> None:
    store.scores.publish(run(), score_list(3))
    with pytest.raises(ConfigError, match="not one of ours"):
        store.scores.page(cursor=cursor)


def test_one_customer_comes_with_the_facts_of_the_run(store: Store) -> None:
    store.scores.publish(run(), score_list(3))
    found = store.scores.customer("c2")
    assert found.run == store.scores.current_run() == run(customers=3)
    assert found.score is not None
    assert found.score["churn_probability"] == pytest.approx(5 / 6)
    assert found.score["is_listed"] is True
    assert found.assignments == []


def test_a_customer_who_is_not_on_the_list_has_no_score_but_the_list_a_run(store: Store) -> None:
    assert store.scores.customer("nobody") == CustomerStanding(None, None, [])
    store.scores.publish(run(), score_list(3))
    assert store.scores.customer("nobody") == CustomerStanding(run(customers=3), None, [])


def test_a_list_marked_stale_says_why_until_the_next_one(store: Store) -> None:
    store.scores.mark_stale("there is no list yet, so nothing happens", NOON)
    store.scores.publish(run("run-1"), score_list(3))
    store.scores.mark_stale("rule payments_orphans found 12 rows", datetime(2026, 3, 2))
    stale = store.scores.current_run()
    assert stale is not None
    assert (stale.is_stale, stale.stale_reason) == (True, "rule payments_orphans found 12 rows")
    assert stale.stale_at == datetime(2026, 3, 2)
    assert store.scores.current().height == 3
    store.scores.publish(run("run-2"), score_list(3))
    fresh = store.scores.current_run()
    assert fresh is not None
    assert not fresh.is_stale


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1, 1.1])
def test_a_score_that_is_no_probability_is_refused_and_the_old_list_stays(store: Store, bad: float) -> None:
    store.scores.publish(run("run-1"), score_list(3))
    with pytest.raises(ModelError, match="c1"):
        store.scores.publish(run("run-2"), score_list(3, churn_probability=[0.1, bad, 0.2]))
    current = store.scores.current_run()
    assert current is not None
    assert current.run_id == "run-1"


def test_an_expected_profit_that_is_no_number_is_refused(store: Store) -> None:
    with pytest.raises(ModelError, match="c0"):
        store.scores.publish(run(), score_list(2, expected_profit=[float("nan"), 1.0]))


def test_a_missing_column_is_named(store: Store) -> None:
    with pytest.raises(ContractBroken, match="risk_band"):
        store.scores.publish(run(), score_list(2).drop("risk_band"))


def test_an_empty_value_is_named(store: Store) -> None:
    with pytest.raises(ContractBroken, match="1 rows have no risk_band"):
        store.scores.publish(run(), score_list(2, risk_band=["high", None]))


def test_a_customer_who_comes_twice_is_refused(store: Store) -> None:
    with pytest.raises(ContractBroken, match="more than once"):
        store.scores.publish(run(), score_list(2, customer_id=["a", "a"]))


def test_a_whole_list_can_be_read_with_its_run_at_one_instant(store: Store) -> None:
    store.scores.publish(run(), score_list(7))
    page = store.scores.page(limit=None, columns=["customer_id"])
    assert page.run is not None
    assert page.run.customers == page.frame.height == 7
    assert page.frame.columns == ["customer_id"]
    assert page.next_cursor is None
