"""Reads a Dockerfile and performs its stages in plain folders, so that its steps are tried where no Docker runs."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Stage:
    """One FROM and what follows it: (instruction, rest of the line) in order."""

    name: str
    image: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def the(self, instruction: str) -> list[str]:
        """Return what each `instruction` of the stage says."""
        return [rest for word, rest in self.steps if word == instruction]


def read_stages(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile; continued lines are joined and comments dropped."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            image, _, name = rest.partition(" AS ")
            stages.append(Stage(name.strip(), image.strip()))
        elif word and stages:
            stages[-1].steps.append((word, rest.strip()))
    return stages


def context_files(root: Path) -> list[Path]:
    """Return the files that `root/.dockerignore` lets into the build; the last pattern that fits a path counts."""
    patterns = [
        line.strip()
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    names = {pattern.lstrip("!").split("/")[0] for pattern in patterns if pattern.startswith("!")}
    inside = [path for name in sorted(names) for path in [root / name, *(root / name).rglob("*")] if path.is_file()]
    return [path for path in inside if not _is_ignored(path.relative_to(root).as_posix(), patterns)]


def _is_ignored(name: str, patterns: list[str]) -> bool:
    parts = name.split("/")
    ancestry = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    ignored = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").removeprefix("**/")
        tried = parts if "**/" in pattern else ancestry
        if any(fnmatch.fnmatchcase(one, bare) for one in tried):
            ignored = not pattern.startswith("!")
    return ignored


class Builder:
    """Performs stages below `folder`: each absolute path of the image stands for one in there.

    The image's `python` is this one. The step that installs the locked set is passed over: what it would download is
    lent to the environment afterwards (see `lend_packages`), which takes no time and no network.
    """

    def __init__(self, folder: Path, context: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._context = context
        self._environment = environment
        self.passed_over: list[str] = []

    def path(self, inside: str) -> Path:
        """Return where the image's path `inside` lies."""
        return self._folder / inside.lstrip("/")

    def perform(self, stage: Stage) -> None:
        """Do what COPY, RUN and WORKDIR of `stage` say."""
        where = self._folder
        for word, rest in stage.steps:
            if word == "WORKDIR":
                where = self.path(rest)
                where.mkdir(parents=True, exist_ok=True)
            elif word == "COPY" and not rest.startswith("--from"):
                self._copy(rest, where)
            elif word == "RUN" and "--require-hashes" in rest:
                self.passed_over.append(rest)
            elif word == "RUN":
                self._run(rest, where)

    def _copy(self, rest: str, where: Path) -> None:
        source, target = rest.split()
        goal = self.path(target) if target.startswith("/") else where / target
        for path in context_files(self._context):
            name = path.relative_to(self._context)
            if source == "." or name.parts[0] == source:
                (goal / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, goal / name)

    def _run(self, command: str, where: Path) -> None:
        here = re.sub(r"(?<![\w./])/(?=[a-z])", f"{self._folder}/", command)
        here = re.sub(r"^python\b", sys.executable, here)
        done = subprocess.run(
            here, shell=True, cwd=where, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command}\n{done.stdout}\n{done.stderr}")
