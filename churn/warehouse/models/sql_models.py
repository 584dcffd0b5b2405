"""Reads the SQL files: name from the path, dependencies and column documentation from the SQL itself, order from both."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from churn import resources
from churn.errors import ConfigError

# Written by code, so that the SQL files stay plain: dates and settings of a run, its clock, and what ingest delivers.
WRITTEN_BY_CODE = frozenset(
    {
        "snapshots.policy",
        "snapshots.dates",
        "snapshots.customer_columns",
        "snapshots.customer_columns_static",
        "snapshots.subscription_columns",
        "snapshots.subscription_columns_static",
        "snapshots.ticket_columns",
        "checks.clock",
        "checks.results",
    }
)
_OPEN_SCHEMAS = frozenset({"raw", "history", "store", "information_schema"})
MONTHS = "months of "  # begins the setting that says which months of a table a file can see
_SETTINGS = frozenset({"level", "remedy", "incremental by", "kept as", "grain", "per customer"})
_COMMENT = re.compile(
    r"^(?P<text>.*?)\s*(?:\[(?P<kind>actionable|context|personal)\])?\s*(?:\"(?P<phrase>[^\"]*)\")?\s*(?:\"(?P<wording>[^\"]*)\")?\s*$",
    re.DOTALL,
)


@dataclass(frozen=True)
class FeatureDoc:
    """What a column means: `phrase` words its value for business people, `{}` standing for the value.

    `wording` says it better where it is a reason, by the value: see modeling.reasons.wording.
    """

    name: str
    group: str
    description: str
    is_actionable: bool = False
    phrase: str | None = None
    wording: str | None = None


@dataclass(frozen=True)
class SqlModel:
    """One SQL file: the table `name` is what its select returns."""

    name: str
    schema: str
    path: Path
    sql: str
    depends_on: frozenset[str]
    description: str
    columns: tuple[FeatureDoc, ...]
    settings: Mapping[
        str, str
    ]  # `Level: warn`, `Remedy: ...`, `Incremental by: ...` lines of the header, keys in lower case
    personal: frozenset[str] = frozenset()  # columns that name or describe a customer

    @property
    def table(self) -> str:
        """The name without its schema."""
        return self.name.split(".", 1)[1]


def load_models(home: Path) -> dict[str, SqlModel]:
    """Read the shipped SQL files and those under `home/sql`, which add to them or replace one of the same name.

    Raises ConfigError naming file and line for SQL that does not parse or is more than a single select, for an
    unknown table, and for a circle of dependencies.
    """
    models = {}
    for place, path in sorted(resources.layered("sql", home, ".sql").items()):
        if place.count("/") != 1:
            raise ConfigError("a SQL file lies in a folder that names its schema", where=str(path))
        model = read_model(place.replace("/", "."), path)
        models[model.name] = model
    for model in models.values():
        _know_all(model, models)
    in_order(models)
    return models


def load_needed(home: Path, names: Iterable[str]) -> dict[str, SqlModel]:
    """Read `names` and every model they read, and no other file: parsing them all is what takes time.

    Raises ConfigError as `load_models`, for these files only.
    """
    places = {place.replace("/", "."): path for place, path in resources.layered("sql", home, ".sql").items()}
    models: dict[str, SqlModel] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in places:
            raise ConfigError(f"no SQL model `{name}`", where="sql", remedy=f"Known: {', '.join(sorted(places))}.")
        if name not in models:
            models[name] = read_model(name, places[name])
            waiting.extend(models[name].depends_on & places.keys())
    for model in models.values():
        _know_all(model, models)
    in_order(models)
    return models


def read_model(name: str, path: Path) -> SqlModel:
    """Read one SQL file as the model `name` (`schema.table`). Raises ConfigError naming file and line."""
    try:
        sql = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), remedy="Save it as UTF-8 text.") from error
    return _parsed(name, path, sql)


@lru_cache(maxsize=1024)  # cached, since a run reads the same files several times and parsing is slow
def _parsed(name: str, path: Path, sql: str) -> SqlModel:
    import sqlglot
    from sqlglot import exp

    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect="duckdb") if statement is not None]
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        where = f"{path}:{first.get('line', 1)}"
        what = f"not valid SQL: {first.get('description', error)} near `{first.get('highlight', '')}`"
        raise ConfigError(what, where=where, remedy="Mend the line named.") from error
    except sqlglot.errors.SqlglotError as error:
        raise ConfigError(f"not valid SQL: {error}", where=str(path), remedy="Mend the line named.") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise ConfigError(
            "a SQL file is one select", where=str(path), remedy="The path names the table: leave out `create table`."
        )
    tree = statements[0]
    schema, table = name.split(".", 1)
    description, settings = _header(sql)
    return SqlModel(
        name=name,
        schema=schema,
        path=path,
        sql=sql.rstrip().rstrip(";"),
        depends_on=frozenset(
            f"{read_table.db}.{read_table.name}".lower()
            for read_table in tree.find_all(exp.Table)
            if read_table.db and read_table.name
        ),
        description=description,
        columns=tuple(_documented(column, table) for column in tree.selects if column.alias_or_name not in {"", "*"}),
        settings=settings,
        personal=frozenset(str(column.alias_or_name) for column in tree.selects if _is_personal(column)),
    )


def _header(sql: str) -> tuple[str, dict[str, str]]:
    """Return the prose of the leading comment, and its `Key: value` lines; an indented line goes on with the value above."""
    prose: list[str] = []
    settings: dict[str, str] = {}
    last: str | None = None  # what an indented line goes on with
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        text = line.removeprefix("--").strip()
        key, colon, value = text.partition(":")
        if last is not None and line.startswith("--  "):
            settings[last] += f" {text}"
        elif colon and (key.lower() in _SETTINGS or key.lower().startswith(MONTHS)):
            last = key.lower()
            settings[last] = value.strip()
        else:
            last = None
            prose.append(text.removeprefix("Purpose:").strip())
    return " ".join(prose).strip(), settings


def _is_personal(column: object) -> bool:
    """Whether a column is the customer's id, or its comment ends with [personal]."""
    comments = getattr(column, "comments", None) or [""]
    return getattr(column, "alias_or_name", "") == "customer_id" or comments[-1].strip().endswith("[personal]")


def _documented(column: object, group: str) -> FeatureDoc:
    comments = [text.strip() for text in (getattr(column, "comments", None) or [])]
    name = str(getattr(column, "alias_or_name", ""))
    comment = _COMMENT.match(comments[-1] if comments else "")  # an earlier one is a note inside the expression
    assert comment is not None  # the pattern matches any text
    return FeatureDoc(
        name,
        group,
        comment["text"].strip(),
        comment["kind"] == "actionable",
        comment["phrase"],
        comment["wording"],
    )


def _know_all(model: SqlModel, models: Mapping[str, SqlModel]) -> None:
    for needed in sorted(model.depends_on):
        if needed in models or needed in WRITTEN_BY_CODE or needed.split(".")[0] in _OPEN_SCHEMAS:
            continue
        line = next((n for n, text in enumerate(model.sql.splitlines(), 1) if needed in text.lower()), 1)
        near = difflib.get_close_matches(needed, [*models, *WRITTEN_BY_CODE], n=1)
        hint = f"Did you mean `{near[0]}`?" if near else "Add a file of that name, or mend the name."
        raise ConfigError(f"no table `{needed}`", where=f"{model.path}:{line}", remedy=hint)


def in_order(models: Mapping[str, SqlModel], schemas: Sequence[str] | None = None) -> list[SqlModel]:
    """Return the models (of `schemas`, all if not given) so that each comes after what it reads.

    Raises ConfigError naming the files of a circle.
    """
    graph = {name: sorted(model.depends_on & models.keys()) for name, model in sorted(models.items())}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        where = str(models[error.args[1][0]].path)
        raise ConfigError(f"tables read each other in a circle: {circle}", where=where, remedy="Break it.") from error
    return [models[name] for name in order if schemas is None or models[name].schema in schemas]


def needed_for(models: Mapping[str, SqlModel], names: Iterable[str]) -> frozenset[str]:
    """Return `names` and every model they read, directly or not. Raises ConfigError for an unknown name."""
    needed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in models:
            raise ConfigError(f"no SQL model `{name}`", where="sql", remedy=f"Known: {', '.join(sorted(models))}.")
        if name not in needed:
            needed.add(name)
            waiting.extend(models[name].depends_on & models.keys())
    return frozenset(needed)
