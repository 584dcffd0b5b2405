"""The sentences that jobs, models and campaigns write down for pages to show, read from the sources, with a mark where a value stands.

Such a sentence is a field of something that is kept, told by its name: a `headline`, a `note`, an alert's `message`. So a new
kind of finding is found without a list, wherever it is made.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from tests import ROOT
from tests.grammar import nodes
from tests.languages.errors import Module, error_classes, home_of, modules, resolved, shown_modules

PROSE = frozenset(
    ("sentence", "sentences", "headline", "summary", "advice", "note", "notes", "message", "method", "words", "why")
)
_ALERT = ("raise_", 3)  # store.alerts.raise_(kind, subject, severity, message, ...)
_WRITES_FOR_TERMINALS = ("churn.cli", "churn.api", "churn.workflows.doctor", "churn.workflows.reach")
_MOST_HOPS = 4
_SAME = ("tuple", "list", "sorted", "filter", "reversed")  # what these make holds the same texts
Part = tuple[Module, ast.expr]


@cache
def recorded_sentences() -> dict[str, str]:
    """Return what is written down for pages, by the text with its marks, with the place that writes it."""
    sentences: dict[str, str] = {}
    for name in sorted(shown_modules()):
        if name.startswith(_WRITES_FOR_TERMINALS):
            continue
        module = modules()[name]
        for call in (node for node in nodes(ROOT / module.file) if isinstance(node, ast.Call)):
            for argument in _prose_of(call):
                for there, part in _parts(module, argument):
                    for text in resolved(there, part):
                        sentences.setdefault(text, f"{there.file}:{part.lineno}")
    return sentences


@cache
def _fields() -> dict[str, list[str]]:
    """Return the fields of every class of churn in their order, by the name of the class."""
    return {
        node.name: [
            statement.target.id
            for statement in node.body
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
        ]
        for module in modules().values()
        for node in nodes(ROOT / module.file)
        if isinstance(node, ast.ClassDef)
    }


def _prose_of(call: ast.Call) -> Iterator[ast.expr]:
    """Yield the arguments of a call that are kept as sentences."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name in error_classes():
        return
    fields = _fields().get(name, [])
    yield from (value for field, value in zip(fields, call.args, strict=False) if field in PROSE)
    if name in _fields() or name == _ALERT[0]:
        yield from (word.value for word in call.keywords if word.arg in PROSE)
    if name == _ALERT[0]:
        yield from call.args[_ALERT[1] : _ALERT[1] + 1]


def _parts(module: Module, node: ast.expr, hops: int = 0) -> Iterator[Part]:
    """Yield the texts that an argument is, each with its module: itself, or the members of a list, also of one that grows."""
    inside: list[Part] = []
    if isinstance(node, ast.List | ast.Tuple):
        inside = [(module, member.value if isinstance(member, ast.Starred) else member) for member in node.elts]
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        inside = [(module, node.elt)]
    elif isinstance(node, ast.IfExp):
        inside = [(module, node.body), (module, node.orelse)]
    elif isinstance(node, ast.BinOp) and isinstance(node.left, ast.List):
        inside = [(module, node.left), (module, node.right)]
    elif isinstance(node, ast.Name):
        inside = list(_members(module, node))
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in _SAME:
        inside = [(module, argument) for argument in node.args]
    elif isinstance(node, ast.Call):
        inside = list(_made(module, node))
    if not inside or hops >= _MOST_HOPS:
        yield module, node
        return
    for there, part in inside:
        yield from _parts(there, part, hops + 1)


def _members(module: Module, name: ast.Name) -> Iterator[Part]:
    """Yield what a local list holds: at first, and what is added later."""
    function = module.around.get(name)
    if function is None:
        return
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            is_list = isinstance(node.value, ast.List | ast.ListComp | ast.Tuple | ast.GeneratorExp)
            if is_list and node.value is not None and any(getattr(at, "id", "") == name.id for at in targets):
                yield module, node.value
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == f"{name.id}.append":
            yield module, node.args[0]


def _made(module: Module, call: ast.Call) -> Iterator[Part]:
    """Yield what a function of churn returns or yields, where that is a list of texts."""
    if not isinstance(call.func, ast.Name):
        return
    there, name = home_of(module, call.func.id)
    function = there.functions.get(name) if there is not None else None
    if there is None or function is None or function.returns is None:
        return
    if not ast.unparse(function.returns).startswith(("list", "tuple", "Iterator", "Sequence", "Iterable")):
        return
    for node in ast.walk(function):
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value is not None:
            yield there, node.value
