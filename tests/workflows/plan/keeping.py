"""The town with a programme of two offers, for tests of what comes after its plan."""

from __future__ import annotations

import polars as pl

from churn.documents.programme_round import RoundDocument
from churn.store import open_store
from tests.workflows.plan.town import PLAIN, Town

HEAD = '[programme]\ntitle = "Keep them"\n'
PROGRAMME = """
[offers.call]
capacity = 30
[offers.mail]
weight = 2
[limits]
budget = 150
cooldown_days = 10
[random_slice]
share = 0.2
"""
MAIL = PLAIN.replace("phone", "email").replace("contact_cost = 2", "contact_cost = 1").replace("0.4", "0.35")
APPROVAL = "[approval]\nrequired = true\n"


def keep_in(town: Town, text: str = PROGRAMME) -> Town:
    """Write two campaigns and the programme `keep` of both into the town's home."""
    town.campaign("call")
    town.campaign("mail", MAIL)
    write(town, text)
    return town


def write(town: Town, text: str = PROGRAMME) -> None:
    path = town.home / "programmes" / "keep.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD + text, encoding="utf-8")


def plan(town: Town, **request: object) -> RoundDocument:
    document = town.plan("keep", **request).round
    assert document is not None
    return document


def assigned(town: Town) -> pl.DataFrame:
    with open_store(town.settings.database_url) as store:
        frames = [store.assignments.of(name) for name in store.assignments.counts()]
    return pl.concat(frames) if frames else pl.DataFrame(schema={"customer_id": pl.String})


def logged(town: Town, number: int = 1) -> pl.DataFrame:
    with open_store(town.settings.database_url) as store:
        return store.programmes.log("keep", number)
