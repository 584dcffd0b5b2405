"""The sentences of every error that pages and jobs may meet, read from the sources, with a mark where a value stands.

A sentence may be written where the error is raised, in a constant, in a table of them, in a function that returns it, or be handed to
a function that raises: all these are followed. What cannot be followed to its words is a value, and a mark stands for it.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, product
from pathlib import Path

from tests import ROOT
from tests.grammar import dotted, nodes, sources, syntax

VALUE = re.compile("\x01(\\w*)\x02")  # stands for a value in a sentence, and names it
_ROOTS = {"ChurnError", "ApiError", "ValueError"}  # validators raise ValueError, and settings say it as a ConfigError
_MARKED = {"tr", "trn", "trc", "tr_html", "N_"}  # these have words by other tests
_PLACES = {
    "ApiError": slice(2, 3),
    "Complaint": slice(3, 5),
    "Fault": slice(0, 2),
}  # which arguments are the text, where it is not the first
_SHOWN_BY = (
    "churn.api.pages",
    "churn.jobs",
    "churn.crm.connectors",
)  # what these import, at any distance, ends on pages
_KEPT = ("rstrip", "removesuffix", "strip", "capitalize")  # a text after these is the same text
_WRITTEN = ("churn.wording", "churn.redaction")  # what these return are values
_DEPTH = 5
_MOST = 40
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """A module by its grammar: constants and functions by name, where imported names come from, and who calls what."""

    name: str
    file: str
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    around: dict[ast.AST, Function] = field(default_factory=dict)  # each node by the innermost function that holds it


@cache
def modules() -> dict[str, Module]:
    """Return every module of churn by its dotted name."""
    read = (_module(file) for file in sources())
    return {module.name: module for module in read}


def _module(file: Path) -> Module:
    module = Module(dotted(file), file.relative_to(ROOT).as_posix(), syntax(file))
    for node in nodes(file):
        if isinstance(node, ast.ImportFrom) and node.module:
            module.imported |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, Function):
            module.functions[node.name] = node
            module.around |= dict.fromkeys(ast.walk(node), node)  # inner functions come later, and win
    for statement in module.tree.body:
        if isinstance(statement, ast.Assign):
            module.constants |= {at.id: statement.value for at in statement.targets if isinstance(at, ast.Name)}
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            module.constants[statement.target.id] = statement.value
    return module


@cache
def shown_modules() -> frozenset[str]:
    """Return the modules whose errors may end on a page: what pages, jobs and connectors import, at any distance."""
    waiting = [name for name in modules() if name.startswith(_SHOWN_BY)]
    shown: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in shown:
            shown.add(name)
            for home, own in modules()[name].imported.values():
                waiting += [there for there in (home, f"{home}.{own}") if there in modules()]
    return frozenset(shown)


@cache
def error_classes() -> frozenset[str]:
    """Return the names of all classes of errors that a page may show."""
    classes = set(_ROOTS)
    defined = [
        (node.name, {base.id for base in node.bases if isinstance(base, ast.Name)})
        for module in modules().values()
        for node in nodes(ROOT / module.file)
        if isinstance(node, ast.ClassDef)
    ]
    while more := {name for name, bases in defined if bases & classes} - classes:
        classes |= more
    return frozenset(classes)


@cache
def error_sentences() -> dict[str, str]:
    """Return what errors say and what they advise, by the text with its marks, with the place that says it."""
    sentences: dict[str, str] = {}
    for name in sorted(shown_modules()):
        module = modules()[name]
        for call in (node for node in nodes(ROOT / module.file) if isinstance(node, ast.Call)):
            for argument in _texts_of(call):
                for text in resolved(module, argument):
                    sentences.setdefault(text, f"{module.file}:{argument.lineno}")
    return sentences


def _texts_of(call: ast.Call) -> Iterator[ast.expr]:
    """Yield what an error is told to say; nothing where the call makes no error."""
    name = _called(call)
    if name in error_classes() or name in _PLACES:
        arguments = call.args[_PLACES.get(name, slice(0, 1))]
        yield from (argument for argument in arguments if not isinstance(argument, ast.Starred))
        yield from (word.value for word in call.keywords if word.arg in ("what", "detail", "remedy"))


def _called(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def resolved(module: Module, node: ast.expr, depth: int = 0) -> list[str]:
    """Return every text that an expression may be, with a mark for what cannot be followed; nothing for marked sentences."""
    return list(islice(dict.fromkeys(_resolved(module, node, depth)), _MOST))


def _resolved(module: Module, node: ast.expr, depth: int) -> Iterable[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    texts: Iterable[str] = ()
    if depth > _DEPTH:
        texts = ()
    elif isinstance(node, ast.JoinedStr | ast.BinOp):
        texts = map("".join, product(*(resolved(module, part, depth + 1) for part in _parts(node))))
    elif isinstance(node, ast.IfExp):
        texts = _each(module, (node.body, node.orelse), depth)
    elif isinstance(node, ast.BoolOp):
        texts = _each(module, node.values, depth)
    elif isinstance(node, ast.Name):
        texts = _named(module, node, depth)
    elif isinstance(node, ast.Subscript):
        texts = _chosen(module, node.value, depth)
    elif isinstance(node, ast.Call) and _called(node) in _MARKED:
        return []
    elif isinstance(node, ast.Call):
        texts = _made(module, node, depth) if isinstance(node.func, ast.Attribute) else _returned(module, node, depth)
    return list(islice(texts, _MOST)) or [_value(node)]


def _parts(node: ast.JoinedStr | ast.BinOp) -> list[ast.expr]:
    """Return what a text is put together from."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    return [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]


def _each(module: Module, nodes: Sequence[ast.expr], depth: int) -> list[str]:
    return [text for node in nodes for text in resolved(module, node, depth + 1)]


def _named(module: Module, node: ast.Name, depth: int) -> list[str]:
    """Return the texts of a local variable, of a parameter by all who call, or of a constant."""
    function = module.around.get(node)
    if function is not None:
        if node.id in _parameters(function):
            texts = (
                text for there, value in _given(module, function, node.id) for text in resolved(there, value, depth + 1)
            )
            return [text if " " in VALUE.sub("", text).strip() else _value(node) for text in texts] or [_value(node)]
        assigned = [statement for statement in ast.walk(function) if isinstance(statement, ast.Assign)]
        values = [at.value for at in assigned for target in at.targets if getattr(target, "id", "") == node.id]
        if values:
            return _each(module, values, depth)
    there, name = home_of(module, node.id)
    if there is not None and name in there.constants:
        return resolved(there, there.constants[name], depth + 1)
    return [_value(node)]


@cache
def _calls() -> dict[str, list[tuple[Module, ast.Call]]]:
    """Return all calls by the name that is called."""
    calls: defaultdict[str, list[tuple[Module, ast.Call]]] = defaultdict(list)
    for module in modules().values():
        for node in nodes(ROOT / module.file):
            if isinstance(node, ast.Call):
                calls[_called(node)].append((module, node))
    return calls


def _given(module: Module, function: Function, parameter: str) -> Iterator[tuple[Module, ast.expr]]:
    """Yield what callers of a function hand over as one of its parameters."""
    place = _parameters(function).index(parameter)
    for there, call in _calls().get(function.name, []):
        is_own = isinstance(call.func, ast.Attribute) and there is module
        if is_own or home_of(there, function.name) == (module, function.name):
            yield from ((there, word.value) for word in call.keywords if word.arg == parameter)
            yield from ((there, value) for value in call.args[place : place + 1] if not isinstance(value, ast.Starred))


def _parameters(function: Function) -> list[str]:
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    return [argument.arg for argument in arguments if argument.arg not in ("self", "cls")]


def home_of(module: Module, name: str) -> tuple[Module | None, str]:
    """Return the module that a name comes from, and its name there."""
    home, own = module.imported.get(name, (module.name, name))
    return modules().get(home), own


def _chosen(module: Module, node: ast.expr, depth: int) -> list[str]:
    """Return every text of a table that a text is taken from; none where it is not known."""
    if isinstance(node, ast.Name):
        there, name = home_of(module, node.id)
        table = there.constants.get(name) if there is not None else None
        if there is not None and isinstance(table, ast.Dict):
            return _each(there, table.values, depth)
    return []


def _made(module: Module, call: ast.Call, depth: int) -> list[str]:
    """Return what a method makes: `text.format(...)`, `text.strip()`, or a table's `get`."""
    of = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    texts: list[str] = []
    if _called(call) == "format":
        texts = [re.sub(r"\{(\w*)\}", "\x01\\1\x02", text) for text in resolved(module, of, depth + 1)]
    elif _called(call) in _KEPT:
        texts = resolved(module, of, depth + 1)
    elif _called(call) == "get":
        chosen = _chosen(module, of, depth)
        texts = [*chosen, *_each(module, call.args[1:], depth)] if chosen else []
    return texts


def _returned(module: Module, call: ast.Call, depth: int) -> list[str]:
    """Return what a function of churn returns; nothing where it is not known, or writes values."""
    there, name = home_of(module, _called(call))
    function = there.functions.get(name) if there is not None and there.name not in _WRITTEN else None
    if there is None or function is None:
        return []
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    return _each(there, returns, depth)


def _value(node: ast.expr) -> str:
    """Return the mark of a value, named after a name in its expression."""
    names = [getattr(part, "attr", "") or getattr(part, "id", "") for part in ast.walk(node)]
    return f"\x01{next(filter(None, names), '')}\x02"
