from __future__ import annotations

import psycopg


def test_the_private_server_gives_each_test_an_empty_database(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
        connection.execute("create table left_behind (id integer)")
    assert tables == (0,)


def test_what_one_test_leaves_behind_is_not_seen_by_another(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("select count(*) from pg_tables where schemaname = 'public'").fetchone()
        connection.execute("create table left_behind (id integer)")
    assert tables == (0,)
