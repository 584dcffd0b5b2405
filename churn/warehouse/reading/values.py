"""What a text may mean: missing words, numbers as they are written, times as they are written. SQL, one rule a kind.

A value that has one reading is read. One that has two, such as 03/04/2026 or 1,234, is read only where the source says
which; docs/sources.md has the table of these rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from churn.warehouse.connection import literal
from churn.warehouse.reading.month_names import named

# Exports write these where there is no value. Ids that are one of them are missing.
MISSING_WORDS: Final = (
    "", "NULL", "null", "Null", "\\N", "N/A", "n/a", "#N/A", "NaN", "nan", "<NA>", "None", "(null)", "<null>", "NaT",
)  # fmt: skip
# Missing where a number, a time or a yes is expected; as a text, NA may be Namibia.
MISSING_VALUES: Final = ("NA", "na", "-", "--", "?", ".", "#REF!", "#VALUE!", "#DIV/0!", "infinity", "-infinity")

SIGNS: Final = "$€£¥₹"
BLANKS: Final = " \u00a0\u202f\u2009"  # exports set narrow and unbreakable ones between thousands and before a sign
APOSTROPHES: Final = "'\u2019"
_AREA: Final = "[A-Z][A-Za-z_]+/[A-Z][A-Za-z_/]+"
OFFSET: Final = rf"([0-9 ](Z|z|UTC|GMT|[+-][0-9]{{2}}(:?[0-9]{{2}})?)| {_AREA})$"
# Whatever else stands behind a time (PM, or CET, which some write in summer too) changes what it means: it is not dropped.
_ISO_TIME: Final = (
    r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([ T]+[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?"
    rf"( ?(Z|z|UTC|GMT|[+-][01][0-9](:?[0-9]{{2}})?)| {_AREA})?)?"
)
_HALF_DAYS: Final = r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2} +[0-9]{1,2}:[0-9]{2}(:[0-9]{2})? ?[AaPp][Mm]"
_ISO: Final = r"^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([ T].*)?$"
_DAY_FIRST_DOTS: Final = r"^([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})"


@dataclass(frozen=True)
class Reading:
    """How a source says that its values are written.

    `decimal` and `thousands` are signs; `dates` are strptime forms by column of ours, "" for every other one;
    `zones` likewise, the zone of times without an offset; `codes` maps a column's words to values; `pivot_year` is the
    latest year that two digits mean; `missing` are further words for no value; `found` are the forms of times that the
    values themselves settled, "day first" or "month first", by column. `company` is the zone whose days count, "" for
    UTC: instants become its local times; `days` are columns of times that are all midnight, which are days as written.
    """

    decimal: str = ""
    thousands: str = ""
    dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Mapping[str, bool | str | float]] = field(default_factory=dict)
    pivot_year: int | None = None
    missing: tuple[str, ...] = ()
    found: Mapping[str, str] = field(default_factory=dict)
    company: str = ""
    days: frozenset[str] = frozenset()

    def date_forms(self, column: str) -> tuple[str, ...]:
        """Return the forms declared for a column of ours; empty where none is."""
        return self.dates.get(column, self.dates.get("", ()))

    def zone(self, column: str) -> str:
        """Return the zone of a column's times without an offset, "" for UTC."""
        return self.zones.get(column, self.zones.get("", ""))


PLAIN: Final = Reading()


def listed(words: tuple[str, ...]) -> str:
    """Return words as an SQL list."""
    return f"({', '.join(literal(word) for word in words)})"


def without_missing(text: str, reading: Reading = PLAIN, *, is_trimmed: bool = True) -> str:
    """Return SQL that is null where `text` is a word for no value; trimmed where it may be padded."""
    compared = f"trim({text})" if is_trimmed else text
    return f"case when {compared} in {listed((*MISSING_WORDS, *reading.missing))} then null else {compared} end"


def number(text: str, reading: Reading = PLAIN) -> str:
    """Return SQL for the number that `text` is, as a double; null where it is none or may be two."""
    bare = f"trim({text})"
    point = reading.decimal or ("," if reading.thousands == "." else ".")
    group = reading.thousands or ("." if point == "," else "")
    if group:
        lakhs = f"[0-9]{{1,2}}({_escaped(group)}[0-9]{{2}})+{_escaped(group)}[0-9]{{3}}"  # as in India
        whole = f"([0-9]{{1,3}}({_escaped(group)}[0-9]{{3}})+|{lakhs}|[0-9]+)"
        digits = f"({whole}({_escaped(point)}[0-9]*)?|{_escaped(point)}[0-9]+)"
    else:
        # Groups of thousands that nobody declared are read only where a point or a second group settles them.
        group = ","
        lakhs = "[0-9]{1,2}(,[0-9]{2})+,[0-9]{3}([.][0-9]+)?"
        digits = f"([0-9]+([.][0-9]*)?|[.][0-9]+|[0-9]{{1,3}}(,[0-9]{{3}})+[.][0-9]+|[0-9]{{1,3}}(,[0-9]{{3}}){{2,}}|{lakhs})"
    money = f"[-+]?[{SIGNS}]?[{BLANKS}]?[-+]?{digits}[{BLANKS}]?[{SIGNS}]?"
    in_brackets = "[(]" + money + "[)]"
    left_out = literal(f"[{SIGNS}{BLANKS}()+{_in_class(group)}]")
    cleaned = f"regexp_replace({bare}, {left_out}, '', 'g')"
    if point != ".":
        cleaned = f"replace({cleaned}, {literal(point)}, '.')"
    written = (
        f"case when regexp_full_match({bare}, {literal(money)}) then try_cast({cleaned} as double)"
        f" when regexp_full_match({bare}, {literal(in_brackets)}) then -try_cast({cleaned} as double) end"
    )
    if point != ".":
        return written
    plain = f"try_cast({bare} as double)"  # which passes over the sign in 1_000
    return f"coalesce(case when isfinite({plain}) and not contains({bare}, '_') then {plain} end, {written})"


def _escaped(sign: str) -> str:
    return f"[{_in_class(sign)}]"


def _in_class(sign: str) -> str:
    alike = next((signs for signs in (BLANKS, APOSTROPHES) if sign and sign in signs), sign)
    return f"\\{alike}" if alike in {"]", "\\", "^", "-"} else alike


def ambiguous_number(text: str, reading: Reading = PLAIN) -> str:
    """Return SQL that is true where `text` is a number that the settings do not say how to read: 1,234, 12%, 1 234."""
    forms = ["[0-9.,]+ ?%"]
    if not reading.thousands:
        decimals = f"([.{_in_class(reading.decimal or ',')}][0-9]+)?"
        forms += [f"[0-9]{{1,3}}([{signs}][0-9]{{3}})+{decimals}" for signs in (BLANKS, APOSTROPHES)]
    if not (reading.decimal or reading.thousands):
        forms += ["[0-9]{1,3}([.][0-9]{3})*,[0-9]+", "[0-9]+,[0-9]+", "[0-9]{1,3}([.][0-9]{3}){2,}"]
    form = f"[-+(]?[{SIGNS}]?[{BLANKS}]?[-+]?({'|'.join(forms)})[{BLANKS}]?[{SIGNS}]?[)]?"
    return f"(regexp_full_match(trim({text}), {literal(form)}) and {number(text, reading)} is null)"


def number_options(value: str) -> str:
    """Return what to write so that a number with two readings has one."""
    if value.strip().endswith("%"):
        return (
            'options = { decimal_separator = "," }, or { thousands = "," }; a share in percent needs an expression in'
            " `columns`: replace(share, '%', '')::double / 100"
        )
    sign = next((sign for sign in value.strip("$€£¥₹-+() \u00a0\u202f") if sign in BLANKS + APOSTROPHES), "")
    if sign:
        group = " " if sign in BLANKS else "'"
        decimal = 'decimal_separator = ",", ' if "," in value else ""
        return f'options = {{ {decimal}thousands = "{group}" }}'
    return 'options = { decimal_separator = "," }, or { thousands = "," }'


def time(text: str, column: str, reading: Reading = PLAIN) -> str:
    """Return SQL for the instant that `text` is, as a timestamp in UTC; null where it is none or may be two.

    Where the company has a zone of its own it is the local time there; a day without an hour is that day anywhere.
    """
    if not reading.company:
        return _instant(text, column, reading)
    bare = f"trim({text})"
    has_hour = f"(contains({bare}, ':') or regexp_matches({bare}, '^[0-9.]{{9,}}$|[0-9]T[0-9]'))"
    here = replace(reading, company="", zones={})
    return (
        f"case when {has_hour} then {to_local(_instant(text, column, reading), reading)}"
        f" else {_instant(text, column, here)} end"
    )


def to_local(instant: str, reading: Reading) -> str:
    """Return SQL for the company's local time at an instant, which is a timestamp in UTC."""
    if not reading.company:
        return instant
    return f"cast(timezone({literal(reading.company)}, timezone('UTC', cast({instant} as timestamp))) as timestamp)"


def _instant(text: str, column: str, reading: Reading) -> str:
    bare = f"trim({text})"
    forms = reading.date_forms(column)
    if forms:
        # A form may have been declared for others of the source's columns: a time that has one reading is still read.
        digits = f"case when {bare} ~ '.*[0-9].*' then {bare} end"  # strptime reads `infinity` and `epoch` by any form
        declared = _pivoted(f"try_strptime({digits}, {_forms(forms)})", forms, reading.pivot_year)
        is_zoned = any("%z" in form.lower() for form in forms)
        return f"coalesce({declared if is_zoned else _in_utc(declared, column, reading)}, {_single(bare, column, reading)})"
    order = reading.found.get(column, "")
    if order:
        return f"coalesce({_single(bare, column, reading)}, {_in_utc(_ordered(bare, order), column, reading)})"
    return _single(bare, column, reading)


def day(text: str, column: str, reading: Reading = PLAIN) -> str:
    """Return SQL for the day that `text` names: of a time with an offset the day as written."""
    bare = f"trim({text})"
    iso = f"case when regexp_matches({bare}, {literal(_ISO)}) then try_cast(replace(regexp_extract({bare}, '^[0-9]{{4}}[-/][0-9]{{1,2}}[-/][0-9]{{1,2}}'), '/', '-') as date) end"
    here = replace(reading, zones={}, company="")
    return f"coalesce({iso}, cast({time(text, column, here)} as date))"


def is_iso(text: str) -> str:
    """Return SQL that is true where `text` is a date or time in the order year, month, day."""
    return f"({_begins_with_a_year(text)} and {_ends_as_a_time(text)} and try_cast({text} as timestamptz) is not null)"


def is_naive(text: str) -> str:
    """Return SQL that is true where `text` is such a date or time and has no offset."""
    # The signs where an offset begins are cheaper to look at than a pattern is to match.
    offset = f"({text}[-1] in ('Z', 'z', 'C') or {text}[-3] in ('+', '-') or {text}[-5] in ('+', '-') or {text}[-6] in ('+', '-'))"
    return (
        f"({_begins_with_a_year(text)} and try_cast({text} as timestamp) is not null"
        f" and {text}[-1] between '0' and '9' and not (length({text}) > 12 and ({offset} or contains({text}, '+'))))"
    )


def _ends_as_a_time(text: str) -> str:
    """Return SQL that is false where DuckDB would pass over a word behind the time, or take it for a zone of its own."""
    return (
        f"({text}[-1] between '0' and '9' or {text}[-1] in ('Z', 'z') or ends_with({text}, 'UTC') or ends_with({text}, 'GMT')"
        f" or contains({text}[11:], '/'))"
    )


def _begins_with_a_year(text: str) -> str:
    return f"{text}[5] in ('-', '/') and {text}[1] between '0' and '9'"


def has_offset(text: str) -> str:
    """Return SQL that is true where a time says how far it is from UTC."""
    return f"(length({text}) > 10 and regexp_matches({text}, {literal(OFFSET)}))"


def _forms(forms: tuple[str, ...]) -> str:
    """Return the forms as an SQL list; a form of a day reads times of that day too, and the other way round."""
    wider = []
    for form in forms:
        day_form = form.split("%H")[0].split("%I")[0].rstrip(" T,")
        wider += [form, day_form, *(f"{day_form} {clock}" for clock in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f"))]
    return "[" + ", ".join(literal(form) for form in dict.fromkeys(wider) if form) + "]"


def _single(bare: str, column: str, reading: Reading) -> str:
    """Read the forms that mean one instant whoever reads them."""
    iso = f"try_cast(regexp_replace({bare}, ' ([+-][0-9]{{2}}:?[0-9]{{2}})$', '\\1') as timestamptz)"
    zone = reading.zone(column)
    if zone:
        naive = f"cast(timezone({literal(zone)}, try_cast({bare} as timestamp)) as timestamp)"
        iso = f"case when {has_offset(bare)} then cast({iso} as timestamp) else {naive} end"
    else:
        iso = f"cast({iso} as timestamp)"
    iso = f"case when regexp_full_match({bare}, {literal(_ISO_TIME)}) then {iso} end"
    half_days = (
        f"case when regexp_full_match({bare}, {literal(_HALF_DAYS)}) then try_strptime(upper(replace({bare}, '/', '-')),"
        " ['%Y-%m-%d %I:%M %p', '%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d %I:%M%p', '%Y-%m-%d %I:%M:%S%p']) end"
    )
    dots = f"case when regexp_matches({bare}, {literal(_DAY_FIRST_DOTS)}) then {_ordered(bare, 'day first')} end"
    compact = (
        f"case when regexp_full_match({bare}, '[0-9]{{8}}(T?[0-9]{{6}})?') then"
        f" try_strptime({bare}, ['%Y%m%d', '%Y%m%dT%H%M%S', '%Y%m%d%H%M%S']) end"
    )
    local = _in_utc(f"coalesce({dots}, {compact}, {named(bare)}, {half_days})", column, reading)
    digits = (
        f"case when regexp_full_match({bare}, '[0-9]{{9,16}}([.][0-9]+)?') and not {is_minute(bare)}"
        f" then {epoch(f'try_cast({bare} as double)')} end"
    )
    return f"coalesce({iso}, {local}, {digits})"


def is_minute(bare: str) -> str:
    """Return SQL that is true for 202602031005, a minute of 2026 to one and milliseconds up to 1976 to another."""
    return f"(regexp_full_match({bare}, '(19|20)[0-9]{{10}}') and try_strptime({bare}, '%Y%m%d%H%M') is not null)"


def epoch(value: str) -> str:
    """Return SQL for the instant that a count of seconds, milliseconds or microseconds since 1970 names, by its size."""
    return (
        f"case when {value} between 1e8 and 1e11 then make_timestamp(try_cast({value} * 1e6 as bigint))"
        f" when {value} between 1e11 and 1e14 then make_timestamp(try_cast({value} * 1e3 as bigint))"
        f" when {value} between 1e14 and 1e17 then make_timestamp(try_cast({value} as bigint)) end"
    )


def _ordered(bare: str, order: str) -> str:
    """Read a date in numbers whose first two may be day and month, in the order given."""
    pattern = r"^([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})"
    turned = r"\3-\2-\1" if order == "day first" else r"\3-\1-\2"
    sortable = f"regexp_replace({bare}, {literal(pattern)}, {literal(turned)})"
    forms = "['%Y-%m-%d', '%Y-%m-%d %H:%M', '%Y-%m-%d %H:%M:%S', '%Y-%m-%d %I:%M %p', '%Y-%m-%d %I:%M:%S %p', '%Y-%m-%d, %H:%M:%S', '%Y-%m-%d, %H:%M', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S.%f']"
    return f"case when regexp_matches({bare}, {literal(pattern)}) then try_strptime({sortable}, {forms}) end"


def _in_utc(naive: str, column: str, reading: Reading) -> str:
    zone = reading.zone(column)
    return f"cast(timezone({literal(zone)}, {naive}) as timestamp)" if zone else naive


def _pivoted(moment: str, forms: tuple[str, ...], pivot_year: int | None) -> str:
    """Move two-digit years into the hundred years that end with the pivot."""
    if pivot_year is None or not any("%y" in form for form in forms):
        return moment
    return (
        f"case when year({moment}) > {pivot_year} then {moment} - interval 100 year"
        f" when year({moment}) <= {pivot_year - 100} then {moment} + interval 100 year else {moment} end"
    )
