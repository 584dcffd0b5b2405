from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import FIRST_LIST
from tests.faults.shops import Shop, corner_shop


def _rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_missing_file_is_named_with_its_source(new_shop: Shop) -> None:
    (new_shop.home / "subscriptions.csv").unlink()
    new_shop.refused("refresh", code=3, says=["subscriptions.csv", "[sources.subscriptions]"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("customers.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"),
        ("customers.parquet", b"customer_id,signed_up_at\nc1,\n"),
    ],
)
def test_a_file_of_another_format_is_refused(new_shop: Shop, name: str, content: bytes) -> None:
    (new_shop.home / name).write_bytes(content)
    _rewrite(new_shop.home / "churn.toml", "customers.csv", name)
    new_shop.refused("refresh", code=3, says=[name])


def test_a_file_of_an_unknown_ending_asks_for_its_format(new_shop: Shop) -> None:
    _rewrite(new_shop.home / "churn.toml", "customers.csv", "customers.docx")
    (new_shop.home / "customers.docx").write_text("customer_id\nc1\n")
    new_shop.refused("refresh", code=2, says=["customers.docx", "format ="])


@pytest.mark.parametrize(("content", "says"), [("", "is empty"), ("customer_id,signed_up_at\n", "no rows")])
def test_an_empty_table_is_refused(new_shop: Shop, content: str, says: str) -> None:
    (new_shop.home / "customers.csv").write_text(content)
    new_shop.refused("refresh", code=3, says=["customers.csv", says])


def test_a_missing_column_is_named_with_what_was_found(new_shop: Shop) -> None:
    _rewrite(new_shop.home / "subscriptions.csv", "started_at", "begun")
    new_shop.refused("refresh", code=3, says=["`started_at`", "begun", "[sources.subscriptions] columns"])


def test_a_column_of_wrong_dates_is_refused_with_an_example(new_shop: Shop) -> None:
    _rewrite(new_shop.home / "subscriptions.csv", ",25,2025-", ",25,soon-")
    new_shop.refused("refresh", code=3, says=["subscriptions.csv", "'soon-", "started_at"])


def test_one_wrong_date_loses_one_row_which_is_kept_with_its_reason(new_shop: Shop) -> None:
    _rewrite(new_shop.home / "subscriptions.csv", "s7,c7,basic,25,2025-01-08", "s7,c7,basic,25,2025-02-31")
    loads = {load["source"]: load for load in new_shop.json("refresh")["loads"]}
    assert loads["subscriptions"]["rejected"] == 1
    assert loads["subscriptions"]["rows"] == 300


def test_no_source_at_all_says_where_to_declare_one(new_shop: Shop) -> None:
    (new_shop.home / "churn.toml").write_text("")
    new_shop.refused("refresh", code=2, says=["churn.toml", "[sources.customers]"])


def test_without_churners_nothing_is_trained(tmp_path: Path) -> None:
    shop = corner_shop(tmp_path / "home", churners=False)
    shop.run("refresh")
    shop.refused("train", code=4, says=["0 churners", "30 more churners"])
    shop.refused("score", code=4, says=["no model has been promoted", "churn train"])


def test_one_customer_is_too_few_to_train_on(tmp_path: Path) -> None:
    shop = corner_shop(tmp_path / "home", customers=1)
    shop.run("refresh")
    shop.refused("train", code=4, says=["too few"])


def test_too_short_a_history_says_how_much_is_needed(new_shop: Shop) -> None:
    for name in ("customers", "subscriptions"):
        path = new_shop.home / f"{name}.csv"
        head, *rows = path.read_text().splitlines()
        path.write_text("\n".join([head, *(row for row in rows if "2025-01" in row and "voluntary" not in row)]))
    new_shop.run("refresh")
    new_shop.refused("train", code=4, says=["history", "days"])


def test_five_hundred_columns_of_a_table_become_features_and_are_scored(tmp_path: Path) -> None:
    shop = corner_shop(tmp_path / "home", extra_columns=500)
    shop.run("refresh")
    trained = shop.json("train")
    assert trained["selected"]
    shop.run("models", "promote", trained["model_version"])
    assert shop.json("score")["customers"] > 100


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["score", "--date", "2026-02-30"], 2, ["--date", "YYYY-MM-DD"]),
        (["score", "--date", "2150-01-01"], 2, ["--date", "future"]),
        (["score", "--date", "2019-01-01"], 3, []),
        (["score", "--from", "2026-06-02", "--to", "2026-06-01"], 2, ["--from", "after"]),
        (["score", "--from", "2026-06-02"], 2, ["--to"]),
    ],
)
def test_a_wrong_date_is_refused_and_the_list_in_force_stays_fresh(
    shop: Shop, arguments: list[str], code: int, says: list[str]
) -> None:
    shop.refused(*arguments, code=code, says=says)
    current = shop.json("risk-list")
    assert current["snapshot_date"] == FIRST_LIST
    assert not current["is_stale"]


@pytest.mark.parametrize(
    ("date", "code", "says"), [("1900-01-01", 3, "no customer is active"), ("2150-01-01", 2, "lies in the future")]
)
def test_features_of_a_date_without_data_are_refused(shop: Shop, date: str, code: int, says: str) -> None:
    shop.refused("features", "--date", date, code=code, says=[date, says])
