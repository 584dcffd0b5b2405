"""The syntax of the package's modules, parsed once for all tests that read the sources: they stay together on one worker."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests import ROOT


@cache
def sources() -> tuple[Path, ...]:
    """Return every module of churn, in order of their paths."""
    return tuple(sorted((ROOT / "churn").rglob("*.py")))


@cache
def syntax(file: Path) -> ast.Module:
    """Return the syntax of a module."""
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def nodes(file: Path) -> tuple[ast.AST, ...]:
    """Return every node of a module's syntax, outer ones before inner ones."""
    return tuple(ast.walk(syntax(file)))


def dotted(file: Path) -> str:
    """Return the name by which a module is imported."""
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
