"""Looks at a text file before it is parsed: its encoding, its line ends, how many records it holds.

The count is our own and does not use the parser, so that rows the parser swallows are noticed. What is no plain UTF-8
with one kind of line end is written again as such.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from churn.errors import ContractBroken, ResourceError
from churn.warehouse.reading.delivery import SourceFile

_CHUNK = 1 << 20
_LONGEST = 1 << 28  # of one value, in characters: far beyond any real one, so that memory stays bounded
_PACKED = (  # first bytes of files that are no text, what they are, and what to do
    (b"\x1f\x8b", "packed by gzip", 'Write options = { compression = "gzip" } in its [sources] section, or end its name with .gz.'),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", 'Write options = { compression = "zstd" } in its [sources] section, or end its name with .zst.'),
    (b"PAR1", "a Parquet file", 'Write format = "parquet" in its [sources] section, or end its name with .parquet.'),
    (b"PK\x03\x04", "an Excel workbook or a zip archive", 'Write format = "excel" in its [sources] section, or unpack it.'),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", 'Write format = "excel" in its [sources] section.'),
    (b"BZh", "packed by bzip2", "Unpack it."),
    (b"%PDF", "a PDF", "Export it as CSV."),
    (b"SQLite format 3", "an SQLite database", "Export its tables as CSV."),
)  # fmt: skip
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written. An empty `quote` means that no character quotes; `comment` starts lines to leave out."""

    delim: str | None = None
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    skip: int = 0


@dataclass(frozen=True)
class TextFile:
    """A UTF-8 file: where it lies, how it is packed, and its first lines."""

    file: SourceFile
    compression: str | None
    head: str


@dataclass(frozen=True)
class PlainText:
    """A UTF-8 file with one kind of line end. `records` and `blanks` count lines that hold something, and empty ones."""

    path: Path
    new_line: str
    records: int
    blanks: int
    longest_bytes: int


@dataclass
class _Survey:
    line_feeds: int = 0
    pairs: int = 0  # carriage return and line feed
    returns: int = 0
    quotes: int = 0
    longest: int = 0
    has_bom: bool = False
    ends_open: bool = False

    @property
    def is_mixed(self) -> bool:
        bare_feeds, bare_returns = self.line_feeds - self.pairs, self.returns - self.pairs
        return bare_returns > 0 or (bare_feeds > 0 and self.pairs > 0)


def plain_text(file: SourceFile, scratch: Path, *, encoding: str | None = None, compression: str | None = None) -> Path:
    """Return the path of `file` as UTF-8 without a byte order mark: the file itself, or a copy in `scratch`.

    Raises ContractBroken for an encoding that was not declared, or that the content does not have.
    """
    known, head = _encoding_of(file, encoding, compression)
    if known in {"utf-8", "ascii"} and not head.startswith(codecs.BOM_UTF8):
        _survey(file, compression)
        return file.path
    return _rewritten(file, scratch, known, compression)


def text_file(
    file: SourceFile, scratch: Path, *, skip: int = 0, encoding: str | None = None, compression: str | None = None
) -> TextFile:
    """Return `file` as UTF-8, with its first lines, of which `skip` are none of the data.

    Raises ContractBroken for an encoding that was not declared, and for bytes that it does not know; ResourceError
    where a copy cannot be written.
    """
    path = plain_text(file, scratch, encoding=encoding, compression=compression)
    packing = compression if path == file.path else "none"
    plain = SourceFile(file.name, path, file.size, file.changed)
    with _text(plain, packing) as stream:
        head = "".join(line for _, line in zip(range(skip + 50), stream, strict=False))
    return TextFile(plain, packing, head)


def plain_csv(text: TextFile, scratch: Path, dialect: Dialect) -> PlainText:
    """Return a file ready to be parsed as CSV, with its records counted. `dialect` names the delimiter.

    Raises ContractBroken for a value that is too long; ResourceError where a copy cannot be written.
    """
    plain, packing = text.file, text.compression
    survey = _survey(plain, packing, quote=dialect.quote)
    quoted = bool(dialect.quote) and survey.quotes > 0
    is_rewritten = survey.is_mixed
    if is_rewritten:
        path, packing = _with_one_line_end(plain, scratch, dialect if quoted else None, packing), "none"
        plain = SourceFile(plain.name, path, plain.size, plain.changed)
        survey = _survey(plain, packing, quote=dialect.quote)
    if quoted or dialect.skip or dialect.comment:
        records, blanks, longest = _count_records(plain, dialect, packing)
    else:
        records, blanks, longest = *_count_lines(plain, survey, packing), survey.longest
    # Of a file that was written again, pairs of carriage return and line feed are left within quotes alone.
    new_line = "\\r\\n" if survey.pairs and not is_rewritten else "\\n"
    return PlainText(plain.path, new_line, records, blanks, longest)


@contextmanager
def _bytes(file: SourceFile, compression: str | None) -> Iterator[IO[bytes]]:
    import pyarrow as pa

    name = str(file.path).lower()
    kind = compression or ("gzip" if name.endswith(".gz") else "zstd" if name.endswith(".zst") else "none")
    try:
        with pa.OSFile(str(file.path)) as raw:
            if kind in {"none", "uncompressed"}:
                yield cast("IO[bytes]", raw)
            else:
                with pa.CompressedInputStream(raw, kind) as stream:
                    yield stream
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        remedy = "Check that the file is whole and of the declared format, and the source's `options`."
        raise ContractBroken(f"cannot be read: {error}", where=file.name, remedy=remedy) from error


def _chunks(file: SourceFile, compression: str | None) -> Iterator[bytes]:
    with _bytes(file, compression) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


@contextmanager
def _text(file: SourceFile, compression: str | None, encoding: str = "utf-8") -> Iterator[io.TextIOWrapper]:
    with (
        _bytes(file, compression) as stream,
        io.TextIOWrapper(io.BufferedReader(_Raw(stream)), encoding=encoding, newline="") as text,
    ):
        yield text


class _Raw(io.RawIOBase):
    """Lets the standard library read from a stream of Arrow's."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Return True: it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the standard library hands in a memoryview
        """Fill `buffer` and return how many bytes it got."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _encoding_of(file: SourceFile, declared: str | None, compression: str | None) -> tuple[str, bytes]:
    """Return the encoding to read `file` in, and its first bytes."""
    with _bytes(file, compression) as stream:
        head = stream.read(4096)
    for sign, what, remedy in _PACKED:
        if head.startswith(sign):
            raise ContractBroken(f"the file is {what}, no text", where=file.name, remedy=remedy)
    marked = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    if declared:
        try:
            known = codecs.lookup(declared.replace("_", "-")).name
        except LookupError as error:
            remedy = 'Give one that Python knows, such as "utf-8", "utf-16", "latin-1" or "cp1252".'
            raise ContractBroken(f"no encoding `{declared}`", where=file.name, remedy=remedy) from error
        return (marked if marked == "utf-16" and known.startswith("utf-16") else known), head
    if marked and marked != "utf-8":
        remedy = f'Write options = {{ encoding = "{marked}" }} in its [sources] section.'
        raise ContractBroken(f"the file is written in {marked.upper()}, not in UTF-8", where=file.name, remedy=remedy)
    if b"\0" in head:
        likely = "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
        remedy = (
            f'If it is UTF-16 without a mark, write options = {{ encoding = "{likely}" }} in its [sources] section.'
        )
        raise ContractBroken("the file holds zero bytes: it is not UTF-8 text", where=file.name, remedy=remedy)
    return "utf-8", head


def outer_signs(file: SourceFile, compression: str | None) -> tuple[bytes, bytes]:
    """Return the first and the last byte of `file` that is no blank; empty where there is none."""
    first = last = b""
    for chunk in _chunks(file, compression):
        bare = chunk.strip()
        first, last = first or bare[:1], bare[-1:] or last
    return first, last


def _survey(file: SourceFile, compression: str | None, *, quote: str = '"') -> _Survey:
    """Look at every byte once. Raises ContractBroken, with the line, for what is not UTF-8."""
    sign = quote.encode()
    survey, decoder, last, run = _Survey(), codecs.getincrementaldecoder("utf-8")("strict"), b"", 0
    is_ascii = True
    for chunk in _chunks(file, compression):
        feeds = chunk.count(b"\n")
        try:
            if not chunk.isascii() or not is_ascii:
                decoder.decode(chunk)
                is_ascii = False
        except UnicodeDecodeError as error:
            line = survey.line_feeds + chunk[: max(error.start, 0)].count(b"\n") + 1
            remedy = (
                'Say how it is written: options = { encoding = "cp1252" } (Western Windows), "latin-1", "utf-16", ...'
            )
            raise ContractBroken(f"line {line} is not UTF-8", where=file.name, remedy=remedy) from error
        survey.line_feeds += feeds
        survey.pairs += chunk.count(b"\r\n") + (last == b"\r" and chunk[:1] == b"\n")
        survey.returns += chunk.count(b"\r")
        survey.quotes += chunk.count(sign) if sign else 0
        # A bound is enough: what matters is whether a line is longer than the parser's buffer.
        if feeds:
            first, final = chunk.find(b"\n"), len(chunk) - chunk.rfind(b"\n")
            survey.longest = max(survey.longest, run + first, len(chunk) if feeds == 1 else _CHUNK)
            run = final
        else:
            run += len(chunk)
        survey.longest = max(survey.longest, run)
        last = chunk[-1:]
    survey.ends_open = last not in {b"\n", b"\r", b""}
    return survey


def _count_lines(file: SourceFile, survey: _Survey, compression: str | None) -> tuple[int, int]:
    """Return how many lines hold something, and how many are empty, in a file without quotes."""
    lines = survey.line_feeds + survey.ends_open
    end, blanks, last = (b"\r\n" if survey.pairs else b"\n"), 0, b"\n"
    for chunk in _chunks(file, compression):
        joined = last + chunk
        # Overlapping pairs of line ends: each empty line is one.
        start = joined.find(b"\n" + end)
        while start >= 0:
            blanks += 1
            start = joined.find(b"\n" + end, start + 1)
        last = joined[-len(end) :] if len(end) > 1 else joined[-1:]
    return lines - blanks, blanks


def _count_records(file: SourceFile, dialect: Dialect, compression: str | None) -> tuple[int, int, int]:
    """Return records, empty lines and the length of the longest record, read with Python's own CSV reader."""
    records = blanks = longest = 0
    with _text(file, compression) as stream:
        for _ in range(dialect.skip):
            stream.readline()
        lines = (line for line in stream if not (dialect.comment and line.startswith(dialect.comment)))
        for row in _rows(lines, dialect, file):
            if row:
                records += 1
                longest = max(longest, sum(map(len, row)))
            else:
                blanks += 1
    return records, blanks, 4 * longest


def _rows(lines: Iterator[str], dialect: Dialect, file: SourceFile) -> Iterator[list[str]]:
    """Yield the values of each record. Raises ContractBroken for a value that is too long."""
    csv.field_size_limit(_LONGEST)
    try:
        yield from _reader(lines, dialect)
    except csv.Error as error:
        remedy = "Check its quotes, or name the quote character: options = { quote = ... }."
        raise ContractBroken(f"cannot be read: {error}", where=file.name, remedy=remedy) from error


def _reader(lines: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    has_quotes = bool(dialect.quote)
    own_escape = dialect.escape if has_quotes and dialect.escape != dialect.quote else None
    return csv.reader(
        lines,
        delimiter=dialect.delim or ",",
        quotechar=dialect.quote if has_quotes else None,
        quoting=csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE,
        doublequote=own_escape is None,
        escapechar=own_escape or None,
    )


def _rewritten(file: SourceFile, scratch: Path, encoding: str, compression: str | None) -> Path:
    target = scratch / f"plain-{abs(hash(file.name)):x}.txt"
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with _text(file, compression, codec) as source, target.open("w", encoding="utf-8", newline="") as out:
            while piece := source.read(_CHUNK):
                out.write(piece.removeprefix("\ufeff") if not out.tell() else piece)
    except UnicodeError as error:
        remedy = "Name the encoding that its options do not name rightly: options = { encoding = ... }."
        raise ContractBroken(f"is not {encoding}: {error}", where=file.name, remedy=remedy) from error
    except OSError as error:
        raise ResourceError(f"cannot be written: {error.strerror}", where=str(target)) from error
    return target


def _with_one_line_end(file: SourceFile, scratch: Path, quoted: Dialect | None, compression: str | None) -> Path:
    """Write the records again with line feeds; line ends inside quotes stay as they are."""
    target = scratch / f"lines-{abs(hash(file.name)):x}.txt"
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        with _text(file, compression) as source, target.open("w", encoding="utf-8", newline="") as out:
            if quoted is None:
                held = ""
                while piece := source.read(_CHUNK):
                    text = held + piece
                    held = "\r" if text.endswith("\r") else ""
                    out.write(text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n"))
                out.write("\n" if held else "")
            else:
                out.writelines(_records_as_written(source, quoted, file))
    except OSError as error:
        raise ResourceError(f"cannot be written: {error}", where=str(target)) from error
    return target


def _records_as_written(stream: Iterator[str], dialect: Dialect, file: SourceFile) -> Iterator[str]:
    """Yield records as they stand in the file, each ending with a line feed; a comment comes with the record after it."""
    before: list[str] = []
    record: list[str] = []

    def lines() -> Iterator[str]:
        for line in stream:
            if dialect.comment and not record and line.startswith(dialect.comment):
                before.append(_with_line_feed(line))
            else:
                record.append(line)
                yield line

    for _, line in zip(range(dialect.skip), stream, strict=False):
        yield _with_line_feed(line)
    for _ in _rows(lines(), dialect, file):
        yield "".join([*before, _with_line_feed("".join(record))])
        before.clear()
        record.clear()
    yield from before


def _with_line_feed(text: str) -> str:
    bare = text.removesuffix("\n").removesuffix("\r")
    return text if len(bare) == len(text) else bare + "\n"
