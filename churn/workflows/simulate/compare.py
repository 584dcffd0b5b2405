"""Reads or simulates the scenarios that a simulation is compared with: a file, a saved name, or a list of changes."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from churn.context import Context
from churn.decisions.simulation_request import CUTS, TERMS, SavedInput, SimulationRequest, request_from, saved_inputs
from churn.documents.simulation import Number, SimulationComparison, SimulationDocument
from churn.errors import ConfigError, ContractBroken
from churn.workflows.simulate.simulate import simulate_campaign

# The caller of the command decides on the other fields.
_IN_FILES = {field.name for field in fields(SimulationRequest)} - {"preset", "save", "allow_uncalibrated"}
_NUMBERS = {"seed", *(term.name for term in TERMS)}
COMPARED = (
    "net_profit",
    "cost",
    "contacts",
    "threshold",
    "retained",
    "revenue",
    "roi",
    "precision",
    "recall",
    "loss_probability",
    "value_of_save",
)


def compare_simulations(context: Context, request: SimulationRequest, source: str) -> list[SimulationDocument]:
    """Return the documents that `source` names: a .json of an earlier simulation, the name of a saved one, or a .toml.

    A .toml holds `[[scenarios]]`, each a name and what differs from `request`; they are simulated now.
    Raises ConfigError for a file that is neither.
    """
    path = Path(source)
    if not path.is_file():
        if path.suffix in {".json", ".toml"}:
            raise ConfigError("no such file", where=source, remedy="Write one with `churn simulate --out FILE.json`.")
        with context.open_store() as store:
            return [store.simulations.get(source).document]
    if path.suffix == ".toml":
        return [simulate_campaign(context, scenario) for scenario in _scenarios(path, request)]
    document = _written(path)
    return [document if document.name else document.model_copy(update={"name": path.stem})]


def _written(path: Path) -> SimulationDocument:
    """Return the document that an earlier simulation was written as, by --out or by --json."""
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
    except (ValueError, OSError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path), remedy="Give a .json or .toml file.") from error
    try:
        return SimulationDocument.read(values, where=str(path))
    except ContractBroken as error:
        raise ConfigError(
            "is not a simulation", where=str(path), remedy="Write one with `churn simulate --out FILE.json`."
        ) from error


def compare_documents(first: SimulationDocument, second: SimulationDocument) -> SimulationComparison:
    """Return two simulations' documents, the terms in which they differ, and second less first of what came out."""

    def terms(document: SimulationDocument) -> dict[str, Number | str | None]:
        return {**dict(document.economics), "profit_model": document.profit_model}

    def difference(name: str) -> float | None:
        before, after = getattr(first, name), getattr(second, name)
        return None if before is None or after is None else round(after - before, 6)

    pairs = {name: (term, terms(second)[name]) for name, term in terms(first).items()}
    return SimulationComparison(
        first=first,
        second=second,
        different_terms={name: pair for name, pair in pairs.items() if pair[0] != pair[1]},
        differences={name: difference(name) for name in COMPARED},
        is_same_list=_list_of(first) == _list_of(second),
    )


def _list_of(document: SimulationDocument) -> tuple[object, ...]:
    return document.basis, document.model_version, document.snapshot_date, document.scored_at


def _scenarios(path: Path, request: SimulationRequest) -> list[SimulationRequest]:
    try:
        scenarios = tomllib.loads(path.read_text(encoding="utf-8")).get("scenarios")
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error
    if not isinstance(scenarios, list) or not scenarios or not all(isinstance(s, dict) for s in scenarios):
        raise ConfigError("holds no [[scenarios]]", where=str(path), remedy="Begin each scenario with `[[scenarios]]`.")
    return [_scenario(path, number, scenario, request) for number, scenario in enumerate(scenarios, 1)]


def _scenario(
    path: Path, number: int, given: Mapping[str, SavedInput], request: SimulationRequest
) -> SimulationRequest:
    where = f"{path}, scenario {number}"
    for key, value in given.items():
        if key not in _IN_FILES:
            raise ConfigError(f"unknown key `{key}`", where=where, remedy=_nearest(key, sorted(_IN_FILES)))
        if key in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError(f"`{key}` is not a number", where=where)
    if any(cut in given for cut in CUTS):
        request = replace(request, threshold=None, budget=None, contacts=None)
    inputs = {**saved_inputs(replace(request, save=None)), "name": f"scenario {number}", **given}
    return request_from(inputs)


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
