"""Reads or simulates the scenarios that a simulation is compared with: a file, a saved name, or a list of changes."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from churn.context import Context
from churn.decisions.simulation_request import CUTS, TERMS, SimulationRequest
from churn.errors import ConfigError
from churn.workflows.simulate.simulate import simulate_campaign

# Who runs the command decides on the others.
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


def compare_simulations(context: Context, request: SimulationRequest, source: str) -> list[dict[str, Any]]:
    """Return the documents that `source` names: a .json of an earlier simulation, the name of a saved one, or a .toml.

    A .toml holds `[[scenarios]]`, each a name and what differs from `request`; they are simulated now.
    Raises ConfigError for a file that is neither.
    """
    path = Path(source)
    if not path.is_file():
        if path.suffix in {".json", ".toml"}:
            raise ConfigError("no such file", where=source, remedy="Write one with `churn simulate --out FILE.json`.")
        with context.open_store() as store:
            return [store.simulations.get(source).result]
    if path.suffix == ".toml":
        return [simulate_campaign(context, r).document for r in _scenarios(path, request)]
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigError(f"cannot be read: {error}", where=source, remedy="Give a .json or .toml file.") from error
    if not isinstance(document, dict) or not {"net_profit", "contacts", "optimum"} <= document.keys():
        raise ConfigError(
            "is not a simulation", where=source, remedy="Write one with `churn simulate --out FILE.json`."
        )
    return [{**document, "name": document.get("name") or path.stem}]


def compare_documents(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return two simulations' documents, the terms in which they differ, and second less first of what came out."""

    def terms(document: Mapping[str, Any]) -> dict[str, Any]:
        return {**document.get("economics", {}), "profit_model": document.get("profit_model")}

    def difference(name: str) -> float | None:
        one, two = first.get(name), second.get(name)
        return None if one is None or two is None else round(two - one, 6)

    one, two = terms(first), terms(second)
    sources = ("basis", "model_version", "snapshot_date", "scored_at")
    return {
        "first": dict(first),
        "second": dict(second),
        "different_terms": {
            name: (one.get(name), two.get(name)) for name in {**one, **two} if one.get(name) != two.get(name)
        },
        "differences": {name: difference(name) for name in COMPARED},
        "is_same_list": all(first.get(name) == second.get(name) for name in sources),
    }


def _scenarios(path: Path, request: SimulationRequest) -> list[SimulationRequest]:
    try:
        scenarios = tomllib.loads(path.read_text(encoding="utf-8")).get("scenarios")
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from error
    if not isinstance(scenarios, list) or not scenarios or not all(isinstance(s, dict) for s in scenarios):
        raise ConfigError("holds no [[scenarios]]", where=str(path), remedy="Begin each scenario with `[[scenarios]]`.")
    return [_scenario(path, number, each, request) for number, each in enumerate(scenarios, 1)]


def _scenario(path: Path, number: int, given: dict[str, Any], request: SimulationRequest) -> SimulationRequest:
    where = f"{path}, scenario {number}"
    for key, value in given.items():
        if key not in _IN_FILES:
            raise ConfigError(f"unknown key `{key}`", where=where, remedy=_nearest(key, sorted(_IN_FILES)))
        if key in _NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ConfigError(f"`{key}` is not a number", where=where)
    if any(cut in given for cut in CUTS):
        request = replace(request, threshold=None, budget=None, contacts=None)
    name = given.get("name", f"scenario {number}")
    return replace(request, **{**given, "name": name, "save": None})


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
