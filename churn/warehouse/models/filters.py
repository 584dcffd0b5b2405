"""Checks SQL over named features: a condition (an audience filter) or a value (a cost), of one customer's row alone."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from churn.errors import ConfigError

if TYPE_CHECKING:
    from sqlglot import exp

# What a filter may be made of, as sqlglot names it: comparisons, arithmetic, and functions of a row's own values. An
# allow-list, because what reads files, settings or other rows grows with every release of the database.
_LOGIC = ("And", "Or", "Not", "EQ", "NEQ", "GT", "GTE", "LT", "LTE", "NullSafeEQ", "NullSafeNEQ")
_TESTS = ("In", "Between", "Is", "Like", "ILike", "Contains", "StartsWith", "EndsWith")
_PARTS = ("Column", "Identifier", "Literal", "Boolean", "Null", "Paren", "Case", "If", "DataType", "DataTypeParam")
_SUMS = ("Neg", "Add", "Sub", "Mul", "Div", "IntDiv", "Mod", "Abs", "Round", "Floor", "Ceil", "Ln", "Sqrt", "Pow")
_CALLS = ("Coalesce", "Nullif", "Greatest", "Least", "Lower", "Upper", "Trim", "Length", "Cast", "TryCast")
_CONDITIONS = frozenset({*_LOGIC, *_TESTS})
_ALLOWED = frozenset({*_CONDITIONS, *_PARTS, *_SUMS, *_CALLS})
MOST_BYTES, MOST_DEPTH = 10_000, 50  # beyond them a filter takes parser and database longer than anybody would wait
_CALLS_A_LEVEL = 80


def _raise_recursion_limit() -> None:
    """Let the parser nest: it takes some 25 calls for each level, where Python's own bound would end at 40 levels."""
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _CALLS_A_LEVEL * MOST_DEPTH))


_raise_recursion_limit()  # at import, so that it does not change in the middle of a request; again where one lowered it


@dataclass(frozen=True)
class Filter:
    """A checked condition or value in parentheses, for each customer; what it reads, and where it stands."""

    sql: str
    features: frozenset[str]
    where: str


@dataclass(frozen=True)
class _Kind:
    """What is asked for, as messages call it: `a filter`, an example of it, and what to do where there is too much."""

    noun: str
    sort: str
    example: str
    smaller: str
    if_empty: str


_FILTER: Final = _Kind(
    "filter",
    "condition",
    "Write a condition such as `number_of_payment_failures_60d > 2 or has_unpaid_bill`.",
    "Put what the filter computes into a feature file, and name the feature here.",
    "Leave the key out to take everyone.",
)
_TERM: Final = _Kind(
    "term",
    "value",
    "Write a number, a feature's name, or a value such as `case when country = 'DE' then 2 else 0.5 end`.",
    "Put what the term computes into a feature file, and name the feature here.",
    "Leave the key out for its default.",
)


def audience_filter(text: str, known: Collection[str], *, where: str) -> Filter:
    """Return `text` as one condition over the features `known`, whose case is theirs.

    Raises ConfigError naming `where` for anything else: several statements, a subquery, a function outside the list,
    a bare value, or a feature that is not known (then with the nearest known name).
    """
    tree = _checked(text, where, _FILTER)
    _refuse_values(tree, where)
    features = _features(tree, known, where)
    if not features:
        raise ConfigError(f"`{text.strip()}` reads no feature", where=where, remedy=_FILTER.example)
    return Filter(f"({tree.sql(dialect='duckdb', comments=False)})", features, where)


def term_value(text: str, known: Collection[str], *, where: str, noun: str = "feature") -> Filter:
    """Return `text` as one value over the features `known`, under the bounds of `audience_filter`; a constant is one too.

    `noun` is what messages call a name: `column` of a file. Raises ConfigError as `audience_filter` does. That it gives numbers
    only the rows can show.
    """
    tree = _checked(text, where, _TERM)
    features = _features(tree, known, where, noun)
    return Filter(f"({tree.sql(dialect='duckdb', comments=False)})", features, where)


def _checked(text: str, where: str, kind: _Kind) -> exp.Expression:
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise ConfigError(f"a {kind.noun} has {MOST_BYTES:,} bytes at most", where=where, remedy=kind.smaller)
    try:
        tree = _parsed(text, where, kind)
        _refuse_depth(tree, where, kind)
        _refuse_other_parts(tree, where, kind)
    except RecursionError as error:
        raise _too_deep(where, kind) from error
    return tree


def _features(tree: exp.Expression, known: Collection[str], where: str, noun: str = "feature") -> frozenset[str]:
    """Return the features that `tree` reads, each written as it is known in the tree itself."""
    from sqlglot import exp

    ours = {name.lower(): name for name in known}
    features = set()
    for column in tree.find_all(exp.Column):
        name = column.name
        if column.table or name.lower() not in ours:
            wanted = f"{column.table}.{name}" if column.table else name
            near = difflib.get_close_matches(name.lower(), list(ours), n=1, cutoff=0.5)
            listed = (
                "`churn features --date DAY` lists them." if noun == "feature" else f"There are {', '.join(known)}."
            )
            remedy = f"Did you mean `{ours[near[0]]}`?" if near else listed
            raise ConfigError(f"no {noun} `{wanted}`", where=where, remedy=remedy)
        column.set("this", exp.to_identifier(ours[name.lower()], quoted=True))
        features.add(ours[name.lower()])
    return frozenset(features)


def _too_deep(where: str, kind: _Kind) -> ConfigError:
    return ConfigError(f"a {kind.noun} nests {MOST_DEPTH} deep at most", where=where, remedy=kind.smaller)


def _refuse_depth(tree: exp.Expression, where: str, kind: _Kind) -> None:
    """Raise ConfigError for a condition that nests too deep; a chain of `and` or of `or` is one level, however long."""
    from sqlglot import exp

    waiting: list[tuple[exp.Expr, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise _too_deep(where, kind)
        for child in node.iter_expressions():
            is_same_chain = isinstance(node, exp.And | exp.Or) and type(child) is type(node)
            waiting.append((child, depth + (0 if is_same_chain else 1)))


def _parsed(text: str, where: str, kind: _Kind) -> exp.Expression:
    import sqlglot
    from sqlglot import exp

    if ";" in _without_texts(text):
        raise ConfigError(
            f"a {kind.noun} is one {kind.sort}, without a semicolon", where=where, remedy="Leave out `;`."
        )
    _raise_recursion_limit()
    try:
        parsed = sqlglot.parse(text, dialect="duckdb")
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        near = f" near `{first['highlight']}`" if first.get("highlight") else ""
        raise ConfigError(f"the {kind.noun} is not valid SQL{near}", where=where, remedy=kind.example) from error
    except sqlglot.errors.SqlglotError as error:
        raise ConfigError(f"the {kind.noun} is not valid SQL: {error}", where=where, remedy=kind.example) from error
    tree = parsed[0] if len(parsed) == 1 else None
    if tree is None:
        raise ConfigError(f"the {kind.noun} is empty", where=where, remedy=kind.if_empty)
    if isinstance(tree, exp.Query | exp.DDL | exp.DML | exp.Command):
        raise ConfigError(f"a {kind.noun} is a {kind.sort}, not a statement", where=where, remedy=kind.example)
    if not isinstance(tree, exp.Expression):
        raise ConfigError(f"the {kind.noun} is not a {kind.sort}", where=where, remedy=kind.example)
    return tree


def _without_texts(text: str) -> str:
    """Return `text` without what stands in quotes, where a semicolon is harmless."""
    kept, quote = [], ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        else:
            kept.append(sign)
    return "".join(kept)


def _refuse_other_parts(tree: exp.Expression, where: str, kind: _Kind) -> None:
    from sqlglot import exp

    for node in tree.walk():
        if isinstance(node, exp.Query | exp.Subquery | exp.Table):
            remedy = f"A {kind.noun} sees one customer's features; put what needs more into a feature file."
            raise ConfigError(f"a {kind.noun} holds no subquery", where=where, remedy=remedy)
        if type(node).__name__ not in _ALLOWED:
            name = node.name if isinstance(node, exp.Anonymous) else _spoken(node)
            remedy = "Use comparisons, arithmetic, and functions such as coalesce, abs, round, lower or contains."
            raise ConfigError(f"`{name}` may not be used in a {kind.noun}", where=where, remedy=remedy)


def _refuse_values(tree: exp.Expression, where: str) -> None:
    from sqlglot import exp

    root: exp.Expr = tree
    while isinstance(root, exp.Paren):
        root = root.this
    if type(root).__name__ not in _CONDITIONS | {"Column", "Case", "Coalesce", "Boolean"}:
        raise ConfigError(
            f"`{tree.sql(dialect='duckdb')}` is a value, not a condition", where=where, remedy=_FILTER.example
        )


def _spoken(node: exp.Expr) -> str:
    from sqlglot import exp

    if isinstance(node, exp.ReadCSV):
        return "read_csv"
    return node.sql_name().lower() if isinstance(node, exp.Func) else str(node.sql(dialect="duckdb"))
