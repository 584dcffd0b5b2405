"""Runs the benches and shows their results: `python -m benchmarks [--only P6 ...] [--customers N] [--quick]`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    allocation,
    campaign_page,
    commands,
    coverage,
    crm_diff,
    drift,
    explore,
    features,
    growth,
    load,
    matrix,
    money,
    nightly,
    odoo_push,
    page,
    pages,
    programmes,
    publishing,
    publishing_postgres,
    reasons,
    report,
    rest_push,
    scale,
    serving,
    simulator,
)
from benchmarks.measuring import ROOT, Result
from churn.progress import Progress

RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "performance.md"
LARGE_MONTHS = 4  # a company of 1.2 million over 18 months would need 300 million sessions

# In the order they run: what needs the least comes first.
BENCHES: dict[str, Callable[[int, int, Progress], list[Result]]] = {
    "P15": commands.run,
    "P9": money.run,
    "P20": simulator.run,
    "P11": allocation.run,
    "P17": coverage.run,
    "P14": publishing.run,
    "P25": publishing_postgres.run,
    "P16": crm_diff.run,
    "P12": drift.run,
    "P1": features.run_one,
    "P6": reasons.run,
    "P5": nightly.run,
    "P13": report.run,
    "P22": load.run,
    "P4": matrix.run,
    "P23": scale.run,
    "P24": scale.run_cutting,
    "P2": features.run_twelve,
    "P21": explore.run,
    "P27": programmes.run,
    "P8": serving.run_lookups,
    "P7": serving.run_scores,
    "P26": pages.run,
    "rest": rest_push.run,
    "odoo": odoo_push.run,
}
SAME_RUN = {"P10": "P9"}  # measured together with another
TRUTH = {
    "oracle": "oracle",
    "rounds": "rounds",
    "coverage-campaigns": "coverage",
    "off-policy": "off-policy",
    "height": "height",
}  # benches with a page of their own: not about speed


class Lines:
    """Tells progress in plain lines with the time passed."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def step(self, message: str, done: float | None = None) -> None:  # noqa: ARG002 - the protocol's
        """Print `message`."""
        print(f"[{time.monotonic() - self._began:6.0f} s] {message}", file=sys.stderr, flush=True)


def main() -> int:
    """Run what was asked for; exit code 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="P",
        help="some benches, such as P6 P9, P3, growth, oracle, rounds, coverage-campaigns, off-policy, height",
    )
    parser.add_argument("--customers", type=int, default=120_000)
    parser.add_argument("--quick", action="store_true", help="12,000 customers and fewer repeats; nothing is written")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[12_000, 120_000], help="sizes that growth is fitted over"
    )
    parser.add_argument("--seeds", type=int, default=10, help="companies of the oracle bench")
    chosen = parser.parse_args()
    if truths := [TRUTH[name] for name in chosen.only or () if name in TRUTH]:
        if len(truths) < len(chosen.only):
            parser.error(f"{', '.join(TRUTH)} run by themselves")
        return campaign_page.main([*truths, "--seeds", str(chosen.seeds)])
    customers, repeats = (12_000, 3) if chosen.quick else (chosen.customers, chosen.repeats)
    asked = [
        name.upper() if name.lower().startswith("p") else name for name in chosen.only or [*BENCHES, "P3", "growth"]
    ]
    wanted = {SAME_RUN.get(name, name) for name in asked}
    if unknown := wanted - {*BENCHES, "P3", "growth"}:
        parser.error(
            f"no bench {', '.join(sorted(unknown))}; there are {', '.join([*BENCHES, *SAME_RUN, 'P3', 'growth'])}"
        )
    progress, results = Lines(), []
    for name, run in BENCHES.items():
        if name in wanted:
            results += run(customers, repeats, progress)
    if "P3" in wanted and not (chosen.quick and not chosen.only):
        results += features.run_large(customers, LARGE_MONTHS, repeats, progress)
    if "growth" in wanted and not chosen.quick:
        results += growth.run(chosen.sizes, progress)
    if not chosen.quick:
        results = page.merged(RESULTS, results)
        found = page.document(results, customers, "make bench")
        RESULTS.write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")
        page.write_page(found, PAGE)
    page.print_table(sorted(results, key=lambda r: (r.unit == "exponent", int(r.bench[1:]))))
    return 0 if all(result.is_met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
