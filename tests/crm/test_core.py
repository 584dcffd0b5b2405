from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import httpx
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn.bootstrap import build_context
from churn.config import Settings
from churn.config.connectors import ConnectorSection, secret_name
from churn.crm.diff import as_json, compare, differs, exact_hash, payload_hash
from churn.crm.http import Http, open_client, retry_after
from churn.crm.mapping import FieldMapping, shortened
from churn.crm.pace import Pace
from churn.crm.preflight import check_mapping
from churn.crm.retry import Patience
from churn.crm.sync import Shape, check_guards
from churn.errors import AuthFailed, CampaignError, ConfigError, ConnectorError, RateLimited, Unreachable
from tests.crm.contract import NOW, empty_store, wanted_list

MAPPED = ("churn_probability", "risk_band", "percentile", "expected_profit", "campaign")

values = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False) | st.dates() | st.datetimes(),
)


@settings(deadline=None)
@given(values)
def test_the_hash_does_not_depend_on_the_order_of_the_fields(record: dict[str, Any]) -> None:
    assert payload_hash(record) == payload_hash(dict(reversed(record.items())))


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-4e-7, 4e-7))
def test_the_hash_sees_no_noise_of_the_machine(number: float, noise: float) -> None:
    rounded = round(number, 6)
    assert payload_hash({"p": rounded}) == payload_hash({"p": rounded + noise})


@settings(deadline=None)
@given(values)
def test_what_a_record_holds_comes_back_from_the_store_as_it_was(record: dict[str, Any]) -> None:
    from churn.store.frames import from_text, to_text

    plain = {name: value for name, value in record.items() if not name.startswith("$")}
    assert from_text(to_text(plain)) == plain


@pytest.mark.parametrize(
    ("ours", "theirs", "is_other"),
    [
        (0.1234, "0.12", False),
        (0.1234, 0.2, True),
        ("High", "high", False),
        (None, 0.0, False),
        ("", None, False),
        ("high", None, True),
        (datetime(2026, 7, 1, 2, 3, 4), "2026-07-01 02:03:00", False),
        (datetime(2026, 7, 1, 2, 3, 4), "2026-07-01T04:03:04+02:00", False),
        (datetime(2026, 7, 1, 2, 3, 4), "2026-07-01T02:03:04+02:00", True),
        (datetime(2026, 7, 1, 2, 3, 4), 1_782_871_384, False),
        (datetime(2026, 7, 1, 2, 3, 4), 1_782_871_384_000, False),
        (date(2026, 7, 1), "2026-07-01T00:00:00Z", False),
        (date(2026, 7, 1), "2026-07-02", True),
    ],
)
def test_a_value_read_back_is_compared_as_systems_keep_it(ours: Any, theirs: Any, is_other: bool) -> None:
    assert differs(ours, theirs) is is_other


def acknowledged(wanted: pl.DataFrame, **columns: Any) -> pl.DataFrame:
    return wanted.with_columns(
        exact_hash(wanted, MAPPED), pl.lit(value=False).alias("is_uncertain"), pl.lit(value=False).alias("is_marked")
    ).select(
        "customer_id", "exact_hash", "churn_probability", "percentile", "expected_profit", "is_uncertain", "is_marked"
    )


@pytest.mark.parametrize(
    ("column", "change", "is_written"),
    [
        ("churn_probability", 0.019, False),
        ("churn_probability", -0.02, True),
        ("percentile", 4.0, False),
        ("percentile", 6.0, True),
        ("expected_profit", 0.5, False),
        ("expected_profit", 9.0, True),
    ],
)
def test_a_number_is_written_when_it_moves_by_its_step(column: str, change: float, is_written: bool) -> None:
    before = wanted_list(5)
    now = before.with_columns(pl.col(column) + change)
    changes = compare(now, acknowledged(before), mapped=MAPPED, probability_step=0.02)
    assert changes.writes.height == (5 if is_written else 0)


def test_run_date_model_and_reasons_ride_along() -> None:
    before = wanted_list(3)
    now = wanted_list(3, run_id=["s2"] * 3, model_version=["m2"] * 3, reasons=["other"] * 3)
    changes = compare(now, acknowledged(before), mapped=(*MAPPED, "run_id", "reasons"), probability_step=0.02)
    assert (changes.writes.height, changes.unchanged) == (0, 3)


def test_a_new_band_counts_even_where_only_the_probability_is_mapped() -> None:
    before = wanted_list(3)
    now = wanted_list(3, risk_band=["low"] * 3)
    changes = compare(now, acknowledged(before), mapped=("churn_probability", "campaign"), probability_step=0.02)
    assert changes.writes["customer_id"].to_list() == ["c00", "c01", "c02"]


def test_the_order_of_the_list_is_that_of_the_writes_and_who_is_gone_leaves() -> None:
    before, now = wanted_list(6).head(4), wanted_list(6).reverse().head(4)
    changes = compare(now, acknowledged(before), mapped=MAPPED, probability_step=2)
    assert changes.writes["customer_id"].to_list() == ["c05", "c04"]
    assert sorted(changes.leaves["customer_id"]) == ["c00", "c01"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"risk_bnd": "x"}, "Did you mean `risk_band`"),
        ({"risk_band": "x", "campaign": "x"}, "`x` would be written twice"),
    ],
)
def test_a_wrong_mapping_is_named(fields: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_mapping(fields, campaign="call")


def test_a_list_of_everybody_at_risk_may_not_carry_a_campaign() -> None:
    with pytest.raises(ConfigError, match="holdouts would show"):
        check_mapping({"recommended_action": "x"}, campaign="risk-list", is_campaign=False)


@settings(deadline=None)
@given(st.text(max_size=60), st.integers(1, 60))
def test_a_shortened_text_is_a_beginning_that_fits(text: str, length: int) -> None:
    found = shortened(text, length)
    assert len(found) <= length
    assert text.startswith(found)


def test_values_are_rounded_and_what_is_no_number_is_none() -> None:
    mapping = FieldMapping({"churn_probability": "p", "expected_profit": "profit", "percentile": "rank"})
    row = {"churn_probability": 0.123456, "expected_profit": float("nan"), "percentile": 99.96}
    assert mapping.values(row) == {"p": 0.1235, "profit": None, "rank": 100.0}
    assert as_json({"at": NOW, "on": date(2026, 7, 1)}) == {"at": "2026-07-01T04:30:00Z", "on": "2026-07-01"}


def test_small_lists_may_change_as_they_like() -> None:
    check_guards(Shape(list_size=10, last_size=12, known=10, touched=10), ConnectorSection(), where="x")
    with pytest.raises(CampaignError, match="more than 50%"):
        check_guards(Shape(list_size=1000, last_size=1000, known=1000, touched=501), ConnectorSection(), where="x")


def test_waits_grow_are_capped_vary_and_end() -> None:
    waits: list[float] = []
    patience = Patience(ConnectorSection(max_attempts=6, max_wait_seconds=5), seed="r1", sleep=waits.append)
    away = Unreachable("away")
    for _ in range(5):
        patience.wait(away)
    with pytest.raises(Unreachable):
        patience.wait(away)
    assert all(0.5 * cap <= wait <= cap for wait, cap in zip(waits, (1, 2, 4, 5, 5), strict=True))


def test_a_wish_is_granted_unless_it_is_one_for_tomorrow() -> None:
    waits: list[float] = []
    patience = Patience(ConnectorSection(), seed="r1", sleep=waits.append)
    patience.wait(RateLimited("slow", retry_after=90))
    quota = RateLimited("quota", retry_after=40_000)
    with pytest.raises(RateLimited):
        patience.wait(quota)
    assert waits == [90]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("Wed, 01 Jul 2026 04:30:30 GMT", 30),
        ("Wed, 01 Jul 2026 04:00:00 GMT", 0),
        (str(int(NOW.replace(tzinfo=UTC).timestamp()) + 40), 40),
        (str((int(NOW.replace(tzinfo=UTC).timestamp()) + 40) * 1_000), 40),
        ("-5", 0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_an_instant_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, lambda: NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7", "X-RateLimit-Reset": "90"}, 7),
        (429, {"X-RateLimit-Reset": str(int(NOW.replace(tzinfo=UTC).timestamp()) + 90)}, 90),
        (429, {"RateLimit-Reset": "12"}, 12),
        (429, {"RateLimit": "limit=100, remaining=0, reset=13"}, 13),
        (429, {"RateLimit": '"default";r=0;t=14'}, 14),
        (429, {"Retry-After": "soon"}, None),
        (503, {"Retry-After": "25"}, 25),
        (403, {"Retry-After": "26"}, 26),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "27"}, 27),
    ],
)
def test_every_way_to_ask_for_a_pause_is_understood(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    wire = httpx.MockTransport(lambda _: httpx.Response(status, headers=headers))
    client = open_client(ConnectorSection(), transport=wire)
    http = Http(client, base_url="http://h", where="x", clock=lambda: NOW, auth_statuses=(401, 403))
    with pytest.raises(RateLimited) as caught:
        http.send("GET", "a")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(("status", "kind"), [(503, Unreachable), (403, AuthFailed)])
def test_a_503_or_403_that_names_no_pause_is_what_it_was(status: int, kind: type[ConnectorError]) -> None:
    headers = {"X-RateLimit-Remaining": "40", "X-RateLimit-Reset": "27"}
    client = open_client(
        ConnectorSection(), transport=httpx.MockTransport(lambda _: httpx.Response(status, headers=headers))
    )
    http = Http(client, base_url="http://h", where="x", clock=lambda: NOW, auth_statuses=(401, 403))
    with pytest.raises(kind):
        http.send("GET", "a")


def test_requests_are_spaced_evenly_slower_after_a_refusal_and_faster_again_in_time() -> None:
    now = [100.0]
    pace = Pace(10, monotonic=lambda: now[0])
    assert [round(pace.take(), 3) for _ in range(3)] == [0.0, 0.1, 0.2]  # no burst
    pace.refused()
    pace.refused()  # of the same moment
    assert pace.rate == 5
    for _ in range(200):
        pace.accepted()
    assert 5 < (pace.rate or 0) <= 10


def test_a_system_without_a_stated_pace_gets_one_from_its_first_refusal() -> None:
    now = [100.0]
    pace = Pace(None, monotonic=lambda: now[0])
    for _ in range(40):
        assert pace.take() == 0
    pace.refused()
    assert pace.rate == 20


def test_attempts_that_got_somewhere_do_not_count_as_failures() -> None:
    patience = Patience(ConnectorSection(max_attempts=2), seed="r1", sleep=lambda _seconds: None)
    for _ in range(9):
        error = RateLimited("slow", retry_after=1)
        error.has_progressed = True
        patience.wait(error)
    patience_ended = RateLimited("slow", retry_after=1)
    with pytest.raises(RateLimited):
        patience.wait(patience_ended)


def test_redirects_are_not_followed_and_the_secret_is_cleaned_from_their_words() -> None:
    moved = httpx.MockTransport(lambda _: httpx.Response(302, headers={"Location": "http://evil.example/"}))
    http = Http(
        open_client(ConnectorSection(), transport=moved), base_url="http://h", where="x", secret="s3", clock=lambda: NOW
    )
    assert http.send("GET", "a").status_code == 302
    assert http.clean("bad key s3 \n here") == "bad key [secret] here"


def test_the_daily_budget_is_counted_for_all_processes_and_ends_the_day(tmp_path: Any) -> None:
    with empty_store(tmp_path) as store:
        assert [store.sync_runs.spend("crm", NOW.date(), 2) for _ in range(3)] == [True, True, False]
        assert store.sync_runs.spend("crm", date(2026, 7, 2), 2)
    section = {"kind": "webhook", "url": "http://127.0.0.1:9/x", "daily_budget": 1, "timeout_seconds": 1}
    context = build_context(settings=Settings.model_validate({"home": tmp_path, "connectors": {"crm": section}}))
    from churn.crm.opening import open_connector

    connector = open_connector(
        "crm",
        context.settings,
        {secret_name("crm"): "x"},
        clock=lambda: NOW,
        open_store=context.open_store,
        emails=dict,
    )
    with pytest.raises(RateLimited, match="daily budget of 1"):
        connector.check()
    connector.close()


def test_a_campaign_may_map_what_a_push_can_carry() -> None:
    from churn.crm.mapping import OUR_FIELDS
    from churn.documents.definition import CRM_FIELDS

    assert set(CRM_FIELDS) == set(OUR_FIELDS)
