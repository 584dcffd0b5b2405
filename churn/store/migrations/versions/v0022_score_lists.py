"""PostgreSQL keeps each score list as a partition of its own, and `scores` becomes a view of the current one."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        return
    columns = ", ".join(column["name"] for column in sa.inspect(connection).get_columns("scores"))
    readers = connection.exec_driver_sql(
        "select distinct grantee from information_schema.role_table_grants"
        " where table_schema = current_schema() and table_name = 'scores' and privilege_type = 'SELECT'"
        " and grantee <> current_user"
    ).scalars()
    quote = connection.dialect.identifier_preparer.quote
    names = ["public" if name == "PUBLIC" else quote(name) for name in readers]
    current = "select list_number from score_list_state where is_current"
    for statement in (
        "create table score_list_state (list_number bigint not null, is_current boolean not null, replaced_by bigint)",
        "alter table score_list_state add constraint pk_score_list_state primary key (list_number)",
        "create table score_lists (list_number bigint not null, like scores) partition by list (list_number)",
        "create table score_list_1 partition of score_lists for values in (1)",
        f"insert into score_list_1 (list_number, {columns}) select 1, {columns} from scores",
        "drop table scores",  # refused where a view of somebody's own stands on it, which would go on showing this list
        "alter table score_list_1 alter column list_number set default 1",
        "alter table score_list_1 add constraint pk_score_list_1 primary key (customer_id)",
        "create index ix_score_list_1_expected_profit on score_list_1 (expected_profit desc, customer_id)",
        "create index ix_score_list_1_churn_probability on score_list_1 (churn_probability desc, customer_id)",
        "insert into score_list_state values (1, true)",
        f"create view scores as select {columns} from score_lists where list_number = ({current})",
        *(f"grant select on scores to {name}" for name in names),
    ):
        op.execute(statement)
