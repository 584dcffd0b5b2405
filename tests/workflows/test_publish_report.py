from __future__ import annotations

from pathlib import Path

import pytest

from churn.bootstrap import build_context
from churn.config import load_settings
from churn.errors import ChurnError, ConfigError, ResourceError
from churn.workflows import publish_report as module
from churn.workflows.context import Context
from churn.workflows.publish_report import publish_report
from tests.company import Company


def context_of(home: Path) -> Context:
    config = home / "churn.toml"
    return build_context(settings=load_settings(config=config if config.is_file() else None, home=home, environ={}))


def test_the_same_company_gives_the_same_bytes_also_when_opened_again(company: Company):
    first = publish_report(context_of(company.home))
    page, facts = first.files["report"].read_bytes(), first.files["facts"].read_bytes()
    again = publish_report(context_of(company.home))

    assert again.files["report"].read_bytes() == page
    assert again.files["facts"].read_bytes() == facts
    assert len(page) < 1_000_000
    assert b"No campaign has been measured yet" in page  # before campaigns


def test_a_month_that_the_data_do_not_reach_is_refused_by_name_and_no_file_is_left(company: Company):
    with pytest.raises(ConfigError, match="the data end before 2031-01"):
        publish_report(context_of(company.home), "2031-01")
    assert not (company.home / "reports" / "monthly-2031-01.html").exists()
    with pytest.raises(ConfigError, match="is no month"):
        publish_report(context_of(company.home), "2026-13")


def test_an_earlier_month_is_told_as_it_ended(company: Company):
    newest = publish_report(context_of(company.home)).document
    before = newest["churn"]["before"]["month"]
    found = publish_report(context_of(company.home), before[:7]).document
    assert found["first_day"] == before
    assert found["churn"]["trend"][-1]["month"] == before


def test_a_warehouse_without_data_is_refused_with_words(tmp_path: Path):
    with pytest.raises(ChurnError):
        publish_report(context_of(tmp_path))
    assert not list(tmp_path.glob("reports/monthly-*"))


def test_a_full_disk_leaves_the_report_that_was_there(company: Company, monkeypatch: pytest.MonkeyPatch):
    page = publish_report(context_of(company.home)).files["report"]
    kept = page.read_bytes()

    def full(path: Path, text: str) -> None:
        raise ResourceError("cannot be written: No space left on device", where=str(path))

    monkeypatch.setattr(module, "write_text", full)
    with pytest.raises(ResourceError):
        publish_report(context_of(company.home))
    assert page.read_bytes() == kept
