"""Programmes are made, changed, copied and brought back in the browser; the file stays the truth, and nothing is overwritten."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from churn.accounts.users import create_user
from churn.api import create_app
from churn.api.pages import programme_form as form
from churn.api.pages.toml_form import FileField
from churn.campaigns.history import programme_versions
from churn.campaigns.programmes import competing, load_programme
from churn.campaigns.reading import campaign_files, load_campaign
from churn.campaigns.writing import revised_toml
from churn.views.programmes import show_programme
from churn.workflows.define import AudiencePreviews, examine_programme_here
from tests.api.pages.test_page_actions import PASSWORD, token_in
from tests.workflows.plan.keeping import APPROVAL, PROGRAMME, keep_in
from tests.workflows.plan.town import Town

EDIT = "/programmes/keep/edit"


@pytest.fixture
def kept(town: Town) -> Town:
    return keep_in(town, PROGRAMME + APPROVAL)


def signed_in(client: TestClient, town: Town, name: str, *scopes: str) -> TestClient:
    create_user(town.context, name, PASSWORD, scopes)
    csrf = token_in(client.get("/sign-in", headers={"Accept": "text/html"}).text)
    sent = {"name": name, "secret": PASSWORD, "csrf": csrf}
    assert client.post("/sign-in", data=sent, follow_redirects=False).status_code == 303
    return client


@pytest.fixture
def client(kept: Town) -> Iterator[TestClient]:
    with TestClient(create_app(kept.context), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def maria(client: TestClient, kept: Town) -> TestClient:
    return signed_in(client, kept, "maria", "read", "push")


def value_of(text: str, field: FileField) -> str | list[str] | None:
    """Return what a browser would send of a field; None for a box that is not ticked."""
    name = re.escape(field.name)
    if field.kind in {"flag", "bands"}:
        ticked = re.findall(rf'name="{name}" value="(\w+)" checked', text)
        return ticked if field.kind == "bands" else "yes" if ticked else None
    if field.kind == "choice":
        return re.findall(
            r'value="([^"]*)" selected', text.split(f'name="{field.name}"')[1].split("</select>", maxsplit=1)[0]
        )[0]
    at = re.search(rf'name="{name}"(?:[^>]*value="([^"]*)"|[^>]*>([^<]*)</textarea>)', text)
    assert at is not None, field.name
    return html.unescape(at.group(1) or at.group(2) or "")


def opened(maria: TestClient, town: Town, path: str, **filled: str) -> dict[str, str | list[str]]:
    """Return the form at `path` as a browser would send it, with some fields filled in; an empty box is not ticked."""
    text = maria.get(path).text
    sent: dict[str, str | list[str]] = {"csrf": token_in(text)}
    for field in form.fields_for(sorted(campaign_files(town.home))):
        value = value_of(text, field)
        sent |= {} if value is None else {field.name: value}
    for name in ("mark", "base"):
        at = re.search(rf'name="{name}"(?: hidden>|[^>]*value=")([^<"]*)', text)
        assert at is not None
        sent[name] = html.unescape(at.group(1))
    sent |= filled
    return {name: value for name, value in sent.items() if not (name.endswith("is_on") and value == "")}


def post(maria: TestClient, path: str, sent: dict[str, str | list[str]]) -> Response:
    return maria.post(path, data=sent, follow_redirects=False, headers={"Origin": "http://testserver"})


def test_a_change_is_kept_in_the_file_and_as_a_version(maria: TestClient, kept: Town) -> None:
    file = kept.home / "programmes" / "keep.toml"
    before = file.read_text()
    sent = opened(maria, kept, EDIT, **{"limits.budget": "200", "offers.call.capacity": "25", "why": "More for calls."})
    assert post(maria, EDIT, sent).status_code == 303
    assert file.read_text() == before.replace("budget = 150", "budget = 200").replace(
        "capacity = 30\n", "capacity = 25\nis_on = true\n"
    )
    found, mine = programme_versions(kept.home, "keep")
    assert (found.who, found.text) == (None, before)
    assert (mine.who, mine.why, mine.text) == ("maria", "More for calls.", file.read_text())
    page = maria.get("/programmes/keep").text
    assert "More for calls." in page
    assert "/programmes/keep/edit?version=1" in page
    back = opened(maria, kept, f"{EDIT}?version=1")
    assert post(maria, EDIT, back).status_code == 303
    assert file.read_text() == before


def test_a_form_that_nobody_touched_changes_nothing(maria: TestClient, kept: Town) -> None:
    before = (kept.home / "programmes" / "keep.toml").read_text()
    assert post(maria, EDIT, opened(maria, kept, EDIT)).status_code == 303
    assert (kept.home / "programmes" / "keep.toml").read_text() == before
    assert programme_versions(kept.home, "keep")[1:] == []


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten(maria: TestClient, kept: Town) -> None:
    sent = opened(maria, kept, EDIT, **{"limits.cooldown_days": "20"})
    file = kept.home / "programmes" / "keep.toml"
    theirs = file.read_text().replace("budget = 150", "budget = 500")
    file.write_text(theirs)
    answer = post(maria, EDIT, sent)
    assert answer.status_code == 409
    assert file.read_text() == theirs
    assert "Somebody else changed this programme" in answer.text
    for line in ("-budget = 500", "+budget = 150", "-cooldown_days = 10", "+cooldown_days = 20"):
        assert f">{line}<" in answer.text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("limits.budget", "much", "it takes a number, not much"),
        ("offers.call.capacity", "0", "should be greater than 0"),
        ("holdout.share", "100", "from 0 to below 1"),
        ("audience.filter", "no_such_feature > 1", "no_such_feature"),
        ("programme.title", "", "title"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_filled_in_stays(
    maria: TestClient, kept: Town, field: str, value: str, says: str
) -> None:
    before = (kept.home / "programmes" / "keep.toml").read_text()
    answer = post(maria, EDIT, opened(maria, kept, EDIT, **{"programme.owner": "somebody new", field: value}))
    assert answer.status_code == 422
    assert (kept.home / "programmes" / "keep.toml").read_text() == before
    assert 'value="somebody new"' in answer.text
    pattern = r'aria-invalid="true" aria-describedby="f-([\w-]+)-hint">.*?<p class="hint"[^>]*>([^<]*)</p>'
    ((at, words),) = re.findall(pattern, answer.text, re.DOTALL)
    assert at == field.replace(".", "-").replace("_", "-")
    assert says in words


def test_offers_come_in_and_are_switched_off_and_one_has_to_stay(maria: TestClient, kept: Town) -> None:
    others = [name for name in campaign_files(kept.home) if name not in {"call", "mail"}]
    joins = others[0]
    sent = opened(maria, kept, EDIT, **{f"offers.{joins}.is_on": "yes", "offers.call.is_on": ""})
    assert post(maria, EDIT, sent | {f"offers.{others[1]}.capacity": "9"}).status_code == 303
    programme = load_programme(kept.home, "keep")
    assert set(programme.competing) == {"mail", joins}
    assert set(programme.offers) == {"call", "mail", joins}, "what is not ticked stays out of the file"
    assert programme.offers["call"].capacity == 30
    none = {f"offers.{name}.is_on": "" for name in programme.offers}
    refused = post(maria, EDIT, opened(maria, kept, EDIT, **none))
    assert refused.status_code == 422
    assert "Tick at least one offer" in refused.text


def test_a_programme_is_made_and_copied(maria: TestClient, kept: Town) -> None:
    filled = {"programme.title": "Spring round", "programme.cadence": "weekly", "offers.mail.is_on": "yes", "name": ""}
    sent = opened(maria, kept, "/new-programme", **filled)
    answer = post(maria, "/new-programme", sent)
    assert answer.headers["location"] == "/programmes/spring_round"
    made = load_programme(kept.home, "spring_round")
    assert (made.title, made.cadence, tuple(made.offers)) == ("Spring round", "weekly", ("mail",))
    assert post(maria, "/new-programme", sent).status_code == 422, "the name is taken"
    copy = opened(maria, kept, "/new-programme?copy=keep", name="")
    assert copy["programme.title"] == "Copy of Keep them"
    assert post(maria, "/new-programme", copy).headers["location"] == "/programmes/copy_of_keep_them"
    copied, keep = load_programme(kept.home, "copy_of_keep_them"), load_programme(kept.home, "keep")
    assert (copied.offers, copied.limits) == (keep.offers, keep.limits)
    assert copied.holdout.seed not in {keep.holdout.seed, made.holdout.seed}


def test_whoever_is_not_named_cannot_give_themselves_the_approval(client: TestClient, kept: Town) -> None:
    file = kept.home / "programmes" / "keep.toml"
    file.write_text(file.read_text().replace("required = true", 'required = true\nby = ["nadia"]'))
    before = file.read_text()
    maria = signed_in(client, kept, "maria", "read", "push")
    assert "Only those who may approve" in maria.get(EDIT).text
    refused = post(maria, EDIT, opened(maria, kept, EDIT, **{"approval.by": "maria"}))
    assert refused.status_code == 422
    text = before.replace('"nadia"', '"maria"')
    mark = opened(maria, kept, EDIT)["mark"]
    sent: dict[str, str | list[str]] = {"csrf": token_in(maria.get(EDIT).text), "mark": mark, "text": text}
    assert post(maria, EDIT, sent).status_code == 422, "nor as a file"
    assert file.read_text() == before
    assert post(maria, EDIT, opened(maria, kept, EDIT, **{"limits.budget": "99"})).status_code == 303
    assert load_programme(kept.home, "keep").approval.by == ("nadia",)


def test_the_preview_counts_whom_each_offer_could_reach(maria: TestClient, kept: Town) -> None:
    text = maria.post(
        "/programme-preview", data=opened(maria, kept, EDIT), headers={"Origin": "http://testserver"}
    ).text
    definition = load_programme(kept.home, "keep")
    previews = AudiencePreviews(kept.context)
    shown = previews.preview_programme(definition)
    alone = [previews.preview(competing(definition, load_campaign(kept.home, name))) for name in ("call", "mail")]
    assert [(offer.campaign, offer.reachable) for offer in shown.offers] == [
        ("call", alone[0].reachable),
        ("mail", alone[1].reachable),
    ]
    assert f"<b>{shown.reachable}</b> of {shown.customers} customers" in text
    assert 0 < max(offer.reachable for offer in shown.offers) <= shown.reachable


def test_before_an_offer_is_chosen_nothing_is_called_wrong(maria: TestClient, kept: Town) -> None:
    headers = {"Origin": "http://testserver"}
    text = maria.post("/programme-preview", data=opened(maria, kept, "/new-programme"), headers=headers).text
    assert "Choose an offer to see whom the programme would reach." in text
    assert "wrong" not in text


def test_who_may_only_read_is_offered_no_form(client: TestClient, kept: Town) -> None:
    rita = signed_in(client, kept, "rita", "read")
    assert "New programme" not in rita.get("/programmes").text
    assert "/edit" not in rita.get("/programmes/keep").text
    assert rita.get(EDIT).status_code == 403


def test_a_broken_file_is_shown_to_be_mended(maria: TestClient, kept: Town) -> None:
    (kept.home / "programmes" / "odd.toml").write_text('[programme]\ntitle = "Odd"\n[offers.mail]\ncapcity = 3\n')
    assert 'href="/programmes/odd/edit"' in maria.get("/programmes/odd").text
    assert "Line 4: unknown key `offers.mail.capcity`" in html.unescape(maria.get("/programmes/odd/edit").text)


def test_what_is_filled_in_is_what_the_file_says(kept: Town) -> None:
    campaigns = sorted(campaign_files(kept.home))
    text = (kept.home / "programmes" / "keep.toml").read_text()
    before = load_programme(kept.home, "keep")
    values = form.values_of(before, campaigns)
    changes = {"offers.mail.weight": "", "approval.by": "ana\nben", "random_slice.share": "0", "limits.budget": ""}
    definition, complaints = examine_programme_here(
        kept.context, "keep", revised_toml(text, form.changes_of(values | changes, values, before.offers))
    )
    assert complaints == []
    assert definition is not None
    assert (definition.offers["mail"].weight, definition.offers["mail"].is_on) == (1.0, True)
    assert (definition.approval.by, definition.random_slice.share) == (("ana", "ben"), 0)
    assert definition.limits.budget is None
    assert show_programme(kept.context, "keep").definition == before


def press(maria: TestClient, path: str, **sent: str) -> Response:
    csrf = token_in(maria.get(path.rpartition("/")[0]).text)
    return maria.post(path, data={"csrf": csrf} | sent, headers={"Origin": "http://testserver"})


def test_a_programme_and_its_campaign_are_archived_and_brought_back(maria: TestClient, kept: Town) -> None:
    assert "competes in `keep`" in html.unescape(press(maria, "/campaigns/call/archive").text)
    shown = press(maria, "/programmes/keep/archive", why="Spring is over.").text
    assert "Archived since" in shown
    assert "Spring is over." in shown
    assert "Plan the next round" not in shown
    assert "Keep them" not in maria.get("/programmes").text
    assert "1 archived" in maria.get("/programmes").text
    assert "Keep them" in maria.get("/programmes?archived=yes").text
    shown = press(maria, "/campaigns/call/archive").text
    assert "Archived since" in shown
    assert 'popovertarget="ask-plan"' not in shown
    assert 'href="/campaigns/call"' not in maria.get("/campaigns").text
    assert 'href="/campaigns/call"' in maria.get("/campaigns?archived=yes").text
    assert "offers.call.is_on" not in maria.get("/new-programme").text, "no offer of one that is archived is new"
    assert "Archived since" not in press(maria, "/campaigns/call/restore").text
    assert "Archived since" not in press(maria, "/programmes/keep/restore").text
    assert "Keep them" in maria.get("/programmes").text


def test_who_may_only_read_archives_nothing(client: TestClient, kept: Town) -> None:
    rita = signed_in(client, kept, "rita", "read")
    for path in ("/programmes/keep", "/campaigns/call"):
        assert "Archive" not in rita.get(path).text
        csrf = token_in(rita.get("/account").text)
        refused = rita.post(f"{path}/archive", data={"csrf": csrf}, headers={"Origin": "http://testserver"})
        assert refused.status_code == 403
