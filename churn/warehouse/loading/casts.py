"""How a delivered value becomes a canonical type: one SQL expression per pair of types, null where it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from churn.warehouse.connection import literal
from churn.warehouse.reading import values
from churn.warehouse.reading.values import MISSING_VALUES, PLAIN, Reading

_INTEGERS: Final = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
}  # fmt: skip
_KEPT_AS_TEXT: Final = {"NULL", '"NULL"', "UUID", "JSON", "BLOB", "BIT"}
_FLOATS: Final = {"FLOAT", "DOUBLE"}
_TIMES: Final = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
_EXACT_FLOATS: Final = 1 << 53
_ROUNDED: Final = "[0-9]([.,][0-9]+)?[eE][+][0-9]+"  # 1.23457E+11, also with a comma: a spreadsheet or data frame cut the id's digits off
_UNSEEN: Final = "[\\s\\x{00A0}]+"  # blanks
# Signs without a width: joiners, marks of the direction of writing, hyphens where a word may be parted, marks of the order of bytes.
_WEIGHTLESS: Final = "[\\x{00AD}\\x{061C}\\x{180E}\\x{200B}-\\x{200F}\\x{202A}-\\x{202E}\\x{2060}-\\x{2069}\\x{FEFF}]+"
YES_WORDS: Final = ("true", "t", "yes", "y", "1")
NO_WORDS: Final = ("false", "f", "no", "n", "0")


@dataclass(frozen=True)
class Cast:
    """An SQL expression of the wanted type; a fallible one is null for values that cannot be read."""

    sql: str
    is_fallible: bool


def is_number(kind: str) -> bool:
    """Say whether a DuckDB type holds numbers."""
    return kind in _INTEGERS or kind in _FLOATS or kind.startswith("DECIMAL")


def cast(expression: str, delivered: str, wanted: str, column: str = "", reading: Reading = PLAIN) -> Cast:
    """Return `expression`, of type `delivered`, as type `wanted` (a type of contracts.py), for a `column` of ours.

    Naive times are UTC, or of the zone that `reading` names; times with an offset are converted. Text is read by the
    rules of reading/values.py, never guessed.
    """
    if delivered == "JSON":  # a column of mixed types: its values as text, without the quotes of JSON
        is_value = f"json_type({expression}) not in ('OBJECT', 'ARRAY', 'BOOLEAN')"
        text = f"({expression} ->> '$')"
        expression, delivered = f"case when {is_value} then {text} end" if column.endswith("_id") else text, "VARCHAR"
    if codes := reading.codes.get(column):
        return _coded(expression, delivered, wanted, codes)
    return _by_type(expression, delivered, wanted, column, reading)


def _by_type(expression: str, delivered: str, wanted: str, column: str, reading: Reading) -> Cast:
    if wanted == "VARCHAR":
        text = _as_text(expression, delivered)
        made = _as_id(text) if column.endswith("_id") else f"trim({text})"
        if column.endswith("_id") and delivered in _FLOATS:  # beyond, several whole numbers are one float
            made = f"case when abs({expression}) < {_EXACT_FLOATS} then {made} end"
        return Cast(made, is_fallible=False)
    if wanted in {"TIMESTAMP", "DATE"}:
        return _as_time(expression, delivered, wanted, column, reading)
    if wanted == "BOOLEAN":
        return _as_flag(expression, delivered)
    if wanted == "DOUBLE":
        return _as_number(expression, delivered, reading)
    return Cast(expression if delivered == wanted else f"try_cast({expression} as {wanted})", delivered != wanted)


def _as_number(expression: str, delivered: str, reading: Reading) -> Cast:
    if delivered in _FLOATS:  # data frames write NaN where a value is missing
        return Cast(f"case when {_has_value(expression)} then cast({expression} as double) end", is_fallible=False)
    if delivered == "VARCHAR":
        return Cast(values.number(expression, reading), is_fallible=True)
    is_safe = is_number(delivered) or delivered == "BOOLEAN"
    return Cast(f"try_cast({expression} as double)", is_fallible=not is_safe)


def _has_value(expression: str) -> str:
    """Return SQL that is false for NaN and infinity. `isnan` does not look where a file's statistics leave NaN out."""
    return f"isfinite({expression})"


def _as_text(expression: str, delivered: str) -> str:
    if delivered == "VARCHAR":
        return expression
    if delivered in _FLOATS:  # ids that went through a data frame arrive as 17.0
        whole = f"{expression} = trunc({expression}) and abs({expression}) < 1e15"
        whole_text = f"cast(try_cast({expression} as bigint) as varchar)"
        return (
            f"case when not ({_has_value(expression)}) then null when {whole} then {whole_text}"
            f" else cast({expression} as varchar) end"
        )
    return f"cast({expression} as varchar)"


def _as_id(text: str) -> str:
    """Write an id as every format writes it: without blanks around it, 17 for 17.0, and each letter as one sign.

    An id whose digits were cut off is none: it stands for many customers.
    """
    words = ", ".join(literal(word) for word in values.MISSING_WORDS if word)
    bare = f"case when {text} in ({words}) then null when {text} <> trim({text}) then trim({text}) else {text} end"
    seen = f"regexp_replace({text}, '{_WEIGHTLESS}', '', 'g')"
    composed = f"nfc_normalize(regexp_replace({seen}, '^{_UNSEEN}|{_UNSEEN}$', '', 'g'))"
    return (
        f"case when ends_with({text}, '0') and contains({text}, '.') then regexp_replace(trim({text}), '^([0-9]+)[.]0+$', '\\1')"
        f" when contains({text}, '+') and regexp_full_match(trim({text}), '{_ROUNDED}') then null"
        f" when strlen({text}) <> length({text}) then {composed}"
        f" when starts_with({text}, '=\"') then regexp_replace(trim({text}), '^=\"(.*)\"$', '\\1') else {bare} end"
    )


def _coded(expression: str, delivered: str, wanted: str, codes: Mapping[str, bool | str | float]) -> Cast:
    """Read values by the words that the source maps, and by nothing else."""
    text = f"lower(trim({_as_text(expression, delivered)}))"
    meant = {str(word).strip().lower(): value for word, value in codes.items()}
    whens = " ".join(f"when {literal(word)} then {_constant(value)}" for word, value in meant.items())
    return Cast(f"try_cast(case {text} {whens} end as {wanted})", is_fallible=True)


def _constant(value: bool | str | float) -> str:  # noqa: FBT001  # a value, not a switch
    if isinstance(value, bool):
        return "'true'" if value else "'false'"
    return literal(str(value))


def _as_time(expression: str, delivered: str, wanted: str, column: str, reading: Reading) -> Cast:
    zone = reading.zone(column)
    if delivered in _TIMES:
        if zone and wanted == "TIMESTAMP" and delivered not in {"TIMESTAMP WITH TIME ZONE", "DATE"}:
            instant = f"cast(timezone({literal(zone)}, cast({expression} as timestamp)) as timestamp)"
            return Cast(_unless_a_day(instant, expression, delivered, column, reading), is_fallible=False)
        if wanted == "TIMESTAMP" and reading.company:
            instant = f"cast({expression} as timestamp)"
            return Cast(_unless_a_day(instant, expression, delivered, column, reading), is_fallible=False)
        return Cast(f"cast({expression} as {wanted})", is_fallible=False)
    if delivered == "VARCHAR":
        read = values.time if wanted == "TIMESTAMP" else values.day
        return Cast(read(expression, column, reading), is_fallible=True)
    if is_number(delivered):
        digits = f"cast(try_cast({expression} as bigint) as varchar)"
        epoch = values.epoch(expression)
        if wanted == "TIMESTAMP":
            epoch = values.to_local(epoch, reading)
        moment = (
            f"case when {expression} between 19000101 and 21001231 then try_strptime({digits}, '%Y%m%d')"
            f" when {expression} between 19000101000000 and 21001231235959 then try_strptime({digits}, '%Y%m%d%H%M%S')"
            f" when {expression} between 190001010000 and 210012312359 and {values.is_minute(digits)} then null"
            f" else {epoch} end"
        )
    else:
        moment = f"try_cast(cast({expression} as varchar) as timestamp)"
    return Cast(moment if wanted == "TIMESTAMP" else f"cast({moment} as date)", is_fallible=True)


def _unless_a_day(instant: str, expression: str, delivered: str, column: str, reading: Reading) -> str:
    """Return the company's local time at an instant; a column of days is what it says, wherever the company is."""
    if not reading.company:
        return instant
    if delivered == "DATE" or column in reading.days:
        return f"cast({expression} as timestamp)"
    return values.to_local(instant, reading)


def _as_flag(expression: str, delivered: str) -> Cast:
    """Read booleans from true/false, yes/no and 1/0 alone: only the source can say what 2 or -1 means."""
    if delivered == "BOOLEAN":
        return Cast(expression, is_fallible=False)
    if is_number(delivered):
        return Cast(f"case {expression} when 1 then true when 0 then false end", is_fallible=True)
    word = f"regexp_replace(lower(trim(cast({expression} as varchar))), '^([01])[.]0+$', '\\1')"
    return Cast(
        f"case when {word} in {values.listed(YES_WORDS)} then true when {word} in {values.listed(NO_WORDS)} then false end",
        is_fallible=True,
    )


def is_no_value(text: str, wanted: str) -> str:
    """Return SQL that is true where a text stands for no value of the type `wanted`."""
    words = MISSING_VALUES if wanted != "VARCHAR" else ()
    return f"trim({text}) in {values.listed((*values.MISSING_WORDS, *words))}"


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
    if delivered.endswith("]"):
        return delivered
    if delivered.startswith("TIMESTAMP"):
        return "TIMESTAMP"  # without a zone: it is UTC
    if delivered.startswith("DECIMAL") or delivered in {"HUGEINT", "UHUGEINT"}:
        return "DOUBLE"
    is_text = delivered.startswith(("ENUM", "INTERVAL", "TIME")) or delivered in _KEPT_AS_TEXT
    return "VARCHAR" if is_text else delivered
