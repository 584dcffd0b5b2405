"""Reads CSV, Parquet and JSON files into deliveries: what DuckDB can scan, with file and row number beside each row."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from churn.errors import ConfigError, ContractBroken, DataError
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.delivery import BadLine, Delivery, SourceFile

_ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".json": "json", ".ndjson": "json", ".jsonl": "json",
}  # fmt: skip
_OPTIONS = {
    "csv": {
        "delim", "header", "skip", "names", "nullstr", "all_varchar", "quote", "escape", "comment", "dateformat",
        "timestampformat", "decimal_separator", "thousands", "types", "encoding", "compression", "new_line",
        "strict_mode", "null_padding", "sample_size", "max_line_size",
    },
    "parquet": {"binary_as_string"},
    "json": {"format", "records", "compression", "maximum_object_size", "dateformat", "timestampformat"},
}  # fmt: skip
DELIVERED = "delivered_rows"  # temporary: what a text file held, so that it is parsed once


def format_of(name: str, declared: str | None, *, where: str) -> str:
    """Return csv, parquet or json, as declared or by the ending of `name`. Raises ConfigError if neither tells."""
    if declared:
        return declared
    bare = name.lower().removesuffix(".gz").removesuffix(".zst")
    for ending, kind in _ENDINGS.items():
        if bare.endswith(ending):
            return kind
    raise ConfigError(
        f"cannot tell the format of {name}", where=where, remedy='Add format = "csv", "parquet" or "json".'
    )


def check_options(kind: str, options: Mapping[str, Any], *, where: str) -> None:
    """Raise ConfigError for a reader option that format `kind` does not know, with the nearest one."""
    for name in options:
        if name not in _OPTIONS[kind]:
            near = difflib.get_close_matches(name, _OPTIONS[kind], n=1, cutoff=0.5)
            remedy = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(sorted(_OPTIONS[kind]))}."
            raise ConfigError(f"no option `{name}` for {kind}", where=f"{where}.options", remedy=remedy)


def deliveries(
    warehouse: Warehouse,
    files: Sequence[SourceFile],
    kind: str,
    options: Mapping[str, Any],
    wanted: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> Iterator[Delivery]:
    """Yield deliveries of `files`: Parquet files of one shape together, text files one by one.

    `wanted` says, for the columns a text file has, which of them are to be read as what type.
    A delivery is valid until the next one is asked for. Raises ContractBroken for a file that cannot be read.
    """
    if kind == "parquet":
        shapes = [(file, _columns(warehouse, _parquet([file], options), file)) for file in files]
        for columns, group in groupby(shapes, key=lambda one: one[1]):
            batch = [file for file, _ in group]
            yield Delivery(tuple(batch), _parquet(batch, options), columns)
        return
    for file in files:
        if file.size == 0:
            raise ContractBroken("the file is empty", where=file.name, remedy="Check that the export ran.")
        if kind == "json":
            yield _json(warehouse, file, options)
        elif str(options.get("delim", "")).lower() == "whitespace":
            yield _whitespace(warehouse, file, options)
        else:
            yield _csv(warehouse, file, options, wanted)


def _columns(warehouse: Warehouse, sql: str, file: SourceFile) -> dict[str, str]:
    try:
        described = warehouse.rows(f"describe {sql}")
    except (DataError, ConfigError) as error:
        remedy = "Check that the file is whole and of the declared format."
        raise ContractBroken(f"cannot be read: {error.what}", where=file.name, remedy=remedy) from error
    return {name: kind for name, kind, *_ in described if name not in {"_file", "_row"}}


def _parquet(files: Sequence[SourceFile], options: Mapping[str, Any]) -> str:
    paths = ", ".join(literal(str(file.path)) for file in files)
    extra = "".join(f", {name} = {_value(value)}" for name, value in options.items())
    if len(files) == 1:
        name = literal(files[0].name)
    else:
        name = (
            "case filename " + " ".join(f"when {literal(str(f.path))} then {literal(f.name)}" for f in files) + " end"
        )
    if all(str(file.path) == file.name for file in files):
        name = "filename"
    return (
        f"select * exclude (filename, file_row_number), {name} as _file, file_row_number + 1 as _row"
        f" from read_parquet([{paths}], filename = true, file_row_number = true, hive_partitioning = false{extra})"
    )


def _json(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any]) -> Delivery:
    given = dict(options)
    if file.name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl")):
        given.setdefault("format", "newline_delimited")
    extra = "".join(f", {name} = {_value(value)}" for name, value in given.items())
    if given.get("format") == "newline_delimited":
        extra += ", ignore_errors = true"  # a broken line becomes a row of nulls, which is then rejected by its number
    source = f"read_json({literal(str(file.path))}, sample_size = -1{extra})"
    return _parsed(
        warehouse, file, f"select *, {literal(file.name)} as _file, row_number() over () as _row from {source}"
    )


def _parsed(warehouse: Warehouse, file: SourceFile, sql: str, bad: tuple[BadLine, ...] = ()) -> Delivery:
    try:
        warehouse.execute(f"create or replace temp table {DELIVERED} as {sql}")
    except (DataError, ConfigError) as error:
        remedy = "Check that the file is whole and of the declared format, and its `options`."
        raise ContractBroken(f"cannot be read: {error.what}", where=file.name, remedy=remedy) from error
    stored = f"select * from {DELIVERED}"
    return Delivery((file,), stored, _columns(warehouse, stored, file), bad)


def _whitespace(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any]) -> Delivery:
    """Read columns that are parted by any run of blanks; all of them are text."""
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
    return _parsed(warehouse, file, f"{whole} and {count}", lost)


def _csv(
    warehouse: Warehouse,
    file: SourceFile,
    options: Mapping[str, Any],
    wanted: Callable[[Mapping[str, str]], Mapping[str, str]],
) -> Delivery:
    """Parse a CSV file once, and again with a column as text if its values do not all have the type they seemed to."""
    given = {name: value for name, value in options.items() if name != "types"}
    fixed = {str(k): str(v) for k, v in dict(options.get("types", {})).items()}
    sniffed = _columns(warehouse, _scan(file, given, fixed), file)
    types = {name: kind for name, kind in wanted(sniffed).items() if kind != sniffed.get(name)} | fixed
    if options.get("all_varchar"):
        types = fixed
    while True:
        _forget_errors(warehouse)
        delivery = _parsed(warehouse, file, _scan(file, given, types))
        miscast, bad = _errors(warehouse, file)
        again = {name: "VARCHAR" for name in miscast if types.get(name) != "VARCHAR"}
        # A time column is first read with its offset; one written in a form of its own is read as it was sniffed.
        half = warehouse.rows(f"select count(*) from ({delivery.sql})")[0][0]
        again |= {name: sniffed[name] for name in again if types.get(name) == "TIMESTAMPTZ" and miscast[name] > half}
        if not again:
            _forget_errors(warehouse)
            texts = [n for n, kind in delivery.columns.items() if kind == "VARCHAR" and types.get(n) != "VARCHAR"]
            texts = [] if options.get("all_varchar") else texts
            return _with_numbers(warehouse, Delivery(delivery.files, delivery.sql, delivery.columns, bad), texts)
        types = types | again


def _with_numbers(warehouse: Warehouse, delivery: Delivery, texts: Sequence[str]) -> Delivery:
    """Read text columns that hold nothing but numbers and blanks as numbers: a blank is a missing value, no word."""
    if not texts:
        return delivery
    told = [
        f"count_if(trim({name}) <> '') > 0 and count_if(trim({name}) <> '' and (try_cast({name} as double) is null"
        # 007 is a name, not a number.
        f" or regexp_matches(trim({name}), '^0[0-9]'))) = 0"
        for name in map(quoted, texts)
    ]
    answers = warehouse.rows(f"select {', '.join(told)} from ({delivery.sql})")[0]
    numbers = [name for name, is_number in zip(texts, answers, strict=True) if is_number]
    if not numbers:
        return delivery
    read = ", ".join(f"try_cast({quoted(name)} as double) as {quoted(name)}" for name in numbers)
    columns = delivery.columns | dict.fromkeys(numbers, "DOUBLE")
    return Delivery(delivery.files, f"select * replace ({read}) from ({delivery.sql})", columns, delivery.bad_lines)


def _scan(file: SourceFile, options: Mapping[str, Any], types: Mapping[str, str]) -> str:
    extra = "".join(f", {name} = {_value(value)}" for name, value in options.items())
    extra += f", types = {_value(dict(types))}" if types else ""
    return (
        f"select *, {literal(file.name)} as _file, row_number() over () as _row"
        f" from read_csv({literal(str(file.path))}, store_rejects = true{extra})"
    )


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


def _value(value: object) -> str:
    """Return a TOML value as an SQL literal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(str(k))}: {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    return literal(str(value))
