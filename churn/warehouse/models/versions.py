"""Staged facts as a view over their files: only facts told more than once are worked out, and kept in a small table.

A staging file that says `Kept as: view` names the keys told more than once in a first step called `repeated`; every other
row passes straight through. So the rows of repeated keys are looked up once, when they are loaded. Of rows that one load
delivered alike, all but the first are left out; all others are kept in `facts.TABLE_repeats`, and what the file's SQL makes
of them in `facts.TABLE_versions`. `facts.TABLE_marks` names both kinds by their place. The staged table is a view: the SQL
over all rows without a mark as they lie in their files, and these versions. A new file is compared with those whose times
overlap with its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from churn.warehouse.connection import Warehouse, quoted
from churn.warehouse.facts import parts
from churn.warehouse.facts.parts import PLACE, ROWS_OF_A_PART, Part
from churn.warehouse.loading.contracts import TABLES, Table
from churn.warehouse.models.incremental import Key, keys_of, rewritten_since, state_of
from churn.warehouse.models.sql_models import SqlModel
from churn.warehouse.models.told_again import ToldAgain, rows_told_again

ROWS_AT_ONCE: Final = 4_000_000  # rows compared at a time: their hashes and places take 100 MB
_ENDLESS: Final = 1 << 62  # microseconds: a time further away is none
_STEP: Final = re.compile(r"^(?P<head>(\s*--[^\n]*\n)*\s*with\s+repeated\s+as)\s*\(", re.IGNORECASE)
_TEXT: Final = re.compile(r"'[^']*'|--[^\n]*|(?P<bracket>[()])")


@dataclass(frozen=True)
class _Facts:
    """A fact table with the model that stages it."""

    warehouse: Warehouse
    model: SqlModel
    table: Table
    keys: Sequence[Key]

    @property
    def repeats(self) -> str:
        """The table of rows whose key was told more than once."""
        return f"facts.{quoted(f'{self.table.name}_repeats')}"

    @property
    def marks(self) -> str:
        """The table of the places of rows that do not pass straight through."""
        return f"facts.{quoted(f'{self.table.name}_marks')}"

    @property
    def versions(self) -> str:
        """The table of what the model makes of them."""
        return f"facts.{quoted(f'{self.table.name}_versions')}"

    def sql_over(self, relation: str) -> str:
        """Return the model's SQL over another relation."""
        return re.sub(rf"\braw\.{re.escape(self.table.name)}\b", relation, self.model.sql)

    def sql_over_told_once(self, relation: str) -> str:
        """Return the model's SQL over rows of which none is told more than once: its first step finds nothing."""
        sql = self.sql_over(relation)
        step = _STEP.match(sql)
        assert step is not None  # asked by is_view_over_files
        depth = 0
        for sign in _TEXT.finditer(sql, step.end() - 1):
            depth += {"(": 1, ")": -1}.get(sign["bracket"] or "", 0)
            if not depth:
                body = sql[step.end() : sign.start()]
                nothing = f"{step['head']} not materialized (select * from (\n{body}\n) where false)"
                return nothing + sql[sign.end() :]
        return sql


def is_view_over_files(warehouse: Warehouse, model: SqlModel) -> bool:
    """Say whether the staged table of `model` is a view over the files of its facts."""
    _, _, source = next(iter(model.depends_on), "").partition(".")
    return (
        model.settings.get("kept as") == "view"
        and model.depends_on == {f"raw.{source}"}
        and model.name == f"staging.{source}"
        and _STEP.match(model.sql) is not None
        and parts.is_kept(warehouse, source)
    )


def spans(warehouse: Warehouse, model: SqlModel, rows: int) -> Iterator[str]:
    """Yield selects of a staged view, each over whole months of about `rows` rows: together they are the view.

    A span reads the parts that have rows of its months, and looks only for the marks of these.
    """
    table = TABLES[model.table]
    facts = _Facts(warehouse, model, table, keys_of(model))
    every = parts.parts_of(warehouse, table.name)
    time = _time_of(facts)
    edges = _month_edges(every, rows) if time is not None else []
    if time is None or not edges:
        yield f"select * from {quoted(model.schema)}.{quoted(model.table)}"
        return
    staged = next(key.built for key in facts.keys if key.read == time)
    for start, end in pairwise([None, *edges, None]):
        chosen = [part for part in every if _is_in(part, start, end)]
        first, last = min(part.part_id for part in chosen), max(part.part_id for part in chosen)
        marks = (
            f"select {PLACE} from {facts.marks}"
            f" where {PLACE} >= {first * ROWS_OF_A_PART} and {PLACE} < {(last + 1) * ROWS_OF_A_PART}"
        )
        within = _within(quoted(time), start, end)
        alone = (
            f"(select f.* exclude ({PLACE}) from ({parts.relation(warehouse, table, chosen)}) as f"
            f" anti join ({marks}) as m on f.{PLACE} = m.{PLACE} where {within})"
        )
        yield (
            f"select * from (\n{facts.sql_over_told_once(alone)}\n)"
            f" union all by name select * from {facts.versions} where {_within(quoted(staged), start, end)}"
        )


def _month_edges(every: Sequence[Part], rows: int) -> list[int]:
    """Return the months' first instants, in microseconds, that share the rows out by about `rows`; none for fewer."""
    dated = [
        (part, part.first_us, part.last_us) for part in every if part.first_us is not None and part.last_us is not None
    ]
    dated = [(part, first, last) for part, first, last in dated if max(abs(first), abs(last)) < _ENDLESS]
    if sum(part.rows for part, _, _ in dated) <= rows:
        return []
    counted: Counter[int] = Counter()
    for part, first, last in dated:
        months = _months(first, last)
        for month in months:
            counted[month] += part.rows // len(months)
    edges: list[int] = []
    held = 0
    for month, count in sorted(counted.items()):
        if held and held + count > rows:
            edges.append(month)
            held = 0
        held += count
    return edges


def _months(first: int, last: int) -> list[int]:
    """Return the first instants of the months from one time to another, in microseconds."""
    import numpy as np

    times = np.array([first, last]).astype("datetime64[us]").astype("datetime64[M]")
    return [
        int(month)
        for month in np.arange(times[0], times[1] + np.timedelta64(1, "M")).astype("datetime64[us]").astype(np.int64)
    ]


def _is_in(part: Part, start: int | None, end: int | None) -> bool:
    """Say whether a part may have rows from `start` to before `end`; rows without a time are in the first span."""
    if start is None or part.first_us is None or part.last_us is None:
        return True
    return (end is None or part.first_us < end) and part.last_us >= start


def _within(time: str, start: int | None, end: int | None) -> str:
    """Return the condition of a time; rows without one are in the first span."""
    if start is None:
        return f"({time} < make_timestamp({end}) or {time} is null)"
    later = f"{time} >= make_timestamp({start})"
    return later if end is None else f"{later} and {time} < make_timestamp({end})"


def refresh(warehouse: Warehouse, model: SqlModel) -> bool:
    """Bring the staged view up to date; return whether all of it had to be worked out anew."""
    table = TABLES[model.table]
    facts = _Facts(warehouse, model, table, keys_of(model))
    every = parts.parts_of(warehouse, table.name)
    new = _new_parts(facts, every)
    if new is None:
        _work_out_all(facts, every)
        return True
    if new:
        _work_out_new(facts, every, new)
    return False


def _new_parts(facts: _Facts, every: Sequence[Part]) -> list[Part] | None:
    """Return the parts loaded since the last build; None where adding them is not enough."""
    warehouse, model = facts.warehouse, facts.model
    state = state_of(warehouse, model)
    if state is None or not state.is_of(model) or not parts.is_view(warehouse, model.name):
        return None
    if rewritten_since(warehouse, facts.table.name, state.load_id) or any(part.load_id is None for part in every):
        return None
    new = [part for part in every if part.load_id is not None and part.load_id > state.load_id]
    if sum(part.rows for part in every) - sum(part.rows for part in new) != state.raw_rows:
        return None
    return new


def _work_out_all(facts: _Facts, every: Sequence[Part]) -> None:
    warehouse, name = facts.warehouse, facts.table.name
    warehouse.execute(f"create or replace table {facts.repeats} as select * from facts.{quoted(name)} limit 0")
    warehouse.execute(f"create or replace table {facts.marks} ({PLACE} bigint)")
    _keep_repeats(facts, list(_overlapping(facts, every)), "")
    warehouse.execute(f"create or replace temp view repeated_rows as select * exclude ({PLACE}) from {facts.repeats}")
    warehouse.execute(f"create or replace table {facts.versions} as\n{facts.sql_over('repeated_rows')}\n")
    warehouse.execute("drop view repeated_rows")
    alone = f"facts.{quoted(f'{name}_told_once')}"
    rows = f"select f.* exclude ({PLACE}) from facts.{quoted(name)} as f"
    warehouse.execute(f"create or replace view {alone} as {rows} anti join {facts.marks} as m on f.{PLACE} = m.{PLACE}")
    target = f"staging.{quoted(name)}"
    if warehouse.has_table(facts.model.name) and not parts.is_view(warehouse, facts.model.name):
        warehouse.execute(f"drop table {target}")
    warehouse.execute(
        f"create or replace view {target} as select * from (\n{facts.sql_over_told_once(alone)}\n)"
        f" union all by name select * from {facts.versions}"
    )


def _work_out_new(facts: _Facts, every: Sequence[Part], new: Sequence[Part]) -> None:
    warehouse, keys = facts.warehouse, facts.keys
    group, bounds = _beside(facts, every, new)
    warehouse.execute(f"create or replace temp table kept_places as select {PLACE} from {facts.repeats}")
    _keep_repeats(facts, [group], bounds)
    listed = ", ".join(f"{key.sql} as {quoted(key.built)}" for key in keys)
    warehouse.execute(
        f"create or replace temp table changed_keys as select distinct {listed} from {facts.repeats} as r"
        f" anti join kept_places as k on r.{PLACE} = k.{PLACE}"
    )
    matched = " and ".join(f"{key.sql} = k.{quoted(key.built)}" for key in keys)
    warehouse.execute(
        f"create or replace temp table changed_rows as select r.* exclude ({PLACE}) from {facts.repeats} as r"
        f" semi join changed_keys as k on {matched}"
    )
    matched = " and ".join(f"b.{quoted(key.built)} = k.{quoted(key.built)}" for key in keys)
    warehouse.execute(f"delete from {facts.versions} as b using changed_keys as k where {matched}")
    warehouse.execute(f"insert into {facts.versions} by name\n{facts.sql_over('changed_rows')}\n")
    for name in ("kept_places", "changed_keys", "changed_rows"):
        warehouse.execute(f"drop table {name}")


def _time_of(facts: _Facts) -> str | None:
    """Return the column of time that is part of the key: versions of one fact then have the same time."""
    return next((key.read for key in facts.keys if key.read == facts.table.occurred_at), None)


def _overlapping(facts: _Facts, every: Sequence[Part]) -> Iterator[list[Part]]:
    """Yield the parts in groups, so that no fact has rows in two of them."""
    if _time_of(facts) is None:
        yield list(every)
        return
    group: list[Part] = []
    end = 0
    for part in sorted((part for part in every if part.first_us is not None), key=lambda part: part.first_us or 0):
        if group and (part.first_us or 0) > end:
            yield group
            group = []
        end = max(end, part.last_us or 0) if group else (part.last_us or 0)
        group.append(part)
    if group:
        yield group


def _beside(facts: _Facts, every: Sequence[Part], new: Sequence[Part]) -> tuple[list[Part], str]:
    """Return the new parts and those whose times overlap with theirs, and the condition of being in these times."""
    time = _time_of(facts)
    dated = [(part.first_us, part.last_us) for part in new if part.first_us is not None and part.last_us is not None]
    if time is None or not dated:
        return list(every), ""
    first, last = min(first for first, _ in dated), max(last for _, last in dated)
    names = {part.part_id for part in new}
    group = [
        part
        for part in every
        if part.part_id in names
        or (part.first_us is not None and part.last_us is not None and part.first_us <= last and part.last_us >= first)
    ]
    if max(abs(first), abs(last)) >= _ENDLESS:  # a time without end has no microseconds
        return group, ""
    return group, f"{quoted(time)} between make_timestamp({first}) and make_timestamp({last})"


def _keep_repeats(facts: _Facts, groups: Sequence[Sequence[Part]], bounds: str) -> None:
    """Mark the rows whose key is in its group more than once, and keep those that do not just say the same again."""
    import numpy as np

    warehouse = facts.warehouse
    repeats = [rows for group in groups for rows in _told_again(facts, group, bounds)]
    alike = np.concatenate([rows.alike for rows in repeats]) if repeats else np.empty(0, dtype=np.int64)
    otherwise = np.concatenate([rows.otherwise for rows in repeats]) if repeats else alike
    if otherwise.size:
        warehouse.keep_numbers("repeated_places", otherwise)
        held = set((otherwise // ROWS_OF_A_PART).tolist())
        holding = [part for group in groups for part in group if part.part_id in held]
        relation = parts.relation(warehouse, facts.table, holding)
        warehouse.execute(
            f"insert into {facts.repeats} select r.* from ({relation}) as r"
            f" semi join repeated_places as p on r.{PLACE} = p.value"
            f" anti join {facts.repeats} as k on r.{PLACE} = k.{PLACE}"
        )
        warehouse.execute("drop table repeated_places")
    warehouse.keep_numbers("marked_places", np.concatenate([alike, otherwise]))
    warehouse.execute(
        f"insert into {facts.marks} select p.value from marked_places as p"
        f" anti join {facts.marks} as m on p.value = m.{PLACE} order by p.value"
    )
    warehouse.execute("drop table marked_places")


def _told_again(facts: _Facts, group: Sequence[Part], bounds: str) -> Iterator[ToldAgain]:
    rows = sum(part.rows for part in group)
    names = [quoted(key.read) for key in facts.keys]
    hashed = f"hash({', '.join(names)})"
    columns = parts.columns_of(facts.warehouse, facts.table)
    # Rows of one key are compared: their keys are alike, and one load has one time.
    passed_over = {"source_file", "row_number", "loaded_at", "unknown_until", *(key.read for key in facts.keys)}
    content = ", ".join(quoted(name) for name in columns if name not in passed_over)
    relation = parts.relation(facts.warehouse, facts.table, group)
    conditions = [f"{name} is not null" for name in names] + ([bounds] if bounds else [])
    passes = 1 + rows // ROWS_AT_ONCE
    for number in range(passes if rows else 0):
        chosen = " and ".join([*conditions, *([f"{hashed} % {passes} = {number}"] if passes > 1 else [])])
        yield rows_told_again(
            facts.warehouse.numbers(
                f"select {hashed} as key, hash({content}) as content, {PLACE} as place from ({relation}) where {chosen}"
            )
        )
