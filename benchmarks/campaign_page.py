"""Writes what campaigns turn out to be worth against the truth: docs/campaign-truth.md, from the benches that know it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import campaign_coverage, height, off_policy, oracle_share, rounds, rounds_told
from benchmarks.campaign_worlds import DEMO, SECOND
from benchmarks.measuring import ROOT

RESULTS = Path(__file__).parent / "campaigns.json"
PAGE = ROOT / "docs" / "campaign-truth.md"
TOLD: dict[str, Callable[[dict[str, Any]], str]] = {
    "oracle": oracle_share.told,
    "rounds": rounds_told.told,
    "coverage": campaign_coverage.told,
    "off-policy": off_policy.told,
    "height": height.told,
}
HEAD = """# Campaigns against the truth

On a simulated company it is known what every customer would do under every offer, so what the product chooses and measures can
be judged. Nobody can do that with real customers. Written by `python -m benchmarks --only oracle rounds
coverage-campaigns off-policy height`.

| bar | measured by | met where |
|---|---|---|
| files alone earn 85 % of the ceiling, 80 % under a budget of 1,000 a month | `python -m benchmarks.campaign_page rounds --first 11 --seeds 10` | [six rounds](#what-do-six-rounds-of-learning-earn) |
| expected over true profit from .8 to 1.25 after two rounds; 90 % intervals hold 85 to 95 % | the same | the same |
| no round more than 5 % below the static plan in 95 % of companies | the same | the same |
| where every offer harms, at most 2 % of the risk rule's spend lost in six rounds | the same | the same |
| each policy's share of the oracle's profit | `python -m benchmarks.campaign_page oracle` | [oracle](#what-share-of-the-oracles-profit-does-each-policy-earn) |
| 95 % intervals of measured campaigns hold 92 to 98 % | `python -m benchmarks.campaign_page coverage` | [intervals](#do-the-intervals-of-measured-campaigns-hold-the-truth) |
| off-policy intervals hold 93 to 97 % of 500 logs | `python -m benchmarks.campaign_page off-policy` | [log](#does-the-log-say-what-another-policy-would-have-earned) |
| the height post is right about 80 % of companies of either verdict | `python -m benchmarks.campaign_page height --companies 100` | [height](#does-the-height-post-foretell-what-a-programme-can-prove) |
| simulator, page, plan, report agree to the cent on 1,000 random terms | `python -m benchmarks.agreement` | it prints how many |
| 120,000 customers x 5 offers planned in 10 s | `python -m benchmarks --only P27` | [performance.md](performance.md) |
| a million customers x 5 offers in 60 s | `python -m benchmarks.programme_million` | it prints the seconds |
"""


class Lines:
    """Tells progress in plain lines with the time passed."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def step(self, message: str, done: float | None = None) -> None:  # noqa: ARG002 - the protocol's
        """Print `message`."""
        print(f"[{time.monotonic() - self._began:6.0f} s] {message}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for and write the page; exit code 1 when coverage misses its bounds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.campaign_page", description=__doc__)
    parser.add_argument("which", nargs="+", choices=sorted(TOLD), help="what to run")
    parser.add_argument("--seeds", type=int, default=oracle_share.SEEDS, help="companies of the oracle bench")
    parser.add_argument("--first", type=int, default=1, help="seed of the first company of the rounds")
    parser.add_argument(
        "--simulators",
        nargs="+",
        default=[DEMO.name, SECOND.name],
        choices=[DEMO.name, SECOND.name],
        help="whose companies play rounds",
    )
    parser.add_argument("--customers", type=int, help="customers of each company, instead of the bench's own number")
    parser.add_argument("--draws", type=int, default=campaign_coverage.DRAWS, help="campaigns per kind, of coverage")
    parser.add_argument("--companies", type=int, default=height.COMPANIES, help="companies of each verdict, of height")
    parser.add_argument("--dry-run", action="store_true", help="print the sections; write nothing")
    chosen = parser.parse_args(arguments)
    progress, found = Lines(), {}
    if "oracle" in chosen.which:
        found["oracle"] = oracle_share.run(
            progress, customers=chosen.customers or oracle_share.CUSTOMERS, seeds=chosen.seeds
        )
    if "rounds" in chosen.which:
        found["rounds"] = rounds.run(
            progress,
            customers=chosen.customers or rounds.CUSTOMERS,
            seeds=min(chosen.seeds, rounds.SEEDS),
            first=chosen.first,
            simulators=chosen.simulators,
        )
    if "coverage" in chosen.which:
        found["coverage"] = campaign_coverage.run(
            progress, customers=chosen.customers or campaign_coverage.CUSTOMERS, draws=chosen.draws
        )
    if "off-policy" in chosen.which:
        found["off-policy"] = off_policy.run(progress)
    if "height" in chosen.which:
        found["height"] = height.run(progress, companies=chosen.companies)
    sys.stdout.write("\n".join(TOLD[name](result) for name, result in found.items()))
    if not chosen.dry_run:
        write(found)
    return 0 if found.get("coverage", {}).get("is_met", True) else 1


def write(found: dict[str, Any]) -> None:
    """Put `found` beside what earlier runs of other benches, and of other simulators' rounds, found, and write the page anew."""
    before: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    if "rounds" in found and "rounds" in before:
        played = {case["simulator"] for case in found["rounds"]["cases"]}
        kept = [case for case in before["rounds"]["cases"] if case["simulator"] not in played]
        found = found | {"rounds": before["rounds"] | found["rounds"] | {"cases": [*kept, *found["rounds"]["cases"]]}}
    machine = {"python": platform.python_version(), "system": platform.system()}
    together = before | {name: {**result, "machine": machine} for name, result in found.items()}
    RESULTS.write_text(json.dumps(together, indent=1, default=str) + "\n", encoding="utf-8")
    PAGE.write_text(
        "\n".join([HEAD, *(TOLD[name](together[name]) for name in TOLD if name in together)]), encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
