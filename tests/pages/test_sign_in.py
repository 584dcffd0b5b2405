from __future__ import annotations

import re

from churn.workflows.manage_keys import create_key, revoke_key
from churn.workflows.manage_users import create_user, remove_user
from churn.workflows.sign_in import create_link

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
