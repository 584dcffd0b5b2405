"""Refuses a column of amounts in two currencies, by their signs or by a column beside them: their sum would be no amount of either.

One currency sign holds for a column of a source over all of its files; what earlier files had is kept in the warehouse.
"""

from __future__ import annotations

import json
from typing import Final

from churn.config import SourceSettings
from churn.errors import ContractBroken
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.date_forms import keep_form, known_forms
from churn.warehouse.loading.expressions import expression, theirs
from churn.warehouse.reading.delivery import Delivery
from churn.warehouse.reading.values import SIGNS

COLUMN: Final = "currency"  # where a source says itself which currency a row is in
_AMOUNTS: Final = {"payments": "amount", "subscriptions": "monthly_fee"}
_CODES: Final = frozenset({"currency", "currencycode", "isocurrencycode", "ccy", "waehrung", "währung", "währungscode"})
_MONEY: Final = f"[-+(]?[{SIGNS}]? ?[-+]?[0-9.,]+ ?[{SIGNS}]?[)]?"


def refuse_mixed(warehouse: Warehouse, table: str, source: SourceSettings, delivery: Delivery) -> None:
    """Raise ContractBroken for a column whose amounts bear two signs, here or over files, unless `currency` is mapped."""
    if theirs(COLUMN, source.columns) is not None:
        return
    _refuse_codes(warehouse, table, source, delivery)
    ids = {theirs(source.columns.get(name, name), delivery.columns) for name in _ids(table)}
    texts = [name for name, kind in delivery.columns.items() if kind == "VARCHAR" and name not in ids]
    if not texts:
        return
    # Whether a sign stands anywhere is cheap to ask; what that suspects is matched as a whole afterwards.
    edges = [
        f"bool_or({' or '.join(f'contains({quoted(name)}, {literal(sign)})' for sign in SIGNS)})" for name in texts
    ]
    suspected = warehouse.rows(f"select {', '.join(edges)} from ({delivery.sql})")[0]
    known = known_forms(warehouse, table)
    for name in [name for name, is_suspect in zip(texts, suspected, strict=True) if is_suspect]:
        _refuse(warehouse, table, delivery, name, known.get(_kept_as(name), ""))


def _refuse_codes(warehouse: Warehouse, table: str, source: SourceSettings, delivery: Delivery) -> None:
    """Raise ContractBroken where a column beside the amounts names two currencies, here or over files."""
    money = _AMOUNTS.get(table, "")
    code = next((name for name in delivery.columns if _plain(name) in _CODES), None)
    is_there = theirs(money, delivery.columns) is not None or money in source.columns
    if code is None or not money or not is_there or source.columns.get(money, "").lower() == "null":
        return
    where = delivery.files[0].name
    condition = "true"
    if source.where:
        condition = expression(source.where, delivery.columns, where=f"sources.{table}.where", file=where).sql
    counted = warehouse.rows(
        f"select upper(trim(cast({quoted(code)} as varchar))) as code, count(*) from ({delivery.sql}) where {condition}"
        " group by 1 having code <> '' order by 2 desc, 1 limit 5"
    )
    held = [str(name) for name, _ in counted]
    known = known_forms(warehouse, table).get(_kept_as(code), "")
    if len({*held, *([known] if known else [])}) > 1:
        examples = ", ".join(f"{name} ({count:,} rows)" for name, count in counted)
        earlier = f"; earlier files had {known}" if known and held != [known] and known not in held[1:] else ""
        keeping = json.dumps(f"{_named(code)} = '{held[0]}'", ensure_ascii=False)
        amount = theirs(source.columns.get(money, money), delivery.columns) or money
        made = f"case {_named(code)} when '{held[-1]}' then {_named(amount)} * RATE else {_named(amount)} end"
        raise ContractBroken(
            f"`{money}` holds amounts in several currencies, by `{code}`: {examples}{earlier}",
            where=where,
            remedy=f"Keep one, by [sources.{table}] where = {keeping}, or say which each is in and convert them: columns = "
            f"{{ {COLUMN} = {json.dumps(code, ensure_ascii=False)}, {money} = {json.dumps(made, ensure_ascii=False)} }}.",
        )
    if held and not known:
        keep_form(warehouse, table, _kept_as(code), held[0], where)


def _named(column: str) -> str:
    return column if column.isidentifier() else quoted(column)


def _plain(name: str) -> str:
    return "".join(sign for sign in name.lower() if sign.isalnum())


def _ids(table: str) -> list[str]:
    return [name for name in TABLES[table].types if name.endswith("_id")] if table in TABLES else []


def _refuse(warehouse: Warehouse, table: str, delivery: Delivery, name: str, known: str) -> None:
    bare, where = f"trim({quoted(name)})", delivery.files[0].name
    signs = warehouse.rows(
        f"select regexp_extract({bare}, '[{SIGNS}]') as sign, min({bare}), count(*) from ({delivery.sql})"
        f" where regexp_full_match({bare}, {literal(_MONEY)}) group by 1 having sign <> '' order by 3 desc, 1"
    )
    held = [str(sign) for sign, _, _ in signs]
    if len({*held, *([known] if known else [])}) > 1:
        examples = " and ".join(f"`{example}` ({count:,} rows)" for _, example, count in signs)
        earlier = f"; earlier files had {known}" if known and known not in held[1:] and held != [known] else ""
        raise ContractBroken(
            f"`{name}` holds amounts in several currencies: {examples}{earlier}",
            where=where,
            remedy="Make them one currency in the export, or name the column that says which each is in:"
            f' [sources.{table}] columns = {{ {COLUMN} = "THEIR_COLUMN" }}, and convert them in `columns`.',
        )
    if held and not known:
        keep_form(warehouse, table, _kept_as(name), held[0], where)


def _kept_as(name: str) -> str:
    return f"{COLUMN} of {name}"
