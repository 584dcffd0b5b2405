"""Five people's days in the pages, each with their own rights: nobody meets a dead end, or an offer that is then refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from churn.accounts.keys import create_key
from churn.workflows.publish import publish_tables
from tests.api.pages.conftest import Served, Visitor
from tests.api.pages.test_campaigns import ask, refuse, work_everything

_SCREENS = ((1440, 900), (390, 844))
_ALIKE = 2  # addresses of one kind that are followed: the third customer's page has no other links than the first's


class Walker:
    """Somebody who looks at each page they come to, and at where each of its links leads."""

    def __init__(self, visitor: Visitor, name: str) -> None:
        self.visitor, self.page, self.name = visitor, visitor.page, name
        self._followed: dict[str, set[str]] = {}
        self._pages = 0

    def come_to(self, path: str, *texts: str) -> Walker:
        """Open a page, read it, and look around."""
        self.visitor.visit(path)
        return self.look(*texts)

    def look(self, *texts: str) -> Walker:
        """Read `texts` on the page at hand; it must lead on, and each of its links somewhere."""
        self.visitor.see(*texts)
        self._pages += 1
        self.visitor.screenshot(f"walk-{self.name}-{self._pages}")
        main = self.page.locator("main")
        if not self.page.url.endswith("/account"):  # which shows one's own rights, and is left by the navigation
            main.locator("a[href], button, summary, input").first.wait_for(state="attached")  # else it is a dead end
        self._fits()
        for address in self.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)"):
            self._follow(address)
        return self

    def _fits(self) -> None:
        """Nothing of the page lies beyond the edge of a screen or a phone."""
        for width, height in _SCREENS:
            self.page.set_viewport_size({"width": width, "height": height})
            beyond = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert beyond <= 0, f"{self.page.url} is {beyond} px too wide at {width} px"
        self.visitor.size("desktop")

    def press(self, name: str) -> Walker:
        """Press a button of the page."""
        self.page.get_by_role("button", name=name, exact=True).first.click()
        return self

    def go(self, name: str) -> Walker:
        """Follow a link of the page."""
        self.page.get_by_role("link", name=name).first.click()
        self.page.wait_for_load_state()
        return self

    def _follow(self, address: str) -> None:
        address, _, _ = address.partition("#")
        parts = urlsplit(address)
        if not address.startswith(self.visitor.served.address) or address == self.page.url.partition("#")[0]:
            return
        kind = re.sub(r"[^/]*\d[^/]*", "N", parts.path) + "?" * bool(parts.query)
        followed = self._followed.setdefault(kind, set())
        if len(followed) < _ALIKE and address not in followed:
            followed.add(address)
            status = self.page.request.get(address).status
            assert status < 400, f"{self.page.url} leads to {address}, which answers {status}"


@pytest.fixture
def walking(visitors: Callable[[Served], Visitor], served: Served) -> Iterator[Callable[..., Walker]]:
    def begin(name: str, *scopes: str) -> Walker:
        return Walker(visitors(served).sign_in(scopes), name)

    return begin


def test_a_marketer_goes_from_what_is_at_risk_to_a_campaign_of_their_own(walking: Callable[..., Walker]) -> None:
    walker = walking("marketer", "read", "simulate", "push")
    walker.come_to("/", "Revenue at risk", "What to do next")
    walker.come_to("/insights").come_to("/risk-list", "Who may leave soon")
    walker.page.locator("a[href^='/customers/']").first.click()
    walker.look("What to do", "Why", "What happened")
    walker.come_to("/simulator?cut=budget&budget=400&contact_cost=1.5", "Make the campaign")
    walker.page.get_by_label("Name", exact=True).fill("Walk")
    walker.press("Save")
    walker.page.get_by_role("link", name="Walk").wait_for()
    walker.page.get_by_role("textbox", name="Title").fill("Autumn walk")
    walker.page.select_option('select[name="channel"]', "phone")
    walker.press("Make the campaign")
    walker.page.wait_for_url("**/campaigns/autumn_walk")
    walker.look("Autumn walk", "Not planned yet")
    walker.come_to("/campaigns/autumn_walk/edit", "Whom it would reach")
    ask_of = walker.come_to("/campaigns/autumn_walk").visitor
    ask(ask_of, "Plan", "Plan")
    assert work_everything(ask_of.served) == ["plan done:"]
    walker.look("to contact", "What the measurement will tell")
    walker.come_to("/programmes").go("New programme").look("Which offers compete", "Whom it would reach")
    walker.page.locator("[name='programme.title']").fill("Walk together")
    walker.page.get_by_role("checkbox", name="Autumn walk").check()
    walker.visitor.see("May be made an offer")
    walker.press("Make the programme").page.wait_for_url("**/programmes/walk_together")
    walker.look("No round was planned yet", "Versions")
    walker.press("Archive").page.get_by_role("dialog").get_by_role("button", name="Archive", exact=True).click()
    walker.look("Archived since", "Bring it back")


def test_a_crm_operator_pushes_a_list_and_sees_what_became_of_each_row(walking: Callable[..., Walker]) -> None:
    walker = walking("operator", "read", "push")
    walker.come_to("/campaigns", "Help to fix a failed payment")
    walker.go("Help to fix a failed payment").look("Who may be contacted" if _is_planned(walker) else "Not planned yet")
    ask(walker.visitor, "Plan", "Plan")
    work_everything(walker.visitor.served)
    walker.look("to contact")
    ask(walker.visitor, "Push to CRM", "Push")
    work_everything(walker.visitor.served)
    walker.come_to("/campaigns/fix_payment", "In step")
    refuse(walker.visitor.served, "C0000042", "Choose a band that there is.")
    walker.come_to("/campaigns/fix_payment", "1 customer is refused by file")
    walker.come_to("/pushes").page.locator("main a[href^='/pushes/']").first.click()
    walker.look("Refused, by what the CRM says", "Choose a band that there is.")
    walker.come_to("/alerts")
    walker.come_to("/risk-list?q=00004", "C00004")


def test_a_manager_reads_how_churn_stands_and_nothing_else_is_offered(walking: Callable[..., Walker]) -> None:
    walker = walking("manager", "read")
    publish_tables(walker.visitor.served.context)
    walker.come_to("/", "Revenue at risk")
    walker.come_to("/reports", "July 2026")
    walker.come_to("/figures", "Churn by month", "Monthly revenue")
    walker.come_to("/figures?by=plan", "Mailed each month").come_to("/model", "Its probabilities come true")
    walker.come_to("/campaigns").come_to("/programmes").come_to("/experiments").come_to("/simulator")
    walker.come_to("/account", "What you may do")
    for path in ("/", "/campaigns", "/campaigns/fix_payment", "/programmes", "/jobs", "/alerts", "/model"):
        walker.visitor.visit(path)
        for button in ("Plan", "Push to CRM", "Run now", "Let this one serve", "Roll back", "I look after it"):
            assert walker.page.get_by_role("button", name=button, exact=True).count() == 0, f"{path} offers {button}"


def test_a_data_scientist_asks_how_far_the_model_can_be_believed(walking: Callable[..., Walker]) -> None:
    walker = walking("scientist", "read", "simulate")
    walker.come_to("/model", "Why this one", "What contacting more of them finds and earns", "Who served when")
    walker.come_to("/insights").come_to("/experiments")
    walker.come_to("/jobs", "Data quality", "rules hold")
    walker.come_to("/docs", "/v1/scores")


def test_an_engineer_gives_rights_watches_jobs_and_reads_who_did_what(walking: Callable[..., Walker]) -> None:
    walker = walking("engineer", "admin")
    context = walker.visitor.served.context
    create_key(context, "warehouse loader", ["read"])
    walker.come_to("/jobs", "Nightly", "Data quality").press("Run now: Retention").look("Retention")
    work_everything(walker.visitor.served)
    walker.come_to("/users", "warehouse loader")
    walker.page.get_by_text("Make a key").click()
    walker.page.locator("#keys form.add input[name=name]").fill("walk")
    walker.press("Make the key").look("cannot be shown again")
    walker.come_to("/audit", "warehouse loader").come_to("/alerts").come_to("/pushes").come_to(
        "/account", "This browser"
    )


def _is_planned(walker: Walker) -> bool:
    with walker.visitor.served.context.open_store() as store:
        return store.plans.latest("fix_payment") is not None
