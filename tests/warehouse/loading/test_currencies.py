"""Amounts in two currencies are never summed: a column with two signs is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
HEAD = "payment_id,customer_id,attempted_at,amount,note\n"


def rows(*amounts: str, first: int = 1) -> str:
    return HEAD + "".join(f"{n},c,2026-01-01,{amount},$x {n}\n" for n, amount in enumerate(amounts, first))


@pytest.mark.parametrize("amounts", [("$29.99", "€29.99"), ("29.99 €", "£5"), ("-$1", "(¥5)"), ("€ 5", "$ 5")])
def test_a_column_with_two_signs_is_refused_by_name(load: Load, put: Put, amounts: tuple[str, ...]) -> None:
    put("p.csv", rows(*amounts))
    with pytest.raises(ContractBroken, match="`amount` holds amounts in several currencies") as caught:
        load("payments", "p.csv")
    assert all(amount in caught.value.what for amount in amounts)
    assert 'columns = { currency = "THEIR_COLUMN" }' in str(caught.value.remedy)


def test_one_sign_and_none_are_read(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("p.csv", rows("$29.99", "5", "", "free"))
    assert load("payments", "p.csv").rows == 4
    assert warehouse.rows("select count(amount), max(amount) from raw.payments") == [(2, 29.99)]


def test_a_column_that_says_which_is_declared_and_the_amounts_are_read(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("p.csv", rows("$29.99", "€5"))
    load(
        "payments",
        "p.csv",
        columns={"currency": "case left(amount, 1) when '$' then 'USD' else 'EUR' end"},
        options={"types": {"amount": "VARCHAR"}},
    )
    assert warehouse.rows("select amount, currency from raw.payments order by 1") == [(5.0, "EUR"), (29.99, "USD")]


def test_a_later_file_in_another_currency_is_refused(load: Load, put: Put) -> None:
    put("p-1.csv", rows("$29.99"))
    load("payments", "p-*.csv")
    put("p-2.csv", rows("€5", first=2))
    with pytest.raises(ContractBroken, match=r"earlier files had \$"):
        load("payments", "p-*.csv")


def test_words_that_begin_with_a_sign_are_no_amounts(load: Load, put: Put) -> None:
    put("e.csv", "customer_id,event_type,occurred_at\nc,$open,2026-01-01\nc,€uro,2026-01-01\n")
    assert load("events", "e.csv").rows == 2
