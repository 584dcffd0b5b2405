"""Shows results: a table in the terminal, benchmarks/results.json, and docs/performance.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measuring import Result, told

LIBRARIES = (
    "duckdb",
    "polars",
    "numpy",
    "numba",
    "scikit-learn",
    "xgboost",
    "shap",
    "pandas",
    "featuretools",
    "sqlalchemy",
)


def document(results: Sequence[Result], customers: int, command: str) -> dict[str, Any]:
    """Return what results.json holds."""
    return {
        "command": command,
        "customers": customers,
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "load_average": os.getloadavg()[0],
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
        "results": [{**asdict(r), "is_met": r.is_met, "verdict": r.verdict} for r in results],
    }


def print_table(results: Sequence[Result]) -> None:
    """Print one row per result."""
    from rich.console import Console
    from rich.table import Table

    table = Table("", "work", "figure", "bar", "aim", "ours", "reference", "verdict", show_lines=False)
    for r in results:
        work = f"{r.work} ({r.note})" if r.note else r.work
        table.add_row(
            r.bench, work, told(r.figure, r.unit), _bound(r, r.bar), _bound(r, r.aim), r.ours, r.reference, r.verdict
        )
    Console(width=200).print(table)


def write_page(found: dict[str, Any], path: Path) -> None:
    """Write the results as a page; what people wrote below its first `## ` heading is kept."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in found["versions"].items())
    lines = [
        "# Performance",
        "",
        "Machines are noisy: every figure compares our work with a reference measured in the same run, in turns, and medians",
        "are compared. Nothing here is a timed test.",
        "",
        f"Command: `{found['command']}`, {found['customers']:,} customers.",
        f"Machine: {machine['cores']} cores, Python {machine['python']}, {versions}.",
        f"Load average of the machine when it ended: {found['load_average']:.1f}.",
        "",
        "| | work | figure | must reach | aim | ours | reference | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in found["results"]:
        r = Result(**{k: v for k, v in row.items() if k not in ("is_met", "verdict")})
        work = f"{r.work}<br>{r.note}" if r.note else r.work
        cells = (
            r.bench,
            work,
            told(r.figure, r.unit),
            _bound(r, r.bar),
            _bound(r, r.aim),
            r.ours,
            r.reference,
            r.verdict,
        )
        lines.append(f"| {' | '.join(cells)} |")
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    _, heading, remarks = before.partition("\n## ")
    path.write_text("\n".join([*lines, ""]) + heading + remarks, encoding="utf-8")


def merged(path: Path, results: Sequence[Result]) -> list[Result]:
    """Return `results` with those of other benches that the file at `path` holds, in order."""
    if not path.is_file():
        return list(results)
    kept = [
        Result(**{k: v for k, v in row.items() if k not in ("is_met", "verdict")})
        for row in json.loads(path.read_text(encoding="utf-8"))["results"]
    ]
    fresh = {(r.bench, r.unit == "exponent") for r in results}
    together = [r for r in kept if (r.bench, r.unit == "exponent") not in fresh] + list(results)
    return sorted(together, key=lambda r: (r.unit == "exponent", int(r.bench[1:])))


def _bound(result: Result, value: float | None) -> str:
    if value is None:
        return ""
    return f"{'≤' if result.goal == 'at most' else '≥'} {value:g} {result.unit.split()[0]}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
