"""How a delivered value becomes a canonical type: one SQL expression per pair of types, null where it cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

_INTEGERS = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip
_KEPT_AS_TEXT = {"NULL", '"NULL"', "UUID", "JSON", "BLOB", "BIT"}
_FLOATS = {"FLOAT", "DOUBLE"}
_TIMES = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
# Only forms that mean one day whoever reads them; 03/04/2024 needs a strptime in the column map.
_DATE_FORMS = ["%Y%m%d", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d %b %Y", "%b %d, %Y", "%Y%m%dT%H%M%S"]
_GROUPED_NUMBER = r"[$€£]?-?\d{1,3}(,\d{3})*(\.\d+)?"


@dataclass(frozen=True)
class Cast:
    """An SQL expression of the wanted type; a fallible one is null for values that cannot be read."""

    sql: str
    is_fallible: bool


def is_number(kind: str) -> bool:
    """Say whether a DuckDB type holds numbers."""
    return kind in _INTEGERS or kind in _FLOATS or kind.startswith("DECIMAL")


def cast(expression: str, delivered: str, wanted: str) -> Cast:
    """Return `expression`, of type `delivered`, as type `wanted` (a type of contracts.py).

    Naive times are UTC; times with an offset are converted. Text is read leniently, never guessed.
    """
    if delivered == "JSON":  # a column of mixed types: its values as text, without the quotes of JSON
        expression, delivered = f"({expression} ->> '$')", "VARCHAR"
    if delivered == wanted:
        return Cast(expression, is_fallible=False)
    if wanted == "VARCHAR":
        return Cast(_as_text(expression, delivered), is_fallible=False)
    if wanted in {"TIMESTAMP", "DATE"}:
        return _as_time(expression, delivered, wanted)
    if delivered == "VARCHAR" and wanted in {"BOOLEAN", "DOUBLE"}:
        return Cast(_as_flag(expression) if wanted == "BOOLEAN" else _as_number(expression), is_fallible=True)
    is_safe = wanted in {"DOUBLE", "BOOLEAN"} and (is_number(delivered) or delivered == "BOOLEAN")
    return Cast(f"try_cast({expression} as {wanted})", is_fallible=not is_safe)


def _as_text(expression: str, delivered: str) -> str:
    if delivered in _FLOATS:  # ids that went through a data frame arrive as 17.0
        whole = f"{expression} = trunc({expression}) and abs({expression}) < 1e15"
        return f"case when {whole} then cast(cast({expression} as bigint) as varchar) else cast({expression} as varchar) end"
    return f"cast({expression} as varchar)"


def _as_number(expression: str) -> str:
    grouped = f"case when regexp_full_match(trim({expression}), '{_GROUPED_NUMBER}')"
    grouped += f" then try_cast(regexp_replace({expression}, '[$€£, ]', '', 'g') as double) end"
    return f"coalesce(try_cast({expression} as double), {grouped})"


def _as_time(expression: str, delivered: str, wanted: str) -> Cast:
    if delivered in _TIMES:
        return Cast(f"cast({expression} as {wanted})", is_fallible=False)
    if delivered == "VARCHAR":
        forms = ", ".join(f"'{form}'" for form in _DATE_FORMS)
        # By way of the zoned type: a plain cast to TIMESTAMP would drop an offset without a word.
        time = (
            f"coalesce(cast(try_cast({expression} as timestamptz) as timestamp), try_strptime({expression}, [{forms}]))"
        )
    elif is_number(delivered):
        time = (
            f"case when {expression} between 19000101 and 21001231"
            f" then try_strptime(cast(cast({expression} as bigint) as varchar), '%Y%m%d')"
            f" when {expression} between 1e8 and 1e11 then make_timestamp(cast({expression} * 1e6 as bigint))"
            f" when {expression} between 1e11 and 1e14 then make_timestamp(cast({expression} * 1e3 as bigint))"
            f" when {expression} between 1e14 and 1e17 then make_timestamp(cast({expression} as bigint)) end"
        )
    else:
        time = f"try_cast(cast({expression} as varchar) as timestamp)"
    return Cast(time if wanted == "TIMESTAMP" else f"cast({time} as date)", is_fallible=True)


def _as_flag(expression: str) -> str:
    word = f"lower(trim({expression}))"
    return (
        f"case when {word} in ('true', 't', 'yes', 'y', '1', '1.0', 'on') then true"
        f" when {word} in ('false', 'f', 'no', 'n', '0', '0.0', 'off') then false end"
    )


def widened(first: str, second: str) -> str:
    """Return a type that holds every value of both, for an extra column whose type differs between files."""
    if first == second:
        return first
    if is_number(first) and is_number(second):
        return "BIGINT" if first in _INTEGERS - {"HUGEINT"} and second in _INTEGERS - {"HUGEINT"} else "DOUBLE"
    if first in _TIMES and second in _TIMES:
        return "TIMESTAMP"
    return "VARCHAR"


def kept_type(delivered: str) -> str:
    """Return the type under which an extra column is kept: as it came, where frames and models can use that."""
    if delivered.startswith("TIMESTAMP"):
        return "TIMESTAMP"  # without a zone: it is UTC
    if delivered.startswith("DECIMAL") or delivered in {"HUGEINT", "UHUGEINT"}:
        return "DOUBLE"
    is_text = delivered.startswith(("ENUM", "INTERVAL", "TIME")) or delivered in _KEPT_AS_TEXT
    return "VARCHAR" if is_text else delivered
