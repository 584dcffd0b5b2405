"""Writes what the quality rules found as JUnit XML, which CI servers and orchestrators show rule by rule."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from xml.etree import ElementTree as ET  # writes, and reads nothing

import typer

from churn.files.whole import write_text

if TYPE_CHECKING:
    from churn.warehouse.models.checks import CheckResult

JUnitFile = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write what each quality rule found as JUnit XML.")
]
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, checks: Sequence[CheckResult]) -> None:
    """Write a test case for each rule: defects of a rule that blocks are a failure, of one that warns a skipped test.

    An example of the defects is not in it, since it may hold customers' data.
    """
    failures = [check for check in checks if check.defect_count and check.level == "block"]
    warnings = [check for check in checks if check.defect_count and check.level != "block"]
    counts = {"tests": len(checks), "failures": len(failures), "errors": 0, "skipped": len(warnings)}
    seconds = f"{sum(check.seconds for check in checks):.3f}"
    attributes = {name: str(count) for name, count in counts.items()} | {"time": seconds}
    suites = ET.Element("testsuites", {"name": "churn", **attributes})
    suite = ET.SubElement(suites, "testsuite", {"name": "quality", **attributes})
    for check in checks:
        case = ET.SubElement(
            suite,
            "testcase",
            {"classname": f"quality.{check.level}", "name": check.rule, "time": f"{check.seconds:.3f}"},
        )
        if not check.defect_count:
            continue
        message = _plain(f"{check.defect_count:,} rows: {check.message}")
        if check.level == "block":
            ET.SubElement(case, "failure", {"type": "block", "message": message}).text = _plain(check.remedy)
        else:
            ET.SubElement(case, "skipped", {"message": message})
    ET.indent(suites)
    write_text(path, f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(suites, encoding="unicode")}\n')


def _plain(text: str) -> str:
    return _NOT_XML.sub(" ", text)
