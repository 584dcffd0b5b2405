from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest
import typer
from typer.main import get_group

from churn import cli
from churn.cli.commands import COMMANDS, CommandEntry
from tests.company import Company

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
                entries[name] = CommandEntry(module.name, summary, command.hidden)
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
        "churn.cli.group",
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
