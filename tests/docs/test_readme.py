"""README and pages do what they say: every command line is accepted, tables are those of the code, examples work."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from churn import errors
from churn.cli import build_app
from tests import ROOT

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
}
README, COMMANDS, EXTENDING = PAGES["README.md"], PAGES["docs/commands.md"], PAGES["docs/extending.md"]
SOURCES = PAGES["docs/sources.md"].partition("## The tables\n")[2].partition("\n## ")[0]
APP = typer.main.get_command(build_app())
SHORT_FOR = {"sync": "push", "experiment": "analyse"}  # `churn sync CAMPAIGN`, `churn experiment FILE`


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def command_lines() -> list[str]:
    """Return every line of a console block that calls churn, long ones joined, without where its output goes."""
    told = [block.replace("\\\n", " ") for text in PAGES.values() for block in blocks("console", text)]
    lines = [line.partition(" >> ")[0].strip() for block in told for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith("churn ")})


@pytest.mark.parametrize("line", command_lines())
def test_every_command_line_of_the_docs_is_accepted_by_the_command_line(line):
    words = shlex.split(line, comments=True)[1:]
    command = APP
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands and command.name in SHORT_FOR:
            words = [SHORT_FOR[command.name], *words]
        command = command.commands[words.pop(0)]
    command.make_context(command.name, words)  # parses options and arguments; raises on an unknown one


def test_every_command_is_in_the_table_of_commands_and_no_other():
    named = set(re.findall(r"^\| `churn ([a-z-]+)`", COMMANDS, flags=re.MULTILINE))
    assert named == {name for name, command in APP.commands.items() if not command.hidden}


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_of_a_page_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGES[page], flags=re.MULTILINE)) <= targets


def test_the_exit_codes_of_the_docs_are_those_of_the_errors():
    told = {int(code) for code in re.findall(r"^\| (\d) \|", COMMANDS, flags=re.MULTILINE)}
    ours = {c.exit_code for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.ChurnError)}
    assert told - {0} == ours - {1}


def test_the_tables_and_columns_of_the_docs_are_the_contracts():
    from churn.warehouse.loading.contracts import TABLES

    rows = re.findall(r"^\| `(\w+)` \| (\w[\w, ]*) \| (\w[\w, ]*) \|$", SOURCES, flags=re.MULTILINE)
    told = {name: (set(required.split(", ")), set(optional.split(", "))) for name, required, optional in rows}
    ours = {
        table.name: (set(table.required), set(table.types) - set(table.required) - {"known_at"})
        for table in TABLES.values()
    }
    assert told == ours


def test_the_settings_in_the_readme_are_valid(tmp_path):
    from churn.config import load_settings

    path = tmp_path / "churn.toml"
    path.write_text(blocks("toml", README)[0], encoding="utf-8")
    assert set(load_settings(config=path, environ={}).sources) == {"customers", "subscriptions", "payments"}


def test_the_feature_and_the_rule_of_the_docs_work_as_told(company):
    feature, rule = blocks("sql", EXTENDING)
    for place, text in (("features/weekend.sql", feature), ("checks/payments_are_small.sql", rule)):
        path = company.home / "sql" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = company.json("features", "--date", "2026-05-01")["features"]
    assert any(f["name"] == "weekend_sessions_28d" and f["group"] == "weekend" for f in found)
    rules = {check["rule"]: check["level"] for check in company.json("refresh")["checks"]}
    assert rules["payments_are_small"] == "warn"


def test_the_campaign_of_the_docs_works_as_told(company):
    definition = next(block for block in blocks("toml", EXTENDING) if block.startswith("[campaign]"))
    (company.home / "campaigns").mkdir(exist_ok=True)
    (company.home / "campaigns" / "winback_call.toml").write_text(definition, encoding="utf-8")
    assert company.json("campaigns", "validate", "winback_call")["is_valid"]
    dry = company.json("plan", "winback_call", "--dry-run")
    assert dry["campaigns"][0]["treatment"] > 0
    assert dry["campaigns"][0]["holdout"] > 0
    plan = company.json("plan", "winback_call", "--out", str(company.home / "winback_call.csv"))
    assert plan["expected"] == dry["expected"]
    lines = (company.home / "winback_call.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) - 1 == plan["allocation"]["chosen"]
    assert company.json("plan", "winback_call")["allocation"]["chosen"] == 0  # those assigned stay, nobody is added


@pytest.mark.parametrize("name", sorted(p.name for p in (ROOT / "docs" / "examples").glob("*.toml")))
def test_every_example_configuration_is_valid(name):
    from churn.config import load_settings

    assert load_settings(config=ROOT / "docs" / "examples" / name, environ={}).sources
