"""What all commands share: the options every one takes, how results and errors are shown, progress on a terminal."""

from __future__ import annotations

import inspect
import json
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel

from churn.bootstrap import build_context
from churn.cli.options import CommonOptions, ConfigOption, DebugOption, HomeOption, JsonOption, QuietOption
from churn.cli.tables import shown
from churn.errors import ChurnError, ConfigError

if TYPE_CHECKING:
    from pydantic import JsonValue
    from rich.progress import TaskID

    from churn.context import Context


_TELLING, _SOON = 0.05, 3.0  # share done and seconds after which a pace tells how long the rest takes


class Session:
    """One run of one command: its context, and where its result goes."""

    def __init__(self, *, home: Path | None, config: Path | None, as_json: bool, quiet: bool) -> None:
        self.home = home
        self.config = config
        self.as_json = as_json
        self.quiet = quiet
        self.progress = _progress(quiet=quiet or as_json)

    @property
    def context(self) -> Context:
        """The context for this run; built on first use, so that help and usage errors stay fast."""
        if not hasattr(self, "_context"):
            self._context = build_context(home=self.home, config=self.config, progress=self.progress)
        return self._context

    def show(self, document: object, render: Callable[[], None]) -> None:
        """Print `document` as JSON if asked for, else call `render` unless quiet.

        A document is a mapping, a dataclass or a pydantic model, and so is what it holds.
        """
        self.progress.close()
        if self.as_json:
            sys.stdout.write(json.dumps(_plain(document), indent=2, allow_nan=False) + "\n")
        elif not self.quiet:
            render()


def command(
    app: typer.Typer, name: str | None = None, **settings: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register `function(session, ...)` as a command of `app`, with the options that every command takes.

    A ChurnError becomes one line on stderr (or an `error` document under --json) and its class's exit code.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(
            *,
            ctx: typer.Context,
            home: Path | None,
            config: Path | None,
            as_json: bool,
            quiet: bool,
            debug: bool,
            **options: Any,
        ) -> None:
            before = ctx.find_root().obj or CommonOptions()
            common = CommonOptions(home, config, as_json, quiet, debug).over(before)
            session = Session(home=common.home, config=common.config, as_json=common.as_json, quiet=common.quiet)
            try:
                function(session, **options)
            except ChurnError as error:
                session.progress.close()
                if common.debug:
                    raise
                _complain(error, as_json=common.as_json)
                raise typer.Exit(error.exit_code) from error
            finally:
                session.progress.close()

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        shared = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for key, annotation, default in (
                ("home", HomeOption, None),
                ("config", ConfigOption, None),
                ("as_json", JsonOption, False),
                ("quiet", QuietOption, False),
                ("debug", DebugOption, False),
            )
        ]
        called = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [called, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *shared]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads the signature
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name, **settings)(run)
        return run

    return register


def read_date(text: str | None, option: str) -> date | None:
    """Return the day that `text` (YYYY-MM-DD) names; None for None. Raises ConfigError naming the option."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"`{text}` is not a date", where=option, remedy="Write it as YYYY-MM-DD.") from error


def _complain(error: ChurnError, *, as_json: bool) -> None:
    if as_json:
        document = {
            "error": {"code": type(error).__name__, "message": error.what, "where": error.where, "remedy": error.remedy}
        }
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        sys.stderr.write(f"churn: {shown(error)}\n")


def _plain(value: object) -> JsonValue:
    """Return `value` as plain JSON values: NaN and infinity as null, days and instants as ISO text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, BaseModel):
        return {name: _plain(item) for name, item in value}
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return _plain(value.tolist()) if hasattr(value, "tolist") else _simple(value)  # of numpy values


def _simple(value: object) -> JsonValue:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case date() | datetime():
            return value.isoformat()
        case Path():
            return str(value)
    raise TypeError(type(value).__name__)


class _Lines:
    """Progress as plain lines on stderr, or nothing."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._last = ""

    def step(self, message: str, done: float | None = None) -> None:  # noqa: ARG002  # lines show no fraction
        """Write the message when it is a new one."""
        if not self._quiet and message != self._last:
            self._last = message
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Nothing is open."""


class _Bar:
    """Progress as one live line on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None
        self._begun: tuple[float, float] | None = None  # when, and the share done then
        self._latest = 0.0

    def step(self, message: str, done: float | None = None) -> None:
        """Show the message, how far it is, and about how long the rest takes."""
        if self._task is None:
            self._live.start()
            self._task = self._live.add_task(message, total=None, left="")
        self._live.update(
            self._task,
            description=message,
            total=None if done is None else 1.0,
            completed=done or 0.0,
            left=self._left(done),
        )

    def _left(self, done: float | None) -> str:
        """Return in words how long it still takes at the pace it has had; nothing before that can be told."""
        now = time.monotonic()
        if done is None:
            return ""
        if done < self._latest:  # another piece of work begins
            self._begun = None
        self._latest = done
        if self._begun is None:
            self._begun = now, done
        begun_at, begun = self._begun
        if done - begun < _TELLING or now - begun_at < _SOON:
            return ""
        seconds = (now - begun_at) * (1.0 - done) / (done - begun)
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {max(seconds, 1):.0f} s left"

    def close(self) -> None:
        """Take the line away."""
        if self._task is not None:
            self._live.stop()
            self._live.remove_task(self._task)
            self._task = None


def _progress(*, quiet: bool) -> _Bar | _Lines:
    return _Lines(quiet=quiet) if quiet or not sys.stderr.isatty() else _Bar()
