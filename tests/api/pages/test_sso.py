"""A person signs in through a real identity provider with a real browser, and out again at both places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from churn.accounts.users import list_users
from tests.accounts.sso.canaille_server import CLIENT, PASSWORD, SECRET
from tests.accounts.sso.real_providers import canaille
from tests.api.pages.conftest import Served, context_of, serve
from tests.ports import free_port


@dataclass
class Both:
    """The service, and the provider that its people sign in at."""

    served: Served
    issuer: str


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder: Path = tmp_path_factory.mktemp("sso")
    port, home = free_port(), folder / "home"
    home.mkdir()
    (home / "churn.toml").write_text(
        f'[sso]\nissuer = "http://127.0.0.1:{port}"\nclient_id = "{CLIENT}"\nname = "Example Corp"\n'
        'scopes = ["openid", "profile", "email", "groups"]\ngroups = { retention = ["read", "simulate"] }\n'
    )
    context = replace(context_of(home), secrets={"CHURN_SSO_SECRET": SECRET})
    for served in serve(context):
        with canaille(port, served.address, folder) as issuer:
            yield Both(served, issuer)


def test_a_person_signs_in_at_canaille_and_out_at_both_places(visitors, both):
    visitor = visitors(both.served)
    visitor.allowed = ("404 (NOT FOUND)", "Content Security Policy")  # Canaille's own pages lack a file
    page = visitor.page
    visitor.visit("/jobs")
    visitor.assert_accessible()
    visitor.screenshot("sign-in-sso")
    page.get_by_role("link", name="Sign in with Example Corp").click()
    page.wait_for_url(f"{both.issuer}/login**")
    page.locator("input[name=login]").fill("maria")
    page.locator("input[name=login]").press("Enter")
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("input[name=password]").press("Enter")
    page.wait_for_url(f"{both.served.address}/jobs")
    visitor.see("maria")
    (user,) = list_users(both.served.context)
    assert (user.name, user.scopes, user.issuer) == ("maria", ("read", "simulate"), both.issuer)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{both.served.address}/sign-in**")
    page.get_by_role("link", name="Sign in with Example Corp").click()
    page.wait_for_url(f"{both.issuer}/login**")  # it asks again: the session there has ended too
    visitor.visit("/sign-in")  # ends what the page of the provider still loads
    assert all(address.startswith(both.issuer) for address in visitor.foreign)
    visitor.foreign.clear()
