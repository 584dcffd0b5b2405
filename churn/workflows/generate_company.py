"""Writes the simulated company's raw files, for trying the product and for benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from churn.errors import ConfigError
from churn.progress import SILENT, Progress

if TYPE_CHECKING:
    from churn.demo import CompanyFiles


def generate(
    folder: Path,
    *,
    customers: int,
    months: int = 18,
    seed: int = 7,
    scenario: str = "base",
    file_format: str = "parquet",
    progress: Progress = SILENT,
) -> CompanyFiles:
    """Write the raw files into `folder` and return where they are. Raises ConfigError for an unknown scenario or format."""
    from churn.demo import SCENARIOS, generate_company

    if scenario not in SCENARIOS:
        raise ConfigError(
            f"no scenario `{scenario}`", where="--scenario", remedy=f"Choose one of {', '.join(SCENARIOS)}."
        )
    if file_format not in {"csv", "parquet"}:
        raise ConfigError(f"no format `{file_format}`", where="--format", remedy="Choose csv or parquet.")
    return generate_company(
        folder,
        customers=customers,
        months=months,
        seed=seed,
        scenario=scenario,
        file_format=cast("Literal['csv', 'parquet']", file_format),
        progress=progress,
    )
