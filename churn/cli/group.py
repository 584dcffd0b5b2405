"""The group of all commands: it loads a command's module when the command is called, and not for the list of all."""

from __future__ import annotations

import importlib
import re
from collections import UserDict
from copy import copy
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from churn.cli.commands import COMMANDS
from churn.cli.examples import EXAMPLES

_NUMBERS = {"int": "whole number", "float": "number"}  # by how the name of a type begins
_TAG = re.compile(r"(\[[a-z#/@])")  # what the help's library would read as a style


class CommandsOnDemand(UserDict[str, Any]):
    """The commands by name. Until a command is looked up, `data` holds a stub with its name and its line of help.

    `Any`, because the class of a command is typer's in one release and click's in another.
    """

    def __init__(self) -> None:
        super().__init__()
        for name, entry in COMMANDS.items():
            self.data[name] = _Stub(
                name=name,
                help=_plain(entry.summary),
                callback=None,
                hidden=entry.is_hidden,
                rich_help_panel=entry.panel,
            )

    def __getitem__(self, name: str) -> Any:
        command = self.data[name]
        if isinstance(command, _Stub):
            command = self.data[name] = _load(name)
        return command


class LazyGroup(TyperGroup):
    """Lists the commands by their stubs, and calls a command itself."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": {}})
        self._on_demand = CommandsOnDemand()
        self.commands = self._on_demand  # tests and documentation walk through them

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as the base class has it
        """Return the names, in the order of the table."""
        return list(self._on_demand)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - as the base class has it
        """Return the command, or its stub when nobody has called it yet."""
        return self._on_demand.data.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command itself and the words left for it."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, self._on_demand.get(name or "", stub), rest


class _Stub(TyperCommand):
    """Stands for a command whose module is not loaded."""


def _load(name: str) -> Any:
    app = typer.Typer()
    importlib.import_module(f"churn.cli.{COMMANDS[name].module}").register(app)
    command = get_group(app).commands[name]
    _finish(command, name)
    return command


def _finish(command: Any, path: str) -> None:
    """Give a command, and those of a group, its examples, and keep names of sections, such as [api], from being taken for markup."""
    examples = EXAMPLES.get(path, ())
    if examples:
        command.epilog = "\n\n".join(["Examples:", *(_plain(f"  churn {example}") for example in examples)])
    paragraphs = (" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n"))
    command.help = _plain("\n\n".join(paragraphs))
    for parameter in command.params:
        _name_numbers(parameter)
        if getattr(parameter, "help", None):
            parameter.help = _plain(parameter.help)
    for name, inner in getattr(command, "commands", {}).items():
        _finish(inner, f"{path} {name}")


def _name_numbers(parameter: Any) -> None:
    """Call numbers so in help and refusals: "`ten` is not a valid whole number", where the library says int, or float range."""
    words = next((word for kind, word in _NUMBERS.items() if parameter.type.name.startswith(kind)), None)
    if words is not None:
        parameter.type = copy(parameter.type)  # the library's own is shared by all options of its kind
        parameter.type.name = words


def _plain(text: str) -> str:
    return _TAG.sub(r"\\\1", text)
