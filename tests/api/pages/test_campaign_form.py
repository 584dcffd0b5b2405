"""A campaign's file is changed where the form was: comments, order and everything else stay."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn import resources
from churn.api.pages import campaign_form as form
from churn.api.pages.toml_form import BANDS
from churn.campaigns.reading import examine_text
from churn.campaigns.writing import revised_toml
from churn.documents.definition import CampaignDefinition

TEXT = """# Spring.
[campaign]
title = "Call" # what people see

[offer]
contact_cost = 0.50

[offer.success]
voluntary = { low = 0.1, expected = 0.2, high = 0.3 } # of last year
"""


def read(text: str) -> CampaignDefinition:
    definition, complaints = examine_text("spring", text, Path("spring.toml"))
    assert definition is not None, complaints
    return definition


def test_only_the_key_that_changed_is_written_anew() -> None:
    changed = revised_toml(TEXT, {("offer", "contact_cost"): Decimal("0.75")})
    assert changed == TEXT.replace("0.50", "0.75")


def test_keys_and_sections_come_and_go() -> None:
    added = revised_toml(TEXT, {("limits", "budget"): 100, ("offer", "success", "involuntary", "low"): Decimal("0.1")})
    values = tomllib.loads(added)
    assert values["limits"] == {"budget": 100}
    assert values["offer"]["success"]["involuntary"] == {"low": 0.1}
    assert added.startswith('# Spring.\n[campaign]\ntitle = "Call" # what people see\n')
    gone = revised_toml(added, {("limits", "budget"): None, ("offer", "success", "involuntary", "low"): None})
    assert tomllib.loads(gone) == tomllib.loads(TEXT)


def test_a_key_that_was_never_there_is_left_out_in_silence() -> None:
    assert revised_toml(TEXT, {("crm", "connector"): None, ("offer", "harm", "low"): None}) == TEXT


@pytest.mark.parametrize("file", sorted(resources.bundled("campaigns").glob("*.toml")), ids=lambda file: file.stem)
def test_a_form_that_nobody_touched_changes_nothing(file: Path) -> None:
    text = file.read_text()
    values = form.values_of(read(text))
    assert form.changes_of(values, values) == {}


def test_the_other_way_to_state_success_takes_the_place_of_the_one_before() -> None:
    before = form.values_of(read(TEXT))
    single = before | {form.KIND: form.SINGLE, "offer.success_rate_expected": "35", "offer.success_rate_high": "40"}
    one_rate = read(revised_toml(TEXT, form.changes_of(single, before)))
    assert (one_rate.offer.success, one_rate.offer.success_rate_expected) == (None, 0.35)
    again = form.values_of(one_rate) | {form.KIND: form.BY_CAUSE} | {
        f"offer.success.involuntary.{name}": value for name, value in (("low", "5"), ("expected", "6"), ("high", "7.5"))
    }  # fmt: skip
    text = revised_toml(TEXT, form.changes_of(single, before))
    by_cause = read(revised_toml(text, form.changes_of(again, form.values_of(one_rate))))
    assert by_cause.offer.success is not None
    assert by_cause.offer.success.voluntary is None
    assert by_cause.offer.success.involuntary is not None
    assert by_cause.offer.success.involuntary.high == 0.075


@given(
    st.fixed_dictionaries(
        {
            "campaign.title": st.text(
                st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=60
            ),
            "offer.contact_cost": st.decimals(0, 10_000, places=2).map(str),
            "limits.budget": st.one_of(st.just(""), st.integers(1, 10**9).map(str)),
            "holdout.share": st.integers(0, 99).map(str),
            "audience.min_probability": st.decimals(0, 100, places=3).map(str),
            "audience.requires_consent": st.sampled_from(["yes", ""]),
            "audience.bands": st.lists(st.sampled_from(BANDS), min_size=1, unique=True).map(" ".join),
        }
    )
)
def test_what_is_filled_in_is_what_the_file_says(filled: dict[str, str]) -> None:
    before = form.values_of(read(TEXT))
    definition = read(revised_toml(TEXT, form.changes_of(before | filled, before)))
    shown = form.values_of(definition)
    for name, value in filled.items():
        if name == "audience.bands":
            assert set(shown[name].split()) == set(value.split())
        elif name in {"campaign.title", "audience.requires_consent"} or not value:
            assert shown[name] == value
        else:
            assert Decimal(shown[name]) == Decimal(value)
