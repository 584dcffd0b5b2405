"""The form of an experiment: what cannot be is said beside its field, and what was filled in stays."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from churn.jobs.requests import experiments_at_work
from tests.api.conftest import Service
from tests.api.pages.test_page_actions import token_in
from tests.api.pages.test_pages import signed_in

TABLE = ("trial.csv", b"arm,stayed\n1,1\n0,0\n")


@pytest.fixture
def marketer(service: Service) -> TestClient:
    return signed_in(service, ("read", "push"))


@pytest.mark.parametrize(
    ("file", "filled", "field", "says"),
    [
        (("picture.png", b"\x89PNG"), {}, "file", "ends in none of .csv, .parquet and .json"),
        (("trial.csv", b""), {}, "file", "The file is empty. Check that the export ran."),
        (TABLE, {"planned_share": "half"}, "planned_share", "`half` is no share. Write it as 0.5 or 50\u202f%."),
        (TABLE, {"planned_share": "100 %"}, "planned_share", "1.0 is no share between 0 and 1."),
        (TABLE, {"option": "semicolon", "group": "store"}, "option", "`semicolon` is no NAME=VALUE."),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_what_was_filled_in_stays(
    service: Service, marketer: TestClient, file: tuple[str, bytes], filled: dict[str, str], field: str, says: str
) -> None:
    form = {"csrf": token_in(marketer.get("/experiments").text), "treatment": "the arm", "outcome": "stayed"} | filled
    answer = marketer.post("/experiments", data=form, files={"file": file})
    assert answer.status_code == 422
    (wrong,) = answer.text.split('class="field is-wrong"')[1:]
    wrong = wrong.partition("</div>")[0]
    assert f'name="{field}"' in wrong
    assert says in wrong
    for name, value in (form | filled).items():
        assert name == "csrf" or f'name="{name}" type="text" value="{value}"' in answer.text
    assert not experiments_at_work(service.context).runs


def test_a_table_of_another_name_is_taken_where_its_format_is_said(service: Service, marketer: TestClient) -> None:
    form = {"csrf": token_in(marketer.get("/experiments").text), "treatment": "arm", "outcome": "stayed"}
    sent = {"file": ("trial.dat", TABLE[1])}
    assert marketer.post("/experiments", data=form, files=sent).status_code == 422
    said = form | {"option": "format=csv", "group": "store"}
    taken = marketer.post("/experiments", data=said, files=sent, follow_redirects=False)
    assert taken.status_code == 303
    assert len(experiments_at_work(service.context).runs) == 1
    with service.context.open_store() as store:
        (run,) = store.jobs.list("experiment", limit=1)
    assert run.parameters["group"] == "store"
