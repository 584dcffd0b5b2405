"""Every sentence of an error that a page can show has words in every language, whichever layer raises it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from churn.campaigns.reading import examine_text
from churn.documents.definition import CampaignFile
from churn.documents.programme import ProgrammeFile
from churn.languages.catalogue import ENGLISH, languages
from churn.languages.recorded import is_known, recorded
from churn.languages.words import speaking
from tests.languages.errors import VALUE, error_sentences, shown_modules

pytestmark = pytest.mark.xdist_group("sources")  # parsed once, see tests.grammar

OTHERS = [code for code in languages() if code != ENGLISH]
SAMPLES = (
    "7",
    "Xyz",
    "campaign",
    "campaigns",
    "condition",
    "feature",
    "approve",
)  # a sentence may differ by what stands in it
UNFINISHED = re.compile(r" [.,]")  # of a text put together from parts that do not go together
ANOTHER = re.compile(r"(?<=[.]) \x01\w*\x02$")  # a sentence after this one that is written elsewhere


def is_sentence(text: str) -> bool:
    """Say whether a text has words of its own, beside a value and a sign."""
    return len(re.findall("[A-Za-z]{2,}", VALUE.sub(" ", text))) > 1 and UNFINISHED.search(text) is None


@pytest.mark.parametrize("code", OTHERS)
def test_every_error_that_a_page_can_show_has_words(code: str) -> None:
    with speaking(code):
        missing = [
            f"{place}: {VALUE.sub(lambda value: f'{{{value[1]}}}', text)}"
            for text, place in ((ANOTHER.sub("", text), place) for text, place in error_sentences().items())
            if is_sentence(text) and not any(is_known(VALUE.sub(sample, text)) for sample in SAMPLES)
        ]
    assert missing == [], f'add them to churn/languages/{code}.po with the context "recorded"'


def test_the_search_for_errors_gets_everywhere() -> None:
    shown = shown_modules()
    for layer in (
        "config",
        "store",
        "warehouse",
        "crm.connectors",
        "modeling",
        "campaigns",
        "documents",
        "workflows",
        "jobs",
    ):
        assert any(name.startswith(f"churn.{layer}.") for name in shown), layer
    assert "churn.demo.play" not in shown
    assert len(error_sentences()) > 1000


@pytest.mark.parametrize(
    "sentence",
    [
        "a key needs a name",  # a constant
        "Send the ids alone, one a line, or a CSV file with a column `customer_id`.",  # a constant that has a name
        "an address must not hold a password: the key is CHURN_LINEAGE_KEY",  # a ValueError of a validator
        "Known are: \x01join\x02.",  # a value among its words
    ],
)
def test_sentences_are_found_where_they_are_written(sentence: str) -> None:
    assert sentence in error_sentences()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "hubspot: refuses our credentials (HTTP 401). Look at the secret in the environment, and at what its owner is allowed to do.",
            "hubspot: weist unsere Zugangsdaten ab (HTTP 401). Sehen Sie sich das Geheimnis in der Umgebung an, und was dessen Inhaber darf.",
        ),
        (
            "load_sources: payments.csv: the file had 2,000 rows and has 10 now. Check that the export ran to its end.",
            "load_sources: payments.csv: Die Datei hatte 2.000 Zeilen und hat jetzt 10. Prüfen Sie, ob der Export bis zum Ende lief.",
        ),
        ("round 3 of programme keep: is no draft any more", "Runde 3 des Programms keep: ist kein Entwurf mehr"),
        ("Note: call Mrs Smith back", "Note: call Mrs Smith back"),
    ],
)
def test_an_error_with_its_place_is_said_in_the_language_spoken(written: str, said: str) -> None:
    with speaking("de"):
        assert recorded(written) == said


def documented(root: type[BaseModel]) -> Iterator[str]:
    """Yield what the keys of a file mean: it is told where one of them is wrong."""
    for key in root.model_fields.values():
        yield from ([key.description] if key.description else [])
        for part in (key.annotation, *get_args(key.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from documented(part)


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("root", [CampaignFile, ProgrammeFile])
def test_what_the_keys_of_a_file_mean_has_words(code: str, root: type[BaseModel]) -> None:
    texts = set(documented(root))
    assert len(texts) > 10
    with speaking(code):
        assert [text for text in texts if not is_known(text)] == []


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize(
    "wrong",
    [
        "[campain]",
        "title = 3",
        "title = ",
        "[offer]\nchannel = 'email'\ncontact_cost = -1\nincentive_cost = 'x'",
        "[offer]\nprofit_model = 'any'",
        "[audience]\nbands = 'high'\nmin_probability = 2\nrequires_consent = 'perhaps'",
        "[audience]\nbands = []\nfilter = 3",
        "[holdout]\nshare = 1\nseed = 1.5",
        "[limits]\nbudget = 0\ncontacts = -1\ncooldown_days = 'x'",
        "[crm.fields]\nwrong = 'There'",
    ],
)
def test_what_is_wrong_in_a_file_has_words(code: str, wrong: str) -> None:
    _, complaints = examine_text("winback", f"{wrong}\n", Path("campaigns/winback.toml"))
    assert complaints
    with speaking(code):
        told = [text for complaint in complaints for text in (complaint.what, complaint.remedy)]
        assert [(text, recorded(text)) for text in told if not is_known(text)] == []
