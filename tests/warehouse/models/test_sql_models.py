"""SQL files: names from paths, order and documentation from the SQL itself, faults with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.errors import ConfigError
from churn.warehouse.models.sql_models import FeatureDoc, in_order, load_models, needed_for, read_model

PLAIN = """-- What a customer did lately.
-- It goes on here.
-- Grain: one row per customer.
select
    s.customer_id,
    count(*) as session_count,  -- Sessions so far. [actionable] "{} sessions"
    max(case when x then 1 end)  -- a note inside
        as days_since,  -- Days since the last one.
    min(y) as z  -- The last column. [context]
from staging.sessions as s
inner join (select * from staging.payments) as p on s.customer_id = p.customer_id
group by s.customer_id
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def add(home: Path, name: str, sql: str) -> Path:
    path = home / "sql" / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sql, encoding="utf-8")
    return path


def test_a_file_tells_its_name_needs_and_meaning(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_text(PLAIN)
    model = read_model("features.lately", path)
    assert (model.name, model.schema, model.table) == ("features.lately", "features", "lately")
    assert model.depends_on == {"staging.sessions", "staging.payments"}
    assert model.description == "What a customer did lately. It goes on here."
    assert model.settings["grain"] == "one row per customer."


def test_an_indented_line_of_the_header_goes_on_with_the_setting_above(home: Path) -> None:
    sql = (
        "-- Purpose: use so far.\n-- Months of staging.sessions: select month from totals.session_months\n"
        "--     where first_at < '2026-01-01'\n-- Counted once.\n--     Not of a setting.\nselect 1 as one\n"
    )
    add(home, "features/so_far", sql)
    model = load_models(home)["features.so_far"]
    assert model.settings == {
        "months of staging.sessions": "select month from totals.session_months where first_at < '2026-01-01'"
    }
    assert model.description == "use so far. Counted once. Not of a setting."


def test_the_comment_behind_a_column_is_its_documentation(tmp_path: Path) -> None:
    path = tmp_path / "x.sql"
    path.write_text(PLAIN)
    columns = {column.name: column for column in read_model("features.lately", path).columns}
    assert columns["session_count"] == FeatureDoc("session_count", "lately", "Sessions so far.", True, "{} sessions")
    assert columns["days_since"].description == "Days since the last one."
    assert columns["z"] == FeatureDoc("z", "lately", "The last column.", False, None)
    assert columns["customer_id"].description == ""


def test_every_shipped_file_is_read_and_every_shipped_column_is_explained(home: Path) -> None:
    models = load_models(home)
    assert {"staging.sessions", "checks.data_are_fresh"} <= models.keys()
    unexplained = [
        f"{model.name}.{column.name}"
        for model in models.values()
        if model.schema in {"staging", "checks"}
        for column in model.columns
        if not column.description
    ]
    assert unexplained == []
    assert [model.name for model in models.values() if not model.description] == []


def test_what_is_read_comes_first(home: Path) -> None:
    add(home, "marts/b", "select * from marts.a")
    add(home, "marts/a", "select 1 as one")
    names = [model.name for model in in_order(load_models(home), ["marts"])]
    assert names.index("marts.a") < names.index("marts.b")


def test_a_user_s_file_joins_the_shipped_ones_and_may_replace_one(home: Path) -> None:
    add(home, "features/mine", "select customer_id, snapshot_date, 1 as one from snapshots.spine")
    replaced = add(home, "staging/events", "select * from raw.events")
    models = load_models(home)
    assert models["features.mine"].depends_on == {"snapshots.spine"}
    assert models["staging.events"].path == replaced


def test_needs_are_followed_all_the_way(home: Path) -> None:
    add(home, "marts/b", "select * from marts.a")
    add(home, "marts/a", "select * from staging.events")
    assert needed_for(load_models(home), ["marts.b"]) == {"marts.b", "marts.a", "staging.events"}
    with pytest.raises(ConfigError, match=r"no SQL model `marts\.c`"):
        needed_for(load_models(home), ["marts.c"])


def test_a_common_table_expression_is_no_dependency(home: Path) -> None:
    add(home, "marts/a", "with steps as (select 1 as one) select * from steps")
    assert load_models(home)["marts.a"].depends_on == frozenset()


def test_an_unknown_table_is_told_with_line_and_nearest_name(home: Path) -> None:
    path = add(home, "marts/a", "-- What for.\nselect *\nfrom staging.sesions\n")
    with pytest.raises(ConfigError, match=r"no table `staging\.sesions`.*Did you mean `staging\.sessions`") as caught:
        load_models(home)
    assert caught.value.where == f"{path}:3"


def test_a_circle_is_told(home: Path) -> None:
    add(home, "marts/a", "select * from marts.b")
    add(home, "marts/b", "select * from marts.a")
    with pytest.raises(ConfigError, match=r"circle: marts\.\w -> marts\.\w"):
        load_models(home)


def test_sql_that_cannot_be_read_is_told_with_its_line(home: Path) -> None:
    path = add(home, "marts/a", "select 1 as one,\nfrom (\nwhere")
    with pytest.raises(ConfigError, match="not valid SQL") as caught:
        load_models(home)
    assert str(caught.value.where).startswith(f"{path}:")


@pytest.mark.parametrize(
    "sql",
    ["create table x as select 1", "select 1; select 2", "drop table raw.loads", "", "-- nothing", "copy x to 'y'"],
)
def test_a_file_is_one_select(home: Path, sql: str) -> None:
    add(home, "marts/a", sql)
    with pytest.raises(ConfigError, match="a SQL file is one select"):
        load_models(home)


def test_a_file_lies_in_the_folder_of_its_schema(home: Path) -> None:
    add(home, "stray", "select 1 as one")
    with pytest.raises(ConfigError, match="folder that names its schema"):
        load_models(home)


def test_a_file_that_is_no_text_is_refused(home: Path) -> None:
    add(home, "marts/a", "").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_models(home)
