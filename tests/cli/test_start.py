from __future__ import annotations

import importlib
import json
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command, get_group

from churn import __version__, cli, errors
from churn.cli.commands import COMMANDS, CommandEntry
from churn.cli.examples import EXAMPLES
from tests.company import Company, call

HEAVY = [
    "alembic",
    "altair",
    "apscheduler",
    "duckdb",
    "fastapi",
    "httpx",
    "jinja2",
    "numba",
    "numpy",
    "optuna",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic",
    "scipy",
    "shap",
    "sklearn",
    "sqlalchemy",
    "sqlglot",
    "starlette",
    "uvicorn",
    "xgboost",
]


def registered() -> dict[str, CommandEntry]:
    """What the modules register, as the table would say it."""
    entries = {}
    for module in pkgutil.iter_modules(cli.__path__):
        register = getattr(importlib.import_module(f"churn.cli.{module.name}"), "register", None)
        if register is not None:
            app = typer.Typer()
            register(app)
            for name, command in get_group(app).commands.items():
                summary = " ".join((command.help or "").split("\n\n")[0].split())
                entries[name] = CommandEntry(module.name, summary, COMMANDS[name].panel, command.hidden)
    return entries


def test_the_table_of_commands_says_what_the_modules_register() -> None:
    assert registered() == COMMANDS


def loaded(*arguments: str) -> set[str]:
    """The modules that a process has loaded at the end of `churn ARGUMENTS`."""
    code = (
        f"import sys\nsys.argv = ['churn', *{list(arguments)!r}]\nfrom churn.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        "print('\\nLOADED', code, *sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, code, *modules = done.stdout.splitlines()[-1].split()
    assert code in {"0", "None"}, done.stdout
    return set(modules)


@pytest.mark.slow
def test_the_list_of_commands_loads_no_command_and_no_heavy_library() -> None:
    modules = loaded("--help")
    assert modules & set(HEAVY) == set()
    assert {name for name in modules if name.partition(".")[0] == "churn"} == {
        "churn",
        "churn.cli",
        "churn.cli.commands",
        "churn.cli.examples",
        "churn.cli.group",
        "churn.cli.options",
    }


def test_the_risk_list_loads_no_library_but_those_of_settings_and_store(finished_company: Company) -> None:
    modules = loaded("risk-list", "--home", str(finished_company.home), "--top", "20")
    assert modules & set(HEAVY) == {"pydantic", "sqlalchemy"}
    assert {name for name in modules if name.startswith("churn.modeling")} == set()


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["score", "--help"], ["models", "--help"], ["models", "list", "--help"]])
def test_a_command_loads_its_own_module_alone(arguments: list[str]) -> None:
    modules = {name for name in loaded(*arguments) if name.startswith("churn.cli.")}
    own = f"churn.cli.{COMMANDS[arguments[0]].module}"
    assert own in modules
    others = {f"churn.cli.{entry.module}" for entry in COMMANDS.values()} - {own}
    assert modules & others == set()


def test_a_misspelt_command_names_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.build_app()(["risklist"])
    assert "risk-list" in capsys.readouterr().err


def commands_by_path() -> dict[str, Any]:
    """Every command that is shown, and every group, by its words."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if words and not command.hidden:
            found[" ".join(words)] = command
        for name in list(getattr(command, "commands", {})):
            walk(command.commands[name], (*words, name))

    walk(get_command(cli.build_app()), ())
    return found


def test_each_help_has_two_examples_that_the_command_line_understands() -> None:
    root = get_command(cli.build_app())
    assert EXAMPLES.keys() == commands_by_path().keys()
    for path, examples in EXAMPLES.items():
        assert len(set(examples)) >= 2, path
        for example in examples:
            assert f"{example} ".startswith(f"{path} "), example
            command, words = root, shlex.split(example)
            while hasattr(command, "commands"):
                with command.make_context("churn", words) as context:
                    left = [*context._protected_args, *context.args]  # a group puts the command in that it means
                    _, command, words = command.resolve_command(context, left)
            command.make_context("churn", words).close()


def test_options_that_all_commands_take_stand_before_a_command_or_after_it(tmp_path: Path) -> None:
    before = call("--home", str(tmp_path), "--json", "models", "list", cwd=tmp_path)
    after = call("models", "list", "--json", "--home", str(tmp_path), cwd=tmp_path)
    assert (before.returncode, before.stdout) == (after.returncode, after.stdout)
    assert json.loads(before.stdout) == {"models": []}
    refused = call("--json", "explain", "C1", "--home", str(tmp_path), cwd=tmp_path)
    assert json.loads(refused.stdout)["error"]["message"]


def test_the_version_is_told(tmp_path: Path) -> None:
    done = call("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"churn {__version__}\n")


def test_the_list_of_commands_names_every_exit_code(tmp_path: Path) -> None:
    text = " ".join(call("--help", cwd=tmp_path).stdout.split())
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ChurnError)]
    for code in {kind.exit_code for kind in kinds if kind is not errors.ChurnError}:
        assert re.search(rf"[:,] {code} \w", text), code


def test_names_of_sections_are_told_in_the_help(tmp_path: Path) -> None:
    assert "[api] host" in call("serve", "--help", cwd=tmp_path).stdout
    assert "[monitoring]" in call("monitor", "--help", cwd=tmp_path).stdout
