"""Writes proposed sections as TOML: what is in force as it is, choices and notes as comments."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from churn.warehouse.proposing.proposal import SourceProposal
from churn.warehouse.proposing.toml import inline, key

HEADER = """
# Where each table comes from, as proposed from the files. Read it, choose where it says so, and look at what
# `churn refresh --dry-run` shows; a refresh does what stands here and guesses nothing. See docs/sources.md.
"""


def written(proposals: Sequence[SourceProposal], folder: Path) -> str:
    """Return the sections; paths are relative to `folder`, where churn.toml lies, if they lie below it."""
    return HEADER + "".join(_section(proposal, folder) for proposal in proposals)


def _section(proposal: SourceProposal, folder: Path) -> str:
    name = key(proposal.table)
    paths = [_place(path, folder) for path in proposal.paths]
    head = [f"[sources.{name}]", f"path = {inline(paths[0] if len(paths) == 1 else paths)}", *proposal.lines]
    if not proposal.is_chosen:
        head = [f"# {line}" for line in head]
    lines = ["", f"# {proposal.title}", *head, *(f"# {note}" for note in proposal.notes)]
    for choice in proposal.choices:
        lines += [f"# {choice.why}", *(f"# {line}" for line in choice.lines)]
    if proposal.columns:
        mapped = [f"[sources.{name}.columns]", *(f"{ours} = {inline(t)}" for ours, t in proposal.columns.items())]
        lines += ["", *mapped] if proposal.is_chosen else [f"# {line}" for line in mapped]
    return "\n".join(lines) + "\n"


def _place(path: Path, folder: Path) -> str:
    full, base = path.resolve(), folder.resolve()
    return Path(os.path.relpath(full, base)).as_posix() if full.is_relative_to(base) else full.as_posix()
