"""Looks at files before anything is declared of them: how they are written, and what the values of each column are like."""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from churn.errors import ConfigError, ContractBroken, DataError
from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.loading import date_forms
from churn.warehouse.reading import readers, values
from churn.warehouse.reading.delivery import SourceFile
from churn.warehouse.reading.scanning import unreadable_delivery
from churn.warehouse.reading.workbooks import how_to_read

_LOOKED_AT: Final = "looked_at"  # temporary: the rows of the files of one form
_HEAD: Final = 1 << 20  # bytes looked at for what concerns the file as a whole
_ENOUGH: Final = 20  # values from which on it says something that they come again
_SAMPLE: Final = 200  # lines looked at for where the table begins
_OF_A_TABLE: Final = 3  # columns from which on lines of one width are a table
_WORDS: Final = 12  # different values at most of a column whose values are words
_PLACEHOLDERS: Final = 5  # rows from which on a day of no real year stands for none
_SERIAL: Final = "coalesce(try_cast(t as double) between 20000 and 80000, false)"  # days since 1899-12-30: 1954 to 2119
# A date, in any order of its parts, of a year up to 1904 or from 2090.
_NO_YEAR: Final = "^([0-9]{1,2}[./-][0-9]{1,2}[./-])?(0[0-9]{3}|1[0-8][0-9]{2}|190[0-4]|209[0-9]|2[1-9][0-9]{2}|[3-9][0-9]{3})([./-][0-9]{1,2}[./-][0-9]{1,2})?([ T].*)?$"
_DELIMITERS: Final = (",", ";", "\t", "|")
_OTHERS: Final = "Export it again, or leave it out: `churn init --from OTHER_FILES`."
_MARKED: Final = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class ColumnEvidence:
    """What the values of one column are like; the numbers count values, `different` those that differ, about (exactly where nearly all do).

    `words` are all different values where there are few. `decimal_commas` prove that a comma parts decimals (29,99),
    `thousands` that it groups thousands (1,234.50); `either` fit both (1,234), and `point_groups` are 1.234. `shapes`
    are dates in numbers whose order has to be told, `odd` values that are no number and no time. `placeholders` are
    days that come again and again in years in which nothing happened yet, such as 9999-12-31. `blank_groups` and
    `mark_groups` are 1 234 and 1'234, `serials` a spreadsheet's counts of days, `part_days` those of them with an
    hour. `is_below` tells a value below others in JSON from a heading with a point.
    """

    name: str
    kind: str
    values: int
    different: int
    numbers: int
    times: int
    decimal_commas: int
    thousands: int
    either: int
    point_groups: int
    clocks: int
    offsets: int
    half_days: int
    shapes: tuple[date_forms.DateShape, ...]
    words: tuple[str, ...]
    odd: tuple[str, ...]
    placeholders: tuple[str, ...]
    comma_example: str
    blank_groups: int = 0
    mark_groups: int = 0
    serials: int = 0
    part_days: int = 0
    is_below: bool = False

    @property
    def is_serial(self) -> bool:
        """Whether its values are days counted from 1899-12-30, as a spreadsheet writes them."""
        return self.values > 0 and self.serials == self.values and not self.is_time

    @property
    def group_sign(self) -> str:
        """What parts the thousands of most of its values, a blank of any width or an apostrophe; empty for none."""
        if self.kind != "text" or self.values == 0:
            return ""
        return next((sign for sign, count in ((" ", self.blank_groups), ("'", self.mark_groups)) if count), "")

    @property
    def is_time(self) -> bool:
        """Whether most values are times."""
        return self.kind == "time" or (self.values > 0 and 2 * self.times >= self.values)

    @property
    def comes_again(self) -> bool:
        """Whether its values come again so often that they cannot name the rows: a customer with many logins."""
        return self.values >= _ENOUGH and 2 * self.different < self.values

    @property
    def is_number(self) -> bool:
        """Whether most values are numbers, in one way of writing or another."""
        grouped = self.blank_groups + self.mark_groups
        return self.values > 0 and 2 * (self.numbers + self.decimal_commas + self.either + grouped) >= self.values


@dataclass(frozen=True)
class FileEvidence:
    """Files of one shape: where they lie, how they are written, and their columns.

    `options` are those that must be declared; `delimiters` are those that fit, where more than one does. `has_before`:
    it is a log of changes that also has each row as it stood before.
    """

    paths: tuple[Path, ...]
    format: str
    columns: tuple[ColumnEvidence, ...]
    rows: int
    options: dict[str, Any] = field(default_factory=dict)
    rows_at: str | None = None
    delimiters: tuple[str, ...] = ()
    note: str = ""
    has_before: bool = False


def look_at(warehouse: Warehouse, paths: Sequence[Path], scratch: Path) -> FileEvidence:
    """Return what the files hold, which are of one shape.

    Raises ConfigError for another format, ContractBroken for a file that cannot be read.
    """
    path = paths[0]
    kind = readers.format_of(path.name, None, where=str(path))
    options: dict[str, Any] = {}
    delimiters: tuple[str, ...] = ()
    rows_at, note = None, ""
    if kind == "excel":
        options, others = how_to_read(path)
        note = f"Other sheets are left out: {', '.join(others)}." if others else ""
    elif kind != "parquet":
        encoding, note = _encoding(path)
        options |= {"encoding": encoding} if encoding else {}
    if kind == "csv":
        skip = _title_lines(path, encoding or "utf-8")
        options |= {"skip": skip} if skip else {}
        fitting = _delimiters(path, encoding or "utf-8", skip)
        delimiters = fitting if len(fitting) > 1 else ()
        options |= {"delim": fitting[0]} if fitting[0] != "," or delimiters else {}
        if _has_no_header(path, encoding or "utf-8", fitting[0], skip):
            options["header"] = False
    if kind == "json":
        rows_at = _rows_at(path, encoding or "utf-8-sig")
    files = [SourceFile(str(file), file, file.stat().st_size, "") for file in paths]
    whole = ""
    for delivery in readers.deliveries(warehouse, files, kind, options, scratch=scratch, rows_at=rows_at):
        bare = f"select * exclude (_churn_file, _churn_row) from ({delivery.sql})"
        joined = f"select * from {_LOOKED_AT} union all by name {bare}" if whole else bare
        try:
            warehouse.execute(f"create or replace temp table {_LOOKED_AT} as {joined}")
        except DataError as error:
            raise unreadable_delivery(warehouse, delivery, error.what) from error
        whole = f"select * from {_LOOKED_AT}"
    rows = int(warehouse.rows(f"select count(*) from {_LOOKED_AT}")[0][0])
    columns = [
        _column(warehouse, whole, name, expression, delivered)
        for name, expression, delivered in _leaves(warehouse, whole)
    ]
    return FileEvidence(tuple(paths), kind, tuple(columns), rows, options, rows_at, delimiters, note)


def shape_of(path: Path) -> tuple[str, ...]:
    """Return what files of one source share: their format and, of CSV, the first line."""
    kind = readers.format_of(path.name, None, where=str(path))
    digits = re.sub(r"[0-9]+", "0", path.name)
    if kind != "csv":
        return (kind, str(path.parent), digits)
    line = next(iter(_lines(path, "latin-1")), "")
    return (kind, str(path.parent), line)


def _leaves(warehouse: Warehouse, sql: str) -> Iterator[tuple[str, str, str]]:
    """Yield every column, and those one level below others as `outer.inner`: name, SQL, type."""
    for name, kind in _described(warehouse, sql):
        if kind.startswith("STRUCT(") and not kind.endswith("]"):
            for inner, inner_kind in _described(warehouse, f"select unnest({quoted(name)}) from ({sql})"):
                if _is_plain(inner_kind):
                    yield f"{name}.{inner}", f"{quoted(name)}.{quoted(inner)}", inner_kind
        elif _is_plain(kind):
            yield name, quoted(name), kind


def _described(warehouse: Warehouse, sql: str) -> list[tuple[str, str]]:
    return [(str(row[0]), str(row[1])) for row in warehouse.rows(f"describe {sql}")]


def _is_plain(kind: str) -> bool:
    return not kind.endswith("]") and not kind.startswith(("MAP", "STRUCT"))


def _column(warehouse: Warehouse, sql: str, name: str, expression: str, delivered: str) -> ColumnEvidence:
    text = values.without_missing(f"cast({expression} as varchar)")
    source = f"(select {text} as t from ({sql}))"
    bare = f"regexp_replace(t, '[$€£¥₹{values.BLANKS}()+-]', '', 'g')"
    number, time = values.number("t"), values.time("t", "")
    dated = "regexp_full_match(t, '[0-9]{1,2}[./-][0-9]{1,2}[./-]([0-9]{4}|[0-9]{2})([ T,].*)?')"
    comma = "regexp_full_match(b, '([0-9]{1,3}([.][0-9]{3})+|[0-9]*),([0-9]{1,2}|[0-9]{4,})|[0-9]{4,},[0-9]+|[0-9]{1,3}([.][0-9]{3})+,[0-9]+')"
    row = warehouse.rows(
        f"select count(t), approx_count_distinct(t), count_if(n is not null), count_if({dated} or (w is not null and (n is null or b not like '%.%'))),"
        f" count_if({comma}), count_if(regexp_full_match(b, '[0-9]{{1,3}}(,[0-9]{{3}})+[.][0-9]*|[0-9]{{1,3}}(,[0-9]{{3}}){{2,}}')),"
        " count_if(regexp_full_match(b, '[0-9]{1,3},[0-9]{3}')), count_if(regexp_full_match(b, '[0-9]{1,3}([.][0-9]{3})+')),"
        f" count_if(t like '%:%'), count_if({values.has_offset('t')}), count_if(regexp_matches(t, '(?i)[0-9] ?[ap]m$')),"
        f" count_if({_grouped(values.BLANKS)}), count_if({_grouped(values.APOSTROPHES)}),"
        f" count_if({_SERIAL}), count_if({_SERIAL} and t like '%.%' and not regexp_full_match(t, '[0-9]+[.]0*')),"
        f" min(case when {comma} or b like '%,%' then t end)"
        f" from (select t, {bare} as b, {number} as n, {time} as w from {source})"
    )[0]
    words = warehouse.rows(
        f"select t, count(*) from {source} where t is not null group by 1 order by 2 desc, 1 limit {_WORDS + 1}"
    )
    odd = warehouse.rows(
        f"select t from {source} where t is not null and {number} is null and {time} is null and not {dated}"
        f" and not {values.ambiguous_number('t')} group by 1 order by count(*) desc, 1 limit 4"
    )
    placeholders = warehouse.rows(
        f"select t from {source} where regexp_matches(t, '{_NO_YEAR}') group by 1"
        f" having count(*) >= {_PLACEHOLDERS} and count(*) > 0.01 * {int(row[0] or 0)} order by count(*) desc, 1 limit 3"
    )
    kind = "time" if delivered.startswith(("TIMESTAMP", "DATE")) else "text" if delivered == "VARCHAR" else "typed"
    counts = [int(count or 0) for count in row[:-1]]
    present, different, numbers, times, decimal_commas, thousands, either, point_groups, clocks, offsets, half_days = (
        counts[:11]
    )
    if 0.9 * present < different:
        different = int(warehouse.rows(f"select count(distinct t) from {source}")[0][0])
    blank_groups, mark_groups, serials, part_days = counts[11:]
    return ColumnEvidence(
        name=name,
        kind=kind,
        values=present,
        different=different,
        numbers=numbers,
        times=times,
        decimal_commas=decimal_commas,
        thousands=thousands,
        either=either,
        point_groups=point_groups,
        clocks=clocks,
        offsets=offsets,
        half_days=half_days,
        shapes=tuple(date_forms.shapes(warehouse, sql, f"cast({expression} as varchar)")) if kind == "text" else (),
        words=tuple(str(word) for word, _ in words) if len(words) <= _WORDS else (),
        odd=tuple(str(word) for (word,) in odd),
        placeholders=tuple(str(word) for (word,) in placeholders),
        comma_example=str(row[-1] or ""),
        blank_groups=blank_groups,
        mark_groups=mark_groups,
        serials=serials,
        part_days=part_days,
        is_below=expression != quoted(name),
    )


def _grouped(signs: str) -> str:
    """Return SQL that says whether a value is a number whose thousands are parted by one of `signs`."""
    listed = signs.replace("'", "''")
    return f"regexp_full_match(t, '[^0-9]{{0,4}}[0-9]{{1,3}}([{listed}][0-9]{{3}})+([.,][0-9]{{1,2}})?[^0-9]{{0,4}}')"


def _opened(path: Path) -> bytes:
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as stream:
                return stream.read(_HEAD)
        with path.open("rb") as stream:
            return stream.read(_HEAD)
    except (OSError, EOFError) as error:
        raise ContractBroken(f"cannot be read: {error}", where=str(path), remedy="Check that it is whole.") from error


def _encoding(path: Path) -> tuple[str | None, str]:
    """Return the encoding to declare (None for UTF-8), and what should be said of it."""
    head = _opened(path)
    marked = next((name for mark, name in _MARKED if head.startswith(mark)), None)
    if marked:
        return marked, ""
    if b"\0" in head:
        # The zero of a Latin letter stands second where the small end comes first.
        encoding = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        if not _is_text(head, encoding):
            raise ContractBroken("is no text, and no table that can be read", where=str(path), remedy=_OTHERS)
        return encoding, ""
    whole = path.read_bytes() if path.suffix != ".gz" else head
    try:
        codecs.getincrementaldecoder("utf-8")().decode(whole)
    except UnicodeDecodeError:
        example = next((line for line in head.splitlines() if not line.isascii()), b"")[:60].decode("cp1252", "replace")
        return "cp1252", f"Written in cp1252: not UTF-8; in cp1252 (Western Windows) a line reads: {example}."
    return None, ""


def _is_text(head: bytes, encoding: str) -> bool:
    """Whether these first bytes are letters and ends of lines: a picture or a program holds other signs too."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return not any(unicodedata.category(sign) == "Cc" and sign not in "\t\r\n" for sign in text)


def _lines(path: Path, encoding: str, skip: int = 0) -> list[str]:
    text = _opened(path).decode(encoding, "replace").removeprefix("\ufeff")
    return [line for line in re.split(r"\r\n|\n|\r", text)[skip:] if line][:200]


def _title_lines(path: Path, encoding: str) -> int:
    """Return how many lines stand above the header: a title, or when the report was made, of which none is a table's row."""
    text = _opened(path).decode(encoding, "replace").removeprefix("\ufeff")
    lines = re.split(r"\r\n|\n|\r", text)[:_SAMPLE]
    for sign in _DELIMITERS:
        widths = [len(next(csv.reader([line], delimiter=sign), [])) for line in lines]
        usual = max(set(widths), key=widths.count)
        first = widths.index(usual)
        is_title = usual >= _OF_A_TABLE and 2 * widths.count(usual) > len(lines) and max(widths[:first], default=0) == 1
        if is_title and any(widths[:first]) and not re.match('(?i)"?sep=', lines[0]):
            return first
    return 0


def _delimiters(path: Path, encoding: str, skip: int = 0) -> tuple[str, ...]:
    """Return the signs that part columns, the likeliest first; several where the file's lines do not tell."""
    lines = _lines(path, encoding, skip)
    if not lines:
        raise ContractBroken("the file is empty", where=str(path), remedy=_OTHERS)
    widths = {
        sign: {len(row) for row in csv.reader(lines[:-1] or lines, delimiter=sign)}
        for sign in _DELIMITERS
        if sign in lines[0]
    }
    steady = [sign for sign, numbers in widths.items() if len(numbers) == 1]
    by_use = sorted(steady or widths, key=lambda sign: -lines[0].count(sign))
    if not by_use:
        return (",",)
    most = lines[0].count(by_use[0])
    return tuple(sign for sign in by_use if lines[0].count(sign) == most)


def _has_no_header(path: Path, encoding: str, delimiter: str, skip: int = 0) -> bool:
    """Whether the first line holds values: a number or a date is no name of a column."""
    first = next(csv.reader(_lines(path, encoding, skip)[:1], delimiter=delimiter), [])
    return any(
        re.fullmatch(r"[-+]?[0-9]+([.,][0-9]+)?|[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}.*", cell.strip())
        for cell in first
    )


def _rows_at(path: Path, encoding: str) -> str | None:
    """Return the key below which a JSON file has its rows, None for lines of objects and arrays."""
    if path.name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl")):
        return None
    head = _opened(path).decode(encoding, "replace").lstrip()
    if not head.startswith("{"):
        return None
    try:
        document = json.loads(head if len(head) < _HEAD else path.read_text(encoding=encoding))
    except json.JSONDecodeError:  # one object a line
        return None
    lists = [key for key, value in document.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if not lists:
        return None
    if len(lists) > 1:
        raise ConfigError(
            f"the rows may lie at {' or '.join(lists)}",
            where=str(path),
            remedy="Write rows_at in a section of its own.",
        )
    return str(lists[0])
