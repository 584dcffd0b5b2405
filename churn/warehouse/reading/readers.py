"""Reads CSV, Parquet and JSON files into deliveries: what DuckDB can scan, with file and row number beside each row."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from churn.errors import ConfigError, ContractBroken
from churn.warehouse.connection import Warehouse, literal
from churn.warehouse.reading.csv_files import CsvReader, Wanted, read_blank_separated
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.scanning import arguments, columns_of, parsed

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
    wanted: Wanted,
) -> Iterator[Delivery]:
    """Yield deliveries of `files`: Parquet files of one shape together, text files one by one.

    `wanted` says, for the columns a text file has, which of them are to be read as what type.
    A delivery is valid until the next one is asked for. Raises ContractBroken for a file that cannot be read.
    """
    if kind == "parquet":
        shapes = [(file, columns_of(warehouse, _parquet([file], options), file)) for file in files]
        for columns, group in groupby(shapes, key=lambda one: one[1]):
            batch = [file for file, _ in group]
            yield Delivery(tuple(batch), _parquet(batch, options), columns)
        return
    csv = CsvReader(warehouse, options, wanted)
    is_blank_separated = str(options.get("delim", "")).lower() == "whitespace"
    for file in files:
        if file.size == 0:
            raise ContractBroken("the file is empty", where=file.name, remedy="Check that the export ran.")
        if kind == "json":
            yield _json(warehouse, file, options)
        elif is_blank_separated:
            yield read_blank_separated(warehouse, file, options)
        else:
            yield csv.read(file)


def _parquet(files: Sequence[SourceFile], options: Mapping[str, Any]) -> str:
    paths = ", ".join(literal(str(file.path)) for file in files)
    if all(str(file.path) == file.name for file in files):
        name = "filename"
    else:
        name = (
            "case filename " + " ".join(f"when {literal(str(f.path))} then {literal(f.name)}" for f in files) + " end"
        )
    return (
        f"select * exclude (filename, file_row_number), {name} as _file, file_row_number + 1 as _row from read_parquet("
        f"[{paths}], filename = true, file_row_number = true, hive_partitioning = false{arguments(options)})"
    )


def _json(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any]) -> Delivery:
    given = dict(options)
    if file.name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl")):
        given.setdefault("format", "newline_delimited")
    if given.get("format") == "newline_delimited":
        given["ignore_errors"] = True  # a broken line becomes a row of nulls, which is then rejected by its number
    source = f"read_json({literal(str(file.path))}, sample_size = -1{arguments(given)})"
    return parsed(
        warehouse, file, f"select *, {literal(file.name)} as _file, row_number() over () as _row from {source}"
    )
