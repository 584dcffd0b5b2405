from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from churn.config import Settings
from churn.crm.mapping import OUR_FIELDS, check_mapping
from churn.documents.definition import Crm
from tests import ROOT

PAGE = (ROOT / "docs" / "crm.md").read_text(encoding="utf-8")
BLOCKS = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)]


@pytest.mark.parametrize("block", [b for b in BLOCKS if "connectors" in b], ids=lambda b: next(iter(b["connectors"])))
def test_every_connector_section_of_the_page_is_accepted(block: dict[str, Any]) -> None:
    (section,) = Settings.model_validate(block).connectors.values()
    ((name, written),) = block["connectors"].items()
    assert section.kind == written.get("kind", name)


def test_every_option_that_the_page_shows_commented_out_is_accepted_too() -> None:
    for block in re.findall(r"```toml\n(\[connectors.*?)```", PAGE, flags=re.DOTALL):
        Settings.model_validate(tomllib.loads(re.sub(r"^# ", "", block, flags=re.MULTILINE)))


@pytest.mark.parametrize("block", [b for b in BLOCKS if "crm" in b], ids=lambda b: b["crm"]["connector"])
def test_every_mapping_of_the_page_names_fields_of_ours(block: dict[str, Any]) -> None:
    crm = Crm.model_validate(block["crm"])
    check_mapping(crm.fields, campaign="winback", is_campaign=True)


def test_the_table_names_every_field_of_ours_with_its_kind() -> None:
    kinds = {"number": "number", "text": "text", "instant, UTC": "datetime", "day": "date"}
    rows = re.findall(r"^\| ([a-z_, ]+) \| ([\w, ]+) \| [\w ]+ \|$", PAGE, flags=re.MULTILINE)
    told = {name: kinds[kind] for names, kind in rows if kind in kinds for name in names.split(", ")}
    assert told == OUR_FIELDS
