"""Finds and removes one customer in the files of a home: tables by their rows, texts and logs by the id itself.

What a user delivers (the folders of declared sources), the two databases and the files of facts are not looked at here.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from churn.config.connectors import FileConnector
from churn.context import Context
from churn.errors import ResourceError
from churn.files import WORKBOOK
from churn.modeling.serving.bundles import reseal
from churn.redaction import Redaction
from churn.views.serving_files import ROWS_PER_GROUP
from churn.workflows.privacy.workbooks import erase_from_workbook, rows_in_workbook

if TYPE_CHECKING:
    import polars as pl


EXPORTS = "privacy"  # the folder of what was handed out by the service
FACTS = "facts"
_LOG = "churn.log"
_SETTLES_SECONDS = 0.5  # longer than a writer of the log needs to notice that it was moved
_MOST_LINES = 10_000  # of one file in an export


def personal_files(context: Context) -> Iterator[Path]:
    """Yield every file that may hold a customer's data, but for databases, locks and delivered files."""
    home = context.settings.home
    skipped = [*source_folders(context), home / FACTS]  # the facts belong to the warehouse
    for root in (home, *list_folders(context)):
        for path in sorted(root.rglob("*")) if root.is_dir() else ():
            if path.is_symlink() or not path.is_file() or _is_database(path):
                continue
            if not any(path.is_relative_to(place) if place.is_dir() else path == place for place in skipped):
                yield path


def source_folders(context: Context) -> list[Path]:
    """Return the folders that declared sources are read from, or the files where they lie in the home itself."""
    home = context.settings.home
    folders: set[Path] = set()
    for source in context.settings.sources.values():
        for path in [source.path] if isinstance(source.path, str) else source.path or []:
            if "://" in path:
                continue
            whole = home / path
            folder = Path(*[part for part in whole.parts[:-1] if not any(mark in part for mark in "*?[")])
            is_inside = folder != home and folder.is_relative_to(home)
            if is_inside:
                folders.add(folder)
            elif folder == home:
                folders |= set(home.glob(str(whole.relative_to(home))))
    return sorted(folders)


def list_folders(context: Context) -> list[Path]:
    """Return the folders outside the home in which file connectors keep their lists, and that tables are published to."""
    home = context.settings.home
    paths = [place.path for place in context.settings.connectors.values() if isinstance(place, FileConnector)]
    folders = {home / path for path in paths if "://" not in path}
    if (published := context.settings.publish.folder) is not None:
        folders.add(published)
    return sorted(place for place in folders if not place.resolve().is_relative_to(home.resolve()))


def rows_in_file(path: Path, customer_id: str) -> list[Any]:
    """Return what a file says of a customer: rows of a table, lines of a text."""
    redaction = Redaction(customer_id)
    if path.suffix == ".parquet":
        frame = _parquet(path)
        return [] if frame is None else frame.filter(_names_it(frame, customer_id)).collect().to_dicts()
    if path.suffix == WORKBOOK:
        return rows_in_workbook(path, customer_id)
    text = _text(path)
    if text is None or not any(way in text for way in redaction.ways):
        return []
    if path.suffix == ".csv":
        header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
        return [dict(zip(header, row, strict=False)) for row in rows if customer_id in row]
    return [line[:2_000] for line in text.splitlines() if redaction.is_in(line)][:_MOST_LINES]


def erase_from_file(path: Path, customer_id: str) -> int:
    """Remove a customer from one file in one step; return how many rows or places that were. Raises ResourceError."""
    try:
        stat = path.parent.stat()
        gone = _erase(path, customer_id)
        if gone:
            os.utime(path.parent, (stat.st_atime, stat.st_mtime))  # the age of a run's folder matters, so keep it
    except FileNotFoundError:  # pruned meanwhile
        return 0
    except OSError as error:
        raise ResourceError(f"cannot be rewritten: {error.strerror}", where=str(path), remedy="Make room.") from error
    return gone


def _erase(path: Path, customer_id: str) -> int:
    if path.suffix == ".parquet":
        return _erase_from_parquet(path, customer_id)
    if path.suffix == WORKBOOK:
        return erase_from_workbook(path, customer_id, _put)
    redaction = Redaction(customer_id)
    text = _text(path)
    if text is None or not any(way in text for way in redaction.ways):
        return 0
    if path.parent.name == EXPORTS and redaction.is_in(text):
        path.unlink()
        return 1
    kept = _csv_without(text, customer_id) if path.suffix == ".csv" else text
    clean = "\n".join(redaction.text(line) for line in kept.split("\n"))
    if clean == text:
        return 0
    gone = sum(redaction.is_in(line) for line in text.split("\n"))
    if path.name == _LOG:
        _replace_log(path, redaction)
    else:
        content = clean.encode()
        _put(path, gzip.compress(content) if path.suffix == ".gz" else content)
    return gone


def _erase_from_parquet(path: Path, customer_id: str) -> int:
    import polars as pl

    frame = _parquet(path)
    if frame is None:
        return 0
    is_it = _names_it(frame, customer_id)
    gone = int(frame.filter(is_it).select(pl.len()).collect().item())
    if gone:
        scratch = path.with_name(f".{path.name}.tmp")
        kept = frame.filter(~is_it).collect()
        kept.write_parquet(scratch, compression="lz4", row_group_size=ROWS_PER_GROUP, statistics=True)
        scratch.replace(path)
        if (path.parent / "manifest.json").exists():
            reseal(path)
    return gone


def _parquet(path: Path) -> pl.LazyFrame | None:
    """Return a file's rows; None where no column of it could hold an id."""
    import polars as pl

    frame = pl.scan_parquet(path)
    return frame if any(kind == pl.String for kind in frame.collect_schema().values()) else None


def _names_it(frame: pl.LazyFrame, customer_id: str) -> pl.Expr:
    import polars as pl

    schema = frame.collect_schema()
    names = ["customer_id"] if "customer_id" in schema else [name for name, kind in schema.items() if kind == pl.String]
    return pl.any_horizontal((pl.col(name).cast(pl.String) == customer_id).fill_null(value=False) for name in names)


def _csv_without(text: str, customer_id: str) -> str:
    """Return a CSV file without the rows of a customer, every other byte as it was."""
    lines, kept, begin = text.splitlines(keepends=True), [], 0
    reader = csv.reader(lines)
    for row in reader:
        if customer_id not in row:
            kept += lines[begin : reader.line_num]
        begin = reader.line_num
    return "".join(kept)


def _text(path: Path) -> str | None:
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError):
            return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _replace_log(path: Path, redaction: Redaction) -> None:
    """Move the log away, wait until its writers notice, and keep it without the id, compressed like older logs."""
    aside = path.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}")
    path.rename(aside)
    time.sleep(_SETTLES_SECONDS)
    text = aside.read_text(encoding="utf-8", errors="replace")
    _put(aside.with_name(f"{aside.name}.gz"), gzip.compress(redaction.text(text).encode()))
    aside.unlink()


def _put(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.tmp")
    scratch.write_bytes(content)
    scratch.chmod(path.stat().st_mode if path.exists() else 0o600)
    scratch.replace(path)


def _is_database(path: Path) -> bool:
    names = (".duckdb", ".duckdb.wal", ".sqlite", ".sqlite-wal", ".sqlite-shm", ".lock", ".skops", ".ubj", ".npy")
    return path.name.endswith(names)
