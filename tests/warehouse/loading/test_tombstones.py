"""Rows that their source marks as deleted: they count like any other only where somebody says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from churn.config import SourceSettings
from churn.errors import ContractBroken
from churn.warehouse import Warehouse
from churn.warehouse.loading.ingest import ingest

Put = Callable[[str, str], Path]
NOW = datetime(2026, 3, 1)

PAYMENTS = "payment_id,customer_id,attempted_at,amount,{}\nP1,C1,2026-01-01,10,{}\nP2,C1,2026-02-01,20,{}\nP3,C2,2026-02-01,40,{}\n"


def paid(warehouse: Warehouse) -> float:
    return float(warehouse.rows("select coalesce(sum(amount), 0) from raw.payments")[0][0])


def said(error: ContractBroken, key: str) -> str:
    """Return what an error's remedy says to write for a key."""
    return str(json.JSONDecoder().raw_decode(str(error.remedy).partition(f"{key} = ")[2])[0])


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("_fivetran_deleted", ("false", "true", "false")),
        ("_fivetran_deleted", ("False", "True", "False")),
        ("is_deleted", ("0", "1", "0")),
        ("IsDeleted", ("", "x", "")),
        ("gelöscht", ("nein", "ja", "nein")),
        ("__deleted", ("false", "true", "false")),
        ("_ab_cdc_deleted_at", ("", "2026-02-03T10:00:00Z", "")),
        ("deleted_at", ("NULL", "2026-02-03 10:00:00", "NULL")),
        ("_sdc_deleted_at", ("", "2026-02-03", "")),
        ("Op", ("I", "D", "U")),
        ("_change_type", ("insert", "delete", "update_postimage")),
    ],
)
def test_a_deleted_row_is_refused_and_left_out_or_counted_as_the_remedy_says(
    warehouse: Warehouse, put: Put, heading: str, values: tuple[str, str, str]
) -> None:
    path = put("p.csv", PAYMENTS.format(heading, *values))
    with pytest.raises(ContractBroken) as refused:
        ingest(warehouse, {"payments": SourceSettings(path=str(path))}, now=NOW)
    assert f"1 row is marked as deleted by `{heading}`" in refused.value.what
    where = said(refused.value, "where")
    ingest(warehouse, {"payments": SourceSettings(path=str(path), where=where)}, now=NOW)
    assert paid(warehouse) == 50
    counted = {heading: heading}
    ingest(warehouse, {"payments": SourceSettings(path=str(path), columns=counted)}, now=NOW)
    assert paid(warehouse) == 70


@pytest.mark.parametrize(
    ("heading", "values"),
    [
        ("_fivetran_deleted", ("false", "false", "false")),
        ("deleted_at", ("", "", "")),
        ("deleted", ("3", "0", "12")),  # how many of something
        ("Op", ("I", "U", "U")),
        ("op", ("debit", "d", "credit")),
        ("operation", ("sale", "delete", "sale")),
    ],
)
def test_columns_that_mark_nothing_are_columns_of_ones_own(
    warehouse: Warehouse, put: Put, heading: str, values: tuple[str, str, str]
) -> None:
    path = put("p.csv", PAYMENTS.format(heading, *values))
    ingest(warehouse, {"payments": SourceSettings(path=str(path))}, now=NOW)
    assert paid(warehouse) == 70


def test_what_where_leaves_out_already_is_no_deleted_row_that_counts(warehouse: Warehouse, put: Put) -> None:
    path = put("p.csv", PAYMENTS.format("deleted_at", "", "2026-02-03", ""))
    ingest(warehouse, {"payments": SourceSettings(path=str(path), where="amount <> 20")}, now=NOW)
    assert paid(warehouse) == 50


def test_events_of_customers_who_delete_something_are_events(warehouse: Warehouse, put: Put) -> None:
    rows = "".join(f"C{n},file,2026-01-0{n},{word}\n" for n, word in enumerate(("create", "update", "delete"), 1))
    path = put("e.csv", f"customer_id,event_type,occurred_at,operation\n{rows}")
    ingest(warehouse, {"events": SourceSettings(path=str(path))}, now=NOW)
    assert warehouse.rows("select count(*) from raw.events") == [(3,)]


def test_a_deleted_subscription_ends_as_the_remedy_says(warehouse: Warehouse, put: Put) -> None:
    header = "subscription_id,customer_id,started_at,ended_at,deleted_at\n"
    path = put(
        "s.csv", f"{header}S1,C1,2026-01-01,,2026-02-10\nS2,C2,2026-01-01,2026-01-20,2026-02-10\nS3,C3,2026-01-01,,\n"
    )
    with pytest.raises(ContractBroken) as refused:
        ingest(warehouse, {"subscriptions": SourceSettings(path=str(path))}, now=NOW)
    end = said(refused.value, "ended_at")
    ingest(warehouse, {"subscriptions": SourceSettings(path=str(path), columns={"ended_at": end})}, now=NOW)
    ends = warehouse.rows("select subscription_id, cast(ended_at as date)::varchar from raw.subscriptions order by 1")
    assert ends == [("S1", "2026-02-10"), ("S2", "2026-01-20"), ("S3", None)]


@pytest.mark.parametrize(("heading", "deleted"), [("deleted_at", "2026-02-10"), ("is_deleted", "true")])
def test_a_deleted_customer_keeps_their_past_and_objects_as_the_remedy_says(
    warehouse: Warehouse, put: Put, heading: str, deleted: str
) -> None:
    kept = "" if heading == "deleted_at" else "false"
    path = put("c.csv", f"customer_id,country,{heading}\nC1,DE,{deleted}\nC2,FR,{kept}\n")
    with pytest.raises(ContractBroken) as refused:
        ingest(warehouse, {"customers": SourceSettings(path=str(path))}, now=NOW)
    objected = said(refused.value, "objected_at")
    ingest(warehouse, {"customers": SourceSettings(path=str(path), columns={"objected_at": objected})}, now=NOW)
    assert warehouse.rows("select customer_id, objected_at is not null from raw.customers order by 1") == [
        ("C1", True),
        ("C2", False),
    ]
