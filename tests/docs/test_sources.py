"""The page on sources is held to what the code takes."""

from __future__ import annotations

import re
import tomllib

import pytest

from churn.config import SourceSettings
from churn.warehouse.loading.contracts import TABLES
from churn.warehouse.loading.expressions import expression
from churn.warehouse.reading.readers import check_options, format_of
from tests import ROOT

PAGE = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_of_the_page_is_a_valid_source(block: str) -> None:
    for name, section in tomllib.loads(block)["sources"].items():
        source = SourceSettings(**section)
        assert name in TABLES
        if isinstance(source.path, str):
            check_options(format_of(source.path, source.format, where=name), source.options, where=name)
        theirs = dict.fromkeys(["account", "day", "net", "tax", "paid", "kind", "updated_at"], "VARCHAR")
        theirs |= dict.fromkeys(["user", "time", "method", "path", "status"], "VARCHAR")
        for text in [*source.columns.values(), *([source.where] if source.where else [])]:
            assert expression(text, theirs, where=name, file=name).sql


def test_the_csv_options_of_the_page_are_options() -> None:
    line = PAGE.split("For CSV: ")[1].split("For databases")[0]
    of_csv, of_all = (re.findall(r"`(\w+)`", part) for part in re.sub(r"\(.*?\)", "", line).split("For every format:"))
    assert len(of_csv) + len(of_all) > 15
    check_options("csv", dict.fromkeys([*of_csv, *of_all], ""), where="page")
    for kind in ("json", "parquet"):
        check_options(kind, dict.fromkeys(of_all, ""), where="page")
