"""Reads CSV files by a declared form: every value arrives as the text that stands in the file.

The quote is `"`, the encoding UTF-8, and the first line holds the names, unless the source's options say otherwise; only
the delimiter is found, from the header. Lines that are not rows are reported with number and text. A file whose records do
not add up is refused.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from churn.errors import ContractBroken
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.reading.delivery import BadLine, Delivery, SourceFile
from churn.warehouse.reading.plain_text import Dialect, PlainText, TextFile, plain_csv, text_file
from churn.warehouse.reading.scanning import arguments, parsed, value
from churn.warehouse.reading.values import MISSING_WORDS

_DELIMITERS: Final = (",", ";", "\t", "|")
_HEADER_LINES: Final = 50  # lines at most that a header's names reach over, where a spreadsheet wraps them
_PARSER_LINE: Final = 2_000_000  # bytes of the longest line that the parser takes by default
_SAID_DELIMITER: Final = re.compile(r"(?i)\ufeff?\"?sep=(.)\"?")
_PASSED_ON: Final = ("null_padding", "strict_mode")  # options that go to the parser unchanged


def read_csv(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any], scratch: Path) -> Delivery:
    """Return the rows of a file, all columns text. Raises ContractBroken if it cannot be read or does not add up."""
    dialect = _dialect(options)
    text = text_file(
        file, scratch, skip=dialect.skip, encoding=options.get("encoding"), compression=options.get("compression")
    )
    has_header = bool(options.get("header", "names" not in options))
    if has_header:
        dialect = _from_the_header(text, dialect)
    header = _header(text, dialect)
    if dialect.delim is None:  # before the records are counted: a quote opens a value only right after a delimiter
        dialect = replace(dialect, delim=_delimiter(header, dialect, file))
    plain = plain_csv(text, scratch, dialect)
    if plain.path != file.path:
        options = {**options, "compression": "none"}
    names = [str(name) for name in options.get("names", [])] or _names(header, dialect, has_header=has_header)
    if not names:
        raise ContractBroken("the first line is empty", where=file.name, remedy="Check that the export ran.")
    delivery = _parse(warehouse, file, plain, dialect, _unique(names), options, has_header=has_header)
    _refuse_swallowed_lines(warehouse, delivery, dialect)
    spellings = _in_two_spellings(warehouse, delivery, names)
    _reconcile(warehouse, delivery, plain, has_header=has_header)
    if has_header and "names" not in options and header.rstrip().endswith(dialect.delim or ","):
        delivery = _without_empty_end(warehouse, delivery)
    return replace(delivery, in_two_spellings=spellings)


def _without_empty_end(warehouse: Warehouse, delivery: Delivery) -> Delivery:
    """Leave out a last column without a name and without a value: a delimiter behind the header and each row makes none."""
    name = list(delivery.columns)[-1]
    if len(delivery.columns) == 1 or warehouse.rows(f"select count({quoted(name)}) from ({delivery.sql})")[0][0]:
        return delivery
    columns = {known: kind for known, kind in delivery.columns.items() if known != name}
    return replace(delivery, sql=f"select * exclude ({quoted(name)}) from ({delivery.sql})", columns=columns)


def _dialect(options: Mapping[str, Any]) -> Dialect:
    quote = str(options.get("quote", '"'))
    delim = options.get("delim")
    return Dialect(
        None if delim is None else str(delim).replace("\\t", "\t"),
        quote,
        str(options.get("escape", quote or '"')),
        str(options.get("comment", "")),
        int(options.get("skip", 0)),
    )


def _from_the_header(text: TextFile, dialect: Dialect) -> Dialect:
    """Return the dialect whose first line is the header: after empty lines, and after `sep=;`, as Excel says it."""
    lines = re.split(r"\r\n|\n|\r", text.head)[dialect.skip :]
    blanks = next((number for number, line in enumerate(lines) if line), 0)
    declared = _SAID_DELIMITER.fullmatch(lines[blanks]) if lines else None
    if declared is None:
        return replace(dialect, skip=dialect.skip + blanks)
    return replace(dialect, skip=dialect.skip + blanks + 1, delim=dialect.delim or declared[1])


def _header(text: TextFile, dialect: Dialect) -> str:
    """Return the header as it stands: its first line, and those after it that a quote in a name reaches over."""
    lines = re.split(r"\r\n|\n|\r", text.head)[dialect.skip :]
    starts = (n for n, line in enumerate(lines) if line and not (dialect.comment and line.startswith(dialect.comment)))
    first = next(starts, None)
    if first is None:
        return ""
    if not dialect.quote:
        return lines[first]
    for last in range(first, min(first + _HEADER_LINES, len(lines))):
        header = "\n".join(lines[first : last + 1])
        if header.count(dialect.quote) % 2 == 0:
            return header
    return lines[first]


def _delimiter(header: str, dialect: Dialect, file: SourceFile) -> str:
    """Return the delimiter that the header uses. Raises ContractBroken where two are used as often."""
    bare = re.sub(f"{re.escape(dialect.quote)}[^{re.escape(dialect.quote)}]*{re.escape(dialect.quote)}", "", header)
    counts = sorted(((bare.count(sign), sign) for sign in _DELIMITERS), reverse=True)
    if counts[0][0] and counts[0][0] == counts[1][0]:
        signs = " or ".join(f"`{sign}`" for count, sign in counts if count == counts[0][0])
        remedy = f'Write the one that parts columns: options = {{ delim = "{counts[0][1]}" }}.'
        raise ContractBroken(f"the header may be parted by {signs}", where=file.name, remedy=remedy)
    return counts[0][1] if counts[0][0] else ","


def _names(header: str, dialect: Dialect, *, has_header: bool) -> list[str]:
    reader = csv.reader([header], delimiter=dialect.delim or ",", quotechar=dialect.quote or None)
    fields = [re.sub(r"\s*\n\s*", " ", name.strip().strip("\ufeff")) for name in next(reader, [])]
    if not has_header:
        return [f"column{position}" for position in range(len(fields))]
    return [name or f"column{position}" for position, name in enumerate(fields)]


def _unique(names: Sequence[str]) -> list[str]:
    """Number repeated column names: SQL tells apart neither equal names nor those that differ in case only."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        again = seen.get(name.lower(), 0)
        seen[name.lower()] = again + 1
        unique.append(f"{name}_{again}" if again else name)
    return unique


def _parse(
    warehouse: Warehouse,
    file: SourceFile,
    plain: PlainText,
    dialect: Dialect,
    names: Sequence[str],
    options: Mapping[str, Any],
    *,
    has_header: bool,
) -> Delivery:
    words = [*dict.fromkeys((*MISSING_WORDS, *_words(options)))]
    is_escaping = (
        bool(dialect.quote) and dialect.escape != dialect.quote
    )  # DuckDB takes no word for null with that sign
    given: dict[str, object] = {
        "delim": dialect.delim or ",",
        "quote": dialect.quote,
        "escape": dialect.escape if dialect.quote else "",
        "header": has_header,
        "skip": dialect.skip,
        "new_line": plain.new_line,
        "nullstr": [word for word in words if not is_escaping or dialect.escape not in word],
    }
    given |= {"comment": dialect.comment} if dialect.comment else {}
    given |= {name: options[name] for name in (*_PASSED_ON, "compression") if name in options}
    if plain.longest_bytes + 4096 > _PARSER_LINE:
        longest = plain.longest_bytes + 4096
        given |= {"max_line_size": longest, "buffer_size": 4 * longest}
    columns = dict.fromkeys(names, "VARCHAR")
    _forget_errors(warehouse)
    delivery = parsed(
        warehouse,
        file,
        f"select *, {literal(file.name)} as _churn_file, row_number() over () as _churn_row from read_csv({literal(str(plain.path))},"
        f" auto_detect = false, columns = {value(columns)}, store_rejects = true{arguments(given)})",
    )
    bad = _bad_lines(warehouse, file)
    _forget_errors(warehouse)
    return Delivery(delivery.files, delivery.sql, delivery.columns, bad, is_text=True, is_cleaned=not is_escaping)


def _words(options: Mapping[str, Any]) -> list[str]:
    given = options.get("nullstr", [])
    return [given] if isinstance(given, str) else [str(word) for word in given]


def _forget_errors(warehouse: Warehouse) -> None:
    warehouse.execute("drop table if exists reject_errors")
    warehouse.execute("drop table if exists reject_scans")


def _bad_lines(warehouse: Warehouse, file: SourceFile) -> tuple[BadLine, ...]:
    """Return the lines that are not rows."""
    if not warehouse.rows("select 1 from duckdb_tables() where table_name = 'reject_errors'"):
        return ()
    errors = warehouse.rows(
        "select line, any_value(error_type order by column_idx), any_value(error_message order by column_idx),"
        " any_value(csv_line) from reject_errors group by scan_id, file_id, line order by line"
    )
    return tuple(
        BadLine(file.name, line, f"{kind.lower()}: {str(message).splitlines()[0]}", text or "")
        for line, kind, message, text in errors
    )


def _refuse_swallowed_lines(warehouse: Warehouse, delivery: Delivery, dialect: Dialect) -> None:
    """Raise ContractBroken where a value holds whole lines of the file: a quote was opened and never closed."""
    width = len(delivery.columns)
    if width < 2:
        return
    sign = re.escape(dialect.delim or ",")
    whole_line = rf"(^|\n)([^{sign}\n]*{sign}){{{width - 1}}}[^{sign}\n]*(\r?\n|$)"
    file = delivery.files[0]
    remedy = "Close the quote there, or say how the file quotes: options = { quote = ... }; an empty one means that nothing is quoted."
    for line in delivery.bad_lines:
        if "\n" in line.text.strip() and re.search(whole_line, line.text.strip().split("\n", 1)[1]):
            what = f"line {line.row_number} opens a quote that swallows the lines after it: {line.text[:60]!r}"
            raise ContractBroken(what, where=file.name, remedy=remedy)
    if width < 3:
        return  # a sentence with one comma and a line end is no line of two values
    tests = [
        f"when contains({quoted(name)}, chr(10)) and regexp_matches({quoted(name)}, {literal(whole_line)}) then {literal(name)}"
        for name in delivery.columns
    ]
    swallowed = warehouse.rows(
        f"select _churn_row, column_name from (select _churn_row, case {' '.join(tests)} end as column_name from ({delivery.sql}))"
        " where column_name is not null limit 1"
    )
    if swallowed:
        row, name = swallowed[0]
        what = f"`{name}` of row {row} holds whole lines of the file: a quote was opened and not closed"
        raise ContractBroken(what, where=file.name, remedy=remedy)


def _in_two_spellings(warehouse: Warehouse, delivery: Delivery, names: Sequence[str]) -> frozenset[str]:
    """Return the names that the header has in two spellings, which differ in case alone, over different values.

    Raises ContractBroken where it has a name twice, over different values: either may be meant.
    """
    columns = dict(zip(delivery.columns, names, strict=True))
    spellings = set()
    for column, name in columns.items():
        if column == name:
            continue
        first = next(other for other in columns if other.lower() == name.lower())
        differs = f"{quoted(first)} is distinct from {quoted(column)}"
        if not warehouse.rows(f"select 1 from ({delivery.sql}) where {differs} limit 1"):
            continue
        if names.count(name) > 1:
            raise ContractBroken(
                f"the header has `{name}` twice, over different values",
                where=delivery.files[0].name,
                remedy="Name the columns yourself: options = { skip = 1, header = false, names = [...] }.",
            )
        spellings.add(name.lower())
    return frozenset(spellings)


def _reconcile(warehouse: Warehouse, delivery: Delivery, plain: PlainText, *, has_header: bool) -> None:
    """Raise ContractBroken unless rows and refused lines together are the records that the file holds."""
    rows = warehouse.rows(f"select count(*) from ({delivery.sql})")[0][0]
    expected = plain.records - has_header
    seen = rows + len(delivery.bad_lines)
    # A file of one column may hold empty lines that are rows.
    if seen == expected or (len(delivery.columns) == 1 and seen == expected + plain.blanks):
        return
    raise ContractBroken(
        f"the file holds {expected:,} records, and {seen:,} were read",
        where=delivery.files[0].name,
        remedy="Check its quotes, its line ends, and the source's `options`; nothing of it was loaded.",
    )


def read_blank_separated(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any], scratch: Path) -> Delivery:
    """Read columns that are separated by blanks; all of them are text. Raises ContractBroken."""
    skip, header = int(options.get("skip", 0)), bool(options.get("header", "names" not in options))
    names = [str(name) for name in options.get("names", [])]
    text = text_file(file, scratch, encoding=options.get("encoding"), compression=options.get("compression"))
    plain = plain_csv(text, scratch, Dialect("\0", quote="", skip=skip))
    lines = (
        f"select trim(replace(line, chr(13), '')) as line, row_number() over () as _churn_row from read_csv("
        f"{literal(str(plain.path))}, delim = '', quote = '', escape = '', header = false, skip = {skip},"
        f" auto_detect = false, columns = {{'line': 'VARCHAR'}}, strict_mode = false)"
    )
    if header:
        first = warehouse.rows(f"select regexp_split_to_array(line, '\\s+') from ({lines}) where _churn_row = 1")
        names = names or (first[0][0] if first else [])
    shift = 1 if header else 0
    fields = ", ".join(f"nullif(field[{i + 1}], '') as {quoted(name)}" for i, name in enumerate(names))
    if not fields:
        raise ContractBroken("no column names", where=file.name, remedy="Give options.names = [...] or header = true.")
    split = (
        f"select regexp_split_to_array(line, '\\s+') as field, line, _churn_row - {shift} as _churn_row from ({lines})"
    )
    whole = f"select {fields}, {literal(file.name)} as _churn_file, _churn_row from ({split}) where _churn_row > 0 and line <> ''"
    count = f"len(field) = {len(names)}"
    bad = warehouse.rows(
        f"select _churn_row, len(field), line from ({split}) where _churn_row > 0 and line <> '' and not ({count})"
    )
    lost = tuple(BadLine(file.name, row, f"{width} columns instead of {len(names)}", line) for row, width, line in bad)
    delivery = parsed(warehouse, file, f"{whole} and {count}", lost)
    return Delivery(delivery.files, delivery.sql, delivery.columns, lost, is_text=True)
