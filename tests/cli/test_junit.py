from __future__ import annotations

from xml.etree import ElementTree as ET

from churn.cli.junit import write_junit
from churn.warehouse.models.checks import CheckResult


def test_each_rule_is_a_case_and_one_that_blocks_fails_without_anybodys_data(tmp_path):
    checks = [
        CheckResult(
            "payments_have_customers",
            "block",
            3,
            {"customer_id": "C-77"},
            'no <customer> "there"\x00',
            0.5,
            "Load them.",
        ),
        CheckResult("plans_are_known", "warn", 1, {}, "an unknown plan", 0.25),
        CheckResult("dates_are_ordered", "block", 0, {}, "in order", 0.125),
    ]
    write_junit(tmp_path / "rules.xml", checks)
    text = (tmp_path / "rules.xml").read_text(encoding="utf-8")
    assert "C-77" not in text
    suites = ET.fromstring(text)
    (suite,) = suites
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "3",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
        "time": "0.875",
    }
    failing, warning, passing = suite
    (failure,) = failing
    assert failing.attrib == {"classname": "quality.block", "name": "payments_have_customers", "time": "0.500"}
    assert (failure.tag, failure.text) == ("failure", "Load them.")
    assert failure.get("message") == '3 rows: no <customer> "there" '
    assert [child.tag for child in warning] == ["skipped"]
    assert len(passing) == 0
