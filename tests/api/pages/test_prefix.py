"""The pages below a prefix, behind nginx with TLS: nothing that a browser does there leaves the prefix.

That no request goes anywhere else is held by `visitors` for whatever a visitor does.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn.accounts.keys import create_key
from tests.api.pages.conftest import Served, context_of, serve
from tests.company import Company, copy_home
from tests.faults.proxies import NGINX, nginx

pytestmark = pytest.mark.skipif(NGINX is None or shutil.which("openssl") is None, reason="needs nginx and openssl")

LEADING = """[...document.querySelectorAll("*")].flatMap(element => [...element.attributes])
    .filter(a => /^(href|src|action|formaction|hx-(get|post|put|delete|push-url)|data-.*)$/.test(a.name))
    .map(a => a.value).filter(value => value.startsWith("/"))"""
PAGES = ("/", "/risk-list", "/simulator", "/campaigns", "/insights", "/model", "/reports", "/jobs", "/experiments")


@pytest.fixture(scope="module")
def behind(finished_company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The finished company below /churn; its address is nginx's."""
    folder: Path = tmp_path_factory.mktemp("prefix")
    copy_home(finished_company.home, folder / "home")
    for inside in serve(context_of(folder / "home", CHURN_API__ROOT_PATH="/churn")):
        with nginx(folder, inside.address) as proxy:
            yield Served(f"{proxy.address}/churn", inside.context, inside.home)


def test_a_browser_stays_below_the_prefix_from_signing_in_to_signing_out(visitors, behind):
    visitor = visitors(behind)
    visitor.visit("/risk-list")
    assert visitor.page.url.endswith("/churn/sign-in?next=/risk-list")
    visitor.page.get_by_label("Password or key").fill(create_key(behind.context, "walker", ["admin"]))
    visitor.page.get_by_role("button", name="Sign in").click()
    visitor.page.wait_for_url("**/churn/risk-list")

    for path in PAGES:
        visitor.visit(path)
        outside = [place for place in visitor.page.evaluate(LEADING) if not re.match(r"/churn(/|$)", place)]
        assert outside == [], path

    visitor.visit("/")
    visitor.page.get_by_role("link", name="Risk list").first.click()
    visitor.page.wait_for_url("**/churn/risk-list*")
    visitor.page.locator("#search").fill("C0")  # the form asks by htmx, and writes its address
    visitor.page.wait_for_url("**/churn/risk-list?*q=C0*")
    with visitor.page.expect_download() as saved:
        visitor.page.get_by_role("link", name=re.compile("Export .* as CSV")).click()
    assert Path(saved.value.path()).read_text(encoding="utf-8").startswith("customer_id")
    visitor.page.locator("a[href*='/customers/']").first.click()
    visitor.page.wait_for_url("**/churn/customers/*")

    visitor.visit("/jobs")
    visitor.page.get_by_role("button", name=re.compile("Run now")).first.click()
    visitor.page.locator("button[disabled]").first.wait_for()  # the form was taken
    visitor.visit("/reports")
    with visitor.page.expect_download() as saved:
        visitor.page.locator("a[download]").first.click()
    assert Path(saved.value.path()).stat().st_size > 0

    visitor.page.get_by_role("button", name="Sign out").click()
    visitor.page.wait_for_url("**/churn/sign-in*")
    visitor.visit("/")
    assert visitor.page.url.endswith("/churn/sign-in")
