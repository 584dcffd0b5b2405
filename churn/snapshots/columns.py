"""Lists the feature columns that were built, each with the SQL that reads it as a number, a text or a boolean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from churn.errors import ContractBroken
from churn.warehouse import FeatureDoc, SqlModel, Warehouse

KEYS = ("customer_id", "snapshot_date")
RESERVED = frozenset(
    {*KEYS, "has_churned", "churn_kind", "is_treated", "is_contacted_later", "plan", "monthly_fee", "monthly_margin"}
)
MAP_KEYS = 40  # the most frequent keys of a map become features, the rest are rare by comparison
_AS_THEY_ARE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "BIGINT",
    "BOOLEAN",
    "VARCHAR",
)
_AS_DELIVERED = frozenset(
    {"attributes", "customer_columns", "subscription_columns"}
)  # groups of the sources' own columns
_WITHOUT_ZERO = frozenset(
    {"ticket_mean", "ticket_newest"}
)  # maps in which a missing entry is not known, rather than none
_AS_DOUBLE = ("HUGEINT", "UHUGEINT", "UBIGINT")


@dataclass(frozen=True)
class FeatureColumn:
    """A feature and the expression that reads it from `features.<group>` under the alias of its group."""

    doc: FeatureDoc
    expression: str


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def feature_columns(
    warehouse: Warehouse, groups: Sequence[str], models: Mapping[str, SqlModel], wanted: Sequence[str] = ()
) -> list[FeatureColumn]:
    """Return the columns of `features.<group>` in order. A MAP column becomes one feature per key, `column.key`.

    `wanted` names features a model was trained on: of a map's keys exactly those are read, be they present or not.
    Raises ContractBroken for a name two groups share, and for a type that is no feature.
    """
    columns: list[FeatureColumn] = []
    for group in groups:
        docs = {doc.name: doc for doc in models[f"features.{group}"].columns}
        for name, kind in _types(warehouse, group):
            if name not in KEYS:
                doc = docs.get(name) or FeatureDoc(
                    name, group, f"Column {name} of the source, as delivered.", phrase=f"{name} is {{}}"
                )
                columns.extend(_read(warehouse, group, doc, kind, wanted))
    owners: dict[str, str] = {}
    for column in columns:
        name, group = column.doc.name, column.doc.group
        if name.lower() in owners:
            raise ContractBroken(
                f"two feature groups have a column `{name}`: {owners[name.lower()]} and {group}",
                where=f"sql/features/{group}.sql",
                remedy="Rename one of them.",
            )
        owners[name.lower()] = group
    return columns


def _types(warehouse: Warehouse, group: str) -> list[tuple[str, str]]:
    return [
        (str(name), str(kind))
        for name, kind in warehouse.rows(
            "select column_name, data_type from information_schema.columns "
            "where table_schema = 'features' and table_name = ? order by ordinal_position",
            [group],
        )
    ]


def _read(warehouse: Warehouse, group: str, doc: FeatureDoc, kind: str, wanted: Sequence[str]) -> list[FeatureColumn]:
    column = doc.name
    source = f"{quoted(group)}.{quoted(column)}"
    if doc.name.lower() in RESERVED:
        doc = replace(doc, name=f"{doc.name}_attribute")
    if kind.startswith("MAP"):
        return [
            FeatureColumn(
                replace(
                    doc,
                    name=f"{column}.{key}",
                    description=doc.description.replace("{key}", key),
                    phrase=doc.phrase.replace("{key}", key) if doc.phrase else None,
                    wording=doc.wording.replace("{key}", key) if doc.wording else None,
                ),
                _entry(f"cast({source}[{_literal(key)}] as double)", column),
            )
            for key in _keys(warehouse, group, column, wanted)
        ]
    if kind == "VARCHAR" and group in _AS_DELIVERED:
        return [FeatureColumn(doc, _text(warehouse, group, column, source))]
    expression = _plain(kind, source)
    if expression is not None:
        return [FeatureColumn(doc, expression)]
    raise ContractBroken(
        f"column `{doc.name}` is of type {kind}, which is no feature",
        where=f"sql/features/{group}.sql",
        remedy="Return numbers, texts, truth values, dates, or a MAP from text to numbers.",
    )


def _entry(value: str, column: str) -> str:
    return value if column in _WITHOUT_ZERO else f"coalesce({value}, 0)"


def _plain(kind: str, source: str) -> str | None:
    """Return how a column of this type becomes a feature, or None if it cannot."""
    if kind.startswith(("DATE", "TIMESTAMP")):
        return f"cast(date_diff('day', cast({source} as date), s.snapshot_date) as double)"
    if kind in {"DOUBLE", "FLOAT"}:  # NaN and infinity are missing values
        return f"case when isfinite({source}) then cast({source} as double) end"
    if kind in _AS_DOUBLE or kind.startswith("DECIMAL"):
        return f"cast({source} as double)"
    if kind.startswith("ENUM"):
        return f"cast({source} as varchar)"
    return source if kind in _AS_THEY_ARE else None


def _text(warehouse: Warehouse, group: str, name: str, source: str) -> str:
    """Blanks are missing values. A column of numbers that is text only because of its blanks is numbers."""
    column = quoted(name)
    texts, numbers, blanks = warehouse.rows(
        f"select count(nullif(trim({column}), '')), count(try_cast(trim({column}) as double)), "
        f"count(*) filter (where trim({column}) = '') from features.{quoted(group)}"
    )[0]
    trimmed = f"nullif(trim({source}), '')"
    return f"try_cast({trimmed} as double)" if blanks and texts and texts == numbers else trimmed


def _keys(warehouse: Warehouse, group: str, name: str, wanted: Sequence[str]) -> list[str]:
    prefix = f"{name}."
    if wanted:
        return [feature.removeprefix(prefix) for feature in wanted if feature.startswith(prefix)]
    rows = warehouse.rows(
        f"select key, count(*) as rows from (select unnest(map_keys({quoted(name)})) as key from features.{quoted(group)}) "
        f"group by key order by rows desc, key limit {MAP_KEYS}"
    )
    return sorted(str(key) for key, _ in rows)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
