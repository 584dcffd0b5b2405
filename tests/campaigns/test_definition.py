"""Campaign files: what ships, what is exact, and what every complaint says."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from churn.campaigns.eligibility import RULES
from churn.campaigns.expectation import economics_of
from churn.campaigns.reading import examine, examine_text, line_of, load_campaign, load_campaigns, read_campaign
from churn.config import BusinessSettings, ChurnSettings
from churn.documents.definition import CRM_FIELDS, CampaignDefinition, CampaignFile
from churn.errors import CampaignError, ConfigError
from churn.snapshots.conditions import known_features
from churn.warehouse.models.filters import audience_filter
from tests import ROOT
from tests.worlds import NO_HOME, shipped_models

GOOD = """
[campaign]
title = "Call them"

[offer]
contact_cost = 2.10
incentive_cost = 0.3
"""


def written(folder: Path, text: str, name: str = "calls") -> Path:
    path = folder / "campaigns" / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_three_campaigns_ship_and_their_filters_read_features_that_there_are():
    found = load_campaigns(NO_HOME)
    assert list(found) == ["fix_payment", "price_incentive", "support_call"]
    assert found["price_incentive"].offer.profit_model == "incentive"
    known = known_features(shipped_models())
    for definition in found.values():
        assert audience_filter(definition.audience.filter, known, where=definition.name).features
        assert set(definition.crm.fields) <= set(CRM_FIELDS)
        assert 0 < definition.holdout.share < 1


def test_money_is_exact(tmp_path):
    offer = read_campaign("calls", written(tmp_path, GOOD)).offer
    assert (offer.contact_cost, offer.incentive_cost) == (Decimal("2.10"), Decimal("0.3"))
    assert offer.contact_cost + offer.incentive_cost == Decimal("2.4")


def test_every_shipped_campaign_survives_being_kept():
    for name, definition in load_campaigns(NO_HOME).items():
        again = CampaignDefinition.read(definition.as_json(), where=name)
        assert again == definition
        assert again.hash == definition.hash


def test_a_term_may_be_a_formula_which_is_kept_as_it_is_written(tmp_path):
    text = (
        GOOD.replace("2.10", '"  current_fee / 10 "')
        + 'value_of_save = "12 * current_fee"\nsuccess_rate_expected = "0.5"\n'
    )
    definition = read_campaign("calls", written(tmp_path, text))
    assert definition.offer.formulas == {"contact_cost": "current_fee / 10", "value_of_save": "12 * current_fee"}
    assert definition.offer.success_rate_expected == 0.5  # a text that is a number is the number
    assert CampaignDefinition.read(definition.as_json(), where="calls") == definition
    assert "value_of_save" not in read_campaign("calls", written(tmp_path, GOOD)).offer.as_json()


def test_a_definition_survives_being_kept_and_its_hash_tells_another_one(tmp_path):
    one = read_campaign("calls", written(tmp_path, GOOD))
    again = CampaignDefinition.read(one.as_json(), where="calls")
    assert again == one
    assert again.hash == one.hash
    laid_out_otherwise = GOOD.replace("2.10", "2.1").replace("[offer]", "# a note\n\n[offer]")
    assert read_campaign("calls", written(tmp_path, laid_out_otherwise)).hash == one.hash
    assert read_campaign("calls", written(tmp_path, GOOD.replace("2.10", "2.11"))).hash != one.hash
    assert read_campaign("other", written(tmp_path, GOOD, "other")).hash != one.hash


def test_a_campaign_of_the_home_replaces_the_shipped_one_of_its_name(tmp_path):
    written(tmp_path, GOOD, "fix_payment")
    assert load_campaigns(tmp_path)["fix_payment"].title == "Call them"
    assert load_campaign(tmp_path, "support_call").title == load_campaigns(NO_HOME)["support_call"].title


def test_an_unknown_campaign_names_the_nearest(tmp_path):
    with pytest.raises(CampaignError, match=r"no campaign `fix_paymnt`.*Did you mean `fix_payment`\?"):
        load_campaign(tmp_path, "fix_paymnt")


def test_a_mistake_in_one_file_does_not_stop_the_others(tmp_path):
    written(tmp_path, "nonsense", "broken")
    assert load_campaign(tmp_path, "fix_payment").name == "fix_payment"
    with pytest.raises(ConfigError, match=r"broken.toml:1: not valid TOML"):
        load_campaigns(tmp_path)


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("[offer]", "[ofer]"), 5, r"unknown section `ofer`. Did you mean `offer`\?"),
        (("contact_cost", "contact_costs"), 6, r"unknown key `offer.contact_costs`. Did you mean `contact_cost`\?"),
        (
            ("2.10", "-2.10"),
            6,
            r"`offer.contact_cost` is wrong: .*greater than or equal to 0, not -2.10. Give 0 or more",
        ),
        (("2.10", "true"), 6, r"`offer.contact_cost` is wrong: .*It is: Money one contact costs."),
        (("2.10", '"-2"'), 6, r"`offer.contact_cost` is wrong: .*greater than or equal to 0, not -2"),
        (("2.10", "inf"), 6, r"`offer.contact_cost` is wrong"),
        (("2.10", "2.12345"), 6, r"`offer.contact_cost` is wrong: .*4 decimal places"),
        (("2.10", "2.1O"), 6, r"not valid TOML: .* Mend that line"),
        (("title", "name"), 2, r"the key `campaign.title` is missing. Add title = "),
        (('"Call them"', '""'), 3, r"`campaign.title` is wrong"),
        (("0.3", "0.3\n[limits]\nbudget = 0"), 9, r"`limits.budget` is wrong: .*above 0, or leave the key out"),
        (("0.3", "0.3\n[limits]\ncontacts = 2.5"), 9, r"`limits.contacts` is wrong"),
        (("0.3", "0.3\n[holdout]\nshare = 1.0"), 9, r"`holdout.share` is wrong.*with everybody held out nobody"),
        (("0.3", "0.3\n[audience]\nbands = ['hihg']"), 9, r"`audience.bands` is wrong: .*not hihg"),
        (("0.3", "0.3\n[audience]\nbands = []"), 9, r"name at least one band"),
        (("0.3", "0.3\n[audience]\nmin_probability = 0.5\nmax_probability = 0.4"), 8, r"nobody is in between"),
        (("0.3", "0.3\nsuccess_rate_low = 0.9"), 5, r"success rates must rise"),
        (
            ("0.3", "0.3\n[crm]\nfields = {risk_bnd = 'x'}"),
            9,
            r"no field `risk_bnd` of ours. Did you mean `risk_band`\?",
        ),
        (("0.3", "0.3\n[crm.fields]\nrisk_bnd = 'x'"), 9, r"no field `risk_bnd` of ours"),
        (("0.3", "0.3\n[crm]\nmode = 'upsrt'"), 9, r"`crm.mode` is wrong"),
        (("0.3", "0.3\nchannel = 'E Mail'"), 8, r"`offer.channel` is wrong"),
    ],
)
def test_a_complaint_names_file_line_and_remedy(tmp_path, change, line, says):
    path = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError, match=says) as caught:
        read_campaign("calls", path)
    assert caught.value.where == f"{path}:{line}"
    assert caught.value.remedy


def test_all_complaints_of_a_file_are_found_at_once(tmp_path):
    path = written(tmp_path, GOOD.replace("2.10", "-1").replace("0.3", "-2").replace("title", "titel"))
    found, complaints = examine("calls", path)
    assert found is None
    assert [c.line for c in complaints] == [2, 3, 6, 7]


def test_a_name_that_cannot_be_one_is_refused(tmp_path):
    path = written(tmp_path, GOOD, "Win-Back")
    with pytest.raises(ConfigError, match=r"cannot be a campaign's name.*small letters"):
        read_campaign("Win-Back", path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = written(tmp_path, GOOD)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_campaign("calls", path)


def test_the_line_of_a_key_is_found_in_every_way_of_writing_it():
    text = '[a]\nx = 1\n"y" = 2\n[b.c]\nz = 3\n[d]\ne.f = 4\n'
    assert [line_of(text, place) for place in (("a", "x"), ("a", "y"), ("b", "c", "z"), ("d", "e", "f"))] == [
        2,
        3,
        5,
        7,
    ]
    assert line_of(text, ("a", "missing")) == 1
    assert line_of(text, ("nowhere",)) == 1


def test_the_offer_becomes_the_economics_of_the_decision(tmp_path):
    definition = read_campaign("calls", written(tmp_path, GOOD))
    terms = economics_of(definition, BusinessSettings(value_months=6), definition.offer.risk_based_model)
    assert (terms.profit_model, terms.contact_cost, terms.value_months) == ("incentive", 2.1, 6)
    assert definition.window(ChurnSettings(horizon_days=45)) == 45
    longer = definition.model_copy(update={"window_days": 60})
    assert longer.window(ChurnSettings()) == 60
    silent = ChurnSettings(definition="inactivity", inactivity_days=90)
    assert longer.window(silent) == 90  # as the outcome is judged, and as others are kept away


def test_the_page_on_campaigns_names_every_key_and_rule_with_its_default():
    page = (ROOT / "docs" / "campaigns.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.*?) \|", page, flags=re.MULTILINE))
    ours = {
        f"{section}.{key}": field
        for section, part in CampaignFile.model_fields.items()
        for key, field in part.annotation.model_fields.items()
    }
    assert set(told) == set(ours)
    for key, text in told.items():
        default = ours[key].default
        if isinstance(default, bool | int | float | Decimal):
            assert Decimal(text if text not in {"true", "false"} else text == "true") == Decimal(str(default + 0)), key
    assert re.findall(r"^\| `([a-z_]+)` \| (?:who|the share|such)", page, flags=re.MULTILINE) == list(RULES)


def test_names_and_titles_are_bounded_where_they_are_defined(tmp_path: Path) -> None:
    text = '[campaign]\ntitle = "Call them"\n'
    assert examine_text("a" * 80, text, tmp_path)[0] is not None
    _, (complaint,) = examine_text("a" * 81, text, tmp_path)
    assert "80 at most" in complaint.remedy
    _, (complaint,) = examine_text("call", f'[campaign]\ntitle = "{"x" * 201}"\n', tmp_path)
    assert "200" in complaint.what
