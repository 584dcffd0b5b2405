"""Every feature that ships has a name and a meaning in every language; those of one's own stay as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from churn.languages.catalogue import ENGLISH, languages, read_catalogue
from churn.languages.recorded import is_known, recorded
from churn.languages.words import speaking
from churn.warehouse import FeatureDoc, load_models
from tests.modeling.reasons.test_wording import documented, said, values_of

OTHERS = [code for code in languages() if code != ENGLISH]
OF_ONES_OWN = {"attributes", "customer_columns", "subscription_columns", "segments"}  # whose columns a company names


def shipped(home: Path) -> list[FeatureDoc]:
    models = load_models(home).items()
    columns = [column for name, model in models if name.startswith("features.") for column in model.columns]
    return [column for column in columns if column.description and column.group not in OF_ONES_OWN]


@pytest.mark.parametrize("code", OTHERS)
def test_every_feature_that_ships_has_a_name_and_a_meaning(code: str, tmp_path: Path) -> None:
    features = shipped(tmp_path)
    assert len(features) > 100
    with speaking(code):
        assert [feature.name for feature in features if not is_known(feature.name.replace("_", " "))] == []
        assert [feature.name for feature in features if not is_known(feature.description)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_no_two_features_have_the_same_name(code: str, tmp_path: Path) -> None:
    with speaking(code):
        names = [recorded(feature.name.replace("_", " ")) for feature in shipped(tmp_path)]
    assert sorted(names) == sorted(set(names))


def test_a_feature_of_ones_own_stays_as_it_is_written() -> None:
    with speaking("de"):
        assert recorded("loyalty tier") == "loyalty tier"
        assert recorded("events 28d.booking") == "Ereignisse, 28 Tage: booking"


@pytest.mark.parametrize("code", OTHERS)
def test_every_feature_has_words_at_every_value(code: str) -> None:
    with speaking(code):
        texts = [
            said(doc, value).replace("{key}", "login")
            for doc in documented()
            for value in ("direct_debit" if doc.name == "payment_method" else 8, 2000, None, *values_of(doc))
        ]
        assert sorted({text for text in texts if not is_known(text)}) == []


@pytest.mark.parametrize("code", OTHERS)
def test_every_pattern_can_be_filled(code: str) -> None:
    for pattern in read_catalogue(code).patterns:
        assert pattern.translation.format(**dict.fromkeys(pattern.names, "x"))
