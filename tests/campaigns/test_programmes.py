from __future__ import annotations

from pathlib import Path

import pytest

from churn import resources
from churn.campaigns.programmes import EXAMPLE, competing, examine_programme, load_programme
from churn.campaigns.reading import load_campaign
from churn.errors import CampaignError, ConfigError

HEAD = '[programme]\ntitle = "Keep"\n'
CAMPAIGNS = ("fix_payment", "price_incentive", "support_call")


def written(home: Path, text: str, name: str = "keep") -> Path:
    path = home / "programmes" / f"{name}.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_names_the_campaigns_that_ship() -> None:
    definition, complaints = examine_programme("keep", EXAMPLE, CAMPAIGNS)
    assert not complaints
    assert definition is not None
    assert sorted(definition.competing) == sorted(path.stem for path in resources.bundled("campaigns").glob("*.toml"))
    assert definition.approval.required


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (HEAD + "[offers.fix_payment]\n[budgets]\n", 4, r"unknown section `budgets`.*Known here: programme"),
        (
            HEAD + "[offers.fix_payment]\ncapcity = 5\n",
            4,
            r"unknown key `offers.fix_payment.capcity`.*Did you mean `capacity`",
        ),
        (
            HEAD + "[offers.fix_payment]\ncapacity = 0\n",
            4,
            r"`offers.fix_payment.capacity` is wrong: .*It is: Contacts a month",
        ),
        (HEAD + "[offers.fix_paiment]\n", 3, r"no campaign `fix_paiment`.*Did you mean `fix_payment`"),
        (HEAD + "[offers.fix_payment]\n[holdout]\nshare = 1.0\n", 5, r"`holdout.share` is wrong"),
        (HEAD + "[offers.fix_payment]\n[random_slice]\nleave_alone = 0\n", 5, r"`random_slice.leave_alone` is wrong"),
        (HEAD + "[offers.fix_payment]\nis_on = false\n", 1, r"name at least one campaign"),
        (HEAD, 1, r"the section `offers` is missing. Add \[offers.CAMPAIGN\] for each campaign that competes"),
        ("[programme]\n[offers.fix_payment]\n", 1, r"the key `programme.title` is missing"),
        (HEAD + "[offers.fix_payment\n", 3, r"not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_a_remedy(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as error:
        load_programme(tmp_path, "keep")
    assert f"{path}:{line}" in str(error.value)


def test_a_name_that_a_campaign_bears_is_refused(tmp_path: Path) -> None:
    written(tmp_path, HEAD + "[offers.fix_payment]\n", "fix_payment")
    with pytest.raises(ConfigError, match="a campaign's name already"):
        load_programme(tmp_path, "fix_payment")


def test_a_programme_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    written(tmp_path, HEAD + "[offers.fix_payment]\n")
    with pytest.raises(CampaignError, match="Did you mean `keep`"):
        load_programme(tmp_path, "kep")


def test_an_offer_competes_under_the_narrower_audience_and_the_limits_of_the_programme(tmp_path: Path) -> None:
    written(
        tmp_path,
        HEAD
        + """
[audience]
bands = ["high", "critical"]
filter = "current_fee > 10"
[offers.support_call]
capacity = 40
[limits]
cooldown_days = 45
min_expected_profit = 3
[holdout]
share = 0.2
""",
    )
    offer = competing(load_programme(tmp_path, "keep"), load_campaign(tmp_path, "support_call"))
    assert offer.audience.bands == ("high", "critical")
    assert offer.audience.filter == "(current_fee > 10) and (support_tickets_90d > 0)"
    assert (offer.limits.contacts, offer.limits.cooldown_days) == (40, 45)
    assert float(offer.limits.min_expected_profit) == 3.0
    assert offer.holdout.share == 0.2


def test_audiences_that_nobody_can_be_in_are_refused(tmp_path: Path) -> None:
    written(tmp_path, HEAD + "[audience]\nmin_probability = 0.5\n[offers.narrow]\n")
    (tmp_path / "campaigns").mkdir()
    text = '[campaign]\ntitle = "Narrow"\n[audience]\nmax_probability = 0.3\n'
    (tmp_path / "campaigns" / "narrow.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="nobody can be in the audience of both"):
        competing(load_programme(tmp_path, "keep"), load_campaign(tmp_path, "narrow"))
