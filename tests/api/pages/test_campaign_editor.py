"""Campaigns are made, changed, copied and brought back in the browser; the file stays the truth, and nothing is overwritten."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from churn.accounts.users import create_user
from churn.api.pages import campaign_form
from churn.campaigns.customer_list import keep_customer_list, load_customer_list
from churn.campaigns.history import campaign_versions
from churn.campaigns.reading import campaign_files, load_campaign
from churn.decisions.power import power_of
from churn.errors import ConfigError
from churn.workflows.define import AudiencePreviews, receive_customer_list, validate_campaigns
from churn.workflows.plan import PlanRequest, plan_campaigns
from tests.api.conftest import Service
from tests.api.pages.conftest import Visitor
from tests.api.pages.test_page_actions import PASSWORD, token_in
from tests.company import Company


@pytest.fixture
def home(service: Service) -> Any:
    return service.context.settings.home


def signed_in(service: Service) -> TestClient:
    """Return the pages as maria sees them, who may read and push."""
    create_user(service.context, "maria", PASSWORD, ["read", "push"])
    text = service.client.get("/sign-in", headers={"Accept": "text/html"}).text
    form = {"name": "maria", "secret": PASSWORD, "csrf": token_in(text)}
    assert service.client.post("/sign-in", data=form, follow_redirects=False).status_code == 303
    return service.client


@pytest.fixture
def maria(service: Service) -> TestClient:
    return signed_in(service)


def hidden(text: str, name: str) -> str:
    found = re.search(rf'name="{name}"(?: hidden>|[^>]*value=")([^<"]*)', text)
    assert found is not None, name
    return found.group(1).replace("&#34;", '"').replace("&#39;", "'").replace("&gt;", ">").replace("&lt;", "<")


def opened(maria: TestClient, path: str, **filled: str | list[str]) -> dict[str, str | list[str]]:
    """Return the form at `path` as a browser would send it, with some fields filled in."""
    text = maria.get(path).text
    sent: dict[str, str | list[str]] = {name: hidden(text, name) for name in ("csrf", "mark", "base")}
    for field in campaign_form.ALL:
        if field.kind == "bands":
            sent[field.name] = re.findall(rf'name="{field.name}" value="(\w+)" checked', text)
        elif field.kind == "flag":
            sent |= {field.name: "yes"} if f'name="{field.name}" value="yes" checked' in text else {}
        elif field.kind == "choice":
            block = text.split(f'name="{field.name}"')[1].split("</select>")[0]
            chosen = re.search(r'value="([^"]*)" selected', block)
            sent[field.name] = chosen.group(1) if chosen else ""
        elif field.kind in {"long", "map"}:
            sent[field.name] = (
                text.split(f'name="{field.name}"')[1]
                .split(">", 1)[1]
                .split("</textarea>")[0]
                .replace("&gt;", ">")
                .replace("&lt;", "<")
            )
        else:
            sent[field.name] = hidden(text, field.name)
    sent[campaign_form.KIND] = re.findall(r'name="success_kind" value="(\w+)" checked', text)[0]
    return sent | filled


def post(maria: TestClient, path: str, form: dict[str, str | list[str]]) -> Response:
    return maria.post(path, data=form, follow_redirects=False)


def test_a_change_is_kept_in_the_file_whose_comments_stay_and_as_a_version(maria: TestClient, home: Any) -> None:
    before = campaign_files(home)["support_call"].read_text()
    form = opened(maria, "/campaigns/support_call/edit", **{"offer.contact_cost": "7.50", "why": "Calls got dearer."})
    assert post(maria, "/campaigns/support_call/edit", form).status_code == 303
    file = home / "campaigns" / "support_call.toml"
    assert file.read_text() == before.replace("contact_cost = 6.00", "contact_cost = 7.5")
    shipped, mine = campaign_versions(home, "support_call")
    assert (shipped.who, shipped.text) == (None, before)
    assert (mine.who, mine.why, mine.text) == ("maria", "Calls got dearer.", file.read_text())
    page = maria.get("/campaigns/support_call").text
    assert "Calls got dearer." in page
    assert "/campaigns/support_call/edit?version=1" in page


def test_nothing_is_written_that_nobody_changed(maria: TestClient, home: Any) -> None:
    for name in sorted(campaign_files(home)):
        assert post(maria, f"/campaigns/{name}/edit", opened(maria, f"/campaigns/{name}/edit")).status_code == 303
        assert not (home / "campaigns" / f"{name}.toml").exists()


def test_what_somebody_else_changed_meanwhile_is_shown_and_not_overwritten(maria: TestClient, home: Any) -> None:
    form = opened(maria, "/campaigns/support_call/edit", **{"limits.contacts": "1500"})
    file = home / "campaigns" / "support_call.toml"
    theirs = campaign_files(home)["support_call"].read_text().replace("contact_cost = 6.00", "contact_cost = 9.00")
    file.parent.mkdir(exist_ok=True)
    file.write_text(theirs)
    answer = post(maria, "/campaigns/support_call/edit", form)
    assert answer.status_code == 409
    assert file.read_text() == theirs
    assert "Somebody else changed this campaign" in answer.text
    for line in ("-contact_cost = 9.00", "+contact_cost = 6", "-contacts = 2000", "+contacts = 1500"):
        assert f">{line}<" in answer.text
    again = form | {"mark": hidden(answer.text, "mark"), "base": hidden(answer.text, "base"), "offer.contact_cost": "9"}
    assert post(maria, "/campaigns/support_call/edit", again).status_code == 303
    assert load_campaign(home, "support_call").limits.contacts == 1500
    assert file.read_text() == theirs.replace("contacts = 2000", "contacts = 1500")
    assert [version.who for version in campaign_versions(home, "support_call")] == [None, "maria"]


def test_a_change_of_the_file_itself_is_a_version_too(maria: TestClient, home: Any) -> None:
    post(maria, "/campaigns/fix_payment/edit", opened(maria, "/campaigns/fix_payment/edit", **{"holdout.share": "20"}))
    file = home / "campaigns" / "fix_payment.toml"
    file.write_text(file.read_text().replace('owner = "billing"', 'owner = "finance"'))
    post(maria, "/campaigns/fix_payment/edit", opened(maria, "/campaigns/fix_payment/edit", **{"holdout.share": "15"}))
    assert [version.who for version in campaign_versions(home, "fix_payment")] == [None, "maria", None, "maria"]
    assert load_campaign(home, "fix_payment").owner == "finance"


def test_an_earlier_version_is_brought_back(maria: TestClient, home: Any) -> None:
    before = campaign_files(home)["fix_payment"].read_text()
    post(maria, "/campaigns/fix_payment/edit", opened(maria, "/campaigns/fix_payment/edit", **{"holdout.share": "20"}))
    form = opened(maria, "/campaigns/fix_payment/edit?version=1")
    assert post(maria, "/campaigns/fix_payment/edit", form).status_code == 303
    assert (home / "campaigns" / "fix_payment.toml").read_text() == before
    assert maria.get("/campaigns/fix_payment/edit?version=9").status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("offer.contact_cost", "-1", "should be greater than or equal to 0"),
        ("limits.budget", "much", "Budget: it takes a number, not much"),
        ("campaign.window_days", "3.5", "it takes a whole number"),
        ("offer.channel", "E-Mail", "Reached by: it takes small letters, digits and underscores"),
        ("campaign.title", "W" * 201, "at most 200 characters, not " + "W" * 60 + "..."),
        ("audience.filter", "no_such_feature > 1", "no_such_feature"),
        ("audience.min_probability", "120", "less than or equal to 1"),
        ("holdout.share", "100", "Give a share from 0 to below 1"),
        ("offer.success.voluntary.high", "1", "rates must rise"),
        ("crm.fields", "mood = Mood__c", "o field `mood` of ours"),
        ("campaign.title", "", "title"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_what_was_filled_in_stays(
    maria: TestClient, home: Any, field: str, value: str, says: str
) -> None:
    form = opened(maria, "/campaigns/support_call/edit", **{"campaign.owner": "somebody new", field: value})
    answer = post(maria, "/campaigns/support_call/edit", form)
    assert answer.status_code == 422
    assert not (home / "campaigns" / "support_call.toml").exists()
    assert 'value="somebody new"' in answer.text
    hints = re.findall(
        r'aria-invalid="true" aria-describedby="f-([\w-]+)-hint">.*?<p class="hint"[^>]*>([^<]*)</p>',
        answer.text,
        re.DOTALL,
    )
    ((at, words),) = hints
    assert at.replace("-", "_").startswith(field.replace(".", "_")[:22])
    assert says in words


def test_numbers_are_read_as_people_write_them(maria: TestClient, home: Any) -> None:
    filled = {"offer.contact_cost": "1,50", "limits.budget": "1,200", "holdout.share": "12,5"}
    form = opened(maria, "/campaigns/support_call/edit", **filled)
    assert post(maria, "/campaigns/support_call/edit", form).status_code == 303
    made = load_campaign(home, "support_call")
    assert (made.offer.contact_cost, made.limits.budget, made.holdout.share) == (Decimal("1.5"), 1200, 0.125)
    maria.headers["Accept-Language"] = "de"
    form = opened(maria, "/campaigns/support_call/edit", **{"limits.budget": "2.500,50", "holdout.share": "11.678"})
    assert post(maria, "/campaigns/support_call/edit", form).status_code == 303
    made = load_campaign(home, "support_call")
    assert (made.limits.budget, made.holdout.share) == (Decimal("2500.5"), 0.11678)


def test_a_long_title_without_a_blank_sticks_out_of_no_page(visitor: Visitor) -> None:
    page = visitor.visit("/new-campaign").page
    page.get_by_label("Title").fill("W" * 200)
    page.get_by_role("button", name="Make the campaign").click()
    page.wait_for_url("**/campaigns/www*")
    for width in ("desktop", "phone"):
        visitor.size(width)
        for path in (page.url.removeprefix(visitor.served.address), "/", "/campaigns", "/new-programme", "/simulator"):
            visitor.visit(path)
            beyond = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert beyond <= 0, f"{path} is {beyond} px too wide on a {width}"


def test_a_title_without_a_letter_asks_for_the_name_of_the_file(maria: TestClient, home: Any) -> None:
    answer = post(maria, "/new-campaign", opened(maria, "/new-campaign", **{"campaign.title": "!!!", "name": ""}))
    assert answer.status_code == 422
    assert "Name its file: small letters, digits and underscores." in answer.text


def test_a_campaign_is_made_and_copied(maria: TestClient, home: Any) -> None:
    form = opened(
        maria,
        "/new-campaign",
        **{
            "campaign.title": "Spring call",
            "audience.bands": ["high", "critical"],
            "offer.channel": "phone",
            "name": "",
        },
    )
    answer = post(maria, "/new-campaign", form)
    assert answer.headers["location"] == "/campaigns/spring_call"
    made = load_campaign(home, "spring_call")
    assert (made.title, made.audience.bands, made.offer.channel) == ("Spring call", ("high", "critical"), "phone")
    assert post(maria, "/new-campaign", form).status_code == 422, "the name is taken"
    copy = opened(maria, "/new-campaign?copy=spring_call", name="")
    assert copy["campaign.title"] == "Copy of Spring call"
    assert post(maria, "/new-campaign", copy).headers["location"] == "/campaigns/copy_of_spring_call"
    copied = load_campaign(home, "copy_of_spring_call")
    assert copied.audience == made.audience
    assert copied.holdout.seed != made.holdout.seed


def test_the_file_itself_is_changed_and_its_line_named(maria: TestClient, home: Any, service: Service) -> None:
    page = maria.get("/campaigns/fix_payment/edit?show=file").text
    text = campaign_files(home)["fix_payment"].read_text()
    form: dict[str, str | list[str]] = {"csrf": hidden(page, "csrf"), "mark": hidden(page, "mark")}
    wrong = post(
        maria, "/campaigns/fix_payment/edit", form | {"text": text.replace("contact_cost = 0.50", "contact_cost = 1,5")}
    )
    assert wrong.status_code == 422
    assert re.search(r"Line \d+: not valid TOML", wrong.text)
    right = post(
        maria, "/campaigns/fix_payment/edit", form | {"text": text.replace("0.50", "0.60", 1).replace("\n", "\r\n")}
    )
    assert right.status_code == 303
    assert (home / "campaigns" / "fix_payment.toml").read_bytes() == text.replace("0.50", "0.60", 1).encode()
    assert validate_campaigns(service.context).complaints == []


def test_a_broken_file_is_shown_to_be_mended(maria: TestClient, home: Any) -> None:
    (home / "campaigns").mkdir(exist_ok=True)
    (home / "campaigns" / "odd.toml").write_text('[campaign]\ntitle = "Odd"\n[offer]\nchanel = "phone"\n')
    assert 'href="/campaigns/odd/edit"' in maria.get("/campaigns/odd").text
    page = maria.get("/campaigns/odd/edit").text
    assert "Line 4: unknown key `offer.chanel`" in page
    assert "Did you mean `channel`?" in page


def test_who_may_only_read_is_offered_no_form(service: Service) -> None:
    create_user(service.context, "rita", PASSWORD, ["read"])
    text = service.client.get("/sign-in", headers={"Accept": "text/html"}).text
    service.client.post("/sign-in", data={"name": "rita", "secret": PASSWORD, "csrf": token_in(text)})
    assert "New campaign" not in service.client.get("/campaigns").text
    assert "/edit" not in service.client.get("/campaigns/fix_payment").text
    assert service.client.get("/campaigns/fix_payment/edit").status_code == 403


def listed_customers(service: Service, number: int) -> list[str]:
    with service.context.open_store() as store:
        return sorted(store.scores.current(columns=["customer_id"])["customer_id"].to_list())[:number]


def test_a_list_that_is_uploaded_becomes_the_audience_once_it_is_saved(
    maria: TestClient, service: Service, home: Any
) -> None:
    ids = listed_customers(service, 30)
    form = opened(maria, "/campaigns/support_call/edit")
    text = "name;customer_id\n" + "".join(f"x;{customer_id}\n" for customer_id in [*ids, ids[0], "NOBODY"])
    form |= {"name": "support_call"}
    answer = maria.post("/customer-list", data=form, files={"list_file": ("vip.csv", text.encode(), "text/csv")})
    assert "<b>31</b> customers are on it, 30 of them with a score" in answer.text
    assert "<code>NOBODY</code>" in answer.text
    assert "1 row named a customer again" in answer.text
    name = hidden(answer.text, "audience.customer_list")
    assert load_campaign(home, "support_call").audience.customer_list is None  # nothing is saved yet
    preview = maria.post("/audience-preview", data=form | {"audience.customer_list": name}).text
    assert "31 are on its list, 1 of them without a score" in preview
    assert post(maria, "/campaigns/support_call/edit", form | {"audience.customer_list": name}).status_code == 303
    assert load_campaign(home, "support_call").audience.customer_list == name
    assert name in maria.get("/campaigns/support_call").text
    dropped = maria.post("/customer-list", data=form | {"drop": "yes"})
    assert hidden(dropped.text, "audience.customer_list") == ""


def test_ids_that_are_pasted_are_saved_with_the_form_and_versions_name_their_own_list(
    maria: TestClient, service: Service, home: Any
) -> None:
    ids = listed_customers(service, 4)
    for some in (ids[:2], ids):
        form = opened(maria, "/campaigns/support_call/edit", list_ids="\r\n".join(some))
        assert post(maria, "/campaigns/support_call/edit", form).status_code == 303
    _, earlier, later = campaign_versions(home, "support_call")
    lists = [version.text.split('customer_list = "')[1].split('"')[0] for version in (earlier, later)]
    assert [load_customer_list(home, name).ids for name in lists] == [tuple(ids[:2]), tuple(ids)]
    back = opened(maria, "/campaigns/support_call/edit?version=2")
    assert post(maria, "/campaigns/support_call/edit", back).status_code == 303
    assert load_campaign(home, "support_call").audience.customer_list == lists[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"email,name\na@b.c,Ann\n", "none of its columns is"),
        (b"A1\nA2\n", "is a customer with a score"),
        (b"", "names nobody"),
    ],
)
def test_a_file_that_is_no_list_is_refused_and_what_was_filled_in_stays(
    maria: TestClient, home: Any, content: bytes, words: str
) -> None:
    form = opened(maria, "/campaigns/support_call/edit", **{"limits.contacts": "77"})
    sent = {"list_file": ("wrong.csv", content, "text/csv")}
    answer = maria.post("/campaigns/support_call/edit", data=form, files=sent)
    assert answer.status_code == 422
    assert words in answer.text.lower()
    assert 'value="77"' in answer.text
    answer = maria.post("/customer-list", data=form, files=sent)
    assert words in answer.text.lower()
    assert not (home / "campaigns" / "lists").exists()


def test_ids_that_are_refused_stand_where_they_were_pasted(maria: TestClient) -> None:
    form = opened(maria, "/campaigns/support_call/edit", list_ids="email,name\na@b.c,Ann")
    for path in ("/customer-list", "/campaigns/support_call/edit"):
        text = post(maria, path, form).text
        assert "none of its columns is" in text.lower()
        assert ">email,name\na@b.c,Ann</textarea>" in text


def test_whoever_was_erased_stays_off_a_list_that_is_sent_again(service: Service, home: Any) -> None:
    ids = listed_customers(service, 3)
    with service.context.open_store() as store:
        store.privacy.erase(ids[0], at=service.context.clock())
    standing = receive_customer_list(service.context, "spring", "\n".join(ids).encode(), where="x")
    assert (standing.customers, standing.erased) == (2, 1)
    assert load_customer_list(home, standing.name).ids == tuple(ids[1:])


def test_the_preview_counts_as_the_plan_does(service: Service, finished_company: Company, home: Any) -> None:
    import shutil

    shutil.copy(finished_company.home / "warehouse.duckdb", home)
    previews = AudiencePreviews(service.context)
    keep_customer_list(home, "own", listed_customers(service, 200))
    name = next(path.stem for path in (home / "campaigns" / "lists").iterdir())
    text = (
        campaign_files(home)["fix_payment"].read_text().replace("[audience]", f'[audience]\ncustomer_list = "{name}"')
    )
    (home / "campaigns" / "of_a_list.toml").write_text(text)
    for name in ("support_call", "fix_payment", "of_a_list"):
        definition = load_campaign(home, name)
        shown = previews.preview(definition)
        planned = plan_campaigns(service.context, PlanRequest(campaigns=(name,), is_dry_run=True))
        rules = {step.rule: step.removed for step in planned.document.eligibility if step.campaign == name}
        assert {step.rule: step.removed for step in shown.steps} == {
            step.rule: rules[step.rule] for step in shown.steps
        }
        assert shown.in_audience + rules["not_in_audience"] + rules["assigned_before"] <= shown.customers
        assert len(shown.examples) == min(5, shown.reachable)
        assert shown.listed == (200 if name == "of_a_list" else None)
        height = shown.height
        assert height is not None
        assert (height.chosen, height.left_alone) == (
            shown.reachable,
            round(shown.reachable * definition.holdout.share),
        )
        if height.seen_from is not None:
            treated, left = height.chosen - height.left_alone, height.left_alone
            assert power_of(height.churn_rate, height.seen_from, left, treated) == pytest.approx(0.8, abs=1e-6)
        assert shown.in_audience <= (shown.listed or shown.customers)
    limits = definition.limits.model_copy(update={"contacts": 9})
    limited = previews.preview(definition.model_copy(update={"limits": limits})).height
    assert limited is not None
    assert limited.chosen - limited.left_alone == 9
    nobody = definition.holdout.model_copy(update={"share": 0.0})
    alone = previews.preview(definition.model_copy(update={"holdout": nobody})).height
    assert alone is not None
    assert (alone.left_alone, alone.seen_from) == (0, None)
    wrong = definition.audience.model_copy(update={"filter": "no_such_feature > 1"})
    with pytest.raises(ConfigError, match="no_such_feature"):
        previews.preview(definition.model_copy(update={"audience": wrong}))


def test_the_form_in_a_browser(visitor: Any) -> None:
    visitor.visit("/campaigns/support_call/edit")
    visitor.see("Whom it would reach", "May be contacted")
    visitor.assert_accessible()
    visitor.screenshot("campaign-edit")
    page = visitor.page
    count = page.locator(".preview-count b").inner_text()
    page.locator("#f-audience-filter").fill("support_tickets_90d > 2")
    page.wait_for_function("was => document.querySelector('.preview-count b')?.textContent !== was", arg=count)
    page.locator(".features summary").click()
    page.locator("#find-feature").fill("current fee")
    page.locator("#features li:not([hidden]) button").first.click()
    assert "current_fee" in page.locator("#f-audience-filter").input_value()
    page.locator("#f-audience-filter").fill("support_tickets_90d > 2")
    somebody = page.locator(".preview-people a").first.inner_text()
    page.get_by_text("Only customers on a list").click()
    page.locator("#list-ids").fill(f"{somebody}\nNOBODY\n")
    page.get_by_role("button", name="Use this list").click()
    visitor.see("2 customers are on it, 1 of them with a score", "2 are on its list, 1 of them without a score")
    visitor.assert_accessible()
    visitor.screenshot("campaign-list")
    page.get_by_role("button", name="Remove the list").click()
    visitor.see("Only customers on a list")
    page.get_by_text("One rate for all").click()
    assert not page.locator(".when-by-cause").is_visible()
    page.get_by_text("By why they leave").click()
    page.locator("input[name=why]").fill("Only those with three tickets.")
    page.get_by_role("button", name="Save", exact=True).click()
    visitor.see("Only those with three tickets.")
    visitor.screenshot("campaign-versions")
    visitor.visit("/new-campaign")
    visitor.see("Whom it would reach")
    visitor.assert_accessible()
    visitor.screenshot("campaign-new")
