"""Reads lists of customers that people send, and keeps them as files of the home that an audience may name."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from churn.errors import ConfigError
from churn.files import unguarded, write_text
from churn.redaction import ERASED

if TYPE_CHECKING:
    import polars as pl

    from churn.decisions.checks import Bools

COLUMN: Final = "customer_id"
_ADDRESSES: Final = (
    "email", "email_address", "e_mail", "e_mail_address", "mail", "emailaddress", "emailadresse", "e_mail_adresse",
    "e_mailadresse", "subscriber_email", "recipient", "recipient_email",
)  # fmt: skip
_MOST, _LONGEST = 2_000_000, 1_000  # customers, and characters of an id
_DELIMITERS: Final = (";", "\t", ",", "|")
_KEPT: Final = re.compile(r"_list_[0-9a-f]{8}\Z")  # how the names end of lists that were sent, not laid there by hand
_CAMPAIGN: Final = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)
_BINARY: Final = (b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"%PDF")
_ONE_A_LINE: Final = f"Send the ids alone, one a line, or a CSV file with a column `{COLUMN}`."


@dataclass(frozen=True)
class CustomerList:
    """The customers of a list, each once, in its order; how many rows named one again, and how many named nobody."""

    ids: tuple[str, ...]
    repeated: int = 0
    empty: int = 0

    @cached_property
    def members(self) -> frozenset[str]:
        """The customers, for asking of one."""
        return frozenset(self.ids)


def read_customer_list(content: bytes, *, where: str) -> CustomerList:
    """Return the customers that a text names: an id a line, or a CSV table with a column customer_id.

    Raises ConfigError saying what else it is, and what to send.
    """
    listed = _read(content, where)
    if not listed.ids:
        raise ConfigError("the list names nobody", where=where, remedy=_ONE_A_LINE)
    return listed


def read_people(content: bytes, *, where: str) -> CustomerList:
    """Return the ids or e-mail addresses that a text names: one a line, or a table with a column of either; ids go first.

    Raises ConfigError as `read_customer_list`.
    """
    lines = [line for line in _text(content, where).splitlines() if line.strip()]
    delimiter = next((mark for mark in _DELIMITERS if lines and mark in lines[0]), ",")
    header, *rows = [*csv.reader(lines, delimiter=delimiter)] or [[]]
    names = [_plain(name) for name in header]
    place = next((names.index(name) for name in (COLUMN, *_ADDRESSES) if name in names), None)
    if place is None:
        return read_customer_list(content, where=where)
    listed = _listed([row[place] if place < len(row) else "" for row in rows], where)
    if not listed.ids:
        raise ConfigError("the list names nobody", where=where, remedy=_ONE_A_LINE)
    return listed


def keep_customer_list(home: Path, campaign: str, ids: Sequence[str]) -> str:
    """Keep `ids` as a file of `home` and return the list's name; other customers make another list, never change one.

    Raises ConfigError for a campaign's name that cannot be one: it becomes a part of the file's.
    """
    if not _CAMPAIGN.fullmatch(campaign):
        raise ConfigError(
            f"`{campaign[:40]}` cannot be a campaign's name",
            where="name",
            remedy="Use small letters, digits and underscores, such as winback_call.",
        )
    digest = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:8]
    name = f"{campaign}_list_{digest}"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[COLUMN], *([customer_id] for customer_id in ids)])
    write_text(list_path(home, name), text.getvalue())
    return name


def list_path(home: Path, name: str) -> Path:
    """Return the file of a list."""
    return home / "campaigns" / "lists" / f"{name}.csv"


def load_customer_list(home: Path, name: str) -> CustomerList:
    """Return a list that an audience names; empty where all on it were erased. Raises ConfigError where it cannot be read."""
    path = list_path(home, name)
    try:
        stat = path.stat()
        return _loaded(path, stat.st_mtime_ns, stat.st_size)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no customer list `{name}`", where=str(path), remedy=_lay_it(home)) from error
    except OSError as error:
        raise ConfigError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="Let this user read it."
        ) from error


def on_list(home: Path, name: str, ids: pl.Series) -> Bools:
    """Say of each of `ids` whether the list names them (n,). Raises as `load_customer_list`."""
    import numpy as np
    import polars as pl

    members = pl.Series(load_customer_list(home, name).ids, dtype=pl.String)
    return np.asarray(ids.is_in(members.implode()).to_numpy(), dtype=np.bool_)


def unused_lists(home: Path) -> list[Path]:
    """Return the files of lists that were sent and that no campaign or programme names, in no version either."""
    files = [path for path in list_path(home, "x").parent.glob("*.csv") if _KEPT.search(path.stem)]
    if not files:
        return []
    places = (("campaigns", "*.toml"), ("campaigns/history", "*.jsonl"), ("programmes", "*.toml"))
    texts = [path.read_text(encoding="utf-8") for folder, names in places for path in (home / folder).glob(names)]
    return [path for path in files if not any(path.stem in text for text in texts)]


def _lay_it(home: Path) -> str:
    names = sorted(path.stem for path in list_path(home, "x").parent.glob("*.csv"))
    there = f" Lists there are: {', '.join(names[:5])}." if names else ""
    return f"Take one in with `churn campaigns audience CAMPAIGN FILE`, or lay it there as CSV.{there}"


@lru_cache(maxsize=4)
def _loaded(path: Path, _changed_at: int, _size: int) -> CustomerList:
    return _read(path.read_bytes(), str(path))


def _read(content: bytes, where: str) -> CustomerList:
    lines = [line for line in _text(content, where).splitlines() if line.strip()]
    if not lines:
        return CustomerList(())
    delimiter = next((mark for mark in _DELIMITERS if mark in lines[0]), None)
    if delimiter is None:
        cells = [row[0] if row else "" for row in csv.reader(lines)]
        cells = cells[1:] if _plain(cells[0]) == COLUMN else cells
    elif not any(cell.strip() for row in csv.reader(lines, delimiter=delimiter) for cell in row[1:]):
        cells = [
            row[0] for row in csv.reader(lines, delimiter=delimiter) if row
        ]  # marks after ids, and nothing behind them
        cells = cells[1:] if _plain(cells[0]) == COLUMN else cells
    elif len(lines) == 1:
        cells = next(csv.reader(lines, delimiter=delimiter))
        if COLUMN in map(_plain, cells):  # the header of a table without rows
            return CustomerList(())
    else:
        cells = _column(lines, delimiter, where)
    return _listed(cells, where)


def _text(content: bytes, where: str) -> str:
    if content.startswith(_BINARY):
        raise ConfigError(
            "it is no text, but a workbook or another file", where=where, remedy=f"Save it as CSV. {_ONE_A_LINE}"
        )
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("it is not UTF-8 text", where=where, remedy="Save it as CSV in UTF-8.") from error
    if "\x00" in text:
        raise ConfigError("it holds zero bytes: it is no text", where=where, remedy=_ONE_A_LINE)
    return text


def _column(lines: Sequence[str], delimiter: str, where: str) -> list[str]:
    """Return the cells of the column of ids."""
    reader = csv.reader(lines, delimiter=delimiter)
    header = next(reader)
    names = [_plain(name) for name in header]
    if COLUMN not in names:
        shown = ", ".join(f"`{name.strip()[:40]}`" for name in header[:6])
        raise ConfigError(
            f"none of its columns is `{COLUMN}`: the first line says {shown}",
            where=where,
            remedy=f"Name the column of ids `{COLUMN}`, or send the ids alone, one a line.",
        )
    place = names.index(COLUMN)
    return [row[place] if place < len(row) else "" for row in reader]


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _listed(cells: Collection[str], where: str) -> CustomerList:
    given = [unguarded(cell.strip()) for cell in cells]
    named = [customer_id for customer_id in given if customer_id and customer_id != ERASED]
    ids = tuple(dict.fromkeys(named))
    if len(ids) > _MOST:
        raise ConfigError(f"a list has {_MOST:,} customers at most", where=where, remedy="Write a condition instead.")
    if any(len(customer_id) > _LONGEST for customer_id in ids):
        raise ConfigError(f"a line has more than {_LONGEST:,} characters: it is no id", where=where, remedy=_ONE_A_LINE)
    return CustomerList(ids, len(named) - len(ids), len(given) - len(named))
