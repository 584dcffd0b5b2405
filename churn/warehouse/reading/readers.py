"""Reads CSV, Parquet, JSON and workbooks into deliveries: what DuckDB can scan, with file and row number beside each row."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from churn.errors import ConfigError, ContractBroken
from churn.warehouse.connection import Warehouse, literal
from churn.warehouse.reading.csv_files import read_blank_separated, read_csv
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.json_files import read_json
from churn.warehouse.reading.log_files import read_combined
from churn.warehouse.reading.scanning import arguments, columns_of
from churn.warehouse.reading.workbooks import ENDINGS, OPTIONS, read_workbook

_ENDINGS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".json": "json", ".ndjson": "json", ".jsonl": "json", **dict.fromkeys(ENDINGS, "excel"),
}  # fmt: skip
_PATH = "_churn_path"  # a file's own columns may be called `filename`
_PACKED = (".zip", ".bz2", ".xz", ".7z", ".tar", ".tgz", ".rar", ".br", ".lz4")
# How values are written; the same in every format that holds text.
_WRITTEN = {"dateformat", "timestampformat", "decimal_separator", "thousands", "nullstr"}
_OPTIONS = {
    "csv": {
        "delim", "header", "skip", "names", "all_varchar", "quote", "escape", "comment", "types", "encoding", "compression",
        "strict_mode", "null_padding", *_WRITTEN,
    },
    "parquet": {"binary_as_string", *_WRITTEN},
    "excel": {*OPTIONS, *_WRITTEN},
    "combined": {"names", "encoding", "compression", *_WRITTEN},
    "json": {"format", "records", "compression", "encoding", "maximum_object_size", *_WRITTEN},
}  # fmt: skip
_BY_FILE = {"combined": read_combined, "excel": read_workbook}


def format_of(name: str, declared: str | None, *, where: str) -> str:
    """Return csv, parquet, json, excel or combined, as declared or by the ending of `name`. Raises ConfigError if neither tells."""
    if declared:
        return declared
    bare = name.lower().removesuffix(".gz").removesuffix(".zst")
    for ending, kind in _ENDINGS.items():
        if bare.endswith(ending):
            return kind
    if bare.endswith(_PACKED):
        what = f"cannot tell the format of {name}, which is packed"
        raise ConfigError(what, where=where, remedy="Unpack it; files packed by gz or zst are read as they are.")
    raise ConfigError(
        f"cannot tell the format of {name}",
        where=where,
        remedy='Add format = "csv", "parquet", "json", "excel" or "combined" (an access log).',
    )


def is_known(name: str) -> bool:
    """Whether the ending of `name` tells a format."""
    bare = name.lower().removesuffix(".gz").removesuffix(".zst")
    return bare.endswith(tuple(_ENDINGS))


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
    *,
    scratch: Path,
    rows_at: str | None = None,
) -> Iterator[Delivery]:
    """Yield deliveries of `files` as they stand there: Parquet files of one shape together, text files one by one.

    `rows_at` is the key below which a JSON file has its rows; `scratch` takes copies of files that must be rewritten.
    A delivery is valid until the next one is asked for. Raises ContractBroken for a file that cannot be read.
    """
    if kind == "parquet":
        passed = {name: given for name, given in options.items() if name not in _WRITTEN}
        shapes = [(file, columns_of(warehouse, _parquet([file], passed, None), file)) for file in files]
        for columns, group in groupby(shapes, key=lambda pair: pair[1]):
            batch = [file for file, _ in group]
            yield Delivery(tuple(batch), _parquet(batch, passed, columns), columns, is_parquet=not passed)
        return
    for file in files:
        if file.size == 0:
            raise ContractBroken("the file is empty", where=file.name, remedy="Check that the export ran.")
    if kind == "json":
        passed = {name: given for name, given in options.items() if name not in _WRITTEN}
        yield from read_json(warehouse, files, passed, scratch=scratch, rows_at=rows_at)
        return
    is_blank_separated = str(options.get("delim", "")).lower() == "whitespace"
    read = _BY_FILE.get(kind, read_blank_separated if is_blank_separated else read_csv)
    for file in files:
        yield read(warehouse, file, options, scratch)


def _parquet(files: Sequence[SourceFile], options: Mapping[str, Any], columns: Mapping[str, str] | None) -> str:
    """Return the select of `files`; without `columns`, which are not known yet, it gives no places."""
    paths, name = ", ".join(literal(str(file.path)) for file in files), _PATH
    if any(str(file.path) != file.name for file in files):
        cases = " ".join(f"when {literal(str(file.path))} then {literal(file.name)}" for file in files)
        name = f"case {_PATH} {cases} end"
    if columns is None:
        return f"select * from read_parquet([{paths}], hive_partitioning = false{arguments(options)})"
    left_out, place, numbered = [_PATH], "row_number() over ()", ""
    if "file_row_number" not in {column.lower() for column in columns}:  # DuckDB gives its own no other name
        left_out, place, numbered = [_PATH, "file_row_number"], "file_row_number + 1", ", file_row_number = true"
    return (
        f"select * exclude ({', '.join(left_out)}), {name} as _churn_file, {place} as _churn_row from read_parquet("
        f"[{paths}], filename = '{_PATH}'{numbered}, hive_partitioning = false{arguments(options)})"
    )
