"""The options that every command takes, before its name or after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

GLOBAL_PANEL = "Common options"
DAY = "YYYY-MM-DD"  # how a day is asked for

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Folder of the warehouse, store, models and reports. Default: $CHURN_HOME or .churn/",
        rich_help_panel=GLOBAL_PANEL,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings file. Default: churn.toml in a home that is named, else here or in the home.",
        rich_help_panel=GLOBAL_PANEL,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON document on stdout, nothing else.", rich_help_panel=GLOBAL_PANEL)
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress and no summary.", rich_help_panel=GLOBAL_PANEL)]
DebugOption = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=GLOBAL_PANEL)
]

LanguageOption = Annotated[str | None, typer.Option(help="Of the page: en, de. Default: that of [reporting].")]


@dataclass(frozen=True)
class CommonOptions:
    """What of them was given."""

    home: Path | None = None
    config: Path | None = None
    as_json: bool = False
    quiet: bool = False
    debug: bool = False

    def over(self, earlier: CommonOptions) -> CommonOptions:
        """Return these, and where they say nothing those of `earlier`, given before the command's name."""
        return CommonOptions(
            self.home or earlier.home,
            self.config or earlier.config,
            self.as_json or earlier.as_json,
            self.quiet or earlier.quiet,
            self.debug or earlier.debug,
        )
