"""What a job is made of: steps that each say in a sentence what they did, and the parameters that may be asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from churn.context import Context
from churn.errors import ChurnError, ConfigError
from churn.store.service_records import JobParameterValue, ScheduledRun

ParameterKind = Literal["text", "texts", "number", "flag", "day"]


@dataclass(frozen=True)
class StepResult:
    """How a step ended: `rows` counted (None where nothing is), a sentence; `is_skipped` where there was nothing to do."""

    rows: int | None
    sentence: str
    is_skipped: bool = False


StepFunction = Callable[[Context, ScheduledRun], StepResult]


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

    kind: ParameterKind
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

    def checked(self, parameters: Mapping[str, object]) -> dict[str, JobParameterValue]:
        """Return the parameters as they are kept. Raises ConfigError for one that is unknown, missing or ill-formed."""
        where = f"job {self.name}"
        for name in parameters:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise ConfigError(f"has no parameter `{name}`", where=where, remedy=f"It takes: {known}.")
        checked = {}
        for name, parameter in self.parameters.items():
            given = parameters.get(name)
            if given is None:
                if parameter.is_required:
                    raise ConfigError(f"needs `{name}`", where=where, remedy=f"{parameter.text}")
                continue
            value = _value(parameter.kind, given)
            if value is None:
                raise ConfigError(f"`{name}` is not a {parameter.kind}", where=where, remedy=f"{parameter.text}")
            checked[name] = value
        return checked


def _value(kind: ParameterKind, given: object) -> JobParameterValue | None:
    """Return what was given if it is of that kind, else None."""
    if kind == "texts":
        if not isinstance(given, list | tuple):
            return None
        texts = [text for text in given if isinstance(text, str)]
        return texts if len(texts) == len(given) else None
    if kind == "flag":
        return given if isinstance(given, bool) else None
    if kind == "number":
        return given if isinstance(given, int | float) and not isinstance(given, bool) else None
    return given if isinstance(given, str) else None
