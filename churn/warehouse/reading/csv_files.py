"""Reads CSV files: their form is found once per header, ids stay text, and lines that are no rows are told with number and text."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from churn.errors import ConfigError, ContractBroken, DataError
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.reading.delivery import BadLine, Delivery, SourceFile
from churn.warehouse.reading.scanning import arguments, parsed, unreadable, value

Wanted = Callable[[Mapping[str, str]], Mapping[str, str]]
# Said by us, so never asked of the sniffer, nor told to the parser.
_OURS = {"names", "types", "all_varchar", "sample_size"}
_EXACT = 2**53  # from here on a double skips whole numbers
_LINE_ENDS = {"\\n", "\\r\\n", "\\r"}


@dataclass(frozen=True)
class Form:
    """How a file is written: the parser's options, and its columns with the types their values seem to have."""

    options: dict[str, object]
    columns: dict[str, str]


class CsvReader:
    """Reads the CSV files of one source. To find a file's form takes longer than to read a small file, so it is kept."""

    def __init__(self, warehouse: Warehouse, options: Mapping[str, Any], wanted: Wanted) -> None:
        """Read with the reader `options` of the source; `wanted` says which columns are to be read as what type."""
        self._warehouse = warehouse
        self._options = options
        self._wanted = wanted
        self._fixed = {str(k): str(v) for k, v in dict(options.get("types", {})).items()}
        self._forms: dict[bytes, Form] = {}

    def read(self, file: SourceFile) -> Delivery:
        """Parse a file once, and again with a column as text if its values do not all have the type they seemed to.

        Raises ContractBroken if it cannot be read.
        """
        header = _first_line(file)
        form = self._forms.get(header) if header else None
        if form is not None:
            delivery = self._parse(file, form, is_borrowed=True)
            if delivery is not None:
                return delivery
        form = self._form(file)
        if header and form.options.get("header") is True and form.options.get("skip") == 0:
            self._forms[header] = form
        delivery = self._parse(file, form, is_borrowed=False)
        assert delivery is not None  # only a borrowed form is given up
        return delivery

    def _form(self, file: SourceFile) -> Form:
        asked = {name: given for name, given in self._options.items() if name != "types"}
        sniff = f"sniff_csv({literal(str(file.path))}{arguments(asked)}, store_rejects = true)"
        names = "Delimiter, Quote, Escape, NewLineDelimiter, Comment, SkipRows, HasHeader, Columns, DateFormat, TimestampFormat"
        try:
            found = self._warehouse.rows(f"select {names} from {sniff}")[0]
        except (DataError, ConfigError) as error:
            raise unreadable(error.what, file) from error
        delim, quote, escape, line_end, comment, skip, header, columns, dates, times = (
            None if one == "(empty)" else one for one in found
        )
        options: dict[str, object] = {"delim": delim or ",", "header": bool(header), "skip": int(skip or 0)}
        # Quotes may come later than in the lines looked at.
        options |= {"quote": quote or '"', "escape": escape or quote or '"'}
        options |= {"new_line": line_end} if line_end in _LINE_ENDS else {}
        given = {"comment": comment, "dateformat": dates, "timestampformat": times}
        options |= {name: one for name, one in given.items() if one}
        options |= {name: one for name, one in self._options.items() if name not in _OURS}
        return Form(options, {str(column["name"]): str(column["type"]) for column in columns or []})

    def _parse(self, file: SourceFile, form: Form, *, is_borrowed: bool) -> Delivery | None:
        """Parse with a form; None if it was borrowed from another file and does not fit this one."""
        is_text = bool(self._options.get("all_varchar"))
        safe = {} if is_text else _without_loss(form) | dict(self._wanted(form.columns))
        types = safe | self._fixed
        while True:
            _forget_errors(self._warehouse)
            delivery = parsed(self._warehouse, file, _scan(file, form, types))
            miscast, bad = _errors(self._warehouse, file)
            _forget_errors(self._warehouse)
            again = {name: "VARCHAR" for name in miscast if types.get(name) != "VARCHAR"}
            # A number too long for a double is a name that happens to be made of digits.
            again |= dict.fromkeys([] if is_text else _too_long(self._warehouse, delivery, form), "VARCHAR")
            if not again:
                whole = Delivery(delivery.files, delivery.sql, delivery.columns, bad)
                return whole if is_text else _with_numbers(self._warehouse, whole, form, types)
            if is_borrowed:
                return None
            # A time column is first read with its offset; one written in a form of its own is read as it was sniffed.
            rows = self._warehouse.rows(f"select count(*) from ({delivery.sql})")[0][0]
            seems = {
                name: form.columns[name] for name in again if types.get(name) == "TIMESTAMPTZ" and miscast[name] > rows
            }
            again |= seems
            types |= again


def _first_line(file: SourceFile) -> bytes:
    """Return a file's first line, empty if it cannot be told; the reader will say what is wrong with it."""
    try:
        is_zipped = str(file.path).endswith(".gz")
        with gzip.open(file.path, "rb") if is_zipped else file.path.open("rb") as stream:
            return stream.readline(1_000_000)
    except (OSError, EOFError):
        return b""


def _scan(file: SourceFile, form: Form, types: Mapping[str, str]) -> str:
    columns = {name: types.get(name, kind) for name, kind in form.columns.items()}
    return (
        f"select *, {literal(file.name)} as _file, row_number() over () as _row from read_csv({literal(str(file.path))},"
        f" auto_detect = false, columns = {value(columns)}, store_rejects = true{arguments(form.options)})"
    )


def _without_loss(form: Form) -> dict[str, str]:
    """Return types that keep what the seeming ones would drop without a word: decimals, offsets, times of day."""
    lossless = {"BIGINT": "DOUBLE", "TIMESTAMP": "TIMESTAMPTZ"}
    if "dateformat" not in form.options:  # with a form, a date with a time of day is an error and is read again
        lossless["DATE"] = "TIMESTAMPTZ"
    return {name: lossless[kind] for name, kind in form.columns.items() if kind in lossless}


def _too_long(warehouse: Warehouse, delivery: Delivery, form: Form) -> list[str]:
    names = [n for n, kind in delivery.columns.items() if kind == "DOUBLE" and form.columns.get(n) == "BIGINT"]
    if not names:
        return []
    told = ", ".join(f"count_if(abs({quoted(name)}) >= {_EXACT}) > 0" for name in names)
    answers = warehouse.rows(f"select {told} from ({delivery.sql})")[0]
    return [name for name, is_long in zip(names, answers, strict=True) if is_long]


def _with_numbers(warehouse: Warehouse, delivery: Delivery, form: Form, types: Mapping[str, str]) -> Delivery:
    """Give columns the type that all of their values have.

    Text that is nothing but numbers and blanks holds numbers: a blank is a missing value, no word. Numbers that seemed
    whole are whole if all of them are.
    """
    told, becomes = [], []
    for name, kind in delivery.columns.items():
        column = quoted(name)
        if kind == "VARCHAR" and types.get(name) != "VARCHAR":
            # 007 is a name, not a number.
            word = f"trim({column}) <> '' and (try_cast({column} as double) is null or trim({column}) similar to '0[0-9].*')"
            told.append(f"count_if(trim({column}) <> '') > 0 and count_if({word}) = 0")
            becomes.append((name, "DOUBLE", f"try_cast({column} as double)"))
        elif kind == "DOUBLE" and form.columns.get(name) == "BIGINT":
            told.append(f"count_if({column} <> trunc({column})) = 0")
            becomes.append((name, "BIGINT", f"cast({column} as bigint)"))
    answers = warehouse.rows(f"select {', '.join(told)} from ({delivery.sql})")[0] if told else ()
    chosen = [one for one, is_so in zip(becomes, answers, strict=True) if is_so]
    if not chosen:
        return delivery
    read = ", ".join(f"{sql} as {quoted(name)}" for name, _, sql in chosen)
    columns = delivery.columns | {name: kind for name, kind, _ in chosen}
    return Delivery(delivery.files, f"select * replace ({read}) from ({delivery.sql})", columns, delivery.bad_lines)


def _forget_errors(warehouse: Warehouse) -> None:
    warehouse.execute("drop table if exists reject_errors")
    warehouse.execute("drop table if exists reject_scans")


def _errors(warehouse: Warehouse, file: SourceFile) -> tuple[Counter[str], tuple[BadLine, ...]]:
    """Return how many values of which column did not have its type, and the lines that are no rows at all."""
    if not warehouse.rows("select 1 from duckdb_tables() where table_name = 'reject_errors'"):
        return Counter(), ()
    found = warehouse.rows(
        "select line, any_value(column_name order by column_idx), any_value(error_type order by column_idx),"
        " any_value(error_message order by column_idx), any_value(csv_line) from reject_errors"
        " group by scan_id, file_id, line order by line"
    )
    miscast = Counter(str(column) for _, column, kind, *_ in found if kind == "CAST")
    bad = tuple(
        BadLine(file.name, line, f"{kind.lower()}: {str(message).splitlines()[0]}", text or "")
        for line, _, kind, message, text in found
    )
    return miscast, bad


def read_blank_separated(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any]) -> Delivery:
    """Read columns that are parted by any run of blanks; all of them are text. Raises ContractBroken."""
    skip, header = int(options.get("skip", 0)), bool(options.get("header", "names" not in options))
    names = [str(name) for name in options.get("names", [])]
    lines = (
        f"select trim(replace(line, chr(13), '')) as line, row_number() over () as _row from read_csv("
        f"{literal(str(file.path))}, delim = '', quote = '', escape = '', header = false, skip = {skip},"
        f" auto_detect = false, columns = {{'line': 'VARCHAR'}}, strict_mode = false)"
    )
    if header:
        first = warehouse.rows(f"select regexp_split_to_array(line, '\\s+') from ({lines}) where _row = 1")
        names = names or (first[0][0] if first else [])
    shift = 1 if header else 0
    fields = ", ".join(f"nullif(field[{i + 1}], '') as {quoted(name)}" for i, name in enumerate(names))
    if not fields:
        raise ContractBroken("no column names", where=file.name, remedy="Give options.names = [...] or header = true.")
    split = f"select regexp_split_to_array(line, '\\s+') as field, line, _row - {shift} as _row from ({lines})"
    whole = f"select {fields}, {literal(file.name)} as _file, _row from ({split}) where _row > 0 and line <> ''"
    count = f"len(field) = {len(names)}"
    bad = warehouse.rows(
        f"select _row, len(field), line from ({split}) where _row > 0 and line <> '' and not ({count})"
    )
    lost = tuple(BadLine(file.name, row, f"{n} columns instead of {len(names)}", line) for row, n, line in bad)
    return parsed(warehouse, file, f"{whole} and {count}", lost)
