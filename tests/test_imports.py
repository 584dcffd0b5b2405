from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.grammar import dotted, sources, syntax

pytestmark = pytest.mark.xdist_group("sources")  # parsed once, see tests.grammar


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, parsed, by its name."""
    return {dotted(file): syntax(file) for file in sources()}


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules that a piece of code names in its imports, wherever they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in modules() else node.module


def test_only_other_peoples_libraries_are_imported_inside_functions() -> None:
    late = [
        f"{name}, {function.name}: {imported}"
        for name, tree in modules().items()
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for imported in imports(function)
        if imported.partition(".")[0] in {"churn", *sys.stdlib_module_names}
    ]
    assert late == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports for annotations count, and so do those inside functions."""
    graph = {
        name: {other for other in imports(tree) if other in modules()} - {name} for name, tree in modules().items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(reversed(error.args[1]))) from None
