"""Files are read as they are declared: quote, encoding, line ends; what does not add up is refused."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import LoadResult

Load = Callable[..., LoadResult]
Put = Callable[[str, str], Path]
HEADER = "customer_id,city,plan\n"


def cities(warehouse: Warehouse) -> list[str]:
    return [city for (city,) in warehouse.rows("select city from raw.customers order by customer_id")]


@pytest.mark.parametrize("sign", ["'", "`", "\u2019", "|"])
def test_a_sign_that_two_people_typed_as_their_city_loses_no_row(
    warehouse: Warehouse, load: Load, put: Put, sign: str
) -> None:
    rows = [f"C{n:05},{sign if n in {2_000, 7_500} else 'Köln'},basic" for n in range(8_000)]
    put("c.csv", HEADER + "\n".join(rows) + "\n")
    result = load("customers", "c.csv")
    assert (result.rows, result.rejected) == (8_000, 0)
    assert cities(warehouse)[2_000] == sign


def test_a_lone_quote_inside_a_value_is_a_sign_like_others(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", HEADER + '1,5" screen,basic\n2,"Say ""hi""",basic\n3,x,basic\n')
    assert load("customers", "c.csv").rows == 3
    assert cities(warehouse) == ['5" screen', 'Say "hi"', "x"]


@pytest.mark.parametrize(
    "rows", ['1,"open,basic\n2,x,basic\n3,y,pro\n', '1,"open,basic\n2,x,basic\n3,"y",pro\n4,z,pro\n']
)
def test_a_quote_that_is_never_closed_is_refused_with_its_line(load: Load, put: Put, rows: str) -> None:
    put("c.csv", HEADER + rows)
    with pytest.raises(ContractBroken, match=r"swallows|whole lines|records"):
        load("customers", "c.csv")


def test_a_value_that_holds_whole_lines_of_the_file_is_refused(load: Load, put: Put) -> None:
    put("c.csv", HEADER + '1,"A\n2,B,basic\n3,C",basic\n4,D,basic\n')
    with pytest.raises(ContractBroken, match="holds whole lines"):
        load("customers", "c.csv")


def test_a_value_of_several_lines_is_a_value(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", HEADER + '1,"Main road 1\nHouse B, left",basic\n2,x,basic\n')
    assert load("customers", "c.csv").rows == 2
    assert cities(warehouse)[0] == "Main road 1\nHouse B, left"


def test_another_quote_is_read_where_it_is_declared(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", HEADER + "1,'Köln, Mitte',basic\n")
    load("customers", "c.csv", options={"quote": "'"})
    assert cities(warehouse) == ["Köln, Mitte"]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252"])
@pytest.mark.parametrize("zipped", [False, True])
def test_another_encoding_is_refused_by_name_and_read_when_declared(
    warehouse: Warehouse, load: Load, tmp_path: Path, encoding: str, zipped: bool
) -> None:
    content = (HEADER + "1,Köln,basic\n2,Zürich,basic\n").encode(encoding)
    path = tmp_path / ("c.csv.gz" if zipped else "c.csv")
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(ContractBroken, match=r"not in UTF-8|not UTF-8") as refused:
        load("customers", path.name)
    assert "encoding" in str(refused.value.remedy)
    load("customers", path.name, options={"encoding": encoding})
    assert cities(warehouse) == ["Köln", "Zürich"]


@pytest.mark.parametrize("ending", ["csv", "json", "ndjson"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(
    warehouse: Warehouse, load: Load, tmp_path: Path, ending: str
) -> None:
    text = HEADER + "1,Köln,basic\n" if ending == "csv" else '{"customer_id": "1", "city": "Köln", "plan": "basic"}'
    (tmp_path / f"c.{ending}").write_bytes(b"\xef\xbb\xbf" + text.encode())
    load("customers", f"c.{ending}")
    assert cities(warehouse) == ["Köln"]


@pytest.mark.parametrize("ends", [("\r\n", "\n"), ("\n", "\r"), ("\r", "\r"), ("\r\n", "\r\n")])
@pytest.mark.parametrize("city", ["Köln", '"Köln, Mitte"'])
def test_line_ends_of_every_kind_part_rows(
    warehouse: Warehouse, load: Load, tmp_path: Path, ends: tuple[str, str], city: str
) -> None:
    text = f"customer_id,city,plan{ends[0]}1,{city},basic{ends[1]}2,x,basic{ends[0]}3,y,basic"
    (tmp_path / "c.csv").write_bytes(text.encode())
    assert load("customers", "c.csv").rows == 3
    assert cities(warehouse) == [city.strip('"'), "x", "y"]


def test_a_value_of_millions_of_signs_is_read_whole(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", HEADER + f"1,{'z' * 5_000_000},basic\n2,x,basic\n")
    assert load("customers", "c.csv").rows == 2
    assert warehouse.rows("select max(length(city)) from raw.customers") == [(5_000_000,)]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_told_from_the_header_alone(warehouse: Warehouse, load: Load, put: Put, sign: str) -> None:
    put(
        "c.csv",
        f"customer_id{sign}city\n"
        + "".join(f"{n}{sign}a,b;c|d,e;f\n".replace(sign + "a", sign + "a") for n in range(1))
        if sign == "\t"
        else f"customer_id{sign}city\n1{sign}x\n",
    )
    assert load("customers", "c.csv").rows == 1


def test_a_header_of_two_delimiters_is_refused(load: Load, put: Put) -> None:
    put("c.csv", "customer_id,city;plan\n1,x;y\n")
    with pytest.raises(ContractBroken, match="may be parted by"):
        load("customers", "c.csv")


def test_empty_lines_are_no_rows_and_broken_ones_are_counted(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", HEADER + "1,x,basic\n\n2,y\n3,z,basic\n\n\n")
    result = load("customers", "c.csv")
    assert (result.rows, result.rejected) == (2, 1)


def test_names_that_differ_in_case_alone_are_told_apart(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", "customer_id,Score,score\n1,2,3\n")
    load("customers", "c.csv")
    assert warehouse.rows('select "Score", score_1 from raw.customers') == [(2, 3)]


def test_a_file_that_comes_again_with_half_its_rows_is_refused(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("c.csv", HEADER + "".join(f"{n},x,basic\n" for n in range(400)))
    load("customers", "c.csv")
    put("c.csv", HEADER + "".join(f"{n},x,basic\n" for n in range(150)))
    with pytest.raises(ContractBroken, match="had 400 rows and has 150 now"):
        load("customers", "c.csv")
    assert warehouse.rows("select count(*) from raw.customers") == [(400,)]
    assert load("customers", "c.csv", most_shrink=0.7).rows == 150


def test_a_shrunk_file_is_loaded_on_demand(load: Load, put: Put) -> None:
    put("c.csv", HEADER + "".join(f"{n},x,basic\n" for n in range(400)))
    load("customers", "c.csv")
    put("c.csv", HEADER + "1,x,basic\n")
    assert load("customers", "c.csv", full=True).rows == 1


@pytest.mark.parametrize("key", ["data", "result.items"])
def test_rows_below_a_key_are_named_by_an_option(warehouse: Warehouse, load: Load, put: Put, key: str) -> None:
    inner = '[{"customer_id": "1", "city": "A \\"b\\" \\\\ c"}, {"customer_id": "2", "home": {"zip": "x"}}]'
    text = inner
    for part in reversed(key.split(".")):
        text = f'{{"{part}": {text}, "has_more": false}}'
    put("c.json", text)
    load("customers", "c.json", rows_at=key, columns={"country": "home.zip"})
    assert warehouse.rows("select customer_id, city, country from raw.customers order by 1") == [
        ("1", 'A "b" \\ c', None),
        ("2", None, "x"),
    ]


def test_answers_saved_as_one_array_are_read_page_by_page(warehouse: Warehouse, load: Load, put: Put) -> None:
    pages = [[{"customer_id": "1"}, {"customer_id": "2"}], [{"customer_id": "3"}], None, []]
    put("c.json", json.dumps([{"page": n, "data": rows} for n, rows in enumerate(pages)]))
    assert load("customers", "c.json", rows_at="data").rows == 3
    assert warehouse.rows("select customer_id from raw.customers order by 1") == [("1",), ("2",), ("3",)]


def test_an_answer_among_them_that_is_something_else_refuses_the_file(load: Load, put: Put) -> None:
    put("c.json", '[{"data": [{"customer_id": "1"}]}, {"error": "too many requests"}]')
    with pytest.raises(ContractBroken, match="no list at `data` of one of its objects; the file has"):
        load("customers", "c.json", rows_at="data")


def test_a_key_that_is_not_there_is_told_with_those_that_are(load: Load, put: Put) -> None:
    put("c.json", '{"items": [{"customer_id": "1"}]}')
    with pytest.raises(ContractBroken, match=r"no list at `data`; the file has items"):
        load("customers", "c.json", rows_at="data")


def test_a_key_that_one_file_lacks_is_null(warehouse: Warehouse, load: Load, put: Put) -> None:
    put("d-1.ndjson", '{"id":"1","customer_id":"A","started_at":1767261600,"cancelled_at":1769940000}\n')
    put("d-2.ndjson", '{"id":"2","customer_id":"B","started_at":1767261600}\n')
    load(
        "subscriptions", ["d-1.ndjson", "d-2.ndjson"], columns={"subscription_id": "id", "canceled_at": "cancelled_at"}
    )
    assert warehouse.rows("select subscription_id, canceled_at is null from raw.subscriptions order by 1") == [
        ("1", False),
        ("2", True),
    ]


def test_a_later_file_may_lack_a_key_that_earlier_ones_had(warehouse: Warehouse, load: Load, put: Put) -> None:
    columns = {"subscription_id": "id", "canceled_at": "cancelled_at", "plan": "details.plan"}
    put(
        "d-1.ndjson",
        '{"id":"1","customer_id":"A","started_at":1767261600,"cancelled_at":1769940000,"details":{"plan":"pro"}}\n',
    )
    load("subscriptions", "d-*.ndjson", columns=columns)
    put("d-2.ndjson", '{"id":"2","customer_id":"B","started_at":1767261600,"details":{"x":1}}\n')
    load("subscriptions", "d-*.ndjson", columns=columns)
    assert warehouse.rows("select subscription_id, plan from raw.subscriptions order by 1") == [
        ("1", "pro"),
        ("2", None),
    ]


def test_dates_in_json_are_held_to_the_same_rule(load: Load, put: Put) -> None:
    put("s.ndjson", '{"customer_id":"A","started_at":"03/04/2026"}\n')
    with pytest.raises(ContractBroken, match="3 April or 4 March"):
        load("sessions", "s.ndjson")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_heading_that_a_spreadsheet_wrapped_is_one_name(warehouse: Warehouse, load: Load, put: Put, end: str) -> None:
    text = 'subscription_id,customer_id,started_at,"Monthly\nfee","Canceled\nat",ended_at\n'
    text += "S1,C1,2026-01-01,5,,\nS2,C2,2026-01-01,6,2026-02-01,2026-02-02\n"
    put("s.csv", text.replace("\n", end))
    done = load("subscriptions", "s.csv", columns={"monthly_fee": "Monthly fee", "canceled_at": "Canceled at"})
    assert (done.rows, done.rejected) == (2, 0)
    assert warehouse.rows("select sum(monthly_fee), count(canceled_at), count(ended_at) from raw.subscriptions") == [
        (11.0, 1, 1)
    ]
