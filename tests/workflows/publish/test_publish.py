"""The published tables say what the product says, wherever they lie: in the home, in PostgreSQL, in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import psycopg
import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.config.publish import PublishSettings
from churn.context import Context
from churn.errors import AuthFailed, ContractBroken, Unreachable
from churn.views.risk_list import listed_frame
from churn.warehouse.published.postgres import publish_to_postgres
from churn.workflows.privacy.erase import erase_customer
from churn.workflows.publish import PublishResult, publish_tables, reach_destinations
from churn.workflows.query import query_tables
from churn.workflows.report import publish_report
from tests.company import Company, copy_home
from tests.postgres import PostgresServer

pytestmark = pytest.mark.xdist_group("company")

READER = "churn_reader_of_tests"


def at(home: Path, **publish: object) -> Context:
    settings = load_settings(config=home / "churn.toml", home=home, environ={})
    settings = settings.model_copy(update={"publish": PublishSettings.model_validate(publish)})
    return build_context(settings=settings)


@pytest.fixture(scope="module")
def home(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("publishing") / "home"
    copy_home(finished_company.home, folder)
    return folder


@pytest.fixture(scope="module")
def database(postgres_server: PostgresServer) -> Iterator[str]:
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute("create database published")
    yield postgres_server.url("published")
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        admin.execute("drop database published with (force)")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lake") / "churn"


@pytest.fixture(scope="module")
def context(home: Path, database: str, lake: Path) -> Context:
    made = at(home, reader=READER, dsn="postgresql://nobody@nowhere.example/x", folder=lake)
    return replace(made, secrets={"CHURN_PUBLISH_DSN": database})


@pytest.fixture(scope="module")
def published(context: Context) -> PublishResult:
    return publish_tables(context)


def test_one_figure_is_the_same_in_the_report_in_duckdb_in_psql_and_in_pandas(
    context: Context, published: PublishResult, database: str, lake: Path
) -> None:
    assert published.errors == []
    facts = publish_report(context).document
    assert facts.churn is not None
    lost = facts.churn.now.monthly_revenue_lost
    sql = f"select monthly_revenue_lost from churn_by_month where month = date '{facts.first_day}'"
    assert query_tables(context, sql).frame.item() == lost
    with psycopg.connect(database, options="-c search_path=churn") as connection:
        assert connection.execute(sql).fetchall() == [(lost,)]
    months = pl.read_parquet(lake / "churn_by_month.parquet").to_pandas()
    assert (
        months.loc[months["month"].astype(str).str[:10] == str(facts.first_day), "monthly_revenue_lost"].item() == lost
    )


def test_the_list_is_the_published_one(context: Context, published: PublishResult, database: str) -> None:
    listed = listed_frame(context)
    sql = "select count(*), sum(churn_probability), sum(expected_profit) from scores where is_listed"
    count, probability, profit = query_tables(context, sql).frame.row(0)
    assert count == listed.height
    assert probability == pytest.approx(listed["churn_probability"].sum(), rel=1e-12)
    assert profit == pytest.approx(listed["expected_profit"].sum(), rel=1e-12)
    with psycopg.connect(database, options="-c search_path=churn") as connection:
        ((there, *sums),) = connection.execute(sql).fetchall()
    assert there == count
    assert sums == [pytest.approx(probability, rel=1e-12), pytest.approx(profit, rel=1e-12)]
    first = query_tables(context, "select customer_id, reason from reasons where position = 1").frame
    assert first["customer_id"].n_unique() == first.height > 0


def test_tables_and_columns_have_their_comments_in_the_database(published: PublishResult, database: str) -> None:
    with psycopg.connect(database) as connection:
        comments = dict(
            connection.execute(
                "select c.column_name, col_description('churn.scores'::regclass, c.ordinal_position::int)"
                " from information_schema.columns as c where table_schema = 'churn' and table_name = 'scores'"
            ).fetchall()
        )
        ((of_table,),) = connection.execute("select obj_description('churn.scores'::regclass)").fetchall()
    assert comments["churn_probability"] == "Chance of leaving within the horizon, 0 to 1."
    assert all(comments.values())
    assert "One row per customer of the current list" in of_table


def test_the_reader_sees_every_column_but_those_that_name_customers(published: PublishResult, database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"set role {READER}")
        ((count,),) = connection.execute("select count(churn_probability) from churn.scores").fetchall()
        assert count > 0
        for sql in ("select customer_id from churn.scores", "select * from churn.reasons", "delete from churn.scores"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql)


def test_views_and_rights_of_readers_outlive_the_next_night(
    context: Context, published: PublishResult, database: str
) -> None:
    newest = publish_tables(context)  # others may have published since `published`
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("create or replace view public.mine as select churn_probability from churn.scores")
        before = connection.execute("select count(*) from public.mine").fetchall()
        again = publish_tables(context)
        assert again.errors == []
        assert connection.execute("select count(*) from public.mine").fetchall() == before
        connection.execute("drop view public.mine")
    assert newest.folder.is_dir()  # a query that began on it may end on it
    assert again.folder != published.folder


def test_a_publication_that_fails_half_way_leaves_the_night_before(
    published: PublishResult, database: str, tmp_path: Path
) -> None:
    broken = tmp_path / "tables"
    folder = max((path for path in published.folder.parent.iterdir() if path.is_dir()), key=lambda path: path.name)
    shutil.copytree(folder, broken)
    scores = pl.read_parquet(broken / "scores.parquet")
    scores.with_columns(risk_band=pl.lit("a\0b")).write_parquet(
        broken / "scores.parquet"
    )  # PostgreSQL has no such text
    with psycopg.connect(database, autocommit=True) as connection:
        before = connection.execute("select count(*), min(risk_band) from churn.scores").fetchall()
        with pytest.raises(ContractBroken, match="the database refuses it"):
            publish_to_postgres(database, "churn", broken, published.tables, reader=None, with_customers=True)
        assert connection.execute("select count(*), min(risk_band) from churn.scores").fetchall() == before


def test_without_customers_no_personal_column_leaves_the_home(
    home: Path, published: PublishResult, database: str, tmp_path: Path
) -> None:
    context = at(home, dsn="postgresql:///x", database_schema="figures", folder=tmp_path / "lake", with_customers=False)
    context = replace(context, secrets={"CHURN_PUBLISH_DSN": database})
    assert publish_tables(context).errors == []
    with psycopg.connect(database) as connection:
        named = connection.execute(
            "select 1 from information_schema.columns where table_schema = 'figures' and column_name = 'customer_id'"
        ).fetchall()
        ((rows,),) = connection.execute("select count(*) from figures.scores").fetchall()
    assert (named, rows) == ([], pl.read_parquet(tmp_path / "lake" / "scores.parquet").height)
    assert "customer_id" not in pl.read_parquet_schema(tmp_path / "lake" / "scores.parquet")


def test_jobs_and_queries_do_not_wait_for_one_another(context: Context, published: PublishResult) -> None:
    with context.open_warehouse("a job"):
        assert query_tables(context, "select count(*) as n from scores").frame.item() > 0


@pytest.mark.parametrize(
    ("dsn", "error", "words"),
    [
        ("postgresql://churn@127.0.0.1:9/x", Unreachable, "does not answer"),
        ("{database}", AuthFailed, "refuses the user or password"),
    ],
)
def test_a_place_that_cannot_be_written_stops_nothing_and_is_told(
    home: Path, database: str, dsn: str, error: type[Exception], words: str, lake: Path
) -> None:
    wrong = database.replace("pg-s3cret-word", "wrong")
    context = replace(at(home, folder=lake), secrets={"CHURN_PUBLISH_DSN": dsn.format(database=wrong)})
    result = publish_tables(context)
    (failed,) = result.errors
    assert isinstance(failed, error)
    assert words in str(failed)
    assert "wrong" not in str(failed)
    assert query_tables(context, "select 1 as n from scores limit 1").published_at == result.tables.published_at
    assert [type(place.error) for place in reach_destinations(context)] == [error, type(None)]


def test_whoever_is_erased_is_gone_from_every_copy(
    context: Context, published: PublishResult, database: str, lake: Path
) -> None:
    (customer,) = query_tables(context, "select customer_id from scores limit 1").frame.row(0)
    erase_customer(context, customer, who="test")
    for sql in (f"select count(*) from {table} where customer_id = '{customer}'" for table in ("scores", "reasons")):
        assert query_tables(context, sql).frame.item() == 0
        with psycopg.connect(database, options="-c search_path=churn") as connection:
            assert connection.execute(sql).fetchall() == [(0,)]
    assert customer not in pl.read_parquet(lake / "scores.parquet")["customer_id"]
