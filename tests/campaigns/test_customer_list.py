"""Lists of customers are read as people send them, kept as files that an audience names, and lose whoever is erased."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from churn.campaigns.customer_list import (
    keep_customer_list,
    list_path,
    load_customer_list,
    on_list,
    read_customer_list,
    unused_lists,
)
from churn.errors import ConfigError
from churn.workflows.privacy.files import erase_from_file

WIDE = 'name;Customer ID;city\n"Ann; B";C1;Ulm\nBob;C2;Bonn\nAnn;C1;Ulm\n;;\n'


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b"C1\nC2\r\n\n C3 \n", ("C1", "C2", "C3")),
        (b"customer_id\nC1\nC2\n", ("C1", "C2")),
        (b"\xef\xbb\xbfcustomer_id,plan\nC1,basic\nC2,premium\n", ("C1", "C2")),
        (b"C1, C2, C3", ("C1", "C2", "C3")),
        (WIDE.encode(), ("C1", "C2")),
        (WIDE.replace(";", "\t").encode("utf-16"), ("C1", "C2")),
        (b'customer_id\n\'+49170\n"a""b"\n', ("+49170", 'a"b')),
    ],
)
def test_ids_are_read_one_a_line_or_from_their_column(content: bytes, ids: tuple[str, ...]) -> None:
    assert read_customer_list(content, where="x").ids == ids


def test_blanks_and_marks_around_ids_alone_are_no_columns() -> None:
    pasted = "  C1 \t\r\n\tC2\t".replace("\tC2", "C2") + "\n \t\nC1\n C3"
    assert read_customer_list(pasted.encode(), where="x").ids == ("C1", "C2", "C3")
    assert read_customer_list(b"customer_id;\nC1;\nC2;\n", where="x").ids == ("C1", "C2")


def test_rows_that_repeat_a_customer_or_name_nobody_are_counted() -> None:
    listed = read_customer_list(WIDE.encode(), where="x")
    assert (listed.repeated, listed.empty) == (1, 1)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"email,name\na@b.c,Ann\n", "none of its columns is `customer_id`: the first line says `email`, `name`"),
        (b"", "names nobody"),
        (b"customer_id\n\n", "names nobody"),
        (b"campaign,customer_id,kind\n", "names nobody"),
        (b"PK\x03\x04...", "a workbook"),
        ("C1\nM\xfcller".encode("latin-1"), "not UTF-8"),
        (b"C1\x00\nC2", "zero bytes"),
        (b"x" * 1_001, "more than 1,000 characters"),
    ],
)
def test_what_is_no_list_is_refused_with_what_to_send(content: bytes, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as refused:
        read_customer_list(content, where="vip.csv")
    assert refused.value.where == "vip.csv"
    assert refused.value.remedy


def test_other_customers_make_another_list_and_the_order_does_not_matter(tmp_path: Path) -> None:
    first = keep_customer_list(tmp_path, "spring", ["C2", "C1"])
    assert keep_customer_list(tmp_path, "spring", ["C1", "C2"]) == first
    assert keep_customer_list(tmp_path, "spring", ["C1", "C2", "C3"]) != first
    assert on_list(tmp_path, first, pl.Series(["C1", "C3", "C2"])).tolist() == [True, False, True]


@pytest.mark.parametrize("name", ["../../etc/spring", "spring/x", "", "Spring"])
def test_a_list_lies_nowhere_else_whatever_its_campaign_is_called(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a campaign's name"):
        keep_customer_list(tmp_path, name, ["C1"])
    assert list(tmp_path.rglob("*.csv")) == []


def test_a_missing_list_is_named_with_those_there_are(tmp_path: Path) -> None:
    name = keep_customer_list(tmp_path, "spring", ["C1"])
    with pytest.raises(ConfigError, match="no customer list `autumn`") as missing:
        load_customer_list(tmp_path, "autumn")
    assert name in str(missing.value.remedy)


@pytest.mark.parametrize("text", ["customer_id\nC000001\nC000002\nC0000011\n", "C000001\nC000002\nC0000011\n"])
def test_an_erased_customer_leaves_the_list_and_nobody_else_does(tmp_path: Path, text: str) -> None:
    path = list_path(tmp_path, "vip")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert load_customer_list(tmp_path, "vip").members == {"C000001", "C000002", "C0000011"}
    assert erase_from_file(path, "C000001") == 1
    assert load_customer_list(tmp_path, "vip").ids == ("C000002", "C0000011")
    erase_from_file(path, "C000002")
    erase_from_file(path, "C0000011")
    assert load_customer_list(tmp_path, "vip").ids == ()


def test_in_a_table_with_other_marks_an_erased_customer_names_nobody_any_more(tmp_path: Path) -> None:
    path = list_path(tmp_path, "vip")
    path.parent.mkdir(parents=True)
    path.write_text("name;customer_id\nAnn;C000001\nBob;C000002\n")
    erase_from_file(path, "C000001")
    assert load_customer_list(tmp_path, "vip").ids == ("C000002",)


def test_only_lists_that_were_sent_and_that_nothing_names_are_unused(tmp_path: Path) -> None:
    kept = keep_customer_list(tmp_path, "spring", ["C1"])
    older = keep_customer_list(tmp_path, "spring", ["C2"])
    forgotten = keep_customer_list(tmp_path, "spring", ["C3"])
    list_path(tmp_path, "laid_there_by_hand").write_text("C4\n")
    (tmp_path / "campaigns" / "spring.toml").write_text(f'[audience]\ncustomer_list = "{kept}"\n')
    (tmp_path / "campaigns" / "history").mkdir()
    (tmp_path / "campaigns" / "history" / "spring.jsonl").write_text(f'{{"text": "customer_list = {older}"}}\n')
    assert unused_lists(tmp_path) == [list_path(tmp_path, forgotten)]
