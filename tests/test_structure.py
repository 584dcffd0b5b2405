from __future__ import annotations

import ast
import pkgutil
import re
import shutil
import statistics
import subprocess
import tomllib
import warnings
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
import typer
from importlinter.cli import lint_imports

import churn
from tests import ROOT
from tests.conftest import LONG
from tests.grammar import nodes, syntax

pytestmark = pytest.mark.xdist_group("sources")  # parsed once, see tests.grammar

BOUNDS = {  # the lines that a file may have, by what it is, and from which on it is named; the first match counts
    "tests/**/*.py": (700, 700),
    "**/*.py": (500, 400),
    "**/*.sql": (100, 100),
    "**/*.j2": (150, 150),
}
VAGUE = {"found", "told", "one", "each", "asked", "said"}  # as names of values: they say nothing of what they hold
USUAL = range(80, 151)  # where the length of churn's middle file lies
TOP = {  # what lies at the top: what a run leaves behind does not belong there
    ".ci", ".dockerignore", ".editorconfig", ".gitignore", ".pre-commit-config.yaml", ".sqlfluff", "CHANGELOG.md", "CONTRIBUTING.md",
    "Dockerfile", "Makefile", "README.md", "benchmarks", "campaigns", "churn", "compose.yaml", "deploy", "docs", "pyproject.toml",
    "reports", "requirements-dev.lock", "requirements.lock", "sql", "tests",
}  # fmt: skip
LOCKS = ["requirements.lock", "requirements-dev.lock", "benchmarks/requirements.lock"]
# Hosts that a text may name: standards, references, places reserved for examples, and this machine itself.
HOSTS = re.compile(
    r"^(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|host|user@host|([\w-]+\.)*example(\.\w+)?|www\.w3\.org|adaptivecards\.io|openlineage\.io|json-schema\.org|"
    r"([\w-]+\.)*iana\.org|([\w-]+\.)*ietf\.org|(dx\.)?doi\.org|arxiv\.org|[{<$].*|[\w-]+)$"
)
MACHINE_PATH = re.compile(r"(?<![\w.:/$}-])/(home|root|Users|work|opt|mnt|private|var/folders)/[\w.-]+")
VENDORED = "churn/api/static/vendor/"  # stays as its authors wrote it, licence and all
REGISTRY = re.compile(
    r"\b(pypi|pythonhosted|npmjs|anaconda|artifactory|jfrog|nexus)[\w.-]*\.(org|com|io|net)\b", re.IGNORECASE
)


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project, as git knows it, or as it lies there where git is missing."""
    git = shutil.which("git")
    if git is not None and (ROOT / ".git").exists():
        listed = subprocess.run(
            [git, "-c", f"safe.directory={ROOT}", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
        )
        names = [name for name in listed.stdout.decode().split("\0") if name]
        return tuple(sorted(path for name in names if (path := ROOT / name).is_file()))
    hidden = {".venv", ".churn", "build", "dist", "__pycache__"}
    return tuple(
        sorted(
            path
            for path in ROOT.rglob("*")
            if path.is_file() and not any(p in hidden or p.endswith("_cache") for p in path.relative_to(ROOT).parts)
        )
    )


@pytest.fixture(scope="session", autouse=True)
def _files() -> None:
    """Ask git before the first test: the tests themselves start no process."""
    tracked()


def texts() -> Iterator[tuple[str, str]]:
    """Every tracked text by its name, but for this file, which has to spell out what it forbids."""
    for path in tracked():
        if path != Path(__file__).resolve():
            try:
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@cache
def trees() -> tuple[tuple[str, ast.Module], ...]:
    """The syntax of every module of churn by its name."""
    return tuple(
        (name, syntax(ROOT / name)) for name, _ in texts() if name.startswith("churn/") and name.endswith(".py")
    )


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="without git, what a build leaves counts as tracked")
def test_nothing_lies_around() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} <= TOP
    assert [
        path.name
        for path in tracked()
        if path.suffix in {".sqlite", ".duckdb", ".log", ".lock"} and path.parent != ROOT
    ] == [
        "requirements.lock"  # of the bench
    ]


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_every_file_keeps_to_its_bound_of_lines() -> None:
    over = []
    for path in tracked():
        name = path.relative_to(ROOT)
        bound, notable = next((lines for pattern, lines in BOUNDS.items() if _matches(name, pattern)), (None, None))
        if bound is None or notable is None or (count := _lines(path)) <= notable:
            continue
        if count > bound:
            over.append(f"{name}: {count} lines, {bound} allowed")
        else:
            warnings.warn(f"{name} has {count} lines: does it hold one thought?", stacklevel=1)
    assert over == []


def _matches(name: Path, pattern: str) -> bool:
    folder, _, ending = pattern.rpartition("**/*")
    return name.as_posix().startswith(folder) and name.name.endswith(ending)


def test_files_are_as_a_rule_neither_scraps_nor_heaps() -> None:
    modules = [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == "churn"]
    assert statistics.median_low(_lines(path) for path in modules if path.name != "__init__.py") in USUAL


def test_what_rooms_hand_each_other_has_a_type() -> None:
    texts_of_code = [text for name, text in texts() if name.startswith("churn/") and name.endswith(".py")]
    lines = sum(text.count("\n") for text in texts_of_code)
    untyped = sum(text.count("dict[str, Any]") for text in texts_of_code)
    assert 1_000 * untyped / lines <= 1.2  # where the data really is free: a user's extra columns, a CRM's own answer


def test_a_class_name_stands_for_one_thing() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name, _ in trees():
        for node in nodes(ROOT / name):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(f"{name}:{node.lineno}")
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def _variables(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Names that are assigned, looped over or taken as parameters; fields of a class are what documents call them."""
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.ClassDef) and isinstance(child, ast.AnnAssign):
            continue
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.lineno, child.id
        elif isinstance(child, ast.arg):
            yield child.lineno, child.arg
        elif isinstance(child, ast.MatchAs) and child.name is not None:
            yield child.lineno, child.name
        yield from _variables(child)


def test_variables_are_named_for_what_they_hold() -> None:
    vague = [
        f"{name}:{line} {variable}"
        for name, tree in trees()
        for line, variable in _variables(tree)
        if variable.strip("_") in VAGUE
    ]
    assert vague == []


def test_the_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0, capsys.readouterr().out


def test_where_a_library_lives_in_some_packages_only_every_other_package_is_held_to_it() -> None:
    packages = {f"churn.{module.name}" for module in pkgutil.iter_modules(churn.__path__)}
    panel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    homes = {}
    for contract in panel["tool"]["importlinter"]["contracts"]:
        if named := re.search(r" lives? in (.+) only$", contract["name"]):
            homes[contract["name"]] = {f"churn.{home}" for home in re.split(r", | and ", named[1])}
            assert set(contract["source_modules"]) == packages - homes[contract["name"]], contract["name"]
            assert homes[contract["name"]] <= packages
    assert len(homes) > 5


def test_every_module_begins_by_saying_what_it_is() -> None:
    silent = [
        name
        for name, text in texts()
        if name.startswith("churn/") and name.endswith(".py") and not text.lstrip().startswith('"""')
    ]
    assert silent == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_pins_by_hash_and_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--(extra-)?index-url|--find-links|-f|--trusted-host)\b", text, re.MULTILINE)
    pinned = re.findall(r"^[a-z0-9][\w.\[\],-]*==\S+.*$", text, re.MULTILINE)
    assert len(pinned) > 20
    assert all(line.endswith("\\") for line in pinned), "a package without a hash"


def test_no_text_names_a_registry_or_a_host_beyond_references() -> None:
    found = []
    for name, text in texts():
        if name.startswith(VENDORED):
            continue
        hosts = re.findall(r"[a-z][a-z0-9+]*://([^\s/\"'`)\]>,;?#]+)", text)
        found += [f"{name}: {host}" for host in hosts if not HOSTS.match(host.rpartition("@")[2].partition(":")[0])]
        found += [f"{name}: {match.group()}" for match in REGISTRY.finditer(text)]
    assert found == []


def test_no_text_names_a_path_of_some_machine() -> None:
    found = [f"{name}: {match.group()}" for name, text in texts() for match in MACHINE_PATH.finditer(text)]
    assert found == []


def test_every_exception_in_the_control_panel_carries_its_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    silent, inside = [], False
    for number, line in enumerate(lines):
        opens = re.match(r"\s*(ignore|filterwarnings|\"[\w*/.]+\"|ignore_missing_imports)\s*=", line)
        if re.match(r"\[tool\.ruff\.lint\.per-file-ignores\]", line):
            inside = True
        elif line.startswith("[") and not line.startswith("[["):
            inside = False
        entry = re.match(r'\s+"(ignore:|[A-Z]+[0-9]*")', line)
        if entry or (opens and opens.group(1).startswith('"') and inside and line.rstrip()[-1] != "["):
            if "#" not in line:
                silent.append(f"{number + 1}: {line.strip()}")
        elif line.strip() == "ignore_missing_imports = true" and not any(
            "#" in above for above in lines[max(0, number - 3) : number]
        ):
            silent.append(f"{number + 1}: {line.strip()}")
    assert silent == []


def test_every_exception_in_the_code_names_its_rule_and_reason() -> None:
    bare = []
    for name, text in texts():
        if name.endswith(".py") and name.startswith("churn/"):
            for line in text.splitlines():
                if "# noqa" in line and not re.search(
                    r"# noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* +(- |# |[a-z(])\w?", line
                ):
                    bare.append(f"{name}: {line.strip()}")
                if "# type: ignore" in line and "# type: ignore[" not in line:
                    bare.append(f"{name}: {line.strip()}")
    assert bare == []


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    for child_name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, f"{name} {child_name}")


def test_every_command_and_each_of_its_options_has_help() -> None:
    from churn.cli import build_app

    silent = []
    for name, command in _commands(typer.main.get_command(build_app()), "churn"):
        if not command.help and not command.short_help:
            silent.append(name)
        silent += [f"{name} {p.name}" for p in command.params if p.name != "help" and not getattr(p, "help", None)]
    assert silent == []


def test_the_tests_that_go_first_are_there() -> None:
    assert [path for path in LONG if not (ROOT / path).is_file()] == []
