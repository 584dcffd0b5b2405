"""Days and months are the company's: instants late in the evening belong to its day, and days without an hour stay days."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.context import Context
from churn.errors import ConfigError
from churn.workflows.refresh import build_features, refresh_warehouse

NEW_YORK, AUCKLAND = "America/New_York", "Pacific/Auckland"


class Home:
    """A company in a zone, whose files are CSV unless written otherwise."""

    def __init__(self, folder: Path, zone: str | None) -> None:
        self.folder, self.zone = folder, zone
        self.sections: dict[str, str] = {}

    def put(self, table: str, text: str, more: str = "") -> None:
        (self.folder / f"{table}.csv").write_text(text)
        self.sections[table] = f'[sources.{table}]\npath = "{table}.csv"\n{more}\n'

    def context(self, now: datetime = datetime(2026, 12, 1)) -> Context:
        reporting = f'[reporting]\ntimezone = "{self.zone}"\n' if self.zone else ""
        (self.folder / "churn.toml").write_text(reporting + "".join(self.sections.values()))
        settings = load_settings(config=self.folder / "churn.toml", home=self.folder / "home", environ={})
        return replace(build_context(settings=settings), clock=lambda: now)

    def refresh(self) -> None:
        refresh_warehouse(self.context())

    def column(self, sql: str) -> list[Any]:
        with duckdb.connect(str(self.folder / "home" / "warehouse.duckdb"), read_only=True) as connection:
            return [value for (value,) in connection.execute(sql).fetchall()]

    def features(self, day: date) -> dict[str, dict[str, Any]]:
        frame, _ = build_features(self.context(), first=day)
        return {row["customer_id"]: row for row in frame.to_dicts()}


def company(folder: Path, zone: str | None) -> Home:
    home = Home(folder, zone)
    home.put("customers", "customer_id,signed_up_at\nA,2026-01-01\nB,2026-01-01\n")
    home.put(
        "subscriptions",
        "subscription_id,customer_id,started_at,ended_at,end_reason\n"
        "1,A,2026-01-01,,\n2,B,2026-01-01,2026-04-01T02:30:00Z,voluntary\n",
    )
    home.put(
        "payments",
        "payment_id,customer_id,attempted_at,amount,status\n"
        "1,A,2026-04-01T02:30:00Z,10,succeeded\n"  # 31 March, 22:30 in New York; 1 April, 15:30 in Auckland
        "2,A,2026-03-31T11:30:00Z,10,succeeded\n"  # 31 March, 07:30 in New York; 1 April, 00:30 in Auckland
        "3,A,2026-03-31,10,failed\n",
    )
    home.put("sessions", "customer_id,started_at\nA,1775010600\nA,2026-12-01T00:00:00Z\n")  # 2026-04-01T02:30:00Z
    return home


# Where payments, the end of B's subscription and A's session lie, and what A's features of 1 April count.
PLACES = {
    None: ("2026-04-01 02:30", "2026-03-31 11:30", "2026-04-01 02:30", 1, 1),
    "UTC": ("2026-04-01 02:30", "2026-03-31 11:30", "2026-04-01 02:30", 1, 1),
    NEW_YORK: ("2026-03-31 22:30", "2026-03-31 07:30", "2026-03-31 22:30", 2, 0),
    AUCKLAND: ("2026-04-01 15:30", "2026-04-01 00:30", "2026-04-01 15:30", 0, 1),
}


@pytest.mark.parametrize("zone", PLACES)
def test_a_month_ends_at_the_company_s_midnight(tmp_path: Path, zone: str | None) -> None:
    home = company(tmp_path, zone)
    home.refresh()
    late, early, session, payments, active = PLACES[zone]
    told = home.column("select occurred_at from staging.payments order by payment_id")
    assert told == [datetime.fromisoformat(late), datetime.fromisoformat(early), datetime(2026, 3, 31)]
    ends = home.column("select occurred_at from staging.subscription_events where event_type = 'ended'")
    assert ends == [datetime.fromisoformat(late)]
    assert home.column("select min(occurred_at) from staging.sessions") == [datetime.fromisoformat(session)]
    assert home.column("select min(occurred_at) from staging.subscription_events") == [datetime(2026, 1, 1)]
    features = home.features(date(2026, 4, 1))
    assert features["A"]["payments_90d"] == payments
    assert ("B" in features) == bool(active)  # whoever left on the evening before is no customer of that day


@pytest.mark.parametrize(
    ("zone", "instants", "local"),
    [
        (NEW_YORK, ("2026-03-08T06:30Z", "2026-03-08T07:30Z"), ("2026-03-08 01:30", "2026-03-08 03:30")),
        (NEW_YORK, ("2026-11-01T03:59Z", "2026-11-02T04:59Z"), ("2026-10-31 23:59", "2026-11-01 23:59")),
        (AUCKLAND, ("2026-04-04T11:30Z", "2026-04-05T11:30Z"), ("2026-04-05 00:30", "2026-04-05 23:30")),
        ("Europe/Madrid", ("2026-10-24T22:30Z", "2026-10-25T22:30Z"), ("2026-10-25 00:30", "2026-10-25 23:30")),
    ],
)
def test_days_of_another_length_are_the_company_s(
    tmp_path: Path, zone: str, instants: tuple[str, str], local: tuple[str, str]
) -> None:
    home = company(tmp_path, zone)
    home.put("sessions", "customer_id,started_at\n" + "".join(f"A,{instant}\n" for instant in instants))
    home.refresh()
    staged = home.column("select occurred_at from staging.sessions order by 1")
    assert staged == [datetime.fromisoformat(time) for time in local]


def test_times_of_every_format_are_the_company_s_and_days_stay_days(tmp_path: Path) -> None:
    home = company(tmp_path, NEW_YORK)
    at = datetime(2026, 4, 1, 2, 30)
    frame = pl.DataFrame({"payment_id": ["1"], "customer_id": ["A"], "attempted_at": [at], "known_at": [at]})
    zoned = frame.with_columns(pl.col("attempted_at").dt.replace_time_zone("UTC"), payment_id=pl.lit("2"))
    days = frame.with_columns(pl.lit(date(2026, 4, 1)).alias("attempted_at"), payment_id=pl.lit("3"))
    midnights = frame.with_columns(pl.lit(datetime(2026, 4, 1)).alias("attempted_at"), payment_id=pl.lit("4"))
    for name, rows in {"a": frame, "b": zoned, "c": days, "d": midnights}.items():
        rows.write_parquet(tmp_path / f"{name}.parquet")
    (tmp_path / "e.json").write_text(
        '[{"payment_id":"5","customer_id":"A","attempted_at":20260401,"known_at":1775010600},'
        '{"payment_id":"6","customer_id":"A","attempted_at":"2026-04-01 02:30","known_at":"2026-04-01T04:30:00+02:00"}]'
    )
    paths = ", ".join(f'"{name}"' for name in ("*.parquet", "e.json"))
    for number, path in enumerate(paths.split(", ")):
        home.sections["payments"] = f"[sources.payments]\npath = {path}\n"
        home.refresh()
        staged = home.column("select attempted_at from raw.payments order by payment_id")
        evening, day = datetime(2026, 3, 31, 22, 30), datetime(2026, 4, 1)
        assert staged[-2:] == ([day, day], [day, evening])[number]
    assert home.column("select attempted_at from raw.payments where payment_id in ('1', '2')") == [evening, evening]
    assert set(home.column("select known_at from raw.payments where payment_id in ('1', '5', '6')")) == {evening}


def test_times_without_an_offset_are_of_the_source_s_zone_first(tmp_path: Path) -> None:
    home = company(tmp_path, NEW_YORK)
    text = "customer_id,started_at\nA,2026-04-01 04:30\nA,2026-04-01\n"
    home.put("sessions", text, 'zone = "Europe/Madrid"')
    home.refresh()
    assert home.column("select occurred_at from staging.sessions order by 1") == [
        datetime(2026, 3, 31, 22, 30),
        datetime(2026, 4, 1),
    ]


def test_today_is_the_company_s_and_what_was_loaded_in_the_evening_is_of_its_day(tmp_path: Path) -> None:
    home = company(tmp_path, NEW_YORK)
    context = home.context(datetime(2026, 12, 1, 3))
    assert context.today == date(2026, 11, 30)
    refresh_warehouse(context)
    assert home.column("select distinct loaded_at from raw.loads") == [datetime(2026, 11, 30, 22)]


def test_another_zone_reads_every_source_anew(tmp_path: Path) -> None:
    home = company(tmp_path, None)
    home.refresh()
    home.zone = AUCKLAND
    home.refresh()
    told = home.column("select occurred_at from staging.payments where superseded_at is null order by payment_id")
    assert told[0] == datetime(2026, 4, 1, 15, 30)


def test_a_zone_that_there_is_not_is_refused(tmp_path: Path) -> None:
    home = company(tmp_path, "Europe/Springfield")
    with pytest.raises(ConfigError, match="no time zone"):
        home.context()
