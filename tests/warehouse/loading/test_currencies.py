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


CODED = "payment_id,customer_id,attempted_at,amount,Currency\n"


def coded(*codes: str, first: int = 1) -> str:
    return CODED + "".join(f"{n},c,2026-01-01,100,{code}\n" for n, code in enumerate(codes, first))


def test_two_codes_beside_the_amounts_are_refused_and_both_remedies_work(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("p.csv", coded("EUR", "EUR", "JPY"))
    with pytest.raises(
        ContractBroken, match="several currencies, by `Currency`: EUR \\(2 rows\\), JPY \\(1 rows\\)"
    ) as caught:
        load("payments", "p.csv")
    assert "where = \"Currency = 'EUR'\"" in str(caught.value.remedy)
    load("payments", "p.csv", where="Currency = 'EUR'")
    assert warehouse.rows("select sum(amount) from raw.payments") == [(200.0,)]
    made = {"currency": "Currency", "amount": "case Currency when 'JPY' then amount * 0.006 else amount end"}
    load("payments", "p.csv", columns=made)
    assert warehouse.rows("select sum(amount) from raw.payments") == [(200.6,)]


def test_codes_are_held_to_those_of_earlier_files(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("p-1.csv", coded("eur", " EUR ", ""))
    load("payments", "p-*.csv")
    put("p-2.csv", coded("CHF", first=10))
    with pytest.raises(ContractBroken, match="by `Currency`: CHF \\(1 rows\\); earlier files had EUR"):
        load("payments", "p-*.csv")
    assert warehouse.rows("select count(*) from raw.payments") == [(3,)]


def test_fees_in_two_currencies_are_refused_and_a_currency_without_amounts_is_not(load: Load, put: Put) -> None:
    put("s.csv", "subscription_id,customer_id,started_at,price,Währung\n1,a,2026-01-01,9,EUR\n2,b,2026-01-01,9,USD\n")
    assert load("subscriptions", "s.csv").rows == 2
    with pytest.raises(ContractBroken, match="`monthly_fee` holds amounts in several currencies, by `Währung`"):
        load("subscriptions", "s.csv", columns={"monthly_fee": "price"})
