"""Loads a web source: every page into a spool, then all of them at once into the raw table, whole or what is new alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

from churn.config import SourceSettings
from churn.config.web import WebSettings
from churn.errors import ConfigError, ContractBroken
from churn.warehouse.connection import Warehouse, literal, quoted
from churn.warehouse.loading import earlier, ledger
from churn.warehouse.loading.expressions import theirs
from churn.warehouse.loading.ledger import Known
from churn.warehouse.loading.loading import Load, Loaded, load_delivery
from churn.warehouse.loading.shrinking import refuse_shrunk
from churn.warehouse.reading import values
from churn.warehouse.reading.delivery import Delivery, SourceFile
from churn.warehouse.reading.increments import overlap_seconds, overlap_steps, updated_column
from churn.warehouse.reading.json_files import read_json
from churn.warehouse.reading.overlaps import ARRIVED, leave_out_loaded, remember
from churn.warehouse.reading.scanning import DELIVERED
from churn.warehouse.reading.web.asking import Parameters, WebClient
from churn.warehouse.reading.web.paging import can_go_on, counts_pages, fetch_pages
from churn.warehouse.reading.web.spool import FOLDER, PageProgress, Spool

_OPTIONS = {"updated", "overlap", "nullstr", "decimal_separator", "thousands", "dateformat", "timestampformat"}
_MORE_TRIES = 2  # where rows were removed while pages were read
_LINES = "arrived_lines"  # temporary: the rows as text, which is what tells whether one was loaded before


def run(load: Load, secrets: Mapping[str, str], *, full: bool) -> tuple[list[Loaded], int, tuple[str, ...]]:
    """Load the source; return what came of it, 1 if nothing had changed, and no vanished files.

    What arrived before a run broke off is kept beside the warehouse: a later run goes on from there where it pages by
    a cursor, and begins again otherwise. Raises ConfigError for settings that do not fit, ContractBroken for answers
    that are not what they should be, and as `WebClient.ask`.
    """
    name, source, warehouse = load.table.name, load.source, load.warehouse
    _check(name, source)
    label = f"web:{name}"
    before = ledger.known_files(warehouse, name).get(label)
    is_same = before is not None and before.settings_hash == load.settings_hash and not full
    since = before.changed if before is not None and is_same and source.web.since_param else ""
    with _spool(warehouse, name) as (spool, scratch):
        progress = _fetched(load, secrets, since, spool)
        arrived = scratch / "rows.ndjson"
        with arrived.open("wb") as out:
            for page in spool.pages(progress):
                out.write(page.read_bytes())
        try:
            with warehouse.transaction():
                ledger.create_raw(warehouse, load.table)
                alike = before if is_same else None
                done, unchanged = _load(load, label, alike, before, since, progress, arrived, scratch)
        except (ContractBroken, ConfigError):
            spool.clear()  # what is wrong may be mended over there: the next run asks anew
            raise
        warehouse.after_commit(spool.clear)
    return done, unchanged, ()


def _check(name: str, source: SourceSettings) -> None:
    where = f"sources.{name}"
    unknown = set(source.options) - _OPTIONS
    if unknown:
        remedy = f"A web service knows {', '.join(sorted(_OPTIONS))}; how it is asked stands in [{where}.web]."
        raise ConfigError(f"no option `{min(unknown)}`", where=f"{where}.options", remedy=remedy)
    if source.web.since_param and not source.web.sync_cursor_at and not updated_column(source):
        remedy = 'Name the field that grows when a row changes: options = { updated = "updated_at" }.'
        raise ConfigError("`since_param` without a field to take the time from", where=where, remedy=remedy)


@contextmanager
def _spool(warehouse: Warehouse, name: str) -> Iterator[tuple[Spool, Path]]:
    """Give the folder of the pages, beside the warehouse where there is one, and another that goes with the block."""
    with tempfile.TemporaryDirectory(prefix="churn-web-") as scratch:
        kept = (warehouse.path.parent if warehouse.path is not None else Path(scratch)) / FOLDER
        yield Spool(kept / name), Path(scratch)


def _fetched(load: Load, secrets: Mapping[str, str], since: str, spool: Spool) -> PageProgress:
    name, source = load.table.name, load.source
    assert source.url is not None
    progress = spool.resumed(load.settings_hash, since, load.now, may_go_on=can_go_on(source.web))
    if progress.position is None:
        return progress
    given = _since(load, since)
    with WebClient(name, source.url, source.web, secrets.get(f"CHURN_SOURCE_{name.upper()}_SECRET")) as client:
        is_resumed = bool(progress.hashes)
        try:
            fetched = fetch_pages(client, source.url, source.web, source.rows_at, given, spool, progress)
        except ContractBroken:
            if not is_resumed:
                raise
            spool.clear()  # the cursor may have expired: once more from the beginning
            anew = spool.resumed(load.settings_hash, since, load.now, may_go_on=False)
            fetched = fetch_pages(client, source.url, source.web, source.rows_at, given, spool, anew)
        for _ in range(_MORE_TRIES):
            if not _has_sunk(fetched, source.web):
                return fetched
            spool.clear()
            anew = spool.resumed(load.settings_hash, since, load.now, may_go_on=False)
            fetched = fetch_pages(client, source.url, source.web, source.rows_at, given, spool, anew)
    if _has_sunk(fetched, source.web):
        spool.clear()
        raise ContractBroken(
            "rows were removed over there each time while its pages were read, so that others were passed over",
            where=f"sources.{name}",
            remedy="Try again when less goes on, or page by cursor; nothing was loaded.",
        )
    return fetched


def _has_sunk(progress: PageProgress, web: WebSettings) -> bool:
    """Say whether rows were removed while pages were counted: others moved onto pages that had been read."""
    return counts_pages(web) and progress.totals is not None and progress.totals[1] < progress.totals[0]


def _since(load: Load, since: str) -> Parameters:
    """Return the parameter for what is new: the newest known time or number less the overlap, or the kept cursor."""
    web, name = load.source.web, load.table.name
    if not since or not web.since_param:
        return {}
    if web.sync_cursor_at:
        return {web.since_param: since}
    if web.since_format == "number":
        return {web.since_param: int(since) - overlap_steps(name, load.source)}
    seconds = overlap_seconds(load.warehouse, name, load.source)
    moment = datetime.fromtimestamp(datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp() - seconds, tz=UTC)
    if web.since_format in {"epoch", "epoch_ms"}:
        return {web.since_param: int(moment.timestamp() * (1 if web.since_format == "epoch" else 1000))}
    if web.since_format == "date":
        return {web.since_param: f"{moment:%Y-%m-%d}"}
    return {web.since_param: f"{moment:%Y-%m-%dT%H:%M:%SZ}"}


def _load(
    load: Load,
    label: str,
    alike: Known | None,
    before: Known | None,
    since: str,
    progress: PageProgress,
    arrived: Path,
    scratch: Path,
) -> tuple[list[Loaded], int]:
    """Load the rows that arrived; return what came of them, and 1 if nothing is new. `alike` was read by these settings."""
    name, warehouse = load.table.name, load.warehouse
    if not since:
        refuse_shrunk(load, f"sources.{name}", alike, progress.rows)
    load_id = ledger.next_load_id(warehouse)
    file = SourceFile(label, arrived, progress.rows, progress.sync_cursor or since)
    if not progress.rows:
        if not since and before is not None and before.rows:
            ledger.remove(warehouse, name, (file,), load_id)
        if since:
            _move_on(load, file)
        else:
            _record(load, file, load_id)
        return [], 1
    (delivery,) = read_json(warehouse, [file], {"format": "newline_delimited"}, scratch=scratch, rows_at=None)
    _drop_shifted(load, arrived, progress)
    newest = _newest(load, delivery.columns, since)
    content = warehouse.rows(f"select cast(sum(cast(row_hash as hugeint)) as varchar) from {ARRIVED}")[0][0]
    file = SourceFile(label, arrived, progress.rows, progress.sync_cursor or newest or since, str(content))
    if not since and alike is not None and alike.content_hash == str(content):
        return [], 1
    if since and not leave_out_loaded(warehouse, name):
        remember(warehouse, name)
        _move_on(load, file)
        return [], 1
    with _replacing(load, file, before, load_id, full=alike is None) if not since else nullcontext():
        done = load_delivery(
            load, Delivery((file,), delivery.sql, delivery.columns, is_text=True, has_open_keys=True), load_id
        )
    if load.source.web.since_param:
        remember(warehouse, name)
    return done, 0


def _replacing(
    load: Load, file: SourceFile, before: Known | None, load_id: int, *, full: bool
) -> AbstractContextManager[None]:
    is_alike = before is not None and before.settings_hash == load.settings_hash
    return earlier.replacing(
        load.warehouse,
        load.table,
        file,
        load_id,
        is_known=before is not None,
        is_alike=is_alike,
        full=full,
        keep_gone=load.source.keep_gone,
    )


def _move_on(load: Load, file: SourceFile) -> None:
    """Note where to begin the next time, though nothing was new."""
    load.warehouse.execute(
        "update raw.loads set changed = ? where source = ? and file = ?", [file.changed, load.table.name, file.name]
    )


def _record(load: Load, file: SourceFile, load_id: int) -> None:
    ledger.record(
        load.warehouse,
        load.table.name,
        file,
        load_id=load_id,
        settings_hash=load.settings_hash,
        rows=0,
        rejected=0,
        now=load.now,
    )


def _drop_shifted(load: Load, arrived: Path, progress: PageProgress) -> None:
    """Note the hash of each row; where pages are counted, drop rows that came with an earlier page already.

    Rows that are added while pages are read push others onto the next page. Equal rows of one page are rows of their own.
    Raises ContractBroken where rows that came twice stand for others that never came.
    """
    warehouse, web = load.warehouse, load.source.web
    warehouse.execute(
        f"create or replace temp table {_LINES} as select row_number() over () as _churn_row, hash(line) as row_hash from read_csv("
        f"{literal(str(arrived))}, delim = '', quote = '', escape = '', header = false, auto_detect = false,"
        " columns = {'line': 'VARCHAR'}, strict_mode = false, max_line_size = 268435456)"
    )
    if counts_pages(web) and len(progress.hashes) > 1:
        begins = accumulate((1, *progress.page_rows[:-1]))
        pages = ", ".join(f"({first}, {page})" for page, first in enumerate(begins))
        warehouse.execute(
            f"delete from {DELIVERED} where _churn_row in (select _churn_row from (select l._churn_row, l.row_hash, p.page"
            f" from {_LINES} as l asof join (values {pages}) as p (first_row, page) on l._churn_row >= p.first_row)"
            " qualify page > min(page) over (partition by row_hash))"
        )
        _refuse_disorder(load, progress)
    warehouse.execute(
        f"create or replace temp table {ARRIVED} as select _churn_row, row_hash, row_hash as known_hash, true as is_recent from {_LINES}"
        f" where _churn_row in (select _churn_row from {DELIVERED})"
    )
    warehouse.execute(f"drop table {_LINES}")


def _refuse_disorder(load: Load, progress: PageProgress) -> None:
    """Raise ContractBroken where fewer different rows came than there were as the first page was asked for."""
    kept = int(load.warehouse.rows(f"select count(*) from {DELIVERED}")[0][0])
    if progress.totals is not None and kept < min(progress.totals):
        raise ContractBroken(
            f"{progress.rows - kept:,} rows came on two pages, and {min(progress.totals) - kept:,} of {min(progress.totals):,} on none",
            where=f"sources.{load.table.name}",
            remedy='Have the rows in a fixed order, such as params = { sort = "id" }, or page by cursor; nothing was loaded.'
            " If rows that are equal in every field are different ones, leave out `total_at`: they count once.",
        )


def _newest(load: Load, columns: Mapping[str, str], since: str) -> str:
    """Return the newest value of the field that grows, "" where none is named; mark the rows of the overlap.

    Rows from before what was asked for, which a service gives that passes over the parameter, were loaded and are dropped.
    """
    warehouse, source, name = load.warehouse, load.source, load.table.name
    updated = updated_column(source)
    if not updated or source.web.sync_cursor_at:
        return ""
    column = theirs(updated, columns)
    if column is None:
        remedy = f"Name one of {', '.join(columns)}."
        raise ContractBroken(f"no field `{updated}` (options.updated)", where=f"sources.{name}", remedy=remedy)
    if source.web.since_format == "number":
        value, overlap = f"try_cast({quoted(column)} as bigint)", f"{overlap_steps(name, source)}"
        known = f"cast({literal(since)} as bigint)"
    else:
        as_given = replace(load.reading, company="")  # the service's own time, which it is asked by again
        value = values.time(f"cast({quoted(column)} as varchar)", updated, as_given)
        overlap = f"interval {overlap_seconds(warehouse, name, source):.6f} second"
        known = f"cast({literal(since)} as timestamp)"
    newest = warehouse.rows(f"select max({value}) from {DELIVERED}")[0][0]
    if newest is None:
        remedy = "Name a field that every row has, or leave out `since_param`."
        raise ContractBroken(f"no value of `{updated}` can be read", where=f"sources.{name}", remedy=remedy)
    begins = f"cast({newest} as bigint)"
    if isinstance(newest, datetime):
        if newest > load.now:  # a row of 2099 keeps no other out until then
            now = f"timestamp '{load.now:%Y-%m-%d %H:%M:%S.%f}'"
            newest = warehouse.rows(f"select max({value}) from {DELIVERED} where {value} <= {now}")[0][0] or load.now
        begins = f"timestamp '{newest}'"
    if since:
        warehouse.execute(f"delete from {DELIVERED} where {value} < {known} - {overlap}")
    warehouse.execute(
        f"update {ARRIVED} set is_recent = coalesce(_churn_row in (select _churn_row from (select _churn_row, {value} as grown"
        f" from {DELIVERED}) where coalesce(grown >= {begins} - {overlap}, true)), false)"
    )
    return str(newest)
