"""Integrated Brier scores of the product's survival curves beside Cox's regression and the shifted-beta-geometric model.

    python -m benchmarks.survival [--customers N] [--data FOLDER] [--only simulated telco socialnet]

Needs lifelines, and for two of the three a folder with telco_ibm and fightchurn_socialnet7. Lower is better.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.survival_cases import SurvivalCase, simulated, socialnet, telco
from benchmarks.survival_models import cox, everyone, fit_sbg, ours, sbg, score
from churn.progress import SILENT

MODELS = {"product": ours, "Cox, best of three penalties": cox, "sBG by cohort": sbg, "one curve": everyone}
# Customers of a thousand still there after 0, 1, ... years, and the authors' estimates from the first eight (Fader, Hardie 2007).
_PUBLISHED = (
    ("Regular", (1000, 631, 468, 382, 326, 289, 262, 241), (0.704, 1.182)),
    ("High End", (1000, 869, 743, 653, 593, 551, 517, 491), (0.668, 3.806)),
)


def check_sbg() -> None:
    """Stop unless the estimates are those that the authors published."""
    import numpy as np

    for name, there, published in _PUBLISHED:
        lost = -np.diff(there)
        years = len(lost)
        observed = np.concatenate([np.repeat(np.arange(years), lost), np.full(there[-1], years)])
        is_lost = np.arange(observed.size) < lost.sum()
        found = fit_sbg(np.zeros(observed.size, dtype=np.int64), observed, is_lost)
        if any(abs(a - b) > 0.002 for a, b in zip(found, published, strict=True)):
            raise SystemExit(f"sBG on {name}: {found}, published {published}")


def main() -> None:
    """Print a table for each data set that is there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.survival", description=__doc__)
    parser.add_argument("--customers", type=int, default=6_000)
    parser.add_argument("--data", type=Path, help="Folder of public data sets.")
    parser.add_argument("--only", nargs="*", default=["simulated", "telco", "socialnet"])
    arguments = parser.parse_args()
    check_sbg()
    cases: dict[str, Callable[[], SurvivalCase]] = {
        "simulated": lambda: simulated(arguments.customers, SILENT),
        "telco": lambda: telco(arguments.data),
        "socialnet": lambda: socialnet(arguments.data),
    }
    for name in arguments.only:
        if name != "simulated" and arguments.data is None:
            print(f"{name}: left out, for --data does not say where its file is")
            continue
        case = cases[name]()
        lost = int((case.test.is_lost & (case.test.observed < case.periods)).sum())
        print(
            f"\n{case.name}: learnt from {case.learn.size:,} rows, judged on {case.test.size:,} ({lost:,} losses), {case.periods} months"
        )
        for title, model in MODELS.items():
            began = time.process_time()
            figure = score(case, model(case))
            print(f"  {title:30} {figure:.5f}   {time.process_time() - began:6.1f} s")


if __name__ == "__main__":
    main()
