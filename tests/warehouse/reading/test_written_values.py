"""Values are read as the source says they are written, or refused with the words to write: nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from churn.errors import ConfigError, ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
SESSIONS = "customer_id,started_at\n"


def starts(warehouse: Warehouse) -> list[datetime | None]:
    return [moment for (moment,) in warehouse.rows("select started_at from raw.sessions order by 1")]


@pytest.mark.parametrize("value", ["03/04/2026", "01-02-2025", "3/4/2026 09:30"])
def test_a_date_of_two_readings_is_refused_with_both_and_the_option_to_write(load: Load, put: Put, value: str) -> None:
    put("s.csv", SESSIONS + f"A,{value}\n")
    with pytest.raises(ContractBroken, match=r"may be \d+ \w+ or \d+ \w+") as refused:
        load("sessions", "s.csv")
    assert "dates = { started_at =" in str(refused.value.remedy)


def test_two_files_that_prove_different_orders_are_refused(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("a.csv", SESSIONS + "A,13/03/2026\n")
    put("b.csv", SESSIONS + "A,03/13/2026\n")
    with pytest.raises(ContractBroken, match="day first and dates with the month first"):
        load("sessions", ["a.csv", "b.csv"])
    assert starts(warehouse) == []


def test_an_order_that_one_file_proves_holds_for_the_files_after_it(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("a.csv", SESSIONS + "A,31/03/2026\n")
    load("sessions", "*.csv")
    put("b.csv", SESSIONS + "A,03/04/2026\n")
    load("sessions", "*.csv")
    assert starts(warehouse) == [datetime(2026, 3, 31), datetime(2026, 4, 3)]


def test_a_declared_form_is_read_as_declared(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("s.csv", SESSIONS + "A,03/04/2026\nB,03/13/2026 14:05\nC,2026-03-14\n")
    load("sessions", "s.csv", dates="%m/%d/%Y")
    assert starts(warehouse) == [datetime(2026, 3, 4), datetime(2026, 3, 13, 14, 5), datetime(2026, 3, 14)]


def test_one_odd_date_costs_one_value_and_not_the_form(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = "".join(f"{n},C{n},2026-01-02,{15 + n}.03.2026\n" for n in range(10))
    put("t.csv", "ticket_id,customer_id,opened_at,closed_at\n" + rows + "99,C,2026-01-02,soon\n")
    load("support_tickets", "t.csv")
    assert warehouse.rows("select count(closed_at), count(*) from raw.support_tickets") == [(10, 11)]
    assert warehouse.rows("select reason from raw.rejected_rows where is_kept") == [
        ("closed_at: 'soon' is not a TIMESTAMP",)
    ]


@pytest.mark.parametrize("value", ["01.02.26", "15/01/24", "01-02-26"])
def test_a_year_of_two_digits_needs_a_form_and_a_pivot(load: Load, put: Put, value: str) -> None:
    put("s.csv", SESSIONS + f"A,{value}\n")
    with pytest.raises(ContractBroken, match="two digits") as refused:
        load("sessions", "s.csv")
    assert "pivot_year" in str(refused.value.remedy)


def test_years_of_two_digits_fall_into_the_hundred_years_up_to_the_pivot(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("c.csv", "customer_id,signed_up_at,birth_date\nA,01.02.26,03.04.55\nB,05.06.25,07.08.99\n")
    load("customers", "c.csv", dates="%d.%m.%y", pivot_year=2030)
    assert warehouse.rows("select signed_up_at, birth_date from raw.customers order by customer_id") == [
        (datetime(2026, 2, 1), date(1955, 4, 3)),
        (datetime(2025, 6, 5), date(1999, 8, 7)),
    ]


def test_a_form_of_two_digits_without_a_pivot_is_a_wrong_setting(load: Load, put: Put) -> None:
    put("c.csv", "customer_id\nA\n")
    with pytest.raises(ConfigError, match="two centuries"):
        load("customers", "c.csv", dates="%d.%m.%y")


@pytest.mark.parametrize("written", ["2026-02-01T00:00:00+01:00", "2026-02-01 23:30:00-08"])
@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_a_day_with_an_offset_is_the_day_as_written(
    warehouse: Warehouse, load: Load, put: Put, written: str, ending: str
) -> None:
    row = (
        f"A,{written},0\n" if ending == "csv" else f'{{"customer_id":"A","snapshot_date":"{written}","has_churned":0}}'
    )
    put(f"f.{ending}", ("customer_id,snapshot_date,has_churned\n" if ending == "csv" else "") + row)
    load("customer_snapshots", f"f.{ending}")
    assert warehouse.rows("select snapshot_date from raw.customer_snapshots") == [(date(2026, 2, 1),)]


@pytest.mark.parametrize("per_second", [1, 1_000, 1_000_000])
@pytest.mark.parametrize("blank", ["NULL", "", "n/a", "\\N"])
def test_a_missing_value_among_counts_since_1970_leaves_the_others(
    warehouse: Warehouse, load: Load, put: Put, per_second: int, blank: str
) -> None:
    rows = "".join(f"{n},A,2026-01-01,{(1_767_261_600 + n) * per_second}\n" for n in range(5))
    put("t.csv", "ticket_id,customer_id,opened_at,closed_at\n" + rows + f"9,A,2026-01-01,{blank}\n")
    load("support_tickets", "t.csv")
    assert warehouse.rows("select count(closed_at), min(closed_at) from raw.support_tickets") == [
        (5, datetime(2026, 1, 1, 10))
    ]
    assert warehouse.rows("select count(*) from raw.rejected_rows") == [(0,)]


@pytest.mark.parametrize("ending", ["csv", "ndjson", "parquet"])
def test_a_zone_given_for_the_source_holds_for_times_without_an_offset(
    warehouse: Warehouse, load: Load, tmp_path: Path, put: Put, ending: str
) -> None:
    frame = pl.DataFrame({"customer_id": ["A"], "started_at": [datetime(2026, 7, 1, 0, 15)]})
    path = tmp_path / f"s.{ending}"
    if ending == "csv":
        path.write_text(SESSIONS + "A,2026-07-01 00:15:00\n")
    elif ending == "ndjson":
        path.write_text('{"customer_id": "A", "started_at": "2026-07-01 00:15:00"}\n')
    else:
        frame.write_parquet(path)
    load("sessions", path.name, zone="Europe/Madrid")
    assert starts(warehouse) == [datetime(2026, 6, 30, 22, 15)]


@pytest.mark.parametrize("ending", ["csv", "ndjson", "parquet"])
def test_the_user_s_sql_sees_the_value_as_it_stands_in_the_file(
    warehouse: Warehouse, load: Load, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"s.{ending}"
    if ending == "csv":
        path.write_text(SESSIONS + "A,2026-07-01 00:15:00\n")
    elif ending == "ndjson":
        path.write_text('{"customer_id": "A", "started_at": "2026-07-01 00:15:00"}\n')
    else:
        pl.DataFrame({"customer_id": ["A"], "started_at": [datetime(2026, 7, 1, 0, 15)]}).write_parquet(path)
    load("sessions", path.name, columns={"started_at": "started_at at time zone 'Europe/Madrid'"})
    assert starts(warehouse) == [datetime(2026, 6, 30, 22, 15)]


def test_a_zone_that_there_is_not_is_a_wrong_setting() -> None:
    from churn.config import SourceSettings

    with pytest.raises(ValueError, match="no zone `Europe/Atlantis`"):
        SourceSettings(path="s.csv", zone="Europe/Atlantis")


PAYMENTS = "payment_id;customer_id;attempted_at;amount\n"


@pytest.mark.parametrize("odd", ["n/a", "-", ""])
def test_words_for_no_value_leave_a_column_of_decimal_commas_numbers(
    warehouse: Warehouse, load: Load, put: Put, odd: str
) -> None:
    rows = "".join(f"{n};C{n};2026-10-02;{n},50\n" for n in range(1, 30))
    put("p.csv", PAYMENTS + rows + f"30;C;2026-10-02;{odd}\n")
    load("payments", "p.csv", options={"decimal_separator": ","})
    assert warehouse.rows("select count(amount), sum(amount), count(*) from raw.payments") == [(29, 449.5, 30)]


def test_an_odd_amount_costs_one_value_and_is_noted(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = "".join(f"{n};C{n};2026-10-02;1.{n:03},50\n" for n in range(1, 30))
    put("p.csv", PAYMENTS + rows + "30;C;2026-10-02;free\n")
    load("payments", "p.csv", options={"decimal_separator": ","})
    assert warehouse.rows("select count(amount), min(amount) from raw.payments") == [(29, 1001.5)]
    assert warehouse.rows("select reason from raw.rejected_rows") == [("amount: 'free' is not a DOUBLE",)]


@pytest.mark.parametrize("amount", ["29,99", "1,234", "12%", "€ 1.234,50"])
def test_a_number_of_two_readings_is_refused_with_the_option_to_write(load: Load, put: Put, amount: str) -> None:
    put("p.csv", PAYMENTS + f"1;A;2026-10-02;{amount}\n2;B;2026-10-03;5.00\n")
    with pytest.raises(ContractBroken, match="two readings") as refused:
        load("payments", "p.csv")
    assert "decimal_separator" in str(refused.value.remedy)


@pytest.mark.parametrize(
    ("written", "number"), [("$29.99", 29.99), ("1,029.99", 1029.99), ("(12.50)", -12.5), ("£ 7", 7.0), ("1e3", 1000.0)]
)
def test_a_number_of_one_reading_is_read(
    warehouse: Warehouse, load: Load, put: Put, written: str, number: float
) -> None:
    put("p.csv", PAYMENTS + f"1;A;2026-10-02;{written}\n")
    load("payments", "p.csv")
    assert warehouse.rows("select amount from raw.payments") == [(number,)]


def test_extra_columns_are_numbers_by_the_same_rules(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", "customer_id;seats;discount;note\nA;3;1,5;x\nB;n/a;2,25;y\n")
    load("customers", "c.csv", options={"decimal_separator": ","})
    assert warehouse.rows("select seats, discount, note from raw.customers order by customer_id") == [
        (3, 1.5, "x"),
        (None, 2.25, "y"),
    ]


@pytest.mark.parametrize("labels", [("-1", "1"), ("1", "2"), ("0.87", "0.1"), ("churned", "stayed")])
def test_a_label_that_is_neither_yes_nor_no_is_refused_by_name(load: Load, put: Put, labels: tuple[str, str]) -> None:
    put("f.csv", f"customer_id,has_churned\n1,{labels[0]}\n2,{labels[1]}\n3,{labels[0]}\n")
    with pytest.raises(ContractBroken, match=r"has_churned. holds") as refused:
        load("customer_snapshots", "f.csv")
    assert "codes" in str(refused.value.remedy)


def test_labels_are_what_the_source_maps(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("f.csv", "customer_id,has_churned\n1,-1\n2,1\n3,-1.0\n")
    load("customer_snapshots", "f.csv", codes={"has_churned": {"1": True, "-1": False, "-1.0": False}})
    assert warehouse.rows("select has_churned from raw.customer_snapshots order by customer_id") == [
        (False,),
        (True,),
        (False,),
    ]


def test_a_label_in_numbers_of_a_parquet_file_is_held_to_the_same_rule(load: Load, tmp_path: Path) -> None:
    pl.DataFrame({"customer_id": [1, 2], "has_churned": [1, 2]}).write_parquet(tmp_path / "f.parquet")
    with pytest.raises(ContractBroken, match=r"holds `2`"):
        load("customer_snapshots", "f.parquet")


@pytest.mark.parametrize("words", [("1", "2", "9"), ("granted", "denied", "opt-out"), ("ja", "nein", "nein")])
def test_a_consent_that_cannot_be_read_is_no_consent_and_is_noted(
    warehouse: Warehouse, load: Load, put: Put, words: tuple[str, ...]
) -> None:
    put("c.csv", "customer_id,marketing_consent\n" + "".join(f"C{n},{word}\n" for n, word in enumerate(words)))
    load("customers", "c.csv")
    consents = [consent for (consent,) in warehouse.rows("select marketing_consent from raw.customers order by 1 desc")]
    assert consents == [words[0] == "1", False, False]
    reasons = [reason for (reason,) in warehouse.rows("select reason from raw.rejected_rows where is_kept")]
    assert len(reasons) == 3 - consents.count(True)
    assert all("counts as no consent" in reason for reason in reasons)


def test_a_consent_is_what_the_source_maps(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", "customer_id,marketing_consent\nA,Ja\nB,nein\nC,\n")
    load("customers", "c.csv", codes={"marketing_consent": {"ja": True, "nein": False}})
    assert warehouse.rows("select marketing_consent from raw.customers order by customer_id") == [
        (True,),
        (False,),
        (None,),
    ]


@pytest.mark.parametrize("word", ["NULL", "\\N", "N/A", "NaN", "None"])
@pytest.mark.parametrize("ending", ["csv", "ndjson", "parquet"])
def test_an_id_that_is_a_word_for_no_value_is_missing(
    warehouse: Warehouse, load: Load, tmp_path: Path, word: str, ending: str
) -> None:
    frame = pl.DataFrame({"customer_id": [word, "C1", "C2"], "started_at": ["2026-11-02 10:00:00"] * 3})
    path = tmp_path / f"s.{ending}"
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "ndjson":
        frame.write_ndjson(path)
    else:
        frame.write_parquet(path)
    assert load("sessions", path.name).rejected == 1
    assert warehouse.rows("select reason from raw.rejected_rows") == [("customer_id is missing",)]


def test_a_country_called_na_stays(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", "customer_id,country\nA,NA\nB,DE\n")
    load("customers", "c.csv")
    assert warehouse.rows("select country from raw.customers order by customer_id") == [("NA",), ("DE",)]


@pytest.mark.parametrize(("ours", "theirs"), [("17.0", "17"), ("17 ", "17"), (" 17", "17.0")])
def test_an_id_is_one_thing_however_it_is_written(
    warehouse: Warehouse, load: Load, put: Put, ours: str, theirs: str
) -> None:
    put("c.csv", f"customer_id;city\n{ours};x\n")
    put("s.csv", SESSIONS + f"{theirs},2026-11-02\n")
    load("customers", "c.csv")
    load("sessions", "s.csv")
    assert warehouse.rows("select customer_id from raw.customers join raw.sessions using (customer_id)") == [("17",)]


def test_padded_names_and_values_are_trimmed(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", "customer_id ; city\n17 ; x\n")
    load("customers", "c.csv")
    assert warehouse.rows("select customer_id, city from raw.customers") == [("17", "x")]


def test_floats_of_a_data_frame_are_whole_ids_and_nan_is_missing(
    warehouse: Warehouse, load: Load, tmp_path: Path
) -> None:
    frame: dict[str, Any] = {"customer_id": [17.0, float("nan"), 18.0], "started_at": [datetime(2026, 1, 1)] * 3}
    pl.DataFrame(frame).write_parquet(tmp_path / "s.parquet")
    assert load("sessions", "s.parquet").rejected == 1
    assert warehouse.rows("select customer_id from raw.sessions order by 1") == [("17",), ("18",)]


def test_an_id_that_a_spreadsheet_cut_off_is_refused_with_a_comma_too(
    warehouse: Warehouse, load: Load, put: Put
) -> None:
    put("e.csv", "customer_id;contacted_at\n1,23E+11;2026-02-01\n1.23E+11;2026-02-01\n17;2026-02-01\n18;2026-02-01\n")
    assert load("contacts", "e.csv").rejected == 2
    assert warehouse.rows("select customer_id from raw.contacts order by 1") == [("17",), ("18",)]


def test_an_object_and_a_truth_are_no_ids(warehouse: Warehouse, load: Load, put: Put) -> None:
    rows = ('"a"', '{"id": 1}', "true", "17", "[3]", "18", "19")
    put("c.jsonl", "".join(f'{{"customer_id": {value}, "contacted_at": "2026-02-01"}}\n' for value in rows))
    assert load("contacts", "c.jsonl").rejected == 3
    assert warehouse.rows("select customer_id from raw.contacts order by 1") == [("17",), ("18",), ("19",), ("a",)]


@pytest.mark.parametrize(
    "line",
    [
        "Total: 2,",
        "Total (2),",
        "Summe = 2,x",
        "Generated 2026-03-01 by CRM,",
        "2 rows,",
        "Stand: 1. März 2026,",
        "Page 1 of 1,",
    ],
)
def test_a_line_about_the_file_is_no_customer(warehouse: Warehouse, load: Load, put: Put, line: str) -> None:
    put("c.csv", f"customer_id,city\nTotal Energies,Paris\nReport Ltd,\n{line}\n")
    assert load("customers", "c.csv").rejected == 1
    assert warehouse.rows("select customer_id from raw.customers order by 1") == [("Report Ltd",), ("Total Energies",)]


def test_the_most_common_reason_counts_what_differs_in_the_value_alone(load: Load, put: Put) -> None:
    days = "".join(f"{n},17,{45290 + n},5\n" for n in range(5))
    put("p.csv", f"payment_id,customer_id,attempted_at,amount\n{days}5,17,,5\n")
    with pytest.raises(ContractBroken, match=r"\(5 times\): attempted_at: '4529"):
        load("payments", "p.csv")


def test_lines_above_the_header_are_named_by_their_option(load: Load, put: Put) -> None:
    for above in ("Payments\n\n", ",,Money,\n"):
        put("p.csv", f"{above}payment_id,customer_id,attempted_at,amount\n1,17,2026-02-01,5\n")
        with pytest.raises(ContractBroken, match="needs a column") as caught:
            load("payments", "p.csv")
        assert "options = { skip = 2 }" in str(caught.value.remedy)
