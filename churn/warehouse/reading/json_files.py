"""Reads JSON: one object a line, an array, or rows below a key; text stays text, and a key that a file lacks is null."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from churn.errors import ConfigError, ContractBroken, DataError
from churn.warehouse.connection import Warehouse, literal
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.plain_text import outer_signs, plain_text
from churn.warehouse.reading.scanning import arguments, columns_of, parsed, unreadable, value

# By default the reader takes 03/04/2026 for a date, in an order of its own.
_GUESSED: Final = re.compile(r'"(?:[^"]|"")*"|\b(TIMESTAMP WITH TIME ZONE|TIMESTAMP_NS|TIMESTAMP|DATE|TIME|UUID)\b')
_NUMBERED: Final = re.compile(r"(.*)_[0-9]+$")
_LARGEST_OBJECT: Final = 256 * 1024 * 1024


def read_json(
    warehouse: Warehouse,
    files: Sequence[SourceFile],
    options: Mapping[str, Any],
    *,
    scratch: Path,
    rows_at: str | None,
) -> Iterator[Delivery]:
    """Yield one delivery a file; all have the columns, and the nested keys, that any of `files` has.

    Raises ContractBroken for a file that cannot be read.
    """
    given = {name: option for name, option in options.items() if name != "encoding"}
    plain = [_plain(warehouse, file, options, scratch, rows_at) for file in files]
    if not plain:
        return
    if rows_at is not None or all(_is_by_line(file) for file in files):
        given.setdefault("format", "newline_delimited")
    if rows_at is not None:
        given["compression"] = "uncompressed"
    columns = _columns(warehouse, plain, files, given)
    is_by_line = given.get("format") == "newline_delimited"
    for file, path in zip(files, plain, strict=True):
        if is_by_line:
            _refuse_key_twice(warehouse, file, path, columns, given)
        else:
            _refuse_open_array(file, path, given)
    if is_by_line:
        given["ignore_errors"] = True  # a broken line becomes a row of nulls, which is then rejected by its number
    for file, path in zip(files, plain, strict=True):
        delivery = parsed(
            warehouse,
            file,
            f"select *, {literal(file.name)} as _churn_file, row_number() over () as _churn_row from"
            f" read_json({literal(str(path))}, columns = {value(columns)}{arguments(given)})",
        )
        yield Delivery(
            delivery.files, delivery.sql, delivery.columns, delivery.bad_lines, is_text=True, has_open_keys=True
        )


def _refuse_open_array(file: SourceFile, path: Path, given: Mapping[str, Any]) -> None:
    """Raise ContractBroken for an array that breaks off between two objects, which the parser takes for its end."""
    compression = given.get("compression")
    first, last = outer_signs(replace(file, path=path), None if compression is None else str(compression))
    if first == b"[" and last != b"]":
        what = "the array is not closed: the file breaks off"
        raise ContractBroken(what, where=file.name, remedy="Check that the export ran to its end.")


def _refuse_key_twice(
    warehouse: Warehouse, file: SourceFile, path: Path, columns: Mapping[str, str], given: Mapping[str, Any]
) -> None:
    """Raise ContractBroken for an object that has a key twice, of which a reader that passes over faults takes the first."""
    strictly = f"read_json({literal(str(path))}, columns = {value(columns)}{arguments(given)})"
    objects = f"read_json_objects({literal(str(path))}, ignore_errors = true{arguments(given)})"
    if (fault := warehouse.fault_of(f"select bit_xor(hash(t)) from {strictly} as t")) is None:
        return
    twice = "len(json_keys(json)) > len(list_distinct(json_keys(json)))"
    if "duplicate key" in fault or warehouse.rows(f"select 1 from {objects} where {twice} limit 1"):
        raise ContractBroken(
            f"an object has a key twice: {fault}" if "duplicate key" in fault else "an object has a key twice",
            where=file.name,
            remedy="Check the export: which of the two values is meant, nobody can say.",
        )


def _is_by_line(file: SourceFile) -> bool:
    return file.name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl"))


def _columns(
    warehouse: Warehouse, paths: Sequence[Path], files: Sequence[SourceFile], given: Mapping[str, Any]
) -> dict[str, str]:
    """Return the columns of all files together, with every text left as text."""
    listed = ", ".join(literal(str(path)) for path in paths)
    sample = dict(given) | ({"ignore_errors": True} if given.get("format") == "newline_delimited" else {})
    every = f"select * from read_json([{listed}], sample_size = -1, union_by_name = true{arguments(sample)})"
    described = columns_of(warehouse, every, files[0])
    _refuse_alike_keys(warehouse, described, listed, files[0], sample)
    return {
        name: _GUESSED.sub(lambda match: "VARCHAR" if match[1] else match[0], kind) for name, kind in described.items()
    }


def _refuse_alike_keys(
    warehouse: Warehouse, described: Mapping[str, str], listed: str, file: SourceFile, given: Mapping[str, Any]
) -> None:
    """Raise ContractBroken for keys that differ in case alone: SQL takes them for one, and the reader loses the second."""
    lower = {name.lower() for name in described}
    numbered = [name for name in described if (tail := _NUMBERED.match(name)) and tail[1].lower() in lower]
    for name in numbered:
        has_key = f"list_contains(json_keys(json), {literal(name)})"
        objects = f"read_json_objects([{listed}]{arguments(given)})"
        if not warehouse.rows(f"select 1 from {objects} where {has_key} limit 1"):
            key = name.rpartition("_")[0]
            raise ContractBroken(
                f"objects have the key `{key}` in two spellings that differ in case alone",
                where=file.name,
                remedy="Give one of them another name in the export.",
            )


def _plain(
    warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any], scratch: Path, rows_at: str | None
) -> Path:
    path = plain_text(file, scratch, encoding=options.get("encoding"), compression=options.get("compression"))
    if rows_at is None:
        return path
    target = scratch / f"rows-{abs(hash(file.name)):x}.ndjson"
    place = "".join(f'."{key}"' for key in rows_at.split("."))
    scratch.mkdir(parents=True, exist_ok=True)
    pages = (
        f"read_json_objects({literal(str(path))}, format = 'unstructured', maximum_object_size = {_LARGEST_OBJECT}"
        f"{', compression = ' + literal(str(options['compression'])) if 'compression' in options and path == file.path else ''})"
    )
    # Tools that page through a service save its answers as one array.
    is_array = "json_type(json) = 'ARRAY'"
    objects = f"(select unnest(if({is_array}, json_extract(json, '$[*]'), [json])) as json from {pages})"
    try:
        # Where one of several pages has null, it is a page without rows; where it has no such key, it is something else.
        kind = f"json_type(json, {literal('$' + place)})"
        ((lists, others),) = warehouse.rows(
            f"select count_if({kind} = 'ARRAY'), count_if(coalesce({kind} not in ('ARRAY', 'NULL'), true)) from {objects}"
        )
        if others or not lists:
            keys = warehouse.rows(f"select distinct unnest(json_keys(json)) from {objects} limit 20")
            names = ", ".join(key for (key,) in keys) or "no key"
            remedy = "Check `rows_at` in its [sources] section; keys are parted by points."
            where = " of one of its objects" if lists else ""
            what = f"no list at `{rows_at}`{where}; the file has {names}"
            raise ContractBroken(what, where=file.name, remedy=remedy)
        warehouse.execute(
            f"copy (select unnest(json_extract(json, {literal('$' + place + '[*]')})) as row_text from {objects})"
            f" to {literal(str(target))} (format csv, header false, quote '', escape '', delim '\x01')"
        )
    except (DataError, ConfigError) as error:
        raise unreadable(error.what, file) from error
    return target
