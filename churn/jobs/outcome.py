"""What a job is made of: steps that each say in a sentence what they did, and the parameters that may be asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from churn.context import Context
from churn.errors import ChurnError, ConfigError
from churn.store.records import ScheduledRun

Kind = Literal["text", "texts", "number", "flag", "day"]


@dataclass(frozen=True)
class StepOutcome:
    """How a step ended: `rows` counted (None where nothing is), a sentence; `is_skipped` where there was nothing to do."""

    rows: int | None
    sentence: str
    is_skipped: bool = False


StepFunction = Callable[[Context, ScheduledRun], StepOutcome]


class StepFailed(ChurnError):
    """A step did part of its work: `sentence` says which, `causes` why not all."""

    def __init__(self, sentence: str, rows: int, causes: Sequence[ChurnError]) -> None:
        first = causes[0]
        super().__init__(first.what, where=first.where, remedy=first.remedy)
        self.sentence, self.rows, self.causes = sentence, rows, tuple(causes)


@dataclass(frozen=True)
class Step:
    """One step. The steps after a gate wait for it; others go on when it fails, and the run fails at its end."""

    name: str
    work: StepFunction
    is_gate: bool = False


@dataclass(frozen=True)
class Parameter:
    """What may be said when a job is asked for."""

    kind: Kind
    text: str
    is_required: bool = False


@dataclass(frozen=True)
class Job:
    """One job. `scope` is what a key needs to ask for it; `is_dated` means that it runs once for each logical date."""

    name: str
    title: str
    steps: tuple[Step, ...]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    scope: Literal["push", "admin"] = "admin"
    is_dated: bool = False

    def checked(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters as they are kept. Raises ConfigError for one that is unknown, missing or ill-formed."""
        where = f"job {self.name}"
        for name in parameters:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise ConfigError(f"has no parameter `{name}`", where=where, remedy=f"It takes: {known}.")
        found = {}
        for name, parameter in self.parameters.items():
            value = parameters.get(name)
            if value is None:
                if parameter.is_required:
                    raise ConfigError(f"needs `{name}`", where=where, remedy=f"{parameter.text}")
                continue
            if not _fits(parameter.kind, value):
                raise ConfigError(f"`{name}` is not a {parameter.kind}", where=where, remedy=f"{parameter.text}")
            found[name] = list(value) if parameter.kind == "texts" else value
        return found


def _fits(kind: Kind, value: Any) -> bool:
    if kind == "texts":
        return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "flag":
        return isinstance(value, bool)
    return isinstance(value, str)
