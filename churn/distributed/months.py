"""Which months of a large table a build can see, by what its SQL files say of themselves: no others are cut for it.

A file says it in its header, `-- Months of staging.sessions: select day from snapshots.recent_days`, by a select of
instants: the months that they lie in are all that it looks at, and an instant that is null stands for every month. A
file that says nothing may look at all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from churn.warehouse.models.build import build
from churn.warehouse.models.sql_models import MONTHS

if TYPE_CHECKING:
    from churn.warehouse import SqlModel, Warehouse

_SNAPSHOTS: Final = re.compile(r"\bsnapshots\.\w+")
_LAST_YEAR: Final = 9999


def month_of(instant: str) -> str:
    """Return SQL that numbers the month of an instant: 0 for none and for infinite ones. Numbers: texts take a third longer."""
    return f"coalesce(year({instant}) * 12 + month({instant}), 0)"


def seen_months(
    warehouse: Warehouse, models: Mapping[str, SqlModel], tables: Sequence[str], built: Sequence[str]
) -> dict[str, frozenset[int] | None]:
    """Return for each of `tables` the numbers of the months that building `built` can see; None for every month."""
    return {table: _seen(warehouse, models, table, built) for table in tables}


def _seen(
    warehouse: Warehouse, models: Mapping[str, SqlModel], table: str, built: Sequence[str]
) -> frozenset[int] | None:
    months: set[int] = set()
    for model in (models[name] for name in built if table in models[name].depends_on):
        select = model.settings.get(f"{MONTHS}{table}")
        if select is None:
            return None
        needed = [name for name in _SNAPSHOTS.findall(select) if name in models]
        if needed:
            build(warehouse, models, schemas=("snapshots",), names=needed)
        rows = warehouse.rows(
            f"select distinct {month_of('i.instant')}, i.instant is null"
            f" from (select cast(s.instant as timestamp) as instant from ({select}) as s(instant)) as i"
        )
        if any(is_every for _, is_every in rows):
            return None
        months |= {int(number) for number, _ in rows}
    return frozenset(months)


def within(instant: str, months: frozenset[int]) -> str:
    """Return the SQL condition of instants that lie in these months; said as a span too, old blocks are never read."""
    if not months:
        return "false"
    listed = f"{month_of(instant)} in ({', '.join(map(str, sorted(months)))})"
    first, last = (divmod(month - 1, 12) for month in (min(months), max(months) + 1))
    if first[0] < 1 or last[0] > _LAST_YEAR:
        return listed
    start, end = (f"timestamp '{year:04d}-{month + 1:02d}-01'" for year, month in (first, last))
    return f"{instant} >= {start} and {instant} < {end} and {listed}"
