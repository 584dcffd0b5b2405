"""Delivered values become canonical ones, or are seen not to."""

from __future__ import annotations

import math
from datetime import date, datetime

import pytest

from churn.warehouse import Warehouse
from churn.warehouse.loading.casts import cast, kept_type, widened


def value(warehouse: Warehouse, literal: str, delivered: str, wanted: str) -> object:
    made = cast("v", delivered, wanted)
    return warehouse.rows(f"select {made.sql} from (select cast({literal} as {delivered}) as v)")[0][0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-02-03", datetime(2026, 2, 3)),
        ("2026-02-03 04:05:06", datetime(2026, 2, 3, 4, 5, 6)),
        ("2026-02-03T04:05:06Z", datetime(2026, 2, 3, 4, 5, 6)),
        ("2026-02-03T04:05:06+02:00", datetime(2026, 2, 3, 2, 5, 6)),
        ("2026-02-03 04:05:06.25", datetime(2026, 2, 3, 4, 5, 6, 250_000)),
        ("20260203", datetime(2026, 2, 3)),
        ("03.02.2026", datetime(2026, 2, 3)),
        ("2026/2/3", datetime(2026, 2, 3)),
        ("3 Feb 2026", datetime(2026, 2, 3)),
        ("Feb 03, 2026", datetime(2026, 2, 3)),
        ("03/04/2026", None),
        ("31/02/2026 25:61", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_date_in_words_is_read_if_it_can_mean_one_day_only(
    warehouse: Warehouse, text: str, moment: datetime | None
) -> None:
    assert value(warehouse, f"'{text}'", "VARCHAR", "TIMESTAMP") == moment


@pytest.mark.parametrize("number", ["20260203", "1770076800", "1770076800000", "1770076800000000"])
def test_a_date_in_numbers_is_read_by_its_size(warehouse: Warehouse, number: str) -> None:
    assert value(warehouse, number, "BIGINT", "TIMESTAMP") == datetime(2026, 2, 3)
    assert value(warehouse, number, "BIGINT", "DATE") == date(2026, 2, 3)


def test_a_zoned_time_becomes_utc(warehouse: Warehouse) -> None:
    moment = value(warehouse, "'2026-01-01 00:00:00-05'", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP")
    assert moment == datetime(2026, 1, 1, 5)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.5", 12.5),
        (" 7 ", 7.0),
        ("1,234.50", 1234.5),
        ("$1,234", None),
        ("$1,234,567", 1_234_567.0),
        ("(29.99)", -29.99),
        ("12%", None),
        ("1,5", None),
        ("1e3", 1000.0),
        ("x", None),
    ],
)
def test_a_number_in_words_is_read_unless_it_is_ambiguous(
    warehouse: Warehouse, text: str, number: float | None
) -> None:
    found = value(warehouse, f"'{text}'", "VARCHAR", "DOUBLE")
    assert found == number or (number is not None and math.isclose(float(str(found)), number))


@pytest.mark.parametrize("word", ["true", "YES", "y", "1", " t ", "1.0"])
def test_words_for_yes_are_true(warehouse: Warehouse, word: str) -> None:
    assert value(warehouse, f"'{word}'", "VARCHAR", "BOOLEAN") is True


@pytest.mark.parametrize("word", ["false", "No", "n", "0", "F"])
def test_words_for_no_are_false(warehouse: Warehouse, word: str) -> None:
    assert value(warehouse, f"'{word}'", "VARCHAR", "BOOLEAN") is False


def test_a_word_that_is_neither_yes_nor_no_is_missing(warehouse: Warehouse) -> None:
    assert value(warehouse, "'perhaps'", "VARCHAR", "BOOLEAN") is None


def test_an_id_that_went_through_a_data_frame_is_whole_again(warehouse: Warehouse) -> None:
    assert value(warehouse, "17.0", "DOUBLE", "VARCHAR") == "17"
    assert value(warehouse, "17.5", "DOUBLE", "VARCHAR") == "17.5"
    assert value(warehouse, "17", "BIGINT", "VARCHAR") == "17"


def test_a_json_column_of_mixed_types_is_read_value_by_value(warehouse: Warehouse) -> None:
    for text in ('"2026-02-03T00:00:00Z"', '"20260203"'):
        assert value(warehouse, f"'{text}'", "JSON", "TIMESTAMP") == datetime(2026, 2, 3)
    assert value(warehouse, "'17'", "JSON", "VARCHAR") == "17"


def test_only_casts_that_can_fail_are_fallible() -> None:
    assert not cast("v", "BIGINT", "DOUBLE").is_fallible
    assert not cast("v", "DATE", "TIMESTAMP").is_fallible
    assert not cast("v", "UUID", "VARCHAR").is_fallible
    assert cast("v", "VARCHAR", "DATE").is_fallible


@pytest.mark.parametrize(
    ("first", "second", "wide"),
    [
        ("BIGINT", "INTEGER", "BIGINT"),
        ("BIGINT", "DOUBLE", "DOUBLE"),
        ("DATE", "TIMESTAMP", "TIMESTAMP"),
        ("BIGINT", "VARCHAR", "VARCHAR"),
        ("BOOLEAN", "BOOLEAN", "BOOLEAN"),
    ],
)
def test_a_column_with_two_types_gets_one_that_holds_both(first: str, second: str, wide: str) -> None:
    assert widened(first, second) == wide
    assert widened(second, first) == wide


def test_an_extra_column_keeps_a_type_that_frames_and_models_can_use() -> None:
    assert kept_type("TIMESTAMP WITH TIME ZONE") == "TIMESTAMP"
    assert kept_type("DECIMAL(18,3)") == "DOUBLE"
    assert kept_type("UUID") == "VARCHAR"
    assert kept_type("INTEGER") == "INTEGER"
    assert kept_type("DOUBLE[]") == "DOUBLE[]"
