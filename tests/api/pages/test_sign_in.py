from __future__ import annotations

import re

from churn.accounts.keys import create_key, revoke_key
from churn.accounts.sign_in import create_link
from churn.accounts.users import create_user, remove_user

PASSWORD = "correct horse battery staple"


def test_a_page_sends_a_stranger_to_sign_in_and_then_on_to_where_they_wanted(stranger):
    create_user(stranger.served.context, "maria", PASSWORD, ["read"])
    stranger.visit("/reports")
    assert stranger.page.url.endswith("/sign-in?next=/reports")
    stranger.assert_accessible()
    stranger.screenshot("sign-in")
    stranger.page.get_by_label("Name").fill("maria")
    stranger.page.get_by_label("Password or key").fill(PASSWORD)
    stranger.page.get_by_role("button", name="Sign in").click()
    stranger.page.wait_for_url("**/reports")
    stranger.see("maria")
    remove_user(stranger.served.context, "maria")
    stranger.visit("/")
    assert "/sign-in" in stranger.page.url, "a removed user's session must end"


def test_a_wrong_password_is_refused_in_words_and_keeps_the_name(stranger):
    stranger.allowed = ("401",)
    stranger.visit("/sign-in")
    stranger.page.get_by_label("Name").fill("nobody")
    stranger.page.get_by_label("Password or key").fill("not the password")
    stranger.page.get_by_role("button", name="Sign in").click()
    stranger.see("Name and password do not match.")
    assert stranger.page.get_by_label("Name").input_value() == "nobody"
    assert stranger.page.get_by_label("Password or key").input_value() == ""
    stranger.assert_accessible()


def test_a_key_signs_in_until_it_is_revoked(stranger):
    key = create_key(stranger.served.context, "marketing", ["read"])
    stranger.visit("/sign-in")
    stranger.page.get_by_label("Password or key").fill(key)
    stranger.page.get_by_role("button", name="Sign in").click()
    stranger.page.wait_for_url(re.compile(r"/$"))
    stranger.see("marketing")
    revoke_key(stranger.served.context, "marketing")
    stranger.visit("/")
    assert stranger.page.url.endswith("/sign-in")


def test_a_link_signs_in_once_and_signing_out_ends_it(stranger, visitors):
    link = f"/sign-in/link?token={create_link(stranger.served.context)}"
    stranger.visit(link)
    assert stranger.page.url == f"{stranger.served.address}/"
    other = visitors(stranger.served)
    other.allowed = ("401",)
    other.visit(link, status=401)
    other.see("This link was used already")
    stranger.page.get_by_role("button", name="Sign out").click()
    stranger.page.wait_for_url("**/sign-in")
    stranger.visit("/jobs")
    assert "/sign-in" in stranger.page.url


def test_the_menu_of_a_phone_opens_by_keyboard_and_closes_with_escape(visitor):
    visitor.size("phone").visit("/")
    link = visitor.page.get_by_role("link", name="Reports")
    assert not link.is_visible()
    visitor.page.get_by_role("button", name="Menu").focus()
    visitor.page.keyboard.press("Enter")
    link.wait_for(state="visible")
    visitor.page.keyboard.press("Escape")
    link.wait_for(state="hidden")
    visitor.page.get_by_role("button", name="Menu").click()
    link.click()
    visitor.page.wait_for_url("**/reports")


def test_whoever_tabs_meets_the_way_past_the_navigation_first(visitor):
    visitor.visit("/")
    visitor.page.keyboard.press("Tab")
    assert visitor.page.evaluate("document.activeElement.textContent") == "Skip to content"
    visitor.page.keyboard.press("Enter")
    assert visitor.page.evaluate("document.activeElement.id") == "content"
