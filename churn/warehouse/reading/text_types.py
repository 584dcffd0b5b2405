"""Gives columns of text the type that all of their values have, so that a user's SQL sees numbers and times as such.

A column is a number, a time or a boolean only if every value is; words for no value do not count. One odd value leaves an
extra column text, and the canonical columns are read value by value in any case.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.reading import values
from churn.warehouse.reading.delivery import Delivery
from churn.warehouse.reading.values import MISSING_VALUES, Reading

_SAMPLE: Final = 2_000
_COLUMNS: Final = 25  # of one query: planning thousands of conditions at once takes longer than running them
_EXACT_DIGITS: Final = 15  # a longer run of digits is an id: a double would round it


@dataclass(frozen=True)
class _Test:
    """A type a column may have: the SQL condition that each value must meet, and the SQL that makes the value."""

    kind: str
    holds: str
    sql: str


def typed(
    warehouse: Warehouse, delivery: Delivery, reading: Reading, *, as_text: Collection[str], fixed: Mapping[str, str]
) -> Delivery:
    """Return `delivery` with its text columns typed and its words for no value made null.

    `as_text` stay text (ids); `fixed` (column to DuckDB type) is what the source declares.
    """
    texts = [name for name, kind in delivery.columns.items() if kind == "VARCHAR"]
    if not texts:
        return delivery
    reading = replace(reading, company="")  # what a user's SQL sees is as it stands in the file
    cleaned = delivery
    if not delivery.is_cleaned:
        bare = {name: values.without_missing(quoted(name), reading, is_trimmed=delivery.is_text) for name in texts}
        cleaned = _replaced(delivery, bare, {})
    if not delivery.is_text:
        return cleaned
    chosen: dict[str, str] = {}
    kinds: dict[str, str] = {}
    open_names = [name for name in texts if name not in as_text and name not in fixed]
    for name, test in _types_of(warehouse, cleaned, open_names, reading).items():
        chosen[name], kinds[name] = test.sql, test.kind
    for name, kind in fixed.items():
        if name in texts and kind.upper() != "VARCHAR":
            chosen[name], kinds[name] = _declared(quoted(name), name, kind, reading)
    return _replaced(cleaned, chosen, kinds)


def _replaced(delivery: Delivery, expressions: Mapping[str, str], kinds: Mapping[str, str]) -> Delivery:
    if not expressions:
        return delivery
    listed = ", ".join(f"{sql} as {quoted(name)}" for name, sql in expressions.items())
    return replace(
        delivery,
        sql=f"select * replace ({listed}) from ({delivery.sql})",
        columns={name: kinds.get(name, kind) for name, kind in delivery.columns.items()},
    )


def _declared(column: str, name: str, kind: str, reading: Reading) -> tuple[str, str]:
    """Return SQL and DuckDB type of a column whose type the source declares: odd values are null."""
    upper = kind.upper()
    if upper in {"TIMESTAMP", "DATETIME"}:
        return values.time(column, name, reading), "TIMESTAMP"
    if upper == "DATE":
        return values.day(column, name, reading), "DATE"
    if upper in {"DOUBLE", "FLOAT", "REAL"} or upper.startswith(("DECIMAL", "NUMERIC")):
        return values.number(column, reading), "DOUBLE"
    return f"try_cast(trim({column}) as {kind})", upper


def _tests(name: str, reading: Reading) -> list[_Test]:
    """Return the types that a column of text may have, in the order in which they are tried."""
    column = quoted(name)
    bare = f"trim({column})"
    made = values.number(column, reading)
    # 007 is an id, not a number, and so is a run of digits that a double would round.
    is_name = f"(ltrim({bare}, '+-')[1] = '0' and ltrim({bare}, '+-')[2] between '0' and '9')"
    is_long = f"case when length({bare}) > {_EXACT_DIGITS} then regexp_full_match({bare}, '[+-]?[0-9]+') else false end"
    is_number = f"{made} is not null and not {is_name} and not {is_long}"
    whole = f"try_cast({bare} as bigint)"
    is_whole = f"cast({whole} as varchar) = ltrim({bare}, '+') and abs({whole}) < 1e{_EXACT_DIGITS}"
    is_iso = values.is_iso(bare)
    if reading.zones:  # a time without an offset is one of that zone, and read by itself
        is_iso = f"({is_iso} and {values.has_offset(bare)})"
    times = [
        _Test("TIMESTAMP", f"{values.is_naive(bare)}", f"try_cast({bare} as timestamp)"),
        _Test("TIMESTAMP WITH TIME ZONE", is_iso, f"try_cast({bare} as timestamptz)"),
    ]
    if reading.date_forms(name):
        naive = values.time(column, name, replace(reading, zones={}))
        times.append(_Test("TIMESTAMP", f"{naive} is not null", naive))
    return [
        _Test("BIGINT", is_whole, f"try_cast({bare} as bigint)"),
        _Test("DOUBLE", is_number, made),
        *times,
        _Test("BOOLEAN", f"lower({bare}) in ('true', 'false')", f"try_cast({bare} as boolean)"),
    ]


def _types_of(warehouse: Warehouse, delivery: Delivery, names: Collection[str], reading: Reading) -> dict[str, _Test]:
    """Return the first test that all values of a column pass, for columns where one does.

    The first rows say which tests are worth asking of all of them.
    """
    first = f"select * from ({delivery.sql}) limit {_SAMPLE}"
    likely, _ = _passed(warehouse, first, {name: _tests(name, reading) for name in names})
    chosen: dict[str, _Test] = {}
    while likely:  # of the types that the first rows allow, the first one that all rows do
        passed, held = _passed(warehouse, delivery.sql, {name: kept[:1] for name, kept in likely.items()})
        # A column without any value tells no type: it stays text.
        chosen |= {name: kept[0] for name, kept in passed.items() if held[name]}
        likely = {name: kept[1:] for name, kept in likely.items() if name not in passed and kept[1:]}
    return chosen


def _passed(
    warehouse: Warehouse, sql: str, tests: Mapping[str, list[_Test]]
) -> tuple[dict[str, list[_Test]], dict[str, int]]:
    """Return, for each column, the tests that all of its values pass, and how many values it has."""
    passed: dict[str, list[_Test]] = {}
    held: dict[str, int] = {}
    listed = list(tests)
    for start in range(0, len(listed), _COLUMNS):
        names = listed[start : start + _COLUMNS]
        part = _passed_at_once(warehouse, sql, {name: tests[name] for name in names})
        passed |= part[0]
        held |= part[1]
    return passed, held


def _passed_at_once(
    warehouse: Warehouse, sql: str, tests: Mapping[str, list[_Test]]
) -> tuple[dict[str, list[_Test]], dict[str, int]]:
    questions = [(name, test) for name, kept in tests.items() for test in kept]
    counts = [f"count({quoted(name)})" for name in tests]
    # Whether a value is one of the words for no number is asked only of those that fail.
    fails = [
        f"count_if(case when {test.holds} then false else {quoted(name)} is not null and {_is_value(name)} end)"
        for name, test in questions
    ]
    answer = warehouse.rows(f"select {', '.join([*counts, *fails])} from ({sql})")[0]
    held = dict(zip(tests, answer[: len(tests)], strict=True))
    passed: dict[str, list[_Test]] = {}
    for (name, test), failed in zip(questions, answer[len(tests) :], strict=True):
        if not failed:
            passed.setdefault(name, []).append(test)
    return passed, held


def _is_value(name: str) -> str:
    """Return SQL that is false where a text is a word for a missing number or time."""
    words = ", ".join(literal(word) for word in (*MISSING_VALUES, ""))
    return f"trim({quoted(name)}) not in ({words})"
