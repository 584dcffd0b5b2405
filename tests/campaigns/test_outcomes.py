"""Outcome files and events: what is taken, what is refused and why, and that nothing is lost between the two."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from churn.campaigns.outcomes import (
    OUTCOME_FIELDS,
    before_assignment,
    contradictions,
    judge,
    read_outcomes,
    with_campaign,
)
from churn.errors import ConfigError, ContractBroken

NOW = datetime(2026, 7, 20, 12)
GOOD = {
    "customer_id": "C1",
    "campaign": "support_call",
    "event_id": "e1",
    "kind": "contacted",
    "occurred_at": "2026-07-02 10:00:00",
}


def rows(*changes: dict[str, str | None]) -> pl.DataFrame:
    schema = dict.fromkeys((*OUTCOME_FIELDS, "fault"), pl.String) | {"row_number": pl.Int64}
    told = [{"fault": None, **GOOD, **change, "row_number": n} for n, change in enumerate(changes, 1)]
    return pl.DataFrame(told, schema=schema)


def csv_file(folder: Path, *lines: str) -> Path:
    path = folder / "outcomes.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def assigned(*pairs: tuple[str, str, date]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=["campaign", "customer_id", "snapshot_date"], orient="row")


def test_the_same_rows_are_read_from_csv_parquet_and_json(tmp_path: Path) -> None:
    moment = datetime(2026, 7, 2, 10)
    frame = pl.DataFrame([{**GOOD, "occurred_at": moment, "note": "x"}])
    frame.write_csv(tmp_path / "o.csv")
    frame.write_parquet(tmp_path / "o.parquet")
    (tmp_path / "o.json").write_text(json.dumps([GOOD]))
    (tmp_path / "o.ndjson").write_text(json.dumps(GOOD) + "\n\n")
    found = [judge(read_outcomes(path), now=NOW).accepted for path in sorted(tmp_path.iterdir())]
    assert len(found) == 4
    for each in found:
        assert each.drop("rejection_id").row(0) == ("C1", "support_call", "e1", "contacted", moment)


def test_a_byte_order_mark_blank_lines_and_quotes_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(
        b"\xef\xbb\xbfcustomer_id,campaign,event_id,kind,occurred_at\r\n\r\n"
        b'"C,1",support_call,"e ""1""",lost,2026-07-02\r\n'
    )
    accepted = judge(read_outcomes(path), now=NOW).accepted
    assert accepted.select("customer_id", "event_id").row(0) == ("C,1", 'e "1"')


def test_a_missing_column_is_named_with_the_one_that_looks_like_it(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "customer,campaign,event_id,kind,occured_at", "C1,a,e1,lost,2026-07-02")
    with pytest.raises(ContractBroken, match="lacks customer_id, occurred_at") as caught:
        read_outcomes(path)
    assert "`occured_at` looks like occurred_at" in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_column_of_few_letters_is_not_taken_for_a_likeness(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "id,x,y", "1,2,3")
    with pytest.raises(ContractBroken, match=r"Needed are customer_id, campaign") as caught:
        read_outcomes(path)
    assert "looks like" not in str(caught.value)


def test_a_folder_is_refused_as_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        read_outcomes(tmp_path)


def test_a_file_without_the_campaign_column_can_be_told_its_campaign(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "customer_id,event_id,kind,occurred_at", "C1,e1,lost,2026-07-02")
    with pytest.raises(ContractBroken, match="--campaign"):
        read_outcomes(path)
    assert read_outcomes(path, campaign="fix_payment")["campaign"].to_list() == ["fix_payment"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("o.csv", b"", "the file is empty"),
        ("o.csv", b"customer_id,campaign,event_id,kind,occurred_at\n", "no rows"),
        ("o.csv", b"customer_id,campaign\n\xff\xfe\x00\n", "no readable CSV|lacks"),
        ("o.parquet", b"this is no parquet", "no readable PARQUET"),
        ("o.json", b"{not json", "no readable JSON"),
        ("o.json", b"[]", "lacks"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ContractBroken, match=words) as caught:
        read_outcomes(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_or_of_another_kind_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_outcomes(tmp_path / "nothing.csv")
    with pytest.raises(ConfigError, match=r"cannot read `.xlsx`"):
        read_outcomes(tmp_path / "o.xlsx")


def test_a_short_row_and_a_broken_line_are_rejected_alone(tmp_path: Path) -> None:
    path = csv_file(tmp_path, ",".join(OUTCOME_FIELDS), "C1,a,e1", "C2,a,e2,lost,2026-07-02")
    judged = judge(read_outcomes(path), now=NOW)
    assert judged.accepted["customer_id"].to_list() == ["C2"]
    assert judged.rejected.select("row_number", "reason").row(0) == (1, "has 3 fields where the header has 5")
    lines = tmp_path / "o.jsonl"
    lines.write_text(json.dumps(GOOD) + "\n{broken\n")
    judged = judge(read_outcomes(lines), now=NOW)
    assert (judged.accepted.height, judged.rejected["reason"].to_list()) == (1, ["is no JSON object"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"customer_id": None}, "has no customer_id"),
        ({"event_id": None}, "has no event_id"),
        ({"kind": None}, "has no kind"),
        ({"occurred_at": None}, "has no occurred_at"),
        ({"kind": "phoned"}, "is of the unknown kind phoned"),
        ({"occurred_at": "yesterday"}, "occurred_at is no instant: yesterday"),
        ({"occurred_at": "9999-12-31T23:59:59-05:00"}, "occurred_at is no instant: 9999-12-31T23:59:59-05:00"),
        ({"occurred_at": "1970-01-01"}, "before there were campaigns"),
        ({"occurred_at": "2026-07-20 12:05:01"}, "still to come: clock skew"),
    ],
)
def test_an_event_that_cannot_be_taken_says_why(change: dict[str, str | None], reason: str) -> None:
    judged = judge(rows({}, change), now=NOW)
    assert judged.accepted.height == 1
    assert reason in judged.rejected["reason"][0]


def test_a_clock_five_minutes_ahead_is_forgiven_and_zones_are_understood() -> None:
    told = ["2026-07-20 12:05:00", "2026-07-20T14:00:00+02:00", "2026-07-20T12:00:00Z", "2026-07-20"]
    judged = judge(rows(*({"event_id": f"e{n}", "occurred_at": text} for n, text in enumerate(told))), now=NOW)
    assert judged.accepted["occurred_at"].to_list() == [NOW + timedelta(minutes=5), NOW, NOW, datetime(2026, 7, 20)]


def test_an_instant_of_parquet_with_a_zone_becomes_utc(tmp_path: Path) -> None:
    zoned = datetime(2026, 7, 2, 10, tzinfo=UTC).astimezone()
    pl.DataFrame([{**GOOD, "occurred_at": zoned}]).write_parquet(tmp_path / "o.parquet")
    assert judge(read_outcomes(tmp_path / "o.parquet"), now=NOW).accepted["occurred_at"][0] == datetime(2026, 7, 2, 10)


def test_kinds_are_understood_in_any_case() -> None:
    assert judge(rows({"kind": "Contacted"}), now=NOW).accepted["kind"].to_list() == ["contacted"]


def test_the_same_row_gets_the_same_id_wherever_it_stands() -> None:
    first = judge(rows({"kind": "odd"}), now=NOW).rejected["rejection_id"].to_list()
    again = judge(rows({}, {"kind": "odd"}), now=NOW).rejected["rejection_id"].to_list()
    assert first == again


def test_an_event_id_that_is_told_with_another_kind_contradicts() -> None:
    accepted = judge(rows({}, {"event_id": "e2"}, {"event_id": "e2", "kind": "lost"}), now=NOW).accepted
    known = pl.DataFrame([{**GOOD, "kind": "accepted"}]).drop("occurred_at")
    odd = contradictions(accepted, known)
    assert sorted(odd.select("event_id", "known_kind", "kind").rows()) == [
        ("e1", "accepted", "contacted"),
        ("e2", "contacted", "lost"),
    ]


def test_an_event_without_a_campaign_belongs_to_the_last_one_before_it() -> None:
    events = judge(
        rows({"campaign": None}, {"campaign": None, "customer_id": "C9", "event_id": "e9"}), now=NOW
    ).accepted
    known = assigned(
        ("old", "C1", date(2026, 5, 1)), ("newer", "C1", date(2026, 7, 1)), ("later", "C1", date(2026, 7, 15))
    )
    filled = with_campaign(events, known)
    assert dict(filled.select("customer_id", "campaign").iter_rows()) == {"C1": "newer", "C9": ""}


def test_events_from_before_the_assignment_are_told_apart() -> None:
    events = judge(rows({"occurred_at": "2026-06-30 23:59"}, {"event_id": "e2", "occurred_at": "2026-07-01"}), now=NOW)
    early = before_assignment(events.accepted, assigned(("support_call", "C1", date(2026, 7, 1))))
    assert early["event_id"].to_list() == ["e1"]


def test_an_id_that_was_guarded_against_formulas_on_its_way_out_comes_back_as_it_was(tmp_path: Path) -> None:
    from churn.files import frame_csv

    ids = ["+49170", "=1+1", "-5", "o'neil", "'quoted'", "C1"]
    rows = pl.DataFrame({"customer_id": ids}).with_columns(
        campaign=pl.lit("call"), event_id=pl.col("customer_id"), kind=pl.lit("lost"), occurred_at=pl.lit("2026-06-01")
    )
    (path := tmp_path / "told.csv").write_text(frame_csv(rows), encoding="utf-8")
    assert "'+49170" in path.read_text()
    assert read_outcomes(path)["customer_id"].to_list() == ids
