"""Reads the access logs of web servers, in the combined or the common format: one request a line.

Columns: host, ident, user, time, method, path, protocol, status, bytes, referer, agent; `-` is no value. Fields that a
server writes after them are named by `options.names`. A line of another form is reported with its number and text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.reading.delivery import BadLine, Delivery, SourceFile
from churn.warehouse.reading.plain_text import plain_text
from churn.warehouse.reading.scanning import parsed

_TEXT: Final = r'"((?:[^"\\]|\\.)*)"'  # Apache writes a quote as \", nginx as \x22
_LINE: Final = rf"^(\S+) (\S+) (.+?) \[([^\]]+)\] {_TEXT} ([0-9]{{3}}) ([0-9]+|-)(?: {_TEXT} {_TEXT})?(.*)$"
_FIELDS: Final = ("host", "ident", "user", "time", "request", "status", "bytes", "referer", "agent", "rest")
_REQUEST: Final = r"^([A-Z]+) (\S+)(?: (\S+))?$"
_NOTHING: Final = ("", "-")


def read_combined(warehouse: Warehouse, file: SourceFile, options: Mapping[str, Any], scratch: Path) -> Delivery:
    """Return the requests of a log. Raises ContractBroken if the file cannot be read."""
    compression = options.get("compression")
    path = plain_text(file, scratch, encoding=options.get("encoding"), compression=compression)
    packed = "" if path != file.path or compression is None else f", compression = {literal(str(compression))}"
    lines = (
        "select rtrim(line, chr(13)) as line, row_number() over () as _churn_row from read_csv("
        f"{literal(str(path))}, delim = '', quote = '', escape = '', header = false, auto_detect = false,"
        f" columns = {{'line': 'VARCHAR'}}, strict_mode = false{packed})"
    )
    names = ", ".join(literal(name) for name in _FIELDS)
    matched = (
        f"select _churn_row, line, regexp_extract(line, {literal(_LINE)}, [{names}]) as f from ({lines})"
        " where line is not null and line <> ''"
    )
    bad = warehouse.rows(f"select _churn_row, line from ({matched}) where f.time = '' order by 1")
    lost = tuple(BadLine(file.name, row, "no line of the combined format", line) for row, line in bad)
    request = f"regexp_extract(f.request, {literal(_REQUEST)}, ['method', 'path', 'protocol'])"
    plain = {name: _present(f"f.{name}") for name in ("host", "ident", "user")}
    plain |= {
        "time": "cast(try_strptime(f.time, '%d/%b/%Y:%H:%M:%S %z') as timestamptz)",
        "method": "nullif(r.method, '')",
        "path": f"coalesce(nullif(r.path, ''), {_present('f.request')})",
        "protocol": "nullif(r.protocol, '')",
        "status": "try_cast(f.status as bigint)",
        "bytes": "try_cast(f.bytes as bigint)",
        "referer": _present("f.referer"),
        "agent": _present("f.agent"),
    }
    for position, name in enumerate(options.get("names", []), 1):
        plain[str(name)] = _present(f"trim(e[{position}], '\"')")
    columns = ", ".join(f"{sql} as {quoted(name)}" for name, sql in plain.items())
    extras = 'regexp_extract_all(f.rest, \'"(?:[^"\\\\]|\\\\.)*"|[^ "]+\')'
    delivery = parsed(
        warehouse,
        file,
        f"select {columns}, {literal(file.name)} as _churn_file, _churn_row"
        f" from (select _churn_row, f, {request} as r, {extras} as e from ({matched}) where f.time <> '')",
        lost,
    )
    return Delivery(delivery.files, delivery.sql, delivery.columns, lost)


def _present(text: str) -> str:
    return f"case when {text} not in ({', '.join(literal(word) for word in _NOTHING)}) then {text} end"
