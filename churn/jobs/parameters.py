"""Reads the parameters of a run, which the store keeps as JSON: each by its name and as what it is."""

from __future__ import annotations

from datetime import date

from churn.errors import ConfigError
from churn.store.service_records import JobParameterValue, ScheduledRun


def text_of(run: ScheduledRun, name: str) -> str | None:
    """Return a text; None where none was given."""
    value = run.parameters.get(name)
    if value is None or isinstance(value, str):
        return value
    raise _wrong(run, name, value)


def required_text_of(run: ScheduledRun, name: str) -> str:
    """Return a text that every run of the job has."""
    value = text_of(run, name)
    if value is None:
        raise ConfigError(f"needs `{name}`", where=f"job {run.job}")
    return value


def texts_of(run: ScheduledRun, name: str) -> tuple[str, ...]:
    """Return some texts; none where none were given."""
    value = run.parameters.get(name, [])
    if isinstance(value, list):
        return tuple(value)
    raise _wrong(run, name, value)


def number_of(run: ScheduledRun, name: str) -> float | None:
    """Return a number; None where none was given."""
    value = run.parameters.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise _wrong(run, name, value)


def flag_of(run: ScheduledRun, name: str) -> bool:
    """Say whether a flag was given, and is set."""
    return bool(run.parameters.get(name))


def day_of(run: ScheduledRun, name: str) -> date | None:
    """Return a day that is given as YYYY-MM-DD; None where none was given."""
    text = text_of(run, name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigError(
            f"`{text}` is not a date", where=f"job {run.job}, {name}", remedy="Write it as YYYY-MM-DD."
        ) from error


def _wrong(run: ScheduledRun, name: str, value: JobParameterValue) -> ConfigError:
    return ConfigError(f"cannot be `{value}`", where=f"job {run.job}, {name}")
