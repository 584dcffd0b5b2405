"""Each kind of file that strangers have is read right or refused with its remedy: a case and two others of its kind, at least."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.config import SourceSettings
from churn.errors import ChurnError
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult, ingest

NOW = datetime(2026, 3, 1, 2, 0)
TICKETS = "ticket_id;customer_id;opened_at;closed_at\n"
PAYMENTS = "payment_id;customer_id;attempted_at;amount\n"
CUSTOMERS = "customer_id,city,plan\n"


@dataclass(frozen=True)
class Example:
    """A file with its settings, and the values of a column that it gives, or what the error tells."""

    table: str
    content: str | bytes
    column: str = ""
    gives: tuple[object, ...] = ()
    refused: str = ""
    name: str = "f.csv"
    settings: dict[str, Any] = field(default_factory=dict)


def times(*values: str, gives: tuple[datetime | None, ...] = (), refused: str = "", **settings: Any) -> Example:
    text = TICKETS + "".join(f"{n};C{n};1990-01-01;{value}\n" for n, value in enumerate(values))
    return Example("support_tickets", text, "closed_at", gives, refused, settings=settings)


def amounts(*values: str, gives: tuple[float | None, ...] = (), refused: str = "", **settings: Any) -> Example:
    text = PAYMENTS + "".join(f"{n};C{n};2026-01-01;{value}\n" for n, value in enumerate(values))
    return Example("payments", text, "amount", gives, refused, settings=settings)


def ids(*values: str, gives: tuple[str, ...] = (), refused: str = "", **settings: Any) -> Example:
    text = "customer_id,city\n" + "".join(f"{value},x\n" for value in values)
    return Example("customers", text, "customer_id", gives, refused, settings=settings)


def flags(column: str, *values: str, gives: tuple[object, ...] = (), refused: str = "", **settings: Any) -> Example:
    text = f"customer_id;{column}\n" + "".join(f"C{n};{value}\n" for n, value in enumerate(values))
    table = "customer_snapshots" if column in {"has_churned", "snapshot_date"} else "customers"
    return Example(table, text, column, gives, refused, settings=settings)


def file(content: str | bytes, *gives: object, refused: str = "", column: str = "city", name: str = "f.csv", **settings: Any) -> Example:  # fmt: skip
    return Example("customers", content, column, gives, refused, name, settings)


def documents(rows: Any, column: str, *gives: object, refused: str = "", name: str = "f.json", **settings: Any) -> Example:  # fmt: skip
    text = rows if isinstance(rows, str) else json.dumps(rows)
    return Example("payments", text, column, gives, refused, name, settings)


def parquet(table: str, column: str, *gives: object, refused: str = "", **columns: Any) -> Example:
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return Example(table, content.getvalue(), column, gives, refused, "f.parquet")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


PAID = {"payment_id": "1", "customer_id": "a", "attempted_at": "2026-01-01"}
ROWS = CUSTOMERS + "1,x,p\n2,y,p\n3,z,p\n"
KINDS: dict[str, dict[str, Example]] = {
    "half a day behind a time": {
        "alone in its column": times("2026-02-03 02:05 PM", "2026-02-03 12:00 AM", gives=(at("2026-02-03 14:05"), at("2026-02-03"))),
        "with seconds, slashes, small letters": times("2026/02/03 2:05:06 pm", gives=(at("2026-02-03 14:05:06"),)),
        "in a zone": times("2026-02-03 02:05 PM", gives=(at("2026-02-03 13:05"),), zone="Europe/Madrid"),
        "in Parquet": parquet("payments", "attempted_at", at("2026-01-01 22:00"), payment_id=["1"], customer_id=["a"], attempted_at=["2026-01-01 10:00 PM"]),
    },
    "a word behind a time": {
        "an abbreviation that holds in winter alone": times("2026-07-03 10:00 CET", "2026-07-03 10:00", gives=(None, at("2026-07-03 10:00"))),
        "an abbreviation of three countries": times("2026-07-03 10:00:00 IST", gives=(None,)),
        "a word": times("2026-07-03 10:00 approx", gives=(None,)),
        "a place": times("2026-07-03 10:00:00 Asia/Tokyo", gives=(at("2026-07-03 01:00"),)),
    },
    "offsets of several forms": {
        "in one column": times("2026-01-01T10:00:00+02:00", "2026-01-01T10:00:00-0500", "2026-01-01 10:00:00 UTC", "2026-01-01T10:00:00+05:45", gives=(at("2026-01-01 08:00"), at("2026-01-01 15:00"), at("2026-01-01 10:00"), at("2026-01-01 04:15"))),
        "after a blank": times("2026-01-01 10:00:00 +0530", "2026-01-01 10:00:00 -05:00", gives=(at("2026-01-01 04:30"), at("2026-01-01 15:00"))),
        "with and without": times("2026-07-01T10:00:00Z", "2026-07-01T10:00:00", gives=(at("2026-07-01 10:00"), at("2026-07-01 08:00")), zone="Europe/Madrid"),
    },
    "ends of days and of time": {
        "24:00": times("2026-01-31 24:00:00", "2026-01-31T24:00", gives=(at("2026-02-01"), at("2026-02-01"))),
        "a leap second": times("2016-12-31T23:59:60Z", "2016-12-31", gives=(None, at("2016-12-31"))),
        "infinity": times("infinity", "-infinity", "epoch", "2026-01-01", gives=(None, None, None, at("2026-01-01"))),
        "infinity beside a declared form": times("infinity", "03/04/2026", gives=(None, at("2026-04-03")), dates="%d/%m/%Y"),
    },
    "numbers that are times": {
        "a minute or milliseconds": times("202602031005", "20260203100500", gives=(None, at("2026-02-03 10:05"))),
        "the same in JSON": documents([{**PAID, "attempted_at": 20260203100000}], "attempted_at", at("2026-02-03 10:00")),
        "before 1970": times("-86400", "1767261600", gives=(None, at("2026-01-01 10:00"))),
        "days of a spreadsheet": times("45292", "45293.5", "2026-01-01", gives=(None, None, at("2026-01-01"))),
        "seconds with a point": times("1767261600.5", gives=(at("2026-01-01 10:00:00.5"),)),
    },
    "counts since 1970 with gaps": {
        "NULL among milliseconds": times("1767261600000", "NULL", gives=(at("2026-01-01 10:00"), None)),
        "an empty value among seconds": times("1767261600", "", gives=(at("2026-01-01 10:00"), None)),
        "n/a among microseconds": times("1767261600000000", "n/a", gives=(at("2026-01-01 10:00"), None)),
    },
    "months by name": {
        "English": times("3 Feb 2026", "February 3, 2026", "03-Sep-2026", gives=(at("2026-02-03"), at("2026-02-03"), at("2026-09-03"))),
        "no months": times("Decoder 3, 2026", "Marc 3, 2026", gives=(None, None)),
        "no months anywhere": times("Decoder 3, 2026", "Marc 3, 2026", "3 Mayor 2026", refused="3 of 3 values of `closed_at` cannot be read"),
        "German": times("3. Februar 2026", "3 März 2026", "03-Okt-2026", "3. Mai 2026 14:05", "1. Jänner 2026", gives=(at("2026-02-03"), at("2026-03-03"), at("2026-10-03"), at("2026-05-03 14:05"), at("2026-01-01"))),
        "French": times("3 février 2026", "1er août 2026 14:05:06", "3 déc. 2026", "3 JUIN 2026", gives=(at("2026-02-03"), at("2026-08-01 14:05:06"), at("2026-12-03"), at("2026-06-03"))),
        "Spanish, Italian, Portuguese, Dutch": times("3 de febrero de 2026", "3 gennaio 2026", "3 de março de 2026", "3 mrt 2026", gives=(at("2026-02-03"), at("2026-01-03"), at("2026-03-03"), at("2026-03-03"))),
        "another language": times("3 lutego 2026", "3 Şubat 2026", gives=(None, None)),
        "days that there are not": times("31 Feb 2026", "30. Februar 2026", gives=(None, None)),
    },
    "years of two digits": {
        "with points": times("01.02.26", refused="two digits"),
        "with a month by name": times("3-Feb-26", refused="two digits"),
        "with slashes": times("13/02/26", refused="two digits"),
        "declared": times("3-Feb-26", "4-Feb-99", gives=(at("2026-02-03"), at("1999-02-04")), dates="%d-%b-%y", pivot_year=2030),
    },
    "day or month first": {
        "slashes": times("03/04/2026", refused="3 April or 4 March"),
        "dashes": times("01-02-2025", refused="1 February or 2 January"),
        "in a JSON column of several types": documents([{**PAID, "attempted_at": 1767261600}, {**PAID, "attempted_at": "03/04/2026"}], "attempted_at", refused="3 April or 4 March"),
        "proven by another row": times("03/04/2026 10:00", "03/13/2026 10:00", gives=(at("2026-03-04 10:00"), at("2026-03-13 10:00"))),
    },
    "decimal commas": {
        "one odd value": amounts("1,50", "n/a", "free", gives=(1.5, None, None), options={"decimal_separator": ","}),
        "groups of blanks": amounts("1 234,50", "5", gives=(1234.5, 5.0), options={"decimal_separator": ",", "thousands": " "}),
        "groups as in India": amounts("1,23,456.00", "12,34,56,789", "5", gives=(123456.0, 123456789.0, 5.0)),
        "groups as in India, declared": amounts("1,23,456.50", "1,234", "5", gives=(123456.5, 1234.0, 5.0), options={"thousands": ","}),
        "groups of apostrophes": amounts("1'234.50", gives=(1234.5,), options={"thousands": "'"}),
        "text in JSON of several types": documents([{**PAID, "amount": True}, {**PAID, "amount": "5,50"}], "amount", refused="`5,50`"),
    },
    "thousands that nobody declared": {
        "by blanks": amounts("1 234.50", "5", refused='thousands = " "'),
        "by unbreakable blanks before a comma": amounts("1\u202f234,50", refused='decimal_separator = ",", thousands = " "'),
        "by apostrophes": amounts("1'234.50", refused="thousands = \"'\""),
        "by blanks under a declared comma": amounts("1 234,50", "5,00", refused='thousands = " "', options={"decimal_separator": ","}),
        "by blanks of any width, declared": amounts("1\u00a0234,5", "1\u202f234,5", "1 234,5", gives=(1234.5, 1234.5, 1234.5), options={"decimal_separator": ",", "thousands": " "}),
        "by points alone, declared": amounts("1.234", "1.234.567", "1,5", gives=(1234.0, 1234567.0, 1.5), options={"thousands": "."}),
    },
    "columns of which most cannot be read": {
        "times of another kind": times("sooner", "later", "never", "2026-01-01", refused="3 of 4 values of `closed_at`"),
        "amounts with a currency in words": amounts("USD 5", "USD 6", "USD 7", refused="such as `USD 5`"),
        "in JSON": documents([{**PAID, "amount": f"{n} EUR"} for n in range(4)], "amount", refused="4 of 4 values of `amount`"),
        "two of them": amounts("USD 5", "USD 6", "7", gives=(None, None, 7.0)),
        "left out": times("sooner", "later", "never", gives=(None, None, None), columns={"closed_at": "null"}),
    },
    "columns of one's own with commas": {
        "of customers": file("customer_id;score\n1;1,5\n2;2\n", refused="`1,5` in `score`"),
        "of a flat table": Example("customer_snapshots", "customer_id;fee;has_churned\n1;29,85;0\n2;1 050,00;1\n", refused="in `fee` is a number with two readings"),
        "percent": file("customer_id;discount\n1;5%\n2;12,5 %\n", refused="replace(share, '%', '')"),
        "declared": file("customer_id;score\n1;1,5\n2;2\n", 1.5, 2.0, column="score", options={"decimal_separator": ","}),
        "declared as text": file("customer_id;score\n1;1,5\n2;2\n", "1,5", "2", column="score", options={"types": {"score": "VARCHAR"}}),
        "read by an expression": file("customer_id;score\n1;1,5\n", 1.5, column="points", columns={"points": "replace(score, ',', '.')::double"}),
        "texts that hold commas": file("customer_id;tags\n1;1,2\n2;a,b\n", "1,2", "a,b", column="tags"),
    },
    "points that part thousands": {
        "twice in a value": amounts("1.234", "1.234.567", refused="1.234.567"),
        "with a comma": amounts("1.234,50", refused="1.234,50"),
        "declared": amounts("1.234", "1.234.567", gives=(1234.0, 1234567.0), options={"thousands": ".", "decimal_separator": ","}),
    },
    "signs beside numbers": {
        "currency and brackets": amounts("$5", "($5)", "-$5", "5 $", gives=(5.0, -5.0, -5.0, 5.0)),
        "a minus that is a dash": amounts("\u22125", "\u20135", "5", "6", gives=(None, None, 5.0, 6.0)),
        "a minus behind": amounts("5-", "5", gives=(None, 5.0)),
        "no number at all": amounts("0x10", "1d", "Infinity", "½", *["5"] * 4, gives=(None, None, None, None, 5.0, 5.0, 5.0, 5.0)),
        "signs that a program may pass over": amounts("1_000", "1__0", "5", "6", gives=(None, None, 5.0, 6.0)),
        "unbreakable blanks": amounts("5,00\u00a0€", "€\u202f6,50", "-\u00a07", gives=(5.0, 6.5, -7.0), options={"decimal_separator": ","}),
    },
    "ids cut off by a spreadsheet": {
        "in scientific form": ids("1.23457E+11", "5", "6", gives=("5", "6")),
        "by a data frame": ids("1.2345678901234567e+18", "5", "6", gives=("5", "6")),
        "floats in Parquet": parquet("customers", "customer_id", "5", "6", customer_id=[1.2345678901234567e18, 5.0, 6.0]),
        "which only look like it": ids("1E5", "a+b", gives=("1E5", "a+b")),
    },
    "ids written in several ways": {
        "as formulas of a spreadsheet": file('customer_id,city\n="00123",x\n="00124",y\n', "00123", "00124", column="customer_id"),
        "as floats": ids("17.0", "18.00", gives=("17", "18")),
        "with leading zeros": ids("017", "0017.0", gives=("017", "0017")),
        "padded": ids(" 17", "18 ", "19\u00a0", "\u200b20", gives=("17", "18", "19", "20")),
        "with marks of the direction of writing": ids("\u200e17\u200f", "\u206618\u2069", "\u202a19\u202c", gives=("17", "18", "19")),
        "with signs without a width inside": ids("1\u200b7", "ab\u00adc", "a\u2060b", gives=("17", "abc", "ab")),
        "letters of one sign or two": ids("caf\u00e9", "cafe\u0301", gives=("caf\u00e9", "caf\u00e9")),
        "the same in Parquet": parquet("sessions", "customer_id", "caf\u00e9", "x", customer_id=["cafe\u0301", "x "], started_at=[date(2026, 1, 1)] * 2),
        "numbers and texts in JSON": documents([{**PAID, "customer_id": 17}, {**PAID, "customer_id": "017"}, {**PAID, "customer_id": 18.0}], "customer_id", "17", "017", "18"),
    },
    "rows that are no customers": {
        "a total": file(ROWS + "Total,,3\n", "x", "y", "z"),
        "a sum in German": file(ROWS + "Gesamt,,3\n", "x", "y", "z"),
        "the header once more": file(ROWS + CUSTOMERS + "4,w,p\n", "x", "y", "z", "w"),
        "a count of rows": file(ROWS + "(3 rows)\n", "x", "y", "z"),
        "missing ids": file(ROWS + "NULL,v,p\n\\N,v,p\n", "x", "y", "z"),
    },
    "words for no value": {
        "as ids": ids("NULL", "1", "\\N", "2", "N/A", "3", gives=("1", "2", "3")),
        "as amounts": amounts("-", "#N/A", "NaN", "null", "5", gives=(None, None, None, None, 5.0)),
        "of one's own": ids("unknown", "1", gives=("1",), options={"nullstr": ["unknown"]}),
    },
    "labels in codes": {
        "minus one and one": flags("has_churned", "-1", "1", refused="`-1`"),
        "one and two": flags("has_churned", "1", "2", refused="`2`"),
        "words": flags("has_churned", "Churned", "Active", refused="`Active`"),
        "on and off": flags("has_churned", "on", "off", refused="`off`"),
        "declared": flags("has_churned", "Churned", "Active", gives=(True, False), codes={"has_churned": {"churned": True, "active": False}}),
        "known spellings": flags("has_churned", "T", "no", "1.0", "FALSE", "y", "", gives=(True, False, True, False, True, None)),
    },
    "consents in codes": {
        "numbers": flags("marketing_consent", "1", "2", "9", gives=(True, False, False)),
        "French": flags("marketing_consent", "oui", "non", gives=(False, False)),
        "Spanish and ticks": flags("marketing_consent", "sí", "✓", "opted_in", gives=(False, False, False)),
        "declared": flags("marketing_consent", "oui", "non", gives=(True, False), codes={"marketing_consent": {"oui": True, "non": False}}),
    },
    "objections without a time": {
        "yes and no": flags("objected_at", "yes", "no", "", gives=(at("1970-01-01"), None, None)),
        "truths": flags("objected_at", "TRUE", "FALSE", "0", gives=(at("1970-01-01"), None, None)),
        "a sign": flags("objected_at", "x", "2026-01-02", gives=(at("1970-01-01"), at("2026-01-02"))),
    },
    "days with an offset": {
        "east": flags("snapshot_date", "2026-02-01T00:00:00+01:00", gives=(date(2026, 2, 1),)),
        "west": flags("snapshot_date", "2026-02-01T23:30:00-05:00", gives=(date(2026, 2, 1),)),
        "UTC": flags("snapshot_date", "2026-02-01T00:00:00Z", gives=(date(2026, 2, 1),)),
    },
    "headers": {
        "twice with other values": file("customer_id,city,city\n1,a,b\n", refused="`city` twice"),
        "ids twice": file("customer_id,customer_id\n1,2\n", refused="`customer_id` twice"),
        "twice with the same values": file("customer_id,city,city\n1,a,a\n", "a"),
        "in two spellings": file("customer_id,City,city\n1,a,b\n", refused="in two spellings"),
        "ids in two spellings": file("CUSTOMER_ID,customer_id\n1,2\n", refused="in two spellings"),
        "below empty lines": file("\n\r\n" + ROWS, "x", "y", "z"),
        "below Excel's line": file("sep=;\r\n" + ROWS.replace(",", ";"), "x", "y", "z"),
        "below Excel's line, with its mark": file("\ufeffsep=|\n" + ROWS.replace(",", "|"), "x", "y", "z"),
        "other cases and blanks": file(" Customer_ID , CITY \n1,a\n", "a"),
        "none": file("1,x,p\n2,y,p\n", refused="needs a column `customer_id`"),
        "a title above": file("Customers of 2026\n\n" + ROWS, "x", "y", "z", options={"skip": 2}),
    },
    "delimiters": {
        "tab": file(ROWS.replace(",", "\t"), "x", "y", "z"),
        "pipe": file(ROWS.replace(",", "|"), "x", "y", "z"),
        "one behind each row": file(ROWS.replace("\n", ",\n"), "x", "y", "z"),
        "one that nobody uses": file(ROWS.replace(",", "^"), refused="needs a column"),
        "two in the header": file("customer_id;city, country\n1;a\n", refused="may be parted by"),
    },
    "quotes": {
        "an apostrophe typed twice": file(CUSTOMERS + "1,',p\n2,',p\n3,x,p\n", "'", "'", "x"),
        "line ends inside": file(CUSTOMERS.replace("\n", "\r\n") + '1,"a\r\nb",p\r\n2,c,p\r\n', "a\r\nb", "c"),
        "a backslash that escapes, and words for no value": file(CUSTOMERS + '1,\\N,p\n2,"a \\"b",p\n', None, 'a "b', options={"escape": "\\"}),
        "one never closed": file(CUSTOMERS + '1,"a,p\n2,b,p\n3,c,p\n', refused="swallows"),
        "escaped by a backslash": file(CUSTOMERS + '1,"a \\"q\\" b",p\n', 'a "q" b', options={"escape": "\\"}),
    },
    "encodings": {
        "a mark in gz": file(gzip.compress(("\ufeff" + ROWS).encode()), "x", "y", "z", name="f.csv.gz"),
        "UTF-16 unsaid": file(ROWS.encode("utf-16"), refused="utf-16"),
        "Latin-1 unsaid": file((CUSTOMERS + "1,Köln,p\n").encode("latin-1"), refused="not UTF-8"),
        "Windows declared": file((CUSTOMERS + "1,€,p\n").encode("cp1252"), "€", options={"encoding": "cp1252"}),
        "UTF-16 in gz declared": file(gzip.compress(ROWS.encode("utf-16")), "x", "y", "z", name="f.csv.gz", options={"encoding": "utf-16"}),
        "two files in one gz": file(gzip.compress((CUSTOMERS + "1,x,p\n").encode()) + gzip.compress(b"2,y,p\n"), "x", "y", name="f.csv.gz"),
    },
    "files that are no text": {
        "packed, by another name": file(gzip.compress(ROWS.encode()), refused='compression = "gzip"'),
        "packed and declared": file(gzip.compress(ROWS.encode()), "x", "y", "z", options={"compression": "gzip"}),
        "a workbook": file(b"PK\x03\x04 and so on", refused="Excel workbook"),
        "a workbook by its name": file(b"PK\x03\x04", refused="the workbook cannot be read", name="f.xlsx"),
        "Parquet, by another name": file(b"PAR1\0\0", refused="Parquet"),
        "UTF-16 without a mark": file(ROWS.encode("utf-16-be"), refused="utf-16-be"),
    },
    "line ends and comments": {
        "carriage returns alone": file(ROWS.replace("\n", "\r"), "x", "y", "z"),
        "several kinds": file("customer_id,city\r\n1,x\r\n2,y\n3,z\r", "x", "y", "z"),
        "one for rows and one within quotes": file(b'customer_id,city\n1,"a, b\r\nc"\n2,"d\re"\n3,f\n', "a, b\r\nc", "d\re", "f"),
        "one for rows and one within quotes, semicolons": file(b'customer_id;city\r\n1;"a, b\nc; d"\n2;"say ""x, y"""\r\n', "a, b\nc; d", 'say "x, y"'),
        "one for rows and one within other quotes": file(b"customer_id\tcity\n1\t'a\r\nb'\n2\tc\n", "a\r\nb", "c", options={"quote": "'"}),
        "several kinds and escapes": file(b'customer_id|city\r\n1|"a \\"b\\"\nc"\n2|d\r\n', 'a "b"\nc', "d", options={"escape": "\\"}),
        "several kinds and comments": file(b'# say "x\r\ncustomer_id,city\n# say "y\n1,"a\r\nb"\n2,c\r\n# "end', "a\r\nb", "c", options={"comment": "#"}),
        "notes between rows": file("# made by hand\n" + ROWS.replace("2,", "# two\n2,"), "x", "y", "z", options={"comment": "#"}),
        "a last line that broke off": file(ROWS + "4,w", "x", "y", "z"),
    },
    "files without rows": {
        "no byte": Example("payments", "", "amount"),
        "a header": Example("payments", PAYMENTS, "amount"),
        "an empty array": documents([], "amount"),
        "of customers": file("", refused="empty"),
        "a header of customers": file(CUSTOMERS, refused="no rows"),
    },
    "keys of JSON": {
        "one that some rows lack": documents([PAID, {**PAID, "amount": 5}], "amount", None, 5.0),
        "one that stands twice": documents('[{"payment_id":"1","customer_id":"a","customer_id":"b","attempted_at":"2026-01-01"}]', "amount", refused="duplicate key"),
        "one that stands twice in a line": documents('{"payment_id":"1","customer_id":"a","customer_id":"b","attempted_at":"2026-01-01"}\n', "amount", refused="key twice", name="f.jsonl"),
        "one that stands twice beside a torn line": documents('{"payment_id":\n{"payment_id":"1","payment_id":"2"}\n{"payment_id":"2","customer_id":"a","attempted_at":"2026-01-01"}\n', "amount", refused="key twice", name="f.jsonl"),
        "one that stands twice below a key": documents('{"data":[{"payment_id":"1","customer_id":"a","customer_id":"b","attempted_at":"2026-01-01"}]}', "amount", refused="key twice", rows_at="data"),
        "one in two spellings": documents([{**PAID, "Customer_ID": "b"}], "amount", refused="two spellings"),
        "one below others": documents([{**PAID, "amount": {"value": 550}}], "amount", 5.5, columns={"amount": "amount.value / 100"}),
        "objects where a value should be": documents([{**PAID, "customer_id": {"$oid": "a"}}], "amount", refused="customer_id['$oid']"),
        "objects where an option should be": documents([{**PAID, "status": {"code": "failed"}}], "amount", refused='status = "status.code"'),
        "lists where a value should be": documents([{**PAID, "amount": [5, 6]}], "amount", refused='amount = "amount[1]"'),
        "rows below a key that nobody named": documents({"data": [PAID], "meta": {}}, "amount", refused='rows_at = "data"'),
        "rows below two keys that nobody named": documents({"result": {"items": [PAID]}}, "amount", refused='rows_at = "result.items"'),
        "rows below a key that one page lacks": documents(json.dumps({"data": [PAID]}) + json.dumps({"dat": [PAID]}), "amount", refused="of one of its objects", rows_at="data"),
        "a key with a sign": documents([{**PAID, "customer_id": {"$oid": "a"}}], "customer_id", refused="customer_id['$oid']", columns={"customer_id": "customer_id.$oid"}),
        "rows below a key": documents({"data": {"items": [{**PAID, "amount": 5}]}}, "amount", 5.0, rows_at="data.items"),
        "numbers as texts": documents([{**PAID, "amount": "5.50"}, {**PAID, "amount": 6}, {**PAID, "amount": [7]}], "amount", 5.5, 6.0, None),
    },
}  # fmt: skip
KINDS["ends before beginnings"] = {
    "a subscription": Example(
        "subscriptions",
        "subscription_id,customer_id,started_at,ended_at\n1,a,2026-02-01,2026-01-01\n2,a,2026-02-01,\n3,a,2026-02-01,2026-02-01\n",
        "subscription_id",
        ("2", "3"),
    ),
    "a ticket": Example(
        "support_tickets",
        "ticket_id,customer_id,opened_at,closed_at\n1,a,2026-02-01,2026-01-01\n2,a,2026-02-01 10:00,2026-02-01\n3,a,2026-02-01,\n",
        "ticket_id",
        ("2", "3"),
    ),
    "a ticket whose end is a program's zero": Example(
        "support_tickets",
        "ticket_id,customer_id,opened_at,closed_at\n1,a,2026-02-01,0001-01-01T00:00:00\n2,a,2026-02-01,0001-01-01T00:00:00\n",
        refused="closed_at 0001-01-01",
    ),
    "a ticket in Parquet": parquet(
        "support_tickets",
        "ticket_id",
        "2",
        ticket_id=["1", "2"],
        customer_id=["a", "a"],
        opened_at=[date(2026, 2, 1)] * 2,
        closed_at=[date(2026, 1, 1), None],
    ),
}
KINDS["JSON that breaks off"] = {
    "behind a comma": documents(json.dumps([PAID])[:-1] + ",\n", "amount", refused="breaks off"),
    "behind an object": documents(json.dumps([PAID])[:-1], "amount", refused="cannot be read"),
    "inside an object": documents(json.dumps([PAID, PAID])[:-30], "amount", refused="cannot be read"),
    "in gz": Example("payments", gzip.compress((json.dumps([PAID])[:-1] + ",").encode()), refused="breaks off", name="f.json.gz"),
    "inside a line": documents(json.dumps({**PAID, "amount": 5}) + "\n" + json.dumps(PAID)[:-30], "amount", 5.0, name="f.jsonl"),
}  # fmt: skip
EXAMPLES = [(kind, name) for kind, examples in KINDS.items() for name in examples]


@pytest.fixture
def loaded(warehouse: Warehouse, tmp_path: Path) -> Callable[[Example], LoadResult]:
    def run(example: Example) -> LoadResult:
        path = tmp_path / example.name
        path.write_bytes(example.content.encode() if isinstance(example.content, str) else example.content)
        source = SourceSettings.model_validate({"path": str(path), **example.settings})
        return ingest(warehouse, {example.table: source}, now=NOW)[0]

    return run


@pytest.mark.parametrize(("kind", "name"), EXAMPLES)
def test_a_file_gives_what_it_says_or_is_refused(
    warehouse: Warehouse, loaded: Callable[[Example], LoadResult], kind: str, name: str
) -> None:
    example = KINDS[kind][name]
    if example.refused:
        with pytest.raises(ChurnError) as refusal:
            loaded(example)
        assert example.refused in f"{refusal.value.what} {refusal.value.remedy}"
        assert refusal.value.remedy
        assert not warehouse.has_table(f"raw.{example.table}") or not warehouse.rows(
            f"select 1 from raw.{example.table}"
        )
        return
    result = loaded(example)
    values = warehouse.rows(f"select {example.column} from raw.{example.table} order by row_number")
    assert tuple(value for (value,) in values) == example.gives
    records = warehouse.rows("select count(*) from raw.rejected_rows where not is_kept")[0][0]
    assert (result.rows, result.rejected) == (len(example.gives), records)  # what is left out was noted


def test_each_kind_has_a_case_and_two_others() -> None:
    assert {kind for kind, examples in KINDS.items() if len(examples) < 3} == set()
