from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.campaigns.plan_words import power_words
from churn.campaigns.reading import examine_text
from churn.campaigns.writing import campaign_toml
from churn.errors import ConfigError
from churn.resources import bundled
from tests.documents.samples import plan_document

# Every character that a file can hold, and the ends of the ranges that TOML escapes.
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["\x7f", '"\\\n', "'''", "# no comment"])
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(TEXTS, st.dictionaries(TEXTS, VALUES, max_size=4), max_size=4))
def test_what_is_written_reads_back_the_same(sections):
    assert tomllib.loads(campaign_toml(sections)) == sections


@pytest.mark.parametrize("path", sorted(bundled("campaigns").glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_campaign_written_anew_is_the_same_campaign(path):
    text = path.read_text(encoding="utf-8")
    before, _ = examine_text(path.stem, text, path)
    after, wrong = examine_text(path.stem, campaign_toml(tomllib.loads(text, parse_float=Decimal)), Path("again"))
    assert wrong == []
    assert after == before


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "\ud800", object()])
def test_what_no_file_can_hold_is_refused(value):
    with pytest.raises(ConfigError):
        campaign_toml({"campaign": {"title": value}})


def test_the_power_is_said_as_a_drop_from_one_rate_to_another():
    plan = plan_document("calls")
    power = plan.power["calls"].model_copy(
        update={
            "churn_rate": 0.30,
            "minimum_detectable_effect": 0.06,
            "expected_effect": 0.03,
            "power": 0.31,
            "customers_needed": 19_528,
        }
    )
    holdout = plan.holdout["calls"].model_copy(update={"treatment": 4_500, "holdout": 500, "profit_forgone": 1_234.5})
    said = " ".join(power_words(power, holdout, "USD"))
    assert "can detect a drop from 30 % to 24 % or lower, 80 % of the time" in said
    assert "19,528 chosen customers instead of 5,000" in said
    assert "$1,234" in said or "$1,235" in said
    nobody = holdout.model_copy(update={"holdout": 0})
    assert power_words(power, nobody, "USD") == [
        "Nobody is left alone, so what the campaign causes cannot be measured."
    ]
