"""One company, delivered night by night in every style that people export in: the same truth, and a past that stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from churn.config import SourceSettings
from churn.snapshots.dataset import build_snapshots, data_cutoff, feature_frame
from churn.snapshots.policy import SnapshotPolicy
from churn.warehouse import Warehouse, load_models, open_warehouse
from churn.warehouse.loading.ingest import ingest
from churn.warehouse.models.build import build
from tests.nights import BEGIN, COLUMNS, FIRST, HAPPENS, KEYS, Life, Told, live
from tests.web_service import WebService, serving

pytestmark = pytest.mark.xdist_group("postgres")
DAY: Final = timedelta(days=1)
NIGHTS: Final = (30, 31, 39)  # days of the company's life: night after night, and after some that failed
KEPT: Final = 1  # of these: whose features are computed again at the end
FACTS: Final = ("payments", "support_tickets", "sessions", "events")
_STAGED: Final = {table: {HAPPENS[table]: "occurred_at"} for table in FACTS}
Write = Callable[[pd.DataFrame, Path], None]
Rows = set[tuple[object, ...]]


@dataclass(frozen=True)
class Style:
    """How a company delivers: what it says of a table each night, where to, and whether with when it was known."""

    path: str
    says: Callable[[Life, str, datetime, datetime], list[Told]]
    is_stamped: bool = False


def whole(life: Life, table: str, night: datetime, before: datetime) -> list[Told]:
    return life.known(table, night)


def changed(life: Life, table: str, night: datetime, before: datetime) -> list[Told]:
    return life.known(table, night, before)


def of_a_week(life: Life, table: str, night: datetime, before: datetime) -> list[Told]:
    """Say what changed in the last nine days, which is more than a pause."""
    return life.known(table, night, before if before == FIRST else night - 9 * DAY)


def happened_lately(life: Life, table: str, night: datetime, before: datetime) -> list[Told]:
    """Say which facts happened lately; who there is, and the few tickets, whole."""
    rows = life.known(table, night)
    if before == FIRST or table == "support_tickets" or table not in FACTS:
        return rows
    return [told for told in rows if told.row[HAPPENS[table]] >= night - 25 * DAY]  # type: ignore[operator]


def log(life: Life, table: str, night: datetime, before: datetime) -> list[Told]:
    return life.versions(table, night)


def log_of_the_day(life: Life, table: str, night: datetime, before: datetime) -> list[Told]:
    return [told for told in life.versions(table, night) if told.known_at >= before]


STYLES: Final = {
    "a dump that is overwritten": Style("{table}.csv", whole),
    "a dump as Parquet that is overwritten, with the last change": Style("{table}.parquet", whole, is_stamped=True),
    "a dump each night in a folder of its own, zipped": Style("{night}/{table}.csv.gz", whole),
    "what changed since": Style("{table}-{night}.csv", changed),
    "what changed since, as Parquet with the last change": Style("{table}-{night}.parquet", changed, is_stamped=True),
    "what changed in nine days": Style("{table}-{night}.csv", of_a_week),
    "facts of the last days, overwritten": Style("{table}.csv", happened_lately),
    "a log that grows": Style("{table}.csv", log, is_stamped=True),
    "a log of each day as JSON": Style("{table}-{night}.json", log_of_the_day, is_stamped=True),
}


def frame_of(told: list[Told], table: str, *, is_stamped: bool) -> pd.DataFrame:
    rows = [one.row | {"changed_at": one.known_at} for one in told]
    return pd.DataFrame(rows, columns=[*COLUMNS[table], *(["changed_at"] if is_stamped else [])])


def put(frame: pd.DataFrame, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.astype({name: "datetime64[us]" for name in frame if name.endswith("_at")}).to_parquet(path, index=False)
    elif path.suffix == ".json":
        frame.to_json(path, orient="records", date_format="iso", date_unit="us")
    else:
        frame.to_csv(path, index=False)


@pytest.fixture(scope="module")
def life() -> Life:
    return live(NIGHTS[-1], customers=60)


class Books:
    """A warehouse that is loaded and built night by night."""

    def __init__(self, warehouse: Warehouse, life: Life, folder: Path) -> None:
        self.warehouse, self.life, self.folder = warehouse, life, folder
        self.models = load_models(folder)

    def refresh(
        self, sources: Mapping[str, SourceSettings], night: datetime, secrets: Mapping[str, str] | None = None
    ) -> None:
        ingest(self.warehouse, sources, now=night + timedelta(hours=2), secrets=secrets)
        build(self.warehouse, self.models, schemas=["staging", "totals"])

    def rows(self, table: str, condition: str) -> Rows:
        names = [_STAGED.get(table, {}).get(name, name) for name in COLUMNS[table]]
        return set(self.warehouse.rows(f"select {', '.join(names)} from staging.{table} where {condition}"))

    def now(self, table: str) -> Rows:
        return self.rows(table, "superseded_at is null")

    def as_of(self, table: str, day: datetime) -> Rows:
        known = f"available_at < timestamp '{day}' and coalesce(superseded_at >= timestamp '{day}', true)"
        return self.rows(table, known)

    def features(self, day: date) -> pd.DataFrame:
        policy = SnapshotPolicy()
        build_snapshots(self.warehouse, self.models, policy, [day], data_cutoff=data_cutoff(self.warehouse))
        return feature_frame(self.warehouse, self.models)[0].to_pandas().set_index("customer_id").sort_index()


def truth(life: Life, table: str, night: datetime) -> Rows:
    return {tuple(told.row[name] for name in COLUMNS[table]) for told in life.known(table, night)}


def features_by_hand(life: Life, day: datetime) -> pd.DataFrame:
    """Return who is a customer on `day` and some of their features, from what was written before it."""
    known = {table: pd.DataFrame([told.row for told in life.known(table, day)]) for table in KEYS}
    terms = known["subscriptions"]
    running = terms[~(terms["canceled_at"] < day) & ~(terms["ended_at"] < day)]
    found = running.groupby("customer_id").agg(current_fee=("monthly_fee", "max"))
    counted = {
        "sessions_30d": known["sessions"].query("started_at >= @since", local_dict={"since": day - 30 * DAY}),
        "number_of_payment_failures_60d": known["payments"].query("status == 'failed'"),
        "open_tickets": known["support_tickets"][~(known["support_tickets"]["closed_at"] < day)],
        "event_count_28d": known["events"].query("occurred_at >= @since", local_dict={"since": day - 28 * DAY}),
    }
    for name, rows in counted.items():
        found[name] = rows.groupby("customer_id").size().reindex(found.index, fill_value=0)
    found["city"] = known["customers"].set_index("customer_id")["city"].reindex(found.index)
    return found.sort_index()


def assert_features_are_those_by_hand(books: Books, day: datetime) -> None:
    by_hand = features_by_hand(books.life, day)
    features = books.features(day.date())[list(by_hand)]
    pd.testing.assert_frame_equal(features, by_hand, check_dtype=False, check_names=False)


def tell(books: Books, life: Life, night: datetime, *, is_stamped: bool) -> None:
    """Compare what the tables tell in a night with what the company wrote down."""
    for table in KEYS:
        assert books.now(table) == truth(life, table, night), f"{table} now, on {night}"
        if is_stamped:
            assert books.as_of(table, night) == truth(life, table, night), f"{table} as known on {night}"
        elif table in FACTS:  # what is new counts; what changed is known from tonight on
            ids = {row[: len(KEYS[table])] for row in books.as_of(table, night)}
            assert ids == {row[: len(KEYS[table])] for row in truth(life, table, night)}, f"{table} before {night}"


@pytest.mark.parametrize("name", STYLES)
def test_a_style_of_delivery_tells_the_truth_each_night_and_changes_no_past(
    life: Life, tmp_path: Path, name: str
) -> None:
    style, kept = STYLES[name], {}
    columns = {"known_at": "changed_at"} if style.is_stamped else {}
    sources = {
        table: SourceSettings(
            path=[str(tmp_path / "in" / style.path.format(table=table, night="*"))], columns=dict(columns)
        )
        for table in KEYS
    }
    with open_warehouse(tmp_path / "warehouse.duckdb", holder="test") as warehouse:
        books, before = Books(warehouse, life, tmp_path), FIRST
        for number, night in enumerate(BEGIN + day * DAY for day in NIGHTS):
            for table in KEYS:
                said = style.says(life, table, night, before)
                put(frame_of(said, table, is_stamped=style.is_stamped), tmp_path / "in" / style.path.format(table=table, night=f"{night:%Y%m%d}"))  # fmt: skip
            books.refresh(sources, night)
            tell(books, life, night, is_stamped=style.is_stamped)
            if number == KEPT:
                kept[night] = books.features(night.date()), {table: books.as_of(table, night) for table in FACTS}
            before = night
        for night, (features, facts) in kept.items():
            assert {table: books.as_of(table, night) for table in FACTS} == facts
            pd.testing.assert_frame_equal(books.features(night.date()), features)
            if style.is_stamped:
                assert_features_are_those_by_hand(books, night)


@pytest.fixture
def services() -> Iterator[dict[str, WebService]]:
    from contextlib import ExitStack

    with ExitStack() as stack:
        yield {table: stack.enter_context(serving(WebService([], page_size=500))) for table in KEYS}


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value.isoformat()}Z" if isinstance(value, datetime) else value for name, value in row.items()}


def test_a_web_service_that_is_asked_for_what_changed_tells_the_truth(
    life: Life, tmp_path: Path, services: dict[str, WebService]
) -> None:
    web = {"since_param": "since", "requests_per_second": 1000, "paging": "cursor", "cursor_at": "meta.next"}
    sources = {
        table: SourceSettings.model_validate(
            {
                "url": service.url.replace("/rows", "/by-cursor"),
                "rows_at": "data",
                "columns": {"known_at": "updated_at"},
                "options": {"updated": "updated_at"},
                "web": web,
            }
        )
        for table, service in services.items()
    }
    with open_warehouse(tmp_path / "warehouse.duckdb", holder="test") as warehouse:
        books = Books(warehouse, life, tmp_path)
        for night in (BEGIN + day * DAY for day in NIGHTS):
            for table, service in services.items():
                told = sorted(life.known(table, night), key=lambda one: one.known_at)
                service.rows = [as_json(one.row | {"updated_at": one.known_at}) for one in told]
            books.refresh(sources, night)
            tell(books, life, night, is_stamped=True)
        assert_features_are_those_by_hand(books, BEGIN + NIGHTS[KEPT] * DAY)


@pytest.mark.parametrize("updated", [True, False], ids=["what changed", "whole"])
def test_a_database_that_is_asked_each_night_tells_the_truth(
    life: Life, tmp_path: Path, postgres_url: str, *, updated: bool
) -> None:
    import psycopg

    kinds = {"monthly_fee": "double precision", "amount": "double precision", "quantity": "double precision"}
    kinds |= {"duration_minutes": "double precision", "marketing_consent": "boolean"}
    stamp = {"columns": {"known_at": "updated_at"}, "options": {"updated": "updated_at"}} if updated else {}
    sources = {}
    with (
        psycopg.connect(postgres_url, autocommit=True) as database,
        open_warehouse(tmp_path / "warehouse.duckdb", holder="test") as warehouse,
    ):
        for table, names in COLUMNS.items():
            listed = ", ".join(f"{name} {kinds.get(name, 'timestamptz' if name.endswith('_at') else 'text')}" for name in names)  # fmt: skip
            database.execute(f"create table {table} ({listed}, updated_at timestamptz, primary key ({', '.join(KEYS[table])}))")  # fmt: skip
            chosen = "*" if updated else ", ".join(names)
            sources[table] = SourceSettings.model_validate({"query": f"select {chosen} from {table}", **stamp})  # fmt: skip
        database.execute("set timezone to 'UTC'")
        books, before = Books(warehouse, life, tmp_path), FIRST
        for night in (BEGIN + day * DAY for day in NIGHTS):
            for table, names in COLUMNS.items():
                rows = [(*(one.row[name] for name in names), one.known_at) for one in life.known(table, night, before)]
                places = ", ".join(["%s"] * (len(names) + 1))
                set_to = ", ".join(f"{name} = excluded.{name}" for name in [*names, "updated_at"])
                with database.cursor() as cursor:
                    cursor.executemany(f"insert into {table} values ({places}) on conflict ({', '.join(KEYS[table])}) do update set {set_to}", rows)  # fmt: skip
            books.refresh(sources, night, {f"CHURN_SOURCE_{table.upper()}_DSN": postgres_url for table in KEYS})
            tell(books, life, night, is_stamped=updated)
            before = night
        if updated:
            assert_features_are_those_by_hand(books, BEGIN + NIGHTS[KEPT] * DAY)
