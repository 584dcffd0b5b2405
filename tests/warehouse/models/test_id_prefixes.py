"""Ids with a prefix or suffix in one source only are found; sources of other customers are no alarm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from churn.warehouse import Warehouse
from tests.warehouse.models.quality import Check, checking, company


@pytest.fixture
def check(warehouse: Warehouse, tmp_path: Path) -> Check:
    return checking(warehouse, tmp_path)


def spelt(frame: pl.DataFrame, spelling: Callable[[int], str]) -> pl.DataFrame:
    """Return the frame with the ids of its customers, who are numbered from 1, in another spelling."""
    ids = [spelling(int(customer_id[1:]) + 1) for customer_id in frame["customer_id"]]
    return frame.with_columns(customer_id=pl.Series(ids))


def hashed(n: int) -> str:
    return f"Nffr{7919 * n:x}Fe{n:x}h"


@pytest.mark.parametrize(
    ("here", "there"),
    [
        (lambda n: f"C{n}", str),
        (str, lambda n: f"C{n}"),
        (str, lambda n: f"cus_{n}"),
        (lambda n: f"CUST-{n:06d}", str),
        (lambda n: f"{n:06d}", lambda n: f"#{n}"),
        (str, lambda n: f"{n}-DE"),
        (hashed, lambda n: f"shop1:{hashed(n)}"),
        (lambda n: f"cus_{hashed(n)}", hashed),
        (hashed, lambda n: f"{hashed(n)}@billing"),
        (str, lambda n: f"gid://shopify/Customer/{n}"),
        (str, lambda n: f"S2/{n}"),
    ],
)
def test_a_prefix_or_suffix_in_one_source_only_blocks(
    check: Check, here: Callable[[int], str], there: Callable[[int], str]
) -> None:
    frames = {name: spelt(frame, there if name == "payments" else here) for name, frame in company().items()}
    found = check(frames)["ids_bear_the_same_prefix"]
    assert (found.level, found.defect_count) == ("block", 20)
    assert found.example["table_name"] == "payments"
    pair = (found.example["written_here"], found.example["written_in_customers"])
    assert pair in {(there(n + 1), here(n + 1)) for n in range(20)}
    assert "customer_id = " in found.remedy


def test_a_prefix_that_half_of_a_table_lost_blocks(check: Check) -> None:
    frames = {
        name: spelt(frame, lambda n, table=name: str(n) if table == "payments" and n <= 10 else f"C{n}")
        for name, frame in company().items()
    }
    assert check(frames)["ids_bear_the_same_prefix"].defect_count == 10


@pytest.mark.parametrize(
    "there",
    [
        lambda n: f"P{n}",  # partners are numbered too
        lambda n: f"L-{n + 900}",  # leads who are no customers yet
        lambda n: str(88_000_000 + 31 * n),  # the other system's own numbers
        hashed,
    ],
)
def test_a_source_of_other_customers_is_no_alarm(check: Check, there: Callable[[int], str]) -> None:
    assert "ids_bear_the_same_prefix" not in check({"payments": spelt(company()["payments"], there)})


def test_guests_who_are_numbered_beside_the_customers_are_no_alarm(check: Check) -> None:
    frames = {name: spelt(frame, str) for name, frame in company().items()}
    guests = spelt(company()["payments"].head(120), lambda n: f"guest_{n}")
    payments = pl.concat([frames["payments"], guests.with_columns(pl.col("payment_id") + "g")])
    assert "ids_bear_the_same_prefix" not in check(frames | {"payments": payments})
